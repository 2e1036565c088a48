"""What a user of `orograph curve` and of planes gets wrong first: one clear line and the right exit code, without mpirun and at 2 ranks;
nothing left behind.

usage: curve_wrong_inputs.py PROGRAM
"""

import re
import sys
import tempfile
from pathlib import Path

from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parent))
from curve_oracle import SHIPPED, write_points  # noqa: E402
from program import expect, mlp_weights, report_checks, run, write_config  # noqa: E402

PROGRAM = sys.argv[1]


def misshapen(folder: Path) -> str:
    path = folder / "misshapen.safetensors"
    save_file(load_file(SHIPPED) | {"linear.bias": load_file(SHIPPED)["linear.bias"][:7].clone()}, path)
    return str(path)


def cases(folder: Path):
    """name, exit code, words, sections."""
    a, b, m = (str(path) for path in write_points(folder, 3))
    mlp_weights(folder / "mlp.safetensors")
    good = {"kind": "bezier", "ends": [a, b], "bends": [m]}
    index = folder / "curve.yaml"
    index.write_text("kind: bezier\nbends: [point-0.safetensors, gone.safetensors, point-1.safetensors]\narchitecture: resnet20\n")
    (folder / "other.yaml").write_text("kind: bezier\nbends: [a, b, c]\narchitecture: vgg9\n")
    (folder / "broken.yaml").write_text("kind: spline\nbends: [a, b, c]\n")
    (folder / "short.yaml").write_text("kind: bezier\nbends: [a]\n")

    unlike = good | {"ends": [a, str(folder / "mlp.safetensors")]}
    yield "end of another architecture", 65, ["curve.ends[1]", "mlp.safetensors", "conv1.weight"], {"curve": unlike}
    yield "bend of another shape", 65, ["curve.bends[0]", "misshapen", "linear.bias"], {"curve": good | {"bends": [misshapen(folder)]}}
    yield "missing bend", 66, ["curve.bends[0]", "nowhere"], {"curve": good | {"bends": ["nowhere.safetensors"]}}
    yield "t beyond 1", 78, ["grid.t", "1.5", "between 0 and 1"], {"curve": good, "grid": {"t": [0, 1.5, 5]}}
    yield "no images to recalibrate on", 78, ["no training images", "data.splits"], {"curve": good, "data": {"splits": ["test"]}}
    yield "frozen between checkpoints", 78, ["batch_norm is frozen", "recalibrate"], {"curve": good, "evaluate": {"batch_norm": "frozen"}}
    yield "index whose bend is gone", 66, ["bends[1] of", "gone.safetensors"], {"curve": {"file": str(index)}}
    yield "missing index", 66, ["nowhere.yaml"], {"curve": {"file": "nowhere.yaml"}}
    yield "index of another architecture", 78, ["vgg9", "model.architecture"], {"curve": {"file": str(folder / "other.yaml")}}
    yield "index of no known kind", 65, ["broken.yaml", "spline", "curve.yaml"], {"curve": {"file": str(folder / "broken.yaml")}}
    yield "index of one point", 65, ["short.yaml", "1 checkpoints"], {"curve": {"file": str(folder / "short.yaml")}}

    plane = {"x": {"kind": "plane", "weights": b}, "y": {"kind": "plane", "weights": m}}
    surface = {"job": "surface", "model": {"weights": a}, "directions": plane, "grid": {"x": [0, 1, 2], "y": [0, 1, 2]}}
    line = {"x": {"kind": "plane", "weights": b}, "y": {"kind": "plane", "weights": b}}
    yield "points on a line", 78, ["lies on the line", "directions.y.weights"], surface | {"directions": line}
    straight = {"curve": {"kind": "segment", "ends": [a, b]}, "directions": {"x": plane["x"], "y": {"kind": "plane"}}}
    yield "segment without a third point", 78, ["directions.y.weights", "segment"], surface | straight


def check(folder: Path, name: str, code: int, words: list, sections: dict, ranks: int) -> None:
    config = {
        "job": "curve",
        "model": {"architecture": "resnet20"},
        "data": {"set": "fashion-mnist", "limit": 32},
        "output": {"file": str(folder / "out" / "curve.h5")},
        "run": {"threads": 1, "progress": "none"},
    }
    for section, keys in sections.items():
        config[section] = config.get(section, {}) | keys if isinstance(keys, dict) else keys
    result = run(PROGRAM, [config["job"], write_config(folder / "case.yaml", config)], ranks)
    lines = [line for line in result.stderr.splitlines() if re.match(r"\d{4}-\d\d-\d\d \S+ error ", line)]
    print(f"{ranks or 1} ranks  {name}: {lines[0] if lines else result.stderr[-2000:]}")
    expect(result.returncode == code, f"{name} at {ranks} ranks: exit code {result.returncode}, expected {code}")
    expect(len(lines) == 1, f"{name} at {ranks} ranks: {len(lines)} error lines")
    for word in words:
        expect(word in lines[0], f"{name} at {ranks} ranks: the line does not say '{word}'")
    expect(not (folder / "out").exists(), f"{name} at {ranks} ranks: something is left behind")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case in cases(folder):
            for ranks in (0, 2):
                check(folder, *case, ranks)
    report_checks(at_least=120)


main()
