"""Compares the C++ networks with pytorch_models.py: names, shapes, counts, logits, gradients, running statistics, files both ways."""
import json
import math
import os
import subprocess

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from pytorch_models import make_model, randomize

RESNETS = [f"resnet{depth}" for depth in (20, 32, 44, 56, 110, 18, 34, 50, 101, 152)]
RESNETS += ["wrn56_2", "wrn56_4", "wrn56_8", "wrn110_2", "wrn110_4"]
ARCHITECTURES = [name + variant for name in RESNETS for variant in ("", "_noshort")]
ARCHITECTURES += [f"resnet{depth}_a" for depth in (20, 32, 44, 56, 110)]
ARCHITECTURES += ["resnet50_16_noshort", "vgg9", "densenet121", "vgg16", "vgg16bn", "vgg19", "vgg19bn", "preresnet110", "preresnet164",
                  "wrn28_10", "convfc", "lenet5", "mlp"]
# Only names, shapes and counts: deeper or wider than one that is compared in full, of the same blocks.
REPEATING = ("resnet110", "wrn110", "wrn56_8")
COMPARED = [name for name in ARCHITECTURES if not name.startswith(REPEATING)]
LARGE = ("resnet101", "resnet152", "wrn28_10")
# Every kind of block, and every architecture that has blocks of its own.
TRAINED = ["resnet20", "resnet20_a", "resnet56_a", "resnet32_noshort", "resnet50_16_noshort", "resnet18", "resnet50", "resnet50_noshort", "resnet152",
           "resnet152_noshort", "wrn56_2", "vgg9", "densenet121", "vgg16", "vgg19bn", "preresnet110", "preresnet164", "wrn28_10",
           "convfc", "lenet5", "mlp"]
# He et al. 2016, table 6: millions of parameters of the CIFAR networks (without projections), 3 channels, 10 classes.
MILLIONS = {"resnet20": 0.27, "resnet32": 0.46, "resnet44": 0.66, "resnet56": 0.85, "resnet110": 1.7}
GREYSCALE = ("resnet20", "vgg9", "densenet121", "preresnet164", "convfc", "lenet5", "mlp")  # and 100 classes, in test_logits


class Program:
    """The running dump_network."""

    def __init__(self):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen([os.environ["DUMP_NETWORK"]], text=True, **pipes)

    def raw(self, action, architecture, channels, classes, **request):
        request |= {"action": action, "architecture": architecture, "channels": channels, "classes": classes}
        plain = {key: value if isinstance(value, int) else str(value) for key, value in request.items()}
        self.process.stdin.write(json.dumps(plain) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def __call__(self, *arguments, **request):
        answer = self.raw(*arguments, **request)
        assert "error" not in answer, answer
        return answer

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=60) == 0


@pytest.fixture(scope="module")
def program():
    running = Program()
    yield running
    running.close()


def relative_difference(ours, theirs):
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    return ((ours - theirs).abs().max() / theirs.abs().max().clamp_min(1e-30)).item()


def oracle(architecture, channels=3, classes=10, seed=1):
    torch.manual_seed(seed)
    return randomize(make_model(architecture, channels, classes), seed)


def dense_state(model):
    return {name: tensor.contiguous() for name, tensor in model.state_dict().items()}


def count_multiply_adds(model, channels):
    total = 0

    def add(module, _, output):
        nonlocal total
        total += module.weight.numel() * output[0][0].numel()

    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(add)
    model.eval()(torch.zeros(1, channels, 32, 32, device="meta"))
    return total


@pytest.mark.parametrize("channels,classes", [(1, 10), (3, 100)])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_names_shapes_and_counts(program, architecture, channels, classes):
    ours = program("describe", architecture, channels, classes)
    with torch.device("meta"):
        model = make_model(architecture, channels, classes)
    assert ours["parameters"] == [[name, list(tensor.shape)] for name, tensor in model.named_parameters()]
    assert ours["states"] == [[name, list(tensor.shape)] for name, tensor in model.named_buffers() if "num_batches" not in name]
    assert ours["state_dict"] == list(model.state_dict())
    assert ours["parameter_count"] == sum(tensor.numel() for tensor in model.parameters())
    if channels == 3:
        assert ours["multiply_adds"] == count_multiply_adds(model, channels)


@pytest.mark.parametrize("architecture", MILLIONS)
def test_sizes_are_the_papers(program, architecture):
    parameters = program("describe", architecture, 3, 10)["parameters"]
    millions = sum(math.prod(shape) for name, shape in parameters if "shortcut" not in name) / 1e6
    decimals = 1 if MILLIONS[architecture] > 1 else 2
    assert round(millions, decimals) == MILLIONS[architecture]


@pytest.mark.parametrize("architecture", COMPARED)
def test_logits(program, tmp_path, architecture):
    channels, classes = (1, 100) if architecture in GREYSCALE else (3, 10)
    model = oracle(architecture, channels, classes).eval()
    images = torch.randn(2, channels, 32, 32)
    files = {role: tmp_path / f"{role}.safetensors" for role in ("weights", "input", "output")}
    save_file(dense_state(model), files["weights"])
    save_file({"images": images}, files["input"])
    tolerances = {torch.float32: 1e-5} if architecture.startswith(LARGE) else {torch.float32: 1e-5, torch.float64: 1e-12}
    for dtype, tolerance in tolerances.items():
        program("logits", architecture, channels, classes, dtype=str(dtype).removeprefix("torch."), **files)
        ours = load_file(files["output"])["logits"]
        with torch.no_grad():
            theirs = model.to(dtype)(images.to(dtype))
        assert theirs.shape == (2, classes) and theirs.std() > 0
        assert relative_difference(ours, theirs) <= tolerance


@pytest.mark.parametrize("architecture", TRAINED)
def test_training_step(program, tmp_path, architecture):
    """In float64, whose rounding even the deep networks without shortcuts do not amplify to anything; results compared as float32."""
    model = oracle(architecture).train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    count = 8 if architecture in ("vgg9", "mlp", "lenet5") else 2
    images, labels = torch.randn(count, 3, 32, 32), torch.randint(0, 10, (count,))
    files = {role: tmp_path / f"{role}.safetensors" for role in ("weights", "input", "output")}
    save_file(dense_state(model), files["weights"])
    save_file({"images": images, "labels": labels}, files["input"])
    program("step", architecture, 3, 10, **files)
    ours = load_file(files["output"])

    logits = model.double()(images.double())
    F.cross_entropy(logits, labels).backward()
    theirs = {"logits": logits.detach()} | {f"gradient.{name}": tensor.grad for name, tensor in model.named_parameters()}
    theirs |= {name: tensor for name, tensor in model.named_buffers() if "num_batches" not in name}
    assert ours.keys() == theirs.keys()
    # A bias before a batch norm has gradient zero up to rounding, so tensors are measured against the largest gradient of all too.
    largest = max(tensor.abs().max() for name, tensor in theirs.items() if name.startswith("gradient."))
    for name, tensor in theirs.items():
        if name.startswith("gradient."):
            assert (ours[name] - tensor).abs().max() <= 1e-6 * max(tensor.abs().max(), 1e-6 * largest), name
        else:
            assert relative_difference(ours[name], tensor.float()) <= 1e-6, name


@pytest.mark.parametrize("architecture", ["resnet20", "resnet20_noshort", "resnet20_a", "resnet18_noshort", "wrn56_2", "vgg9", "vgg16bn", "mlp"])
def test_our_files_load_in_pytorch(program, tmp_path, architecture):
    program("initial", architecture, 3, 10, seed=7, output=tmp_path / "initial.safetensors")
    model = make_model(architecture, 3, 10)
    model.load_state_dict(load_file(tmp_path / "initial.safetensors"), strict=True)
    checked = 0
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            deviation = math.sqrt(2 / module.weight[0].numel())
            assert abs(module.weight.std().item() / deviation - 1) < 6 / math.sqrt(2 * module.weight.numel())
            assert abs(module.weight.mean().item()) < 6 * deviation / math.sqrt(module.weight.numel())
            checked += 1
        if isinstance(module, nn.Linear):
            bound = 1 / math.sqrt(module.in_features)
            assert 0.98 * bound < module.weight.abs().max().item() <= bound
            assert module.bias.abs().max().item() <= bound and module.bias.std() > 0
            assert abs(module.weight.std().item() / (bound / math.sqrt(3)) - 1) < 6 / math.sqrt(module.weight.numel())
            checked += 1
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            fresh = type(module)(module.num_features).state_dict()
            assert all(torch.equal(tensor, fresh[name]) for name, tensor in module.state_dict().items())
    assert checked >= 3


def test_counters_may_be_absent_and_classes_may_not_differ(program, tmp_path):
    model = oracle("resnet20")
    tensors = {name: tensor for name, tensor in dense_state(model).items() if "num_batches" not in name}
    save_file(tensors, tmp_path / "weights.safetensors")
    save_file({"images": torch.randn(2, 3, 32, 32)}, tmp_path / "input.safetensors")
    files = {role: tmp_path / f"{role}.safetensors" for role in ("weights", "input", "output")}
    program("logits", "resnet20", 3, 10, dtype="float32", **files)
    answer = program.raw("logits", "resnet20", 3, 100, dtype="float32", **files)
    assert "linear.weight has shape [10, 64] instead of [100, 64]" in answer["error"]
