"""Array sets as people write them with h5py: the centre of a surface against PyTorch in float64, layouts and types that must give the same surface,
label corruption, and files that must be refused with one line.

usage: arrays.py PROGRAM
"""
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import torch
from safetensors.numpy import save_file
from safetensors.torch import load_file
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
from program import ENVIRONMENT, command, datasets, mlp_weights, run, surface_config, write_config  # noqa: E402

PROGRAM = sys.argv[1]
RANDOM = np.random.default_rng(5)
TRAIN, TEST, CLASSES = 90, 40, 10
PIXELS = {split: RANDOM.integers(0, 256, (count, 1, 32, 32), dtype=np.uint8) for split, count in (("train", TRAIN), ("test", TEST))}
LABELS = {split: RANDOM.integers(0, CLASSES, len(pixels)) for split, pixels in PIXELS.items()}
LABELS["train"][7] = CLASSES - 1
MEAN, STD = 0.45, 0.27
ADDRESS_SPACE = 24 << 30  # a claim of terabytes must be refused, not tried
faults, compared = [], 0


def expect(condition, what: str) -> None:
    global compared
    compared += 1
    print(f"{'ok  ' if condition else 'FAIL'} {what}")
    if not condition:
        faults.append(what)


def put(path: Path, images, labels, **options) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("images", data=images, **options)
        file.create_dataset("labels", data=labels)
    return path


def config_of(folder: Path, name: str, files: dict, **data) -> Path:
    """A surface of nine points; the default set's keys taken out."""
    config = surface_config(folder, grid={"x": [-1, 1, 3], "y": [-1, 1, 3]}, output={"file": str(folder / f"{name}.h5")})
    config["data"] = {"set": "arrays", "files": {split: str(path) for split, path in files.items()}, "splits": list(files), **data}
    return write_config(folder / f"{name}.yaml", config)


def surface(folder: Path, name: str, files: dict, ranks: int = 0, **data) -> dict:
    result = run(PROGRAM, ["surface", config_of(folder, name, files, **data)], ranks)
    if result.returncode != 0:
        sys.exit(f"FAIL {name}: exit code {result.returncode}: {result.stderr[-2000:]}")
    return datasets(folder / f"{name}.h5")


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and len(a) > 5 and all(np.array_equal(a[name], b[name]) for name in a)


def centre_in_pytorch(weights: Path, images: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Mean cross-entropy and percent right of the mlp in float64."""
    w = {name: tensor.double() for name, tensor in load_file(weights).items()}
    x = torch.from_numpy(images.astype(np.float64)).flatten(1)
    for layer in ("fc1", "fc2"):
        x = F.linear(x, w[f"{layer}.weight"], w[f"{layer}.bias"]).relu()
    logits, truth = F.linear(x, w["fc3.weight"], w["fc3.bias"]), torch.from_numpy(labels.astype(np.int64))
    return F.cross_entropy(logits, truth).item(), 100 * (logits.argmax(1) == truth).double().mean().item()


def check_centre(name: str, made: dict, weights: Path, images: dict, labels: dict) -> None:
    for split in images:
        loss, accuracy = centre_in_pytorch(weights, images[split], labels[split])
        ours = float(made[f"{split}_loss"][1, 1]), float(made[f"{split}_acc"][1, 1])
        expect(abs(ours[0] / loss - 1) < 1e-5 and abs(ours[1] - accuracy) < 1e-9, f"{name}: {split} {ours}, PyTorch {loss, accuracy}")


def check_values(folder: Path) -> None:
    weights = folder / "mlp.safetensors"
    files = {split: put(folder / f"bytes-{split}.h5", PIXELS[split], LABELS[split]) for split in PIXELS}
    normalize = {"normalize": {"mean": [MEAN], "std": [STD]}}
    wanted = {split: (pixels / 255 - MEAN) / STD for split, pixels in PIXELS.items()}
    plain = surface(folder, "plain", files, **normalize)
    check_centre("bytes", plain, weights, wanted, LABELS)
    expect(same(plain, surface(folder, "ranks", files, 2, **normalize)), "two ranks make the same surface")
    floats = {split: put(folder / f"floats-{split}.h5", wanted[split].astype(np.float32), LABELS[split]) for split in wanted}
    check_centre("floats", surface(folder, "floats", floats), weights, wanted, LABELS)
    check_layouts(folder, plain, normalize)
    check_corruption(folder, files, normalize)


def check_layouts(folder: Path, plain: dict, normalize: dict) -> None:
    """The same arrays in other layouts, types and byte orders, both splits in one file."""
    both = folder / "both.h5"
    with h5py.File(both, "w", libver=("earliest", "v110")) as file:
        for split, options in (("train", {"compression": "gzip", "shuffle": True, "chunks": (7, 1, 32, 20)}), ("test", {"maxshape": (None, 1, 32, 32)})):
            group = file.create_group(split)
            group.create_dataset("images", data=PIXELS[split], **options)
            group.create_dataset("labels", data=LABELS[split].astype(">i2" if split == "train" else np.uint64), chunks=(11,))
    expect(same(plain, surface(folder, "layouts", {"train": both, "test": both}, **normalize)), "chunked, compressed, other types: the same surface")
    tensors = folder / "both.safetensors"
    save_file({f"{split}.{name}": arrays[split] for name, arrays in (("images", PIXELS), ("labels", LABELS)) for split in PIXELS}, tensors)
    expect(same(plain, surface(folder, "tensors", {"train": tensors, "test": tensors}, **normalize)), "safetensors: the same surface")
    little = surface(folder, "little", {"train": put(folder / "l.h5", PIXELS["train"].astype("<f4"), LABELS["train"].astype(np.int8))})
    big = surface(folder, "big", {"train": put(folder / "b.h5", PIXELS["train"].astype(">f4"), LABELS["train"])})
    expect(same(little, big), "big-endian floats: the same surface")


def check_corruption(folder: Path, files: dict, normalize: dict) -> None:
    """Corrupted labels move the train loss alone, and are other data: a finished file is not taken for theirs."""
    corrupted = surface(folder, "corrupted", files, corrupt={"fraction": 1, "seed": 2}, **normalize)
    true = datasets(folder / "plain.h5")
    expect(not np.allclose(corrupted["train_loss"], true["train_loss"], rtol=1e-3), "corrupted train labels move the loss")
    expect(np.array_equal(corrupted["test_loss"], true["test_loss"]), "test labels stay")
    result = run(PROGRAM, ["surface", config_of(folder, "plain", files, corrupt={"fraction": 0.5, "seed": 2}, **normalize)], 0)
    expect(result.returncode == 65 and "data" in result.stderr, f"other labels do not go on with a file: {result.stderr.strip()[-200:]}")


def truncated(folder: Path, source: Path) -> Path:
    path = folder / "truncated.h5"
    path.write_bytes(source.read_bytes()[:-5000])
    return path


def damaged_chunk(folder: Path) -> Path:
    path = put(folder / "chunk.h5", PIXELS["train"], LABELS["train"], compression="gzip", chunks=(30, 1, 32, 32))
    with h5py.File(path) as file:
        place = file["images"].id.get_chunk_info(1)
    content = bytearray(path.read_bytes())
    content[place.byte_offset + 10 : place.byte_offset + 60] = bytes(50)
    path.write_bytes(content)
    return path


def claim(folder: Path, name: str, dataset: str, shape: tuple, **options) -> Path:
    """A file whose `dataset` claims `shape`, of which it holds nothing."""
    path = put(folder / name, PIXELS["train"], LABELS["train"])
    with h5py.File(path, "a") as file:
        dtype = file[dataset].dtype
        del file[dataset]
        file.create_dataset(dataset, shape, dtype, **options)
    return path


def half_written(folder: Path) -> Path:
    path = claim(folder, "half-written.h5", "images", (TRAIN, 1, 32, 32), chunks=(10, 1, 32, 32))
    with h5py.File(path, "a") as file:
        file["images"][:40] = PIXELS["train"][:40]
    return path


def bomb(folder: Path) -> Path:
    """Four gzip chunks of two bytes each that claim 8 MiB: more than gzip can make of them."""
    path = folder / "bomb.h5"
    with h5py.File(path, "w") as file:
        images = file.create_dataset("images", (1 << 13, 1, 32, 32), np.uint8, chunks=(1 << 11, 1, 32, 32), compression="gzip", compression_opts=9)
        for chunk in range(4):
            images.id.write_direct_chunk((chunk << 11, 0, 0, 0), b"x\x9c")
        file["labels"] = np.zeros(1 << 13, np.int64)
    return path


def external(folder: Path, good: Path) -> Path:
    path = folder / "external.h5"
    with h5py.File(path, "w") as file:
        file["images"] = h5py.ExternalLink(str(good), "images")
        file["labels"] = h5py.ExternalLink(str(good), "labels")
    return path


def virtual(folder: Path, good: Path) -> Path:
    path = folder / "virtual.h5"
    with h5py.File(path, "w") as file:
        layout = h5py.VirtualLayout(PIXELS["train"].shape, np.uint8)
        layout[:] = h5py.VirtualSource(good, "images", PIXELS["train"].shape)
        file.create_virtual_dataset("images", layout)
        file["labels"] = LABELS["train"]
    return path


def refusals(folder: Path):
    """Name, what the line says, the file, more of the data section."""
    good, labels = folder / "bytes-train.h5", LABELS["train"]
    million = 10**6
    yield "truncated file", ["truncated.h5"], truncated(folder, good), {}
    yield "damaged chunk", ["chunk.h5:/images", "damaged"], damaged_chunk(folder), {}
    yield "unwritten chunks", ["unwritten.h5:/images"], claim(folder, "unwritten.h5", "images", (million**2, 1, 32, 32), chunks=(100, 1, 32, 32)), {}
    yield "unwritten labels", ["hollow.h5:/labels"], claim(folder, "hollow.h5", "labels", (million**2,), chunks=(100,)), {}
    yield "some rows unwritten", ["half-written.h5:/images", "4 of its 9 chunks"], half_written(folder), {}
    yield "never allocated", ["late.h5:/images"], claim(folder, "late.h5", "images", (million, 1, 32, 32)), {}
    yield "overflowing shape", ["wide.h5:/images"], claim(folder, "wide.h5", "images", (2**31, 2**31, 2**31, 2**31), chunks=(1, 1, 32, 32)), {}
    yield "gzip bomb", ["bomb.h5:/images", "claims"], bomb(folder), {}
    yield "links to another file", ["external.h5"], external(folder, good), {}
    yield "virtual dataset", ["virtual.h5:/images", "other files"], virtual(folder, good), {}
    yield "boolean labels", ["bool.h5:/labels"], put(folder / "bool.h5", PIXELS["train"], labels > 4), {}
    yield "float16 images", ["half.h5:/images", "float16", "uint8 or float32"], put(folder / "half.h5", PIXELS["train"].astype(np.float16), labels), {}
    yield "huge labels", ["far.h5", "label"], put(folder / "far.h5", PIXELS["train"], np.full(TRAIN, 2**64 - 1, np.uint64)), {}
    yield "another filter", ["lzf.h5:/images", "filter"], put(folder / "lzf.h5", PIXELS["train"] // 255, labels, compression="lzf"), {}
    yield "more classes than the weights", ["mlp.safetensors", "12 classes", "fc3.weight"], good, {"classes": 12}


def check_refusals(folder: Path) -> None:
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))  # noqa: E731
    for name, says, path, data in refusals(folder):
        arguments = ["check", config_of(folder, "refused", {"train": path}, **data)]
        result = subprocess.run(command(PROGRAM, arguments, 0), capture_output=True, text=True, timeout=60, env=ENVIRONMENT, preexec_fn=limit)
        lines = [line for line in result.stderr.splitlines() if " error " in line]
        good = result.returncode == 65 and len(lines) == 1 and all(word in lines[0] for word in says)
        expect(good, f"{name}: exit code {result.returncode}: {result.stderr.strip()[-400:]}")


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mlp_weights(folder / "mlp.safetensors")
        check_values(folder)
        check_refusals(folder)
    print("\n".join([f"FAIL {fault}" for fault in faults] + [f"{compared} checks, {len(faults)} faults"]))
    sys.exit(1 if faults or compared < 24 else 0)


main()
