"""Curves, surfaces and planes of exported networks that Network::ops cannot express, batch norm recalibrated at each point: losses against
PyTorch in float64 to 1e-5, accuracies exactly; what cannot be recalibrated is refused without advice that leads back.

usage: exported_curves.py PROGRAM
"""

import copy
import json
import sys
import tempfile
import warnings
from pathlib import Path

import h5py
import torch
from safetensors import safe_open
from torch import nn
from torch.nn import functional as F

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "model"), str(Path(__file__).parents[2] / "python")]
warnings.filterwarnings("ignore", category=FutureWarning)
from curve_oracle import bezier  # noqa: E402
from plain_pytorch import evaluate, load_split  # noqa: E402
from program import expect, report_checks, run, write_config  # noqa: E402

import orograph  # noqa: E402

PROGRAM = sys.argv[1]
IMAGES, LIMIT, BATCH = 48, 45, 16  # the last batch has 13
T = [0, 0.25, 0.75]
EXAMPLE = torch.zeros(2, 1, 32, 32)


def unit(inputs, outputs, activation, stride=1, groups=1):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, groups=groups, bias=False), nn.BatchNorm2d(outputs), activation())


class Network(nn.Module):
    """A stem, what the class adds, and a head."""

    def __init__(self, width=12):
        super().__init__()
        self.stem, self.head = unit(1, 12, nn.ReLU, 2), nn.Linear(width, 10)

    def forward(self, images):
        return self.head(self.body(F.avg_pool2d(self.stem(images), 2)).mean((2, 3)))


class Mobile(Network):
    """MobileNetV2's inverted residual, with ReLU6 and a linear bottleneck; a batch norm whose momentum counts, one without weights."""

    def __init__(self):
        super().__init__()
        self.wide, self.depthwise = unit(12, 24, nn.ReLU6), unit(24, 24, nn.ReLU6, groups=24)
        self.narrow = nn.Sequential(nn.Conv2d(24, 12, 1), nn.BatchNorm2d(12, momentum=None), nn.BatchNorm2d(12, affine=False))
        self.drop = nn.Dropout(0.5)

    def body(self, x):
        return self.drop(x + self.narrow(self.depthwise(self.wide(x))))


class OptionA(Network):
    def __init__(self):
        super().__init__(24)
        self.conv, self.bn = nn.Conv2d(12, 24, 3, 2, 1), nn.BatchNorm2d(24, eps=1e-3)

    def body(self, x):
        return F.relu(self.bn(self.conv(x)) + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 6, 6)))


class Squeeze(Network):
    """Squeeze and excitation, SiLU, and a batch norm of rows [B, C]."""

    def __init__(self):
        super().__init__()
        self.conv, self.squeeze = unit(12, 12, nn.SiLU), nn.Sequential(nn.Linear(12, 6), nn.BatchNorm1d(6), nn.SiLU(), nn.Linear(6, 12))

    def body(self, x):
        y = self.conv(x)
        return x + y * torch.sigmoid(self.squeeze(y.mean((2, 3))))[:, :, None, None]


class Shuffle(Network):
    """Channels shuffled by reshape and transpose, split in two; a buffer that is no statistic."""

    def __init__(self):
        super().__init__()
        self.branch = unit(6, 6, nn.ReLU)
        self.register_buffer("scale", torch.rand(12, 1, 1) + 0.5)

    def body(self, x):
        first, second = (x * self.scale).chunk(2, dim=1)
        x = torch.cat([first, self.branch(second)], 1)
        return x.reshape(x.shape[0], 2, 6, *x.shape[2:]).transpose(1, 2).reshape(x.shape)


class InPlace(Network):
    """What torch.export writes in its functional form only."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(12, 12, 3, padding=1), nn.BatchNorm2d(12)

    def body(self, x):
        x = self.bn(self.conv(x))
        x[:, 3] += 0.5
        return F.gelu(x)


class Shared(Network):
    """One batch norm in two places."""

    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(12)

    def body(self, x):
        return self.bn(F.silu(self.bn(x)))


NETWORKS = {kind.__name__: kind for kind in (Mobile, OptionA, Squeeze, Shuffle, InPlace)}


def make(kind, seed: int) -> nn.Module:
    """Batch norms with scales, shifts and statistics of their own."""
    torch.manual_seed(seed)
    model = kind().eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            for tensor in (module.weight, module.running_var):
                if tensor is not None:
                    nn.init.uniform_(tensor, 0.5, 1.5)
            for tensor in (module.bias, module.running_mean):
                if tensor is not None:
                    nn.init.normal_(tensor, 0, 0.3)
    return model


def export(folder: Path, kind, count: int) -> tuple[list, list]:
    models = [make(kind, seed) for seed in range(count)]
    paths = [folder / f"{kind.__name__}-{seed}.safetensors" for seed in range(count)]
    for model, path in zip(models, paths, strict=True):
        orograph.export(model, EXAMPLE, path)
    return models, [str(path) for path in paths]


def at(models: list, coefficients: list) -> nn.Module:
    """The parameters of sum_k c_k theta_k, which the program rounds to float32, with the first model's buffers; float64."""
    model = copy.deepcopy(models[0])
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(sum(c * dict(other.named_parameters())[name].double() for c, other in zip(coefficients, models, strict=True)))
    return model.double()


@torch.no_grad()
def recalibrate(model: nn.Module, images: torch.Tensor) -> nn.Module:
    """PyTorch's training form of batch norm and of nothing else, momentum b / (n + b) from fresh statistics."""
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.train()
    seen = 0
    for part in images[:LIMIT].split(BATCH):
        seen += len(part)
        for norm in norms:
            norm.momentum = len(part) / seen
        model(part)
    return model.eval()


def config_of(folder: Path, job: str, name: str, file: str, **sections) -> dict:
    return {
        "job": job,
        "model": {"architecture": "exported", "file": file},
        "data": {"set": "fashion-mnist", "limit": IMAGES},
        "evaluate": {"batch_norm": "recalibrate", "recalibrate": {"batch": BATCH, "limit": LIMIT}},
        "output": {"file": str(folder / f"{name}-{job}.h5")},
        "run": {"threads": 2, "progress": "none"},
    } | sections


def values_of(config: dict, path: Path) -> h5py.File:
    result = run(PROGRAM, [config["job"], write_config(path, config)], ranks=0)
    expect(result.returncode == 0, f"{path.name}: exit code {result.returncode}: {result.stderr[-800:]}")
    expect("auto takes the reference evaluator" in result.stderr, f"{path.name}: {result.stderr}")
    return h5py.File(config["output"]["file"])


def compare(what: str, point: nn.Module, data: dict, found) -> None:
    """found(split, field): what the program has."""
    for split, (images, labels) in data.items():
        loss, accuracy = evaluate(point, images, labels)
        expect(abs(found(split, "loss") / loss - 1) < 1e-5, f"{what}: {split} loss {found(split, 'loss')}, PyTorch {loss}")
        expect(found(split, "acc") == accuracy, f"{what}: {split} accuracy {found(split, 'acc')}, PyTorch {accuracy}")


def check_curve(folder: Path, name: str, data: dict) -> None:
    models, files = export(folder, NETWORKS[name], 2)
    grid = {"t": [T[0], T[-1], 4]}
    config = config_of(folder, "curve", name, files[0], curve={"kind": "segment", "ends": files}, grid=grid)
    with values_of(config, folder / f"{name}-curve.yaml") as file:
        for t in T:
            number = [round(value, 9) for value in file["t"][()]].index(t)
            point = recalibrate(at(models, [1 - t, t]), data["train"][0])
            compare(f"{name} at t = {t}", point, data, lambda split, field: file[f"{split}_{'nll' if field == 'loss' else field}"][number])


def check_surfaces(folder: Path, data: dict) -> None:
    """A surface, whose centre has statistics of its own images, and a plane through three networks."""
    models, files = export(folder, OptionA, 3)
    random = {axis: {"kind": "random", "seed": seed} for axis, seed in (("x", 1), ("y", 2))}
    config = config_of(folder, "surface", "OptionA", files[0], directions=random, grid={"x": [-1, 1, 3], "y": [0, 1, 2]})
    with values_of(config, folder / "surface.yaml") as file:
        point = recalibrate(at(models[:1], [1]), data["train"][0])
        compare("the centre of a surface", point, data, lambda split, field: file[f"{split}_{field}"][1, 0])
    plane = {"x": {"kind": "plane", "weights": files[1]}, "y": {"kind": "plane", "weights": files[2]}}
    shown = {"kind": "bezier", "ends": files[:2], "bends": files[2:], "samples": 3}
    config = config_of(folder, "surface", "plane", files[0], directions=plane, curve=shown, grid={"x": [0, 1, 3], "y": [0, 1, 2]})
    with values_of(config, folder / "plane.yaml") as file:
        middle = recalibrate(at(models, [0.5, 0.5, 0]), data["train"][0])
        compare("a plane between two points", middle, data, lambda split, field: file[f"{split}_{field}"][1, 0])
        expect(file["curve/bends"].shape == (3, 2), "the plane has no curve")
    config = config_of(folder, "curve", "bezier", files[0], curve={key: shown[key] for key in ("kind", "ends", "bends")}, grid={"t": [0, 1, 5]})
    with values_of(config, folder / "bezier.yaml") as file:
        first, bend, last = bezier(3, 0.75)
        point = recalibrate(at(models, [first, last, bend]), data["train"][0])
        compare("a bezier", point, data, lambda split, field: file[f"{split}_{'nll' if field == 'loss' else field}"][3])


class Scaled(Network):
    """A float buffer that is no statistics of a batch norm."""

    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.rand(1, 12, 1, 1) + 0.5)

    def body(self, x):
        return F.silu(x) * self.scale


def check_fixed_states(folder: Path, data: dict) -> None:
    """Buffers in which the ends differ stay the first one's, and the program says so once; of equal ones it says nothing."""
    models, files = export(folder, Scaled, 2)
    for ends, warned in ((files, 1), (files[:1] * 2, 0)):
        config = config_of(folder, "curve", f"scaled-{warned}", files[0], curve={"kind": "segment", "ends": ends}, grid={"t": [0, 1, 3]})
        result = run(PROGRAM, ["curve", write_config(folder / "scaled.yaml", config)], ranks=2)
        said = [line for line in result.stderr.splitlines() if "unlike buffers" in line]
        expect(result.returncode == 0 and len(said) == warned, f"{ends}: {result.returncode} {result.stderr[-800:]}")
        expect(all("'scale'" in line and "running_mean" not in line for line in said), said)
    with h5py.File(folder / "scaled-1-curve.h5") as file:
        end = recalibrate(at(models, [0, 1]), data["train"][0])
        compare("an end with the other's buffer", end, data, lambda split, field: file[f"{split}_{'nll' if field == 'loss' else field}"][2])


def refused(folder: Path, code: int, words: list, config: dict) -> None:
    for ranks in (0, 2):
        result = run(PROGRAM, [config["job"], write_config(folder / "refused.yaml", config)], ranks)
        lines = [line for line in result.stderr.splitlines() if " error " in line]
        expect(result.returncode == code and len(lines) == 1, f"{words} at {ranks} ranks: {result.returncode} {result.stderr[-800:]}")
        expect(all(word in lines[0] for word in words), f"{words} at {ranks} ranks: {lines}")
        expect("evaluate.batch_norm" not in lines[0] or config["job"] != "curve", f"advice that leads back: {lines[0]}")
        expect(not Path(config["output"]["file"]).exists(), f"{words}: something is left behind")


def check_refusals(folder: Path) -> None:
    _, shared = export(folder, Shared, 2)
    ends, grid = {"kind": "segment", "ends": shared}, {"t": [0, 1, 2]}
    for policy in ("recalibrate", "frozen"):
        config = config_of(folder, "curve", "shared", shared[0], curve=ends, grid=grid, evaluate={"batch_norm": policy})
        refused(folder, 69, ["batch_norm", "several places", "batch norm of its own"], config)
    line = {"directions": {"x": {"kind": "random"}}, "grid": {"x": [-1, 1, 2]}}
    refused(folder, 69, ["several places", "set evaluate.batch_norm: frozen"], config_of(folder, "line", "shared", shared[0], **line))
    _, rows = export(folder, Squeeze, 1)
    evaluate = {"batch_norm": "recalibrate", "recalibrate": {"batch": 8, "limit": 41}}
    refused(folder, 78, ["one image", "evaluate.recalibrate"], config_of(folder, "line", "rows", rows[0], evaluate=evaluate, **line))
    training = {"job": "train", "model": {"architecture": "exported", "file": shared[0]}, "curve": {"ends": shared}, "output": {"folder": str(folder / "run"), "file": str(folder / "run")}}
    training["output"].pop("file")
    result = run(PROGRAM, ["train", write_config(folder / "train.yaml", training)], ranks=0)
    expect(result.returncode == 69 and "cannot be trained here" in result.stderr, f"training: {result.returncode} {result.stderr[-500:]}")
    expect("set " not in result.stderr.split("cannot be trained")[1], f"training: advice to no end: {result.stderr}")


def main() -> None:
    torch.set_num_threads(1)
    data = {split: load_split(split, IMAGES) for split in ("train", "test")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for network in NETWORKS:
            check_curve(folder, network, data)
        with safe_open(folder / "InPlace-0.safetensors", "pt") as file:
            operators = {node["operator"] for node in json.loads(file.metadata()["orograph.graph"])["nodes"]}
        expect("aten::_native_batch_norm_legit_no_training" in operators, f"the functional form was not tested: {operators}")
        check_surfaces(folder, data)
        check_fixed_states(folder, data)
        check_refusals(folder)
    report_checks(at_least=120)


main()
