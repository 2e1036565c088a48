"""Small inputs of the jobs in fingerprints.py, and those that are changed for one."""
import shutil
import struct
from pathlib import Path

import h5py
import numpy as np
from safetensors.numpy import load_file, save_file

ROOT = Path(__file__).resolve().parents[2]
COUNTS = {"train": 32, "t10k": 24}


def write_mnist(folder: Path) -> None:
    """IDX files of random pixels, plain so that a byte of them can be changed."""
    folder.mkdir()
    random = np.random.default_rng(1)
    for split, count in COUNTS.items():
        images = random.integers(0, 256, (count, 28, 28), np.uint8)
        (folder / f"{split}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, count, 28, 28) + images.tobytes())
        labels = (np.arange(count) % 10).astype(np.uint8)
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, count) + labels.tobytes())


def write_arrays(folder: Path) -> None:
    folder.mkdir()
    for split in ("train", "test"):
        with h5py.File(folder / f"{split}.h5", "w") as file:
            file["images"] = np.full((32, 1, 28, 28), 7, np.uint8)
            file["labels"] = np.arange(32) % 10


def write_weights(folder: Path) -> None:
    """Four points of resnet20, without the checksum that our own files have."""
    folder.mkdir()
    tensors = load_file(ROOT / "weights/resnet20.safetensors")
    save_file(tensors, folder / "a.safetensors")
    random = np.random.default_rng(2)
    for name in "bcd":
        near = {key: np.asarray(tensor * (1 + 0.02 * random.random(tensor.shape)), tensor.dtype) for key, tensor in tensors.items()}
        save_file(near, folder / f"{name}.safetensors")


def write_directions(path: Path, surface: Path) -> None:
    """Li et al.'s file of the directions that a surface stores."""
    path.parent.mkdir()
    with h5py.File(surface) as first, h5py.File(path, "w") as file:
        for name, axis in (("xdirection", "x"), ("other", "y")):
            for number, tensor in enumerate(first[f"directions/{axis}"].values()):
                file[f"{name}/{number}"] = tensor[()]


def first_byte_of(path: Path) -> int:
    """Where the first tensor of a direction file lies."""
    with h5py.File(path) as file:
        return file["xdirection/0"].id.get_offset()


def make_inputs(folder: Path) -> dict:
    write_mnist(folder / "mnist")
    shutil.copytree(folder / "mnist", folder / "moved")
    write_arrays(folder / "arrays")
    write_weights(folder / "weights")
    index = folder / "weights" / "curve.yaml"
    index.write_text("kind: bezier\nbends: [a.safetensors, b.safetensors, c.safetensors]\n")
    paths = {name: str(folder / "weights" / f"{name}.safetensors") for name in "abcd"}
    return paths | {"mnist": str(folder / "mnist"), "moved": str(folder / "moved"), "arrays": str(folder / "arrays"), "index": str(index),
                    "directions": str(folder / "li" / "directions.h5")}
