"""Planes through three networks: the places of the points and of a curve, the directions, and losses at the points that are those of the
curve's ends and of the bend; with recalibrated batch norm.

usage: curve_plane.py PROGRAM
"""

import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import torch
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).parent))
from curve_oracle import bezier, flat, load_data, losses, model_at, parameter_names, polychain, recalibrate, write_points  # noqa: E402
from program import expect, report_checks, run, write_config  # noqa: E402

PROGRAM = sys.argv[1]
IMAGES, BATCH, CALIBRATION = 48, 20, 45


def run_job(folder: Path, name: str, job: str, **sections) -> Path:
    config = {
        "job": job,
        "model": {"architecture": "resnet20"},
        "data": {"set": "fashion-mnist", "limit": IMAGES},
        "evaluate": {"batch_norm": "recalibrate", "recalibrate": {"batch": BATCH, "limit": CALIBRATION}},
        "output": {"file": str(folder / f"{name}.h5")},
        "run": {"threads": 2, "progress": "none"},
    }
    for section, keys in sections.items():
        config.setdefault(section, {}).update(keys)
    result = run(PROGRAM, [job, write_config(folder / f"{name}.yaml", config)], 0, timeout=300)
    expect(result.returncode == 0, f"{name}: exit code {result.returncode}: {result.stderr[-2000:]}")
    return folder / f"{name}.h5"


def oracle(w0: dict, w1: dict, w2: dict) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """u and v in float64, and the places of w0, w2, w1."""
    end, bend = flat(w2) - flat(w0), flat(w1) - flat(w0)
    u = end / end.norm()
    rest = bend - (bend @ u) * u
    places = [[0, 0], [end.norm().item(), 0], [(bend @ u).item(), rest.norm().item()]]
    return u, rest / rest.norm(), np.array(places)


def check_directions(file: h5py.File, u: torch.Tensor, v: torch.Tensor) -> None:
    for axis, expected in (("x", u), ("y", v)):
        stored = torch.cat([torch.from_numpy(file[f"directions/{axis}/{name}"][()]).double().flatten() for name in parameter_names()])
        expect((stored - expected).norm() < 1e-6, f"direction {axis}")
        expect(file[f"directions/{axis}"].attrs["kind"] == b"plane", f"kind of {axis}")


def check_values(file: h5py.File, data: dict, states: list, images: torch.Tensor) -> None:
    """At w0 and w2: the corners of the grid on the x axis."""
    for (i, j), state in (((0, 0), states[0]), ((2, 0), states[1])):
        model = model_at({}, state)
        recalibrate(model, images[:CALIBRATION], BATCH)
        for name, value in losses(model, data).items():
            stored = file[name.replace("nll", "loss")][i, j]
            tolerance = 1e-5 * max(1, value) if name.endswith("nll") else 0
            expect(abs(stored - value) <= tolerance, f"{name} at point {i}, {j}: {stored}, PyTorch {value}")


def check_curve_places(file: h5py.File, points: list, w0: dict, u: torch.Tensor, v: torch.Tensor, coefficients) -> None:
    projected = np.array([[((flat(w) - flat(w0)) @ axis).item() for axis in (u, v)] for w in points])
    size = np.abs(projected).max()
    bends, samples = file["curve/bends"][()], file["curve/samples"][()]
    expect(bends.shape == projected.shape and np.abs(bends - projected).max() < 1e-6 * size, f"bends {bends}, PyTorch {projected}")
    expect(np.allclose(samples[:, 0], np.linspace(0, 1, samples.shape[0]), rtol=0, atol=1e-15), "values of t")
    expected = np.array([coefficients(len(points), t) for t in samples[:, 0]]) @ projected
    expect(np.abs(samples[:, 1:] - expected).max() < 1e-6 * size, "samples of the curve")


def main() -> None:
    torch.set_num_threads(1)
    data = load_data(IMAGES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_points(folder)
        states = [load_file(path) for path in paths]
        w0, w2, w1 = states[:3]
        u, v, places = oracle(w0, w1, w2)
        curve = {"kind": "bezier", "ends": [str(paths[0]), str(paths[1])], "bends": [str(paths[2])]}
        kinds = {"x": {"kind": "plane"}, "y": {"kind": "plane"}}
        grid = {"x": [0, 1, 3], "y": [0, 1, 2]}

        with h5py.File(run_job(folder, "plane", "surface", curve=curve, directions=kinds, grid=grid)) as file:
            stored = file["plane/points"][()]
            expect(np.allclose(stored, places, rtol=1e-6, atol=1e-9), f"places {stored}, PyTorch {places}")
            expect(np.allclose(file["xcoordinates"][()], places[1, 0] * np.array([0, 0.5, 1]), rtol=1e-6), "x in distances")
            expect(np.allclose(file["ycoordinates"][()], places[2, 1] * np.array([0, 1]), rtol=1e-6), "y in distances")
            check_directions(file, u, v)
            check_values(file, data, states, data["train"][0])
            check_curve_places(file, [w0, w1, w2], w0, u, v, bezier)
            corners = {field: file[field][()][[0, 2], 0] for field in ("train_loss", "test_loss", "train_acc", "test_acc")}

        with h5py.File(run_job(folder, "along", "curve", curve=curve, grid={"t": [0, 1, 2]})) as file:
            for field, values in corners.items():
                along = file[field.replace("loss", "nll")][()]
                expect(np.allclose(along, values, rtol=0, atol=1e-5 if "loss" in field else 0), f"{field}: plane {values}, curve {along}")

        # The bend: the plane about it whose x axis ends there holds it at a corner. A chain of five points lies outside, and is projected.
        five = {"kind": "polychain", "ends": curve["ends"], "bends": [str(path) for path in paths[2:]], "samples": 9}
        turned = {"x": {"kind": "plane", "weights": str(paths[2])}, "y": {"kind": "plane", "weights": str(paths[1])}}
        with h5py.File(run_job(folder, "turned", "surface", curve=five, directions=turned, grid=grid)) as file:
            u, v, places = oracle(w0, w2, w1)
            expect(np.allclose(file["plane/points"][()], places, rtol=1e-6, atol=1e-9), "places about the bend")
            check_values(file, data, [w0, w1], data["train"][0])
            check_curve_places(file, [w0, *states[2:], w2], w0, u, v, polychain)
            expect(file["curve/samples"].shape == (9, 3), "curve.samples")
        text = run(PROGRAM, ["show", folder / "turned.h5"], 0).stdout
        expect("kind=plane" in text and "train_loss" in text, f"show: {text}")
        result = run(PROGRAM, ["surface", folder / "turned.yaml", "--set", "curve.samples=10"], 0)
        expect(result.returncode == 65 and "places in the plane" in result.stderr, f"another curve in the same file: {result.stderr}")

        plain = {axis: keys | {"weights": str(path)} for (axis, keys), path in zip(kinds.items(), (paths[1], paths[2]), strict=True)}
        margins = {"x": [-0.2, 1.2, 2], "y": [-0.2, 1.2, 2]}
        model = {"weights": str(paths[0])}
        with h5py.File(run_job(folder, "plain", "surface", model=model, directions=plain, grid=margins)) as file:
            expect("curve" not in file and "plane/points" in file, "without a curve")
            expect(np.allclose(file["xcoordinates"][()], np.array([-0.2, 1.2]) * file["plane/points"][1, 0], rtol=1e-12), "margins")
    report_checks(at_least=35)


main()
