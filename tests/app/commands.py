"""The commands beside the jobs, as a user types them: help, version, default configurations, check, show, verify, export, finished and damaged files.

usage: commands.py PROGRAM
"""
import csv
import re
import sys
import tempfile
import xml.etree.ElementTree as xml
from pathlib import Path

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from program import expect, mlp_weights, report_checks, run, surface_config, write_config  # noqa: E402

PROGRAM = sys.argv[1]


def orograph(*arguments, code=0) -> str:
    result = run(PROGRAM, list(arguments), 0)
    expect(result.returncode == code, f"{arguments}: exit code {result.returncode}, expected {code}: {result.stderr[-1000:]}")
    return result.stdout if code == 0 else result.stderr


def check_help() -> None:
    expect(orograph("--version").startswith("orograph 0."), "--version")
    text = orograph("--help")
    for word in ("surface", "line", "curve", "train", "sweep", "check", "show", "verify", "export", "Examples", "mpirun"):
        expect(word in text, f"--help does not mention {word}")
    orograph("--nonsense", code=64)
    orograph(code=64)
    orograph("surface", code=64)
    orograph("conquer", code=64)


def check_defaults(folder: Path) -> None:
    for job in ("surface", "line", "train"):
        text = orograph(job, "--dump-default")
        expect(text.startswith(f"job: {job}") and "#" in text, f"{job} --dump-default")
        config = folder / f"default-{job}.yaml"
        config.write_text(text)
        overrides = ["--set", "model.architecture=mlp", "--set", f"model.weights={folder}/mlp.safetensors", "--set", "data.limit=64"]
        text = orograph("check", config, *overrides)
        expect("valid" in text, f"check of the default {job}")
        expect("compiled, 3 fused steps: 2 linear+bias+relu, 1 linear+bias" in text, f"the path that {job} takes: {text}")
        expect(("ms a step" in text) == (job == "train"), f"cost of {job}: {text}")
    size = re.search(r"file +\S+surface\.h5, (\S+) MiB, \S+ .iB free there\n", orograph("check", write_config(folder / "size.yaml", surface_config(
        folder, grid={"x": [-1, 1, 1000], "y": [-1, 1, 200]}))))
    expected = (200_000 * (4 * 8 + 4 + 1) + 2 * 4 * 296_586 + 8 * 1200) / 2**20  # 4 fields, checksum, status; two directions of the mlp; coordinates
    expect(size and abs(float(size[1]) - expected) < 0.1, f"the size of the file: {size}, expected {expected}")
    sweep = folder / "sweep.yaml"
    sweep.write_text("{job: sweep, model: {architecture: mlp}, data: {limit: 64}, over: {model.seed: [1, 2], train.batch: [16, 32]}}")
    text = orograph("check", sweep, "--set", "train.epochs=3")
    expect("4 runs x 3 epochs x 4 steps of 16 images" in text and "valid" in text, f"check of a sweep: {text}")


def check_architectures() -> None:
    lines = orograph("show", "architectures").splitlines()[1:]
    rows = [re.fullmatch(r"(\S+) +(\d+) +(\d+)  (\S.*)", line) for line in lines]
    expect(len(rows) >= 43 and all(rows), "a line for each architecture")
    expect(len({row.start(4) for row in rows}) == 1, "the lines are aligned")
    sizes = {row[1]: (int(row[2]), int(row[3])) for row in rows}
    expect(sizes["lenet5"][0] == 456 + 2416 + 48120 + 10164 + 850, f"the sizes of lenet5: {sizes['lenet5']}")
    expect(sizes["mlp"] == (3072 * 256 + 256 + 256 * 128 + 128 + 1290, 3072 * 256 + 256 * 128 + 1280), f"the sizes of mlp: {sizes['mlp']}")


def check_exports(folder: Path, path: Path, values: np.ndarray) -> None:
    orograph("export", path, "--to", "csv")
    rows = list(csv.DictReader(path.with_suffix(".csv").open()))
    expect(len(rows) == values.size and float(rows[4]["train_loss"]) == values[1, 1], "csv")
    orograph("export", path, "--to", "vti")
    image = xml.parse(path.with_suffix(".vti")).getroot()
    arrays = {array.get("Name"): np.array(array.text.split(), float) for array in image.iter("DataArray")}
    expect((arrays["train_loss"].reshape(3, 5).T == values).all(), "vti runs x fastest")
    orograph("export", path, "--to", "vtp", "--field", "train_acc")
    poly = xml.parse(path.with_suffix(".vtp")).getroot()
    expect(poly.find(".//Piece").get("NumberOfPolys") == "8", "vtp has 4 x 2 quads")
    orograph("export", path, "--to", "li")
    with h5py.File(path.with_suffix(".li.h5")) as file:
        expect(file["train_loss"].shape == (3, 5) and (file["train_loss"][()].T == values).all(), "li is [j, i]")
    with h5py.File(path.with_suffix(".li.directions.h5")) as file:
        expect(sorted(file) == ["xdirection", "ydirection"] and file["xdirection"]["0"].shape == (256, 1024), "li directions")
    orograph("export", path, "--to", "xmf")
    expect("surface.h5" in path.with_suffix(".xmf").read_text(), "xmf names the file")
    orograph("export", path, "--to", "png", code=64)
    orograph("export", path, "--to", "vtp", "--field", "nonsense", code=64)


def check_damage(folder: Path, config: Path, path: Path) -> None:
    """A flipped byte is found by verify and computed anew by the next run; cut files are refused."""
    before = path.read_bytes()
    with h5py.File(path) as file:
        offset = file["test_loss"].id.get_offset()
    damaged = bytearray(before)
    damaged[offset + 3 * 8 + 2] ^= 0x10
    path.write_bytes(damaged)
    expect("1 of 15" in orograph("verify", path, code=65), "verify counts the damaged point")
    expect("1 of 15" in run(PROGRAM, ["surface", config], 0).stderr, "one point is computed anew")
    expect(path.read_bytes() == before, "the repaired file equals the first")
    cut = folder / "cut.h5"
    for size in (0, 7, 100, len(before) // 2, len(before) - 1):
        cut.write_bytes(before[:size])
        expect("cut.h5" in orograph("verify", cut, code=65), f"a file cut at {size} bytes")
    orograph("show", folder / "nowhere.h5", code=66)
    orograph("show", folder / "mlp.safetensors", code=65)


def main() -> None:
    check_help()
    check_architectures()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mlp_weights(folder / "mlp.safetensors")
        check_defaults(folder)
        path = folder / "surface.h5"
        config = write_config(folder / "surface.yaml", surface_config(folder))
        expect("valid" in orograph("check", config), "check")
        orograph("surface", config)
        with h5py.File(path) as file:
            values = file["train_loss"][()]
        bytes_before = path.read_bytes()
        again = run(PROGRAM, ["surface", config], 0)
        expect(again.returncode == 0 and "complete, 0 of 15" in again.stderr and path.read_bytes() == bytes_before, f"a finished surface is recognised: {again.stderr}")
        text = orograph("show", path)
        for word in ("mlp", "15", "train_loss", "normalize=filter", "fashion-mnist"):
            expect(word in text, f"show does not mention {word}: {text}")
        expect("15 checksums fit" in orograph("verify", path), "verify")
        check_exports(folder, path, values)
        check_damage(folder, config, path)
    report_checks()


main()
