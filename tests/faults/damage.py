"""A surface file with damaged bytes, a disk of 8 MiB that fills, and a rank without memory: through the program, as a user meets them.

usage: damage.py PROGRAM
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py

sys.path.insert(0, str(Path(__file__).parent.parent / "app"))
from mounts import own_mounts  # noqa: E402
from program import expect, mlp_weights, report_checks, run, surface_config, write_config  # noqa: E402

PROGRAM = sys.argv[1]


def one_line(result, code: int, what: str) -> None:
    lines = [line for line in result.stderr.splitlines() if " error " in line]
    expect(result.returncode == code and len(lines) == 1, f"{what}: exit code {result.returncode}: {result.stderr[-1000:]}")


def places(path: Path) -> dict:
    """Where a byte of point 4 is, by dataset."""
    with h5py.File(path) as file:
        return {name: file[name].id.get_offset() + 4 * file[name].dtype.itemsize for name in ("train_loss", "test_acc", "crc32", "status")}


def check_damaged_bytes(folder: Path) -> None:
    """verify counts a damaged point and the next run computes it again, to the bits of the first; damaged metadata is refused."""
    path, config = folder / "surface.h5", write_config(folder / "surface.yaml", surface_config(folder))
    expect(run(PROGRAM, ["surface", config], 0).returncode == 0, "the surface")
    intact = path.read_bytes()
    for name, place in places(path).items():
        broken = bytearray(intact)
        broken[place] ^= 0x02
        path.write_bytes(broken)
        verified = run(PROGRAM, ["verify", path], 0)
        one_line(verified, 65, f"verify with a damaged byte of {name}")
        expect("1 of 15" in verified.stderr, f"{name}: {verified.stderr}")
        again = run(PROGRAM, ["surface", config], 0)
        said = "1 points do not fit their checksum" in again.stderr and "1 of 15 points computed" in again.stderr
        expect(again.returncode == 0 and said, f"{name}: {again.stderr}")
        expect(path.read_bytes() == intact, f"{name}: the repaired file equals the first")
    for place in (9, 60, 200):  # of the superblock and the root's header
        broken = bytearray(intact)
        broken[place] ^= 0x04
        path.write_bytes(broken)
        for command in (["verify", path], ["surface", config]):
            one_line(run(PROGRAM, command, 0), 65, f"{command[0]} with byte {place} of the metadata damaged")
        expect(path.read_bytes() == bytes(broken), "a damaged file is left as it is")


def check_small_disk(folder: Path) -> None:
    """A surface of about 10 MB on 8 MiB: refused before anything is written, in one line that says what is needed and what is there."""
    place = folder / "disk"
    place.mkdir()
    prefix = f"mount -t tmpfs -o size=8m tmpfs {place}"
    if not own_mounts():
        print("skipped: a disk of 8 MiB needs the right to mount one")
        return
    config = surface_config(folder, grid={"x": [-1, 1, 500], "y": [-1, 1, 500]}, output={"file": str(place / "surface.h5")})
    listing = f"{prefix} && trap 'find {place} -type f >&2' EXIT"
    line = f"{listing}; {PROGRAM} surface {write_config(folder / 'disk.yaml', config)}; exit $?"
    result = subprocess.run([*own_mounts(), "sh", "-c", line], capture_output=True, text=True, timeout=120)
    one_line(result, 74, "a full disk")
    for word in (str(place), "250000 points takes", "has 8.0 MiB left", "output.file"):
        expect(word in result.stderr, f"a full disk: {word} is not in {result.stderr}")
    expect(not result.stderr.rstrip().endswith("h5"), f"left behind on a full disk: {result.stderr}")


def check_no_memory(folder: Path) -> None:
    """A grid whose coordinates need more memory than there is."""
    config = surface_config(folder, grid={"x": [-1, 1, 1_000_000_000], "y": [-1, 1, 2]}, output={"file": str(folder / "huge.h5")})
    line = f"ulimit -v 8000000; exec {PROGRAM} surface {write_config(folder / 'huge.yaml', config)}"
    result = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=120)
    one_line(result, 69, "no memory")
    expect(not list(folder.glob("huge.h5*")) and not list(folder.glob(".huge*")), "nothing is left")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mlp_weights(folder / "mlp.safetensors")
        for check in (check_damaged_bytes, check_small_disk, check_no_memory):
            check(folder)
    report_checks(at_least=22)


main()
