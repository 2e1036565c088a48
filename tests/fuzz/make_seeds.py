"""Valid inputs of each fuzz target, small, one folder a target; the fuzzer starts from them, and ctest replays them.

usage: make_seeds.py FOLDER
"""
import gzip
import io
import json
import pickle
import re
import struct
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import torch
from safetensors.numpy import save

ROOT = Path(__file__).resolve().parents[2]
JOBS = ["train", "sweep", "surface", "line", "curve"]  # as config.cpp numbers them


def safetensors_by_hand(header, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def safetensors() -> dict:
    dtypes = ["F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL", "F8_E4M3"]
    every, place = {"__metadata__": {"format": "pt", "epoch": "3"}}, 0
    for dtype in dtypes:
        size = {"64": 8, "32": 4, "16": 2}.get(dtype[-2:], 1)
        every[dtype] = {"dtype": dtype, "shape": [3], "data_offsets": [place, place + 3 * size]}
        place += 3 * size
    odd = {"": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}, "empty": {"dtype": "F32", "shape": [0, 5], "data_offsets": [4, 4]}}
    return {
        "two": save({"fc.weight": np.eye(2, dtype=np.float32), "fc.bias": np.zeros(2, np.float32)}),
        "every": safetensors_by_hand(every, bytes(range(place))),
        "odd": safetensors_by_hand(odd, bytes(4)),
        "none": safetensors_by_hand({}, b""),
        "twice": safetensors_by_hand(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{}}', b"a"),
        "huge": safetensors_by_hand({"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}, bytes(4)),
    }


def without_checksums(archive: bytes) -> bytes:
    """A checksum of 0 says that none was taken, so that a changed byte reaches the reader."""
    out = bytearray(archive)
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        for info in file.infolist():
            out[info.header_offset + 14 : info.header_offset + 18] = bytes(4)
    place = archive.find(b"PK\x01\x02")
    while place >= 0:
        out[place + 16 : place + 20] = bytes(4)
        place = archive.find(b"PK\x01\x02", place + 4)
    return bytes(out)


def checkpoints() -> dict:
    """What torch.save may be given."""
    state = {"fc.weight": torch.eye(2), "fc.bias": torch.zeros(2)}
    flat = torch.arange(8.0)
    views = {"module.fc.weight": flat.view(2, 4)[:, 1:3].t(), "module.fc.bias": flat[6:]}
    parameters = {name: torch.nn.Parameter(tensor) for name, tensor in state.items()}
    curve = {f"net.fc.{name}_{bend}": tensor for bend in range(3) for name, tensor in (("weight", state["fc.weight"]), ("bias", state["fc.bias"]))}
    linear = torch.nn.Linear(2, 2)
    linear.load_state_dict({"weight": torch.eye(2), "bias": torch.zeros(2)})
    return {
        "state": state,
        "nested": {"epoch": 3, "state_dict": state, "ema": state, "optimizer": {"lr": 0.1, "steps": [1, 2], "name": "sgd"}},
        "ordered": linear.state_dict(prefix="fc."),
        "half": {"fc.weight": torch.eye(2).half(), "fc.bias": torch.zeros(2).bfloat16()},
        "double": {"fc.weight": torch.eye(2).double(), "fc.bias": torch.tensor([1, 2])},
        "views": views,
        "parameters": parameters,
        "curve": curve,
        "scalar": torch.tensor(1.0),
        "wide": {"fc.weight": torch.zeros(1).expand(4000, 4000)},
    }


def saved(content, protocol: int = 2, **options) -> bytes:
    out = io.BytesIO()
    torch.save(content, out, pickle_protocol=protocol, **options)
    return out.getvalue()


def torch_zip() -> dict:
    seeds = {name: without_checksums(saved(content)) for name, content in checkpoints().items()}
    seeds["checked"] = saved(checkpoints()["state"])
    seeds["protocol5"] = without_checksums(saved(checkpoints()["nested"], protocol=5))
    seeds["legacy"] = saved(checkpoints()["state"], _use_new_zipfile_serialization=False)
    seeds["safetensors"] = safetensors()["two"]
    return seeds


def pickles() -> dict:
    seeds = {}
    for protocol in (2, 3, 4, 5):
        for name, content in checkpoints().items():
            with zipfile.ZipFile(io.BytesIO(saved(content, protocol))) as file:
                seeds[f"{name}{protocol}"] = file.read(next(entry for entry in file.namelist() if entry.endswith("data.pkl")))
    square = {"w": torch.eye(2), "v": torch.arange(4.0).view(2, 2).t()}  # of storages with the size that the target gives them
    with zipfile.ZipFile(io.BytesIO(saved(square))) as file:
        seeds["square"] = file.read(next(entry for entry in file.namelist() if entry.endswith("data.pkl")))
    return seeds


def idx() -> dict:
    labels = struct.pack(">II", 0x801, 2) + bytes([3, 9])
    images = struct.pack(">IIII", 0x803, 2, 28, 28) + bytes(2 * 28 * 28)
    huge_labels = gzip.compress(struct.pack(">II", 0x801, 10_000_000) + bytes([1]), mtime=0)
    huge_images = gzip.compress(struct.pack(">IIII", 0x803, 10_000_000, 28, 28) + bytes(784), mtime=0)
    packed = gzip.compress(labels, mtime=0), gzip.compress(images, mtime=0)
    pairs = {"plain": (labels, images), "gzip": packed, "mixed": (labels, packed[1]), "short": (labels, images[:-5]),
             "cut": (packed[0], packed[1][:-9]), "huge_labels": (huge_labels, packed[1]), "huge_images": (packed[0], huge_images)}
    return {name: struct.pack("<H", len(first)) + first + second for name, (first, second) in pairs.items()}


def python_batch(key: str, protocol: int) -> bytes:
    return pickle.dumps({key: [1, 2], "data": np.zeros((2, 3072), np.uint8), "filenames": ["a", "b"]}, protocol)


def cifar() -> dict:
    ten, hundred = bytes([7]) + bytes(range(256)) * 12, bytes([19, 99]) + bytes(range(256)) * 12
    return {"ten": b"\0" + ten, "hundred": b"\1" + hundred, "label": b"\0" + bytes([10]) + ten[1:], "coarse": b"\1" + bytes([20]) + hundred[1:],
            "fine": b"\1" + bytes([1, 100]) + hundred[2:], "short": b"\2" + ten, "none": b"\3",
            **{f"python {protocol}": b"\4" + python_batch("labels", protocol) for protocol in (0, 2, 5)},
            "python hundred": b"\5" + python_batch("fine_labels", 2), "python wrong": b"\4" + python_batch("fine_labels", 4)}


def h5_bytes(fill, **options) -> bytes:
    out = io.BytesIO()
    with h5py.File(out, "w", **options) as file:
        fill(file)
    return out.getvalue()


def arrays() -> dict:
    def fill(place, kind=np.uint8, side=28, channels=1, **how):
        place.create_dataset("images", data=np.ones((3, channels, side, side), kind), **how)
        place.create_dataset("labels", data=np.array([0, 2, 1]))

    packed = {"chunks": (2, 1, 28, 28), "compression": "gzip"}
    return {
        "plain": h5_bytes(fill),
        "gzip": h5_bytes(lambda file: fill(file, **packed)),
        "shuffle": h5_bytes(lambda file: fill(file, shuffle=True, fletcher32=True, **packed)),
        "group": h5_bytes(lambda file: fill(file.create_group("train"), np.float32, 32)),
        "latest": h5_bytes(lambda file: fill(file, channels=3, side=32, **(packed | {"chunks": (1, 3, 32, 32)})), libver="latest"),
        "resizable": h5_bytes(lambda file: fill(file, maxshape=(None, 1, 28, 28), **packed), libver="latest"),
        "safetensors": save({"images": np.zeros((2, 1, 28, 28), np.uint8), "labels": np.array([0, 1], np.int16)}),
        "prefixed": save({"train.images": np.zeros((1, 1, 32, 32), np.float32), "train.labels": np.array([0], np.uint64)}),
    }


def directions() -> dict:
    def fill(file):
        for name in ("xdirection", "ydirection"):
            for number, shape in enumerate([(2, 3, 1, 1), (), (3,)]):
                file.create_dataset(f"{name}/{number}", data=np.ones(shape, np.float32))

    def links(file):
        fill(file)
        file["xdirection/3"] = h5py.SoftLink("/xdirection/0")
        file["xdirection/4"] = h5py.ExternalLink("other.h5", "/0")

    return {"both": h5_bytes(fill), "latest": h5_bytes(fill, libver="latest"), "links": h5_bytes(links)}


def configs() -> dict:
    seeds = {}
    for path in sorted((ROOT / "configs").rglob("*.yaml")):
        text = path.read_text()
        job = re.search(r"^job: *(\w+)", text, re.M)
        seeds["-".join(path.relative_to(ROOT / "configs").parts)] = bytes([JOBS.index(job[1])]) + text.encode()
    sets = "--set data.limit=5\n--set directions.x={kind: towards, weights: a#b}\n--set grid.y=[-1, 1, 3]\n"
    seeds["sets"] = bytes([2]) + ("model: {weights: w}\n" + sets).encode()
    seeds["aliases"] = bytes([3]) + b"a: &a [1, 2]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    seeds["long_alias"] = bytes([3]) + b"a: &a " + b"x" * 4000 + b"\nb: &b [" + b"*a," * 1000 + b"]\nc: [" + b"*b," * 100 + b"]\n"
    seeds["deep"] = bytes([3]) + b"[" * 2000
    return seeds


TARGETS = {"safetensors": safetensors, "torch_zip": torch_zip, "pickle": pickles, "idx": idx, "cifar": cifar, "arrays": arrays,
           "directions": directions, "config": configs}


def make(folder: Path) -> None:
    for target, seeds in TARGETS.items():
        place = folder / target
        place.mkdir(parents=True, exist_ok=True)
        for name, content in seeds().items():
            (place / name).write_bytes(content)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
