"""`orograph curve` against plain PyTorch: a Bezier curve of 3 and of 5 points and a polygonal chain at 20 values of t with recalibrated
batch norm, the segment, a list of checkpoints; the summary attributes and the table that `show` prints.

usage: curve.py PROGRAM
"""

import re
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import torch
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).parent))
from curve_oracle import bezier, flat, load_data, losses, model_at, point_on, polychain, recalibrate, write_points  # noqa: E402
from program import expect, report_checks, run, write_config  # noqa: E402

PROGRAM = sys.argv[1]
IMAGES = 32
BATCH, CALIBRATION = 12, 28  # the last batch has 4 images
DECAY = 5e-4


def curve_config(folder: Path, name: str, curve: dict, t: list | None, **evaluate) -> dict:
    return {
        "job": "curve",
        "model": {"architecture": "resnet20"},
        "data": {"set": "fashion-mnist", "limit": IMAGES},
        "curve": curve,
        "grid": {"t": t} if t else {},
        "evaluate": evaluate or {"recalibrate": {"batch": BATCH, "limit": CALIBRATION}},
        "output": {"file": str(folder / f"{name}.h5")},
        "run": {"threads": 2, "progress": "none"},
    }


def run_curve(folder: Path, name: str, curve: dict, t: list | None, **evaluate) -> Path:
    config = curve_config(folder, name, curve, t, **evaluate)
    result = run(PROGRAM, ["curve", write_config(folder / f"{name}.yaml", config)], 0, timeout=400)
    expect(result.returncode == 0, f"{name}: exit code {result.returncode}: {result.stderr[-2000:]}")
    return folder / f"{name}.h5"


def compare(what: str, stored: dict, models: list, points: list, data: dict, decay: float) -> None:
    """Each value of t: losses to 1e-5 of max(1, loss), accuracies exactly, norm and dl to 1e-6."""
    worst = 0.0
    for i, (model, parameters) in enumerate(zip(models, points, strict=True)):
        expected = losses(model, data)
        norm = flat(parameters).norm().item()
        step = (flat(parameters) - flat(points[i - 1])).norm().item() if i else 0.0
        for split in data:
            nll = expected[f"{split}_nll"]
            for field, value in ((f"{split}_nll", nll), (f"{split}_loss", nll + 0.5 * decay * norm**2)):
                error = abs(stored[field][i] - value) / max(1, abs(value))
                worst = max(worst, error)
                expect(error < 1e-5, f"{what}: {field} at point {i}: {stored[field][i]!r}, PyTorch {value!r}")
            expect(stored[f"{split}_acc"][i] == expected[f"{split}_acc"], f"{what}: {split} accuracy at point {i}")
        expect(abs(stored["norm"][i] - norm) <= 1e-6 * norm, f"{what}: norm at point {i}")
        expect(abs(stored["dl"][i] - step) <= 1e-6 * step, f"{what}: dl at point {i}")
    print(f"{what}: {len(points)} points, largest difference {worst:.1e}")


def read(path: Path) -> tuple[dict, dict]:
    """Datasets and their numeric attributes."""
    with h5py.File(path) as file:
        names = [name for name in file if isinstance(file[name], h5py.Dataset)]
        numbers = ("min", "max", "avg", "int", "length")
        return {name: file[name][()] for name in names}, {
            name: {key: float(value) for key, value in file[name].attrs.items() if key in numbers} for name in names
        }


def check_summary(what: str, values: dict, attributes: dict) -> None:
    dl = values["dl"]
    for field in ("train_nll", "train_loss", "train_acc", "test_nll", "test_loss", "test_acc", "norm", "dl"):
        v = values[field]
        expected = {"min": v.min(), "max": v.max(), "avg": v.mean(), "int": (0.5 * (v[1:] + v[:-1]) * dl[1:]).sum() / dl.sum()}
        if field == "dl":
            expected["length"] = dl.sum()
        expect(attributes[field].keys() == expected.keys(), f"{what}: attributes of {field}: {attributes[field]}")
        for key, value in expected.items():
            expect(abs(attributes[field][key] - value) <= 1e-12 * abs(value), f"{what}: {key} of {field}")
    expect(not attributes["t"], f"{what}: t is an axis")


def check_table(path: Path, kind: str, attributes: dict) -> None:
    """The paper's row, aligned under its heads."""
    text = run(PROGRAM, ["show", path], 0).stdout
    rows = re.search(r"^curve( .*)\n(\w+)( .*)$", text, re.MULTILINE)
    expect(rows and rows[2] == kind and rows[1].split() == ["min", "max", "int", "min", "max", "int", "length"], f"table of show: {text}")
    train, test = attributes["train_loss"], attributes["test_acc"]
    errors = [100 - test[key] for key in ("max", "min", "int")]
    expected = [train["min"], train["max"], train["int"], *errors, attributes["dl"]["length"]]
    numbers = [float(word) for word in rows[3].split()]
    expect(np.allclose(numbers, expected, rtol=0, atol=5e-3 + 1e-9), f"table of show: {numbers}, attributes {expected}")
    expect(len(rows[0].split("\n")[0]) == len(rows[0].split("\n")[1]), f"table of show is not aligned: {rows[0]}")


def check_curves(folder: Path, paths: list, data: dict, images: torch.Tensor) -> None:
    states = [load_file(path) for path in paths]
    ends, bends = [str(path) for path in paths[:2]], [str(path) for path in paths[2:]]
    cases = (
        ("bezier", bezier, 3, [0, 1, 20]),
        ("bezier", bezier, 5, [0, 1, 20]),
        ("polychain", polychain, 3, [0, 1, 20]),
        ("segment", bezier, 2, [0.9, 0.2, 3]),
    )
    for kind, coefficients, n, t in cases:
        curve = {"kind": kind, "ends": ends, "bends": bends[: n - 2], "weight_decay": DECAY}
        path = run_curve(folder, f"{kind}{n}", curve, t)
        values, attributes = read(path)
        expect(np.allclose(values["t"], np.linspace(*t), rtol=0, atol=1e-15), f"{kind}: t is {values['t']}")
        order = [states[0], *states[2:n], states[1]]
        points = [point_on(order, coefficients(n, t)) for t in values["t"]]
        models = [model_at(parameters, states[0]) for parameters in points]
        for model in models:
            recalibrate(model, images[:CALIBRATION], BATCH)
        compare(f"{kind} of {n} points", values, models, points, data, DECAY)
        check_summary(kind, values, attributes)
        check_table(path, kind, attributes)


def check_checkpoints(folder: Path, paths: list, data: dict, images: torch.Tensor) -> None:
    """Frozen: each with the statistics in its file; a part of the list, recalibrated; without weight decay loss is nll."""
    states = [load_file(path) for path in paths]
    curve = {"kind": "checkpoints", "files": [str(path) for path in paths]}
    values, attributes = read(run_curve(folder, "files", curve, None, batch_norm="frozen"))
    expect(values["t"].tolist() == list(range(len(paths))), "numbers of the checkpoints")
    models = [model_at({}, state) for state in states]
    compare("checkpoints", values, models, states, data, 0)
    check_summary("checkpoints", values, attributes)
    check_table(folder / "files.h5", "checkpoints", attributes)
    some = states[::2]
    values, _ = read(run_curve(folder, "some", curve, [0, 4, 3]))
    models = [model_at({}, state) for state in some]
    for model in models:
        recalibrate(model, images[:CALIBRATION], BATCH)
    compare("checkpoints, recalibrated", values, models, some, data, 0)


def check_index(folder: Path, paths: list) -> None:
    """The index that training writes names the same curve, relative to its folder; the segment between its ends."""
    order = [paths[0].name, paths[2].name, paths[1].name]
    (folder / "curve.yaml").write_text(f"kind: bezier\nbends: [{', '.join(order)}]\nweight_decay: {DECAY}\narchitecture: resnet20\n")
    for name, reference, kind in (("index", "bezier3", {}), ("straight", "segment2", {"kind": "segment"})):
        t = [0, 1, 20] if name == "index" else [0.9, 0.2, 3]
        mine = read(run_curve(folder, name, {"file": str(folder / "curve.yaml")} | kind, t))
        theirs = read(folder / f"{reference}.h5")
        expect(all(mine[0][field].tobytes() == theirs[0][field].tobytes() for field in mine[0]), f"{name}: the curve of the index")
        expect(mine[1] == theirs[1], f"{name}: attributes")


def main() -> None:
    torch.set_num_threads(1)
    data = load_data(IMAGES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_points(folder)
        check_curves(folder, paths, data, data["train"][0])
        check_checkpoints(folder, paths, data, data["train"][0])
        check_index(folder, paths)
    report_checks(at_least=63 * 8 + 8 * 8)


main()
