"""The evaluation that people write in PyTorch, apart from the program: data from the gz files, weights set point by point, cross-entropy in
float64. The oracle of agreement.py.
"""

import gzip
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[1] / "model"))
from pytorch_models import make_model, randomize  # noqa: E402

DATA = Path("/usr/share/datasets/fashion-mnist")
STEMS = {"train": "train", "test": "t10k"}
MEAN, STD = 0.2860, 0.3530


def load_split(split: str, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The first images [count, 1, 32, 32], padded with zero pixels and normalised, float64, and their labels."""
    pixels = np.frombuffer(gzip.decompress((DATA / f"{STEMS[split]}-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
    labels = np.frombuffer(gzip.decompress((DATA / f"{STEMS[split]}-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
    images = np.pad(pixels.reshape(-1, 28, 28)[:count], ((0, 0), (2, 2), (2, 2)))
    normalised = ((images / 255.0 - MEAN) / STD).astype(np.float32)
    return torch.from_numpy(normalised).double()[:, None], torch.from_numpy(labels[:count].astype(np.int64))


def random_model(architecture: str, seed: int) -> nn.Module:
    """One channel, ten classes; batch norms with scales, shifts and statistics of their own; float32."""
    torch.manual_seed(seed)
    return randomize(make_model(architecture, 1, 10), seed).eval()


def moved(centre: dict, directions: list[dict], coordinates: list[float]) -> dict:
    """theta + x*dx + y*dy in float32, each product and each sum rounded once, in that order; then float64."""
    weights = {}
    for name, tensor in centre.items():
        for direction, coordinate in zip(directions, coordinates, strict=True):
            tensor = tensor + torch.tensor(coordinate, dtype=torch.float32) * direction[name] if name in direction else tensor
        weights[name] = tensor.double() if tensor.is_floating_point() else tensor
    return weights


@torch.no_grad()
def evaluate(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """Mean cross-entropy in nats and accuracy in percent."""
    logits = model(images)
    return F.cross_entropy(logits, labels).item(), 100.0 * (logits.argmax(1) == labels).sum().item() / labels.numel()
