"""What all variants of a measurement compute on: weights, a plane through them, images, points."""
import gzip
import sys
from pathlib import Path

import numpy
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "model"))
from pytorch_models import make_model  # noqa: E402

CLASSES = 10
FASHION = Path("/usr/share/datasets/fashion-mnist")
POINTS = [(0.125, -0.0625), (-0.25, 0.125)]  # exact in float32


def read_images(channels, count, part="t10k"):
    """The first test (part: or train) images of Fashion-MNIST, normalised, [count, 1, 32, 32]; random ones [count, 3, 32, 32] for three channels."""
    if channels != 1:
        return torch.randn(count, channels, 32, 32), torch.randint(0, CLASSES, (count,))
    raw = numpy.frombuffer(gzip.open(FASHION / f"{part}-images-idx3-ubyte.gz").read(), numpy.uint8, offset=16).reshape(-1, 1, 28, 28)
    labels = numpy.frombuffer(gzip.open(FASHION / f"{part}-labels-idx1-ubyte.gz").read(), numpy.uint8, offset=8)
    images = F.pad(torch.from_numpy(raw[:count].copy()), (2, 2, 2, 2))
    return (images / 255 - 0.2860) / 0.3530, torch.from_numpy(labels[:count].astype(numpy.int64))


def initialise(model, images):
    """Kaiming normal weights, zero biases, and batch norm statistics from one pass."""
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.momentum = None
    with torch.no_grad():
        model.train()(images)


def random_direction(model):
    """Normal, filter by filter as long as the weights (Li et al. 2018, sec. 4); zero for biases, batch norms and their statistics."""
    direction = {name: torch.zeros_like(tensor) for name, tensor in model.state_dict().items()}
    for name, weight in model.named_parameters():
        if weight.dim() > 1:
            noise = torch.randn_like(weight).flatten(1)
            lengths = weight.detach().flatten(1).norm(dim=1, keepdim=True) / noise.norm(dim=1, keepdim=True)
            direction[name] = (noise * lengths).reshape(weight.shape)
    return direction


def write_inputs(folder, network, channels, count, points=POINTS, train=0):
    """centre, x, y and data .safetensors; with `train` images more of the train split."""
    torch.manual_seed(1)
    images, labels = read_images(channels, count)
    model = make_model(network, channels, CLASSES)
    initialise(model, images[:64])
    save_file(model.state_dict(), folder / "centre.safetensors")
    for name in ("x", "y"):
        save_file(random_direction(model), folder / f"{name}.safetensors")
    data = {"images": images, "labels": labels, "points": torch.tensor(points)}
    if train > 0:
        data["train_images"], data["train_labels"] = read_images(channels, train, "train")
    save_file(data, folder / "data.safetensors")


class Inputs:
    """The files read back."""

    def __init__(self, folder, network, channels):
        self.model = make_model(network, channels, CLASSES).eval()
        self.centre, self.x, self.y = (load_file(folder / f"{name}.safetensors") for name in ("centre", "x", "y"))
        data = load_file(folder / "data.safetensors")
        self.images, self.labels, self.points = data["images"], data["labels"], data["points"].tolist()
        self.train_images, self.train_labels = data.get("train_images"), data.get("train_labels")

    def state(self, point):
        """The state_dict at a point; statistics stay the centre's."""
        moved = {name for name, _ in self.model.named_parameters()}
        return {name: tensor + point[0] * self.x[name] + point[1] * self.y[name] if name in moved else tensor
                for name, tensor in self.centre.items()}
