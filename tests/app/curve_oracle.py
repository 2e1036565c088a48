"""Curves, recalibrated batch norm and their losses as one writes them in PyTorch, apart from the program (Garipov et al. 2018; numerics.md
section 4): the oracle of curve.py and curve_plane.py.
"""

import math
from pathlib import Path

import torch
from plain_pytorch import evaluate, load_split, make_model
from safetensors.torch import load_file, save_file

SHIPPED = Path(__file__).parents[2] / "weights" / "resnet20.safetensors"


def load_data(count: int) -> dict:
    """The first `count` images (float32) and labels of each split."""
    return {split: (images.float(), labels) for split in ("train", "test") for images, labels in [load_split(split, count)]}


def moved_copy(seed: int, size: float) -> dict:
    """The shipped resnet20 with noise of `size` standard deviations on every parameter tensor: another network that works."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, tensor in load_file(SHIPPED).items():
        moves = tensor.is_floating_point() and "running" not in name
        noise = torch.randn(tensor.shape, generator=generator) if moves else 0
        state[name] = (tensor + size * tensor.std() * noise if moves else tensor).contiguous()
    return state


def write_points(folder: Path, count: int = 5) -> list[Path]:
    """Two ends, then bends."""
    paths = [folder / f"point-{number}.safetensors" for number in range(count)]
    for number, path in enumerate(paths):
        save_file(moved_copy(number, 0.15 if number < 2 else 0.4), path)
    return paths


def bezier(n: int, t: float) -> list[float]:
    return [math.comb(n - 1, j) * t**j * (1 - t) ** (n - 1 - j) for j in range(n)]


def polychain(n: int, t: float) -> list[float]:
    return [max(0.0, 1 - abs(t * (n - 1) - j)) for j in range(n)]


def parameter_names() -> list[str]:
    return [name for name, _ in make_model("resnet20", 1, 10).named_parameters()]


def point_on(states: list[dict], coefficients: list[float]) -> dict:
    """The parameters of sum_j c_j theta_j, float64."""
    pairs = list(zip(coefficients, states, strict=True))
    return {name: sum(c * state[name].double() for c, state in pairs) for name in parameter_names()}


def flat(parameters: dict) -> torch.Tensor:
    return torch.cat([parameters[name].double().flatten() for name in parameter_names()])


def model_at(parameters: dict, statistics: dict) -> torch.nn.Module:
    model = make_model("resnet20", 1, 10)
    model.load_state_dict(statistics | {name: value.float() for name, value in parameters.items()})
    return model.eval()


@torch.no_grad()
def recalibrate(model: torch.nn.Module, images: torch.Tensor, batch: int) -> None:
    """Reset, then one pass in train mode with momentum b / (n + b): the cumulative mean over images of the batches' statistics."""
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
    model.train()
    seen = 0
    for part in images.split(batch):
        seen += part.shape[0]
        for norm in norms:
            norm.momentum = part.shape[0] / seen
        model(part)
    model.eval()


def losses(model: torch.nn.Module, data: dict) -> dict:
    """{split}_nll and {split}_acc; `data`: split -> (images, labels), float32."""
    values = {}
    for split, (images, labels) in data.items():
        values[f"{split}_nll"], values[f"{split}_acc"] = evaluate(model, images, labels)
    return values
