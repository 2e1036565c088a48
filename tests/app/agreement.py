"""Surfaces of resnet20, resnet20_noshort, resnet20_a and vgg9 against a plain PyTorch loop in float64: losses to 1e-5, accuracies exactly, directions
and their filter norms.

usage: agreement.py PROGRAM
"""

import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parent))
from plain_pytorch import evaluate, load_split, moved, random_model  # noqa: E402
from program import run, surface_config, write_config  # noqa: E402

ARCHITECTURES = ("resnet20", "resnet20_noshort", "resnet20_a", "vgg9")
SPLITS = ("train", "test")
IMAGES = 32
X, Y = [-1, 1, 5], [-2.5, 2, 6]
LEAST_COMPARED = 4 * 25 * 4
TOLERANCE = 1e-5


def make_surface(program: str, folder: Path, architecture: str, centre: dict) -> Path:
    """Runs the program as a user does, on a plane that is not square and goes so far that losses are huge."""
    weights, output = folder / f"{architecture}.safetensors", folder / f"{architecture}.h5"
    save_file({name: tensor.contiguous() for name, tensor in centre.items()}, weights)
    directions = {axis: {"kind": "random", "seed": seed, "normalize": "filter", "ignore": "biasbn"} for axis, seed in (("x", 1), ("y", 2))}
    config = surface_config(
        folder,
        model={"architecture": architecture, "weights": str(weights)},
        data={"limit": IMAGES},
        directions=directions,
        grid={"x": X, "y": Y},
        output={"file": str(output)},
    )
    result = run(program, ["surface", write_config(folder / f"{architecture}.yaml", config)], ranks=0, timeout=280)
    if result.returncode != 0:
        sys.exit(f"FAIL: {architecture}: exit code {result.returncode}: {result.stderr[-2000:]}")
    return output


def read_direction(file: h5py.File, axis: str) -> dict:
    return {name: torch.from_numpy(dataset[()]) for name, dataset in file[f"directions/{axis}"].items()}


def direction_faults(architecture: str, centre: dict, directions: list[dict], parameters: set) -> list[str]:
    """Names and shapes are the parameters'; each filter has its weight's norm; biases and BN stay; the two seeds give two directions."""
    faults = []
    for axis, direction in zip("xy", directions, strict=True):
        if set(direction) != parameters:
            return [f"{architecture}: direction {axis} has other tensors than the model: {sorted(set(direction) ^ parameters)}"]
        for name, tensor in direction.items():
            if tensor.shape != centre[name].shape or tensor.dtype != torch.float32:
                faults.append(f"{architecture}: direction {axis}, {name}: {tuple(tensor.shape)} {tensor.dtype}")
            elif tensor.dim() <= 1:
                faults += [f"{architecture}: direction {axis}, {name} is not zero"] if tensor.any() else []
            else:
                norms, wanted = (filters.double().flatten(1).norm(dim=1) for filters in (tensor, centre[name]))
                if not torch.allclose(norms, wanted, rtol=1e-5, atol=0):
                    faults.append(
                        f"{architecture}: direction {axis}, {name}: filter norms differ by {(norms / wanted - 1).abs().max():.2e}"
                    )
    x, y = (torch.cat([direction[name].double().flatten() for name in sorted(parameters)]) for direction in directions)
    cosine = (x @ y / (x.norm() * y.norm())).item()
    print(f"{architecture}: cosine of the directions {cosine:.4f}")
    return faults + ([f"{architecture}: the directions of seeds 1 and 2 are alike, cosine {cosine}"] if abs(cosine) > 0.1 else [])


def value_faults(architecture: str, file: h5py.File, centre: dict, directions: list[dict], data: dict) -> tuple[list[str], int]:
    """Every point of the file, both splits. Returns the faults and how many numbers were compared."""
    model = random_model(architecture, 0).double()
    stored = {f"{split}_{what}": file[f"{split}_{what}"][()] for split in SPLITS for what in ("loss", "acc")}
    x, y = file["xcoordinates"][()], file["ycoordinates"][()]
    faults, compared, worst = [], 0, 0.0
    for i, j in np.ndindex(x.size, y.size):
        model.load_state_dict(moved(centre, directions, [x[i], y[j]]), strict=True)
        for split in SPLITS:
            loss, accuracy = evaluate(model, *data[split])
            ours = stored[f"{split}_loss"][i, j]
            difference = abs(ours - loss) / abs(loss)
            worst = max(worst, difference)
            if not difference < TOLERANCE:
                faults.append(f"{architecture} at ({x[i]}, {y[j]}): {split} loss {ours!r}, PyTorch {loss!r}")
            if stored[f"{split}_acc"][i, j] != accuracy:
                faults.append(f"{architecture} at ({x[i]}, {y[j]}): {split} accuracy {stored[f'{split}_acc'][i, j]}, PyTorch {accuracy}")
            compared += 2
    losses = stored["train_loss"]
    print(f"{architecture}: train loss {losses.min():.3g} to {losses.max():.3g}, largest relative difference {worst:.1e}")
    return faults, compared


def main() -> None:
    torch.set_num_threads(1)
    data = {split: load_split(split, IMAGES) for split in SPLITS}
    faults, compared = [], 0
    with tempfile.TemporaryDirectory() as name:
        for seed, architecture in enumerate(ARCHITECTURES, start=1):
            model = random_model(architecture, seed)
            centre = {key: tensor.clone() for key, tensor in model.state_dict().items()}
            parameters = {key for key, _ in model.named_parameters()}
            with h5py.File(make_surface(sys.argv[1], Path(name), architecture, centre)) as file:
                directions = [read_direction(file, axis) for axis in "xy"]
                faults += direction_faults(architecture, centre, directions, parameters)
                found, count = value_faults(architecture, file, centre, directions, data) if not faults else ([], 0)
            faults += found
            compared += count
    print("\n".join([f"FAIL: {fault}" for fault in faults] + [f"{compared} numbers compared, {len(faults)} faults"]))
    sys.exit(1 if faults or compared < LEAST_COMPARED else 0)


main()
