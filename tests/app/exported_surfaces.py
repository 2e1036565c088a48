"""The user's own models, from export to surface: losses against PyTorch in float64 to 1e-5, accuracies exactly, on the path that `check`
names; what is refused, on one rank and two.

usage: exported_surfaces.py PROGRAM
"""

import copy
import json
import sys
import tempfile
import warnings
from pathlib import Path

import h5py
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "model"), str(Path(__file__).parents[2] / "python")]
warnings.filterwarnings("ignore", category=FutureWarning)
import own_models as models  # noqa: E402
from plain_pytorch import evaluate, load_split, moved  # noqa: E402
from program import run, surface_config, write_config  # noqa: E402

import orograph  # noqa: E402

SPLITS = ("train", "test")
IMAGES = 96
X, Y = [-1, 1, 3], [-0.5, 1, 2]
TOLERANCE = 1e-5
EXAMPLE = torch.zeros(2, 1, 32, 32)
PATHS = {"transformer": "reference", "convolutional": "compiled", "mobile": "reference"}

faults, compared = [], 0


def expect(condition: bool, message: str) -> None:
    global compared
    compared += 1
    if not condition:
        faults.append(message)


def config_of(folder: Path, name: str, **sections) -> dict:
    defaults = {
        "model": {"architecture": "exported", "file": str(folder / f"{name}.safetensors"), "weights": ""},
        "data": {"limit": IMAGES},
        "grid": {"x": X, "y": Y},
        "output": {"file": str(folder / f"{name}.h5")},
    }
    for section, keys in sections.items():
        defaults.setdefault(section, {}).update(keys)
    return surface_config(folder, **defaults)


def compare_surface(program: str, folder: Path, name: str, model: torch.nn.Module, splits: dict, way: str, **sections) -> None:
    """Every point of a plane, both splits, with BN statistics and all. way: the evaluator that takes it."""
    path = write_config(folder / f"{name}.yaml", config_of(folder, name, **sections))
    check = run(program, ["check", path], ranks=0)
    expect(f"path       {way}" in check.stdout, f"{name}: check says {check.stdout}{check.stderr}")
    memory = human_bytes(sum(4 * images.numel() for images, _ in splits.values()))
    expect(f"memory     {memory} of images" in check.stdout, f"{name}: {memory} of images, and check says {check.stdout}")
    result = run(program, ["surface", path], ranks=2)
    expect(result.returncode == 0, f"{name}: exit code {result.returncode}: {result.stderr[-1000:]}")
    expect(("auto takes the reference evaluator" in result.stderr) == (way == "reference"), f"{name}: log {result.stderr}")
    if faults:
        return
    centre = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    exact = copy.deepcopy(model).double()
    with h5py.File(folder / f"{name}.h5") as file:
        directions = [{key: torch.from_numpy(value[()]) for key, value in file[f"directions/{axis}"].items()} for axis in "xy"]
        check_filters(name, centre, directions[0], {key for key, _ in model.named_parameters()})
        for i, j in np.ndindex(X[2], Y[2]):
            exact.load_state_dict(moved(centre, directions, [file["xcoordinates"][i], file["ycoordinates"][j]]), strict=True)
            for split in SPLITS:
                loss, accuracy = evaluate(exact, *splits[split])
                ours, right = file[f"{split}_loss"][i, j], file[f"{split}_acc"][i, j]
                expect(abs(ours - loss) < TOLERANCE * loss, f"{name} at ({i}, {j}): {split} loss {ours}, PyTorch {loss}")
                expect(right == accuracy, f"{name} at ({i}, {j}): {split} accuracy {right}, PyTorch {accuracy}")


def human_bytes(count: int) -> str:
    """As `check` writes it."""
    return f"{count / 1024**2:.1f} MiB" if count >= 1024**2 else f"{count / 1024:.1f} KiB"


def compare_sizes(program: str, folder: Path, padded: dict) -> None:
    """Networks take the images that they were exported for: MNIST's kind as it is stored, other sizes and numbers of channels from arrays."""
    small = {split: (images[:, :, 2:-2, 2:-2], labels) for split, (images, labels) in padded.items()}
    model = models.make("convolutional", 5)
    orograph.export(model, torch.zeros(2, 1, 28, 28), folder / "stored.safetensors")
    compare_surface(program, folder, "stored", model, small, "compiled")
    random = np.random.default_rng(3)
    for name, channels, height, width, kind in (("photographs", 3, 64, 64, "compiled"), ("spectra", 2, 24, 40, "reference")):
        model = models.randomized(models.SmallConvolutional(channels, 7, torch.nn.ReLU if kind == "compiled" else torch.nn.ReLU6))
        orograph.export(model, torch.zeros(2, channels, height, width), folder / f"{name}.safetensors")
        data, files = {}, {}
        for split in SPLITS:
            pixels, labels = random.integers(0, 256, (40, channels, height, width), np.uint8), random.integers(0, 7, 40)
            files[split] = str(folder / f"{name}-{split}.h5")
            with h5py.File(files[split], "w") as file:
                file["images"], file["labels"] = pixels, labels
            data[split] = (torch.from_numpy(pixels.astype(np.float32) / np.float32(255)).double(), torch.from_numpy(labels))
        compare_surface(program, folder, name, model, data, kind, data={"set": "arrays", "files": files, "classes": 7})


def check_filters(name: str, centre: dict, direction: dict, parameters: set) -> None:
    """Every parameter by its name; filters have their weight's norms, and slim tensors do not move."""
    expect(set(direction) == parameters, f"{name}: direction has {sorted(set(direction) ^ parameters)}")
    for key, tensor in direction.items():
        norms, wanted = (value.double().flatten(1).norm(dim=1) if value.dim() > 1 else value.norm() for value in (tensor, centre[key]))
        expect(torch.allclose(norms, wanted, rtol=1e-5) if tensor.dim() > 1 else not tensor.any(), f"{name}: norms of {key}")


def refused(program: str, folder: Path, code: int, words: list, name: str, job: str = "surface", **sections) -> None:
    """One line with the words, on one rank and two; nothing is left behind."""
    config = config_of(folder, name, **{"output": {"file": str(folder / "refused.h5")}, **sections})
    if job == "train":
        config = {key: config[key] for key in ("model", "data")} | {"job": "train", "output": {"folder": str(folder / "run")}}
    path = write_config(folder / "refused.yaml", config)
    for ranks in (0, 2):  # 0: without mpirun
        result = run(program, [job, path], ranks=ranks)
        lines = [line for line in result.stderr.splitlines() if " error " in line]
        expect(result.returncode == code, f"{words}, {ranks} ranks: exit code {result.returncode}, not {code}: {result.stderr[-500:]}")
        expect(len(lines) == 1 and all(word in lines[0] for word in words), f"{words}, {ranks} ranks: {result.stderr[-800:]}")
        expect(not (folder / "refused.h5").exists() and not (folder / "run").exists(), f"{words}: something is left behind")


def rewrite(source: Path, out: Path, change) -> None:
    """The export with change(metadata, graph, tensors) done to it."""
    with safe_open(source, "pt") as file:
        metadata = file.metadata()
    graph, tensors = json.loads(metadata["orograph.graph"]), load_file(source)
    change(metadata, graph, tensors)
    if "orograph.graph" in metadata:
        metadata["orograph.graph"] = json.dumps(graph)
    save_file(tensors, out, metadata)


def check_refusals(program: str, folder: Path) -> None:
    changes = {
        "is no export": lambda metadata, graph, tensors: metadata.clear(),
        "version '9'": lambda metadata, graph, tensors: metadata.update({"orograph.exported": "9"}),
        "'elsewhere', which is not before it": lambda metadata, graph, tensors: graph["nodes"][0].update(arguments=[{"node": "elsewhere"}]),
        "'head.bias' is missing": lambda metadata, graph, tensors: tensors.pop("head.bias"),
        "'aten::nothing'": lambda metadata, graph, tensors: graph["nodes"][1].update(operator="aten::nothing"),
    }
    for words, change in changes.items():
        rewrite(folder / "transformer.safetensors", folder / "wrong.safetensors", change)
        refused(program, folder, 65, [words, "wrong.safetensors"], "wrong")
    orograph.export(models.SmallConvolutional(channels=3), torch.zeros(2, 3, 32, 32), folder / "colour.safetensors")
    refused(program, folder, 65, ["3x32x32", "1x32x32", "torch.zeros(2, 1, 32, 32)"], "colour")
    orograph.export(models.SmallConvolutional(), torch.zeros(2, 1, 20, 28), folder / "small.safetensors")
    refused(program, folder, 65, ["1x20x28", "torch.zeros(2, 1, 28, 28)"], "small")
    orograph.export(models.SmallConvolutional(classes=7), EXAMPLE, folder / "seven.safetensors")
    refused(program, folder, 65, ["7 classes", "10"], "seven")
    refused(program, folder, 69, ["aten::hardtanh", "evaluator=auto"], "mobile", evaluate={"evaluator": "compiled"})
    refused(program, folder, 69, ["cannot be trained", "aten::hardtanh"], "mobile", job="train")
    refused(program, folder, 66, ["nowhere"], "nowhere")
    refused(program, folder, 78, ["model.file"], "mobile", model={"file": ""})
    refused(program, folder, 78, ["model.file", "resnet20"], "mobile", model={"architecture": "resnet20"})


def check_training(program: str, folder: Path) -> None:
    """A model of mapped operations trains like any other, from the export's weights."""
    config = {
        "job": "train",
        "model": {"architecture": "exported", "file": str(folder / "convolutional.safetensors")},
        "data": {"limit": 256},
        "train": {"epochs": 5, "batch": 32, "lr": 0.05},
        "output": {"folder": str(folder / "trained")},
        "run": {"threads": 1, "progress": "none"},
    }
    result = run(program, ["train", write_config(folder / "train.yaml", config)], ranks=0)
    expect(result.returncode == 0, f"training: exit code {result.returncode}: {result.stderr[-800:]}")
    if result.returncode == 0:
        losses = np.genfromtxt(folder / "trained" / "history.csv", delimiter=",", names=True)["train_loss"]
        expect(losses[-1] < 0.95 * losses[0], f"training: losses {losses}")


def main() -> None:
    torch.set_num_threads(1)
    program, data = sys.argv[1], {split: load_split(split, IMAGES) for split in SPLITS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seed, kind in enumerate(PATHS):
            model = models.make(kind, seed)
            orograph.export(model, EXAMPLE, folder / f"{kind}.safetensors")
            compare_surface(program, folder, kind, model, data, PATHS[kind])
        compare_sizes(program, folder, data)
        check_refusals(program, folder)
        check_training(program, folder)
    print("\n".join([f"FAIL: {fault}" for fault in faults] + [f"{compared} things compared, {len(faults)} faults"]))
    sys.exit(1 if faults or compared < 200 else 0)


main()
