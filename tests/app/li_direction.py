"""Li et al.'s files both ways: a direction file of theirs is what the surface moves along, and `export --to li` writes a surface and
directions in their layout.

usage: li_direction.py PROGRAM
"""

import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
from safetensors.numpy import load_file

sys.path.insert(0, str(Path(__file__).parent))
from plain_pytorch import load_split  # noqa: E402
from program import mlp_weights, run, surface_config, write_config  # noqa: E402

PARAMETERS = [f"fc{layer}.{kind}" for layer in (1, 2, 3) for kind in ("weight", "bias")]
FIELDS = ("train_loss", "train_acc", "test_loss", "test_acc")
GROUPS = {"x": "xdirection", "y": "ydirection"}


class Checks:
    """Counts what was checked, prints what was wrong."""

    def __init__(self):
        self.count, self.faults = 0, 0

    def expect(self, condition, what: str) -> None:
        self.count += 1
        if not condition:
            self.faults += 1
            print(f"FAIL: {what}")


def write_directions(path: Path, shapes: list[tuple], drop: int = 0) -> dict:
    """As their h5_util.write_list does: a group a direction, float32 datasets "0", "1", ... in parameter order."""
    random = np.random.default_rng(5)
    tensors = {axis: [random.standard_normal(shape).astype(np.float32) for shape in shapes] for axis in GROUPS}
    with h5py.File(path, "w") as file:
        for axis, group in GROUPS.items():
            for number, tensor in enumerate(tensors[axis][: len(shapes) - drop]):
                file.create_dataset(f"{group}/{number}", data=tensor)
    return tensors


def file_config(folder: Path, directions: Path, output: Path) -> dict:
    sections = {axis: {"kind": "file", "file": str(directions), "name": group} for axis, group in GROUPS.items()}
    return surface_config(
        folder, data={"limit": 16}, directions=sections, grid={"x": [-1, 1, 5], "y": [-0.5, 0.25, 3]}, output={"file": str(output)}
    )


def check_stored(checks: Checks, surface: Path, tensors: dict) -> dict:
    """The directions in the surface file are the ones given, bit for bit. Returns the fields [i, j]."""
    with h5py.File(surface) as file:
        for axis, given in tensors.items():
            group = file[f"directions/{axis}"]
            checks.expect(sorted(group) == sorted(PARAMETERS), f"direction {axis} holds {sorted(group)}")
            checks.expect(h5_text(group.attrs["kind"]) == "file", f"kind of direction {axis} is {group.attrs['kind']}")
            for name, tensor in zip(PARAMETERS, given, strict=True):
                checks.expect(np.array_equal(group[name][()], tensor), f"direction {axis}, {name} differs from the file's")
        checks.expect(file["train_loss"].shape == (5, 3), f"train_loss has shape {file['train_loss'].shape}")
        return {name: file[name][()] for name in FIELDS}


def h5_text(value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def check_moved(checks: Checks, weights: Path, tensors: dict, fields: dict) -> None:
    """The surface was computed along these directions: the loss of the mlp at two corners, from numpy."""
    images, labels = (array.numpy() for array in load_split("train", 16))
    centre = load_file(weights)
    for (i, j), (x, y) in {(0, 0): (-1, -0.5), (4, 2): (1, 0.25)}.items():
        moved = [
            centre[name] + np.float32(x) * dx + np.float32(y) * dy
            for name, dx, dy in zip(PARAMETERS, tensors["x"], tensors["y"], strict=True)
        ]
        loss = mlp_loss([tensor.astype(np.float64) for tensor in moved], images.reshape(16, -1), labels)
        checks.expect(
            abs(fields["train_loss"][i, j] / loss - 1) < 1e-5, f"loss at ({x}, {y}) is {fields['train_loss'][i, j]}, numpy says {loss}"
        )


def mlp_loss(tensors: list[np.ndarray], images: np.ndarray, labels: np.ndarray) -> float:
    values = images
    for layer in range(3):
        values = values @ tensors[2 * layer].T + tensors[2 * layer + 1]
        values = np.maximum(values, 0) if layer < 2 else values
    shifted = values - values.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(labels.size), labels]))


def check_export(checks: Checks, program: str, surface: Path, tensors: dict, fields: dict) -> None:
    """[j, i] = f(x_i, y_j) in the surface; the directions come back as they went in."""
    result = run(program, ["export", surface, "--to", "li"], ranks=0)
    checks.expect(result.returncode == 0, f"export ends with {result.returncode}: {result.stderr}")
    written = [Path(line) for line in result.stdout.split()]
    checks.expect(written == [surface.with_suffix(".li.h5"), surface.with_suffix(".li.directions.h5")], f"export names {written}")
    with h5py.File(written[0]) as file:
        checks.expect(np.array_equal(file["xcoordinates"][()], np.linspace(-1, 1, 5)), "xcoordinates")
        checks.expect(np.array_equal(file["ycoordinates"][()], [-0.5, -0.125, 0.25]), "ycoordinates")
        for name in FIELDS:
            checks.expect(np.array_equal(file[name][()], fields[name].T), f"{name} is not [j, i]")
    with h5py.File(written[1]) as file:
        checks.expect(sorted(file) == sorted(GROUPS.values()), f"groups {sorted(file)}")
        for axis, group in GROUPS.items():
            checks.expect(
                sorted(file[group], key=int) == [str(number) for number in range(len(PARAMETERS))], f"{group} holds {sorted(file[group])}"
            )
            for number, tensor in enumerate(tensors[axis]):
                dataset = file[group][str(number)]
                checks.expect(dataset.dtype == np.float32 and np.array_equal(dataset[()], tensor), f"{group}/{number} differs")


def check_refused(checks: Checks, program: str, folder: Path, shapes: list[tuple]) -> None:
    """A direction of another model is one line and exit code 65."""
    write_directions(folder / "short.h5", shapes, drop=1)
    result = run(
        program, ["surface", write_config(folder / "short.yaml", file_config(folder, folder / "short.h5", folder / "no.h5"))], ranks=0
    )
    errors = [line for line in result.stderr.splitlines() if "error" in line.lower()]
    checks.expect(
        result.returncode == 65 and len(errors) == 1, f"a direction file that is short ends with {result.returncode}: {result.stderr}"
    )
    checks.expect(not (folder / "no.h5").exists(), "a surface file was left behind")


def main() -> None:
    program, checks = sys.argv[1], Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights, surface = folder / "mlp.safetensors", folder / "surface.h5"
        mlp_weights(weights)
        shapes = [load_file(weights)[parameter].shape for parameter in PARAMETERS]
        tensors = write_directions(folder / "directions.h5", shapes)
        result = run(
            program, ["surface", write_config(folder / "surface.yaml", file_config(folder, folder / "directions.h5", surface))], ranks=0
        )
        if result.returncode != 0:
            sys.exit(f"FAIL: surface ends with {result.returncode}: {result.stderr}")
        fields = check_stored(checks, surface, tensors)
        check_moved(checks, weights, tensors, fields)
        check_export(checks, program, surface, tensors, fields)
        check_refused(checks, program, folder, shapes)
    print(f"{checks.count} checks, {checks.faults} faults")
    sys.exit(1 if checks.faults or checks.count < 40 else 0)


main()
