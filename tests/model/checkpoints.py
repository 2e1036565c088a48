"""Saves a small network in every form that people have, and compares the C++ loader's numbers with PyTorch's own, bit by bit."""
import argparse
import collections
import datetime
import decimal
import enum
import fractions
import functools
import io
import pickle
import random
import re
import tarfile
import types
import uuid
from collections import OrderedDict
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import torch
from checkpoint_loader import Loader, float_bytes, small, states_of
from orograph import convert
from safetensors.torch import load_file, save_file
from torch import nn

MODEL = small()
STATE = MODEL.state_dict()


@pytest.fixture(scope="module")
def loader():
    running = Loader(MODEL)
    yield running
    running.close()


def trained():
    """Optimizer and schedule with state: momentum buffers, a Counter of milestones."""
    optimizer = torch.optim.SGD(MODEL.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 4])
    for parameter in MODEL.parameters():
        parameter.grad = torch.ones_like(parameter)
    before = {name: tensor.clone() for name, tensor in STATE.items()}
    optimizer.step()
    schedule.step()
    MODEL.load_state_dict(before)
    states = {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
    return states | {"epoch": 3, "loss": 0.5, "best": None, "shape": torch.Size([2])}


def renamed(rename):
    return OrderedDict((rename(name), tensor) for name, tensor in STATE.items())


def layer_inside(name):
    """As with a DataParallel in the middle of the network."""
    return name.replace("layer1.", "layer1.module.")


USUAL = ["state_dict", "model_state", "model_state_dict", "model", "net", "network", "weights", "anything"]
FORMS = {
    "state_dict": lambda: STATE,
    "dict": lambda: dict(STATE),
    "parameters": lambda: dict(MODEL.named_parameters()) | dict(MODEL.named_buffers()),
    "beside other things": lambda: dict(STATE) | trained(),
    "without counters": lambda: {name: tensor for name, tensor in STATE.items() if "tracked" not in name},
    "deep": lambda: trained() | {"models": {"net": STATE}},
    "DataParallel": lambda: nn.DataParallel(MODEL).state_dict(),
    "DataParallel of a part": lambda: renamed(layer_inside),
    "compiled": lambda: renamed(lambda name: "_orig_mod." + name),
    "compiled in DataParallel": lambda: {"state_dict": renamed(lambda name: "module._orig_mod." + name)},
    "Lightning": lambda: trained() | {"state_dict": renamed(lambda name: "model." + name), "hyper_parameters": {"lr": 0.1}},
} | {f"under {key}": lambda key=key: trained() | {key: STATE} for key in USUAL}


@pytest.mark.parametrize("form", FORMS)
def test_forms(loader, tmp_path, form):
    torch.save(FORMS[form](), tmp_path / "weights")
    assert loader.values(tmp_path / "weights") == loader.expected


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickle_protocols(loader, tmp_path, protocol):
    torch.save(trained() | {"state_dict": STATE}, tmp_path / "weights.pt", pickle_protocol=protocol)
    assert loader.values(tmp_path / "weights.pt") == loader.expected


@pytest.mark.parametrize("name", ["model.t7", "model.pth.tar", "model.safetensors", "model", "mod#el.pt"])
def test_the_content_decides(loader, tmp_path, name):
    torch.save(STATE, tmp_path / name)
    assert loader.values(tmp_path / name) == loader.expected
    save_file(STATE, tmp_path / name)
    assert loader.values(tmp_path / name) == loader.expected


def test_archive_without_checksums(loader, tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(STATE, tmp_path / "weights")
    finally:
        torch.serialization.set_crc32_options(True)
    assert loader.values(tmp_path / "weights") == loader.expected


def in_one_storage():
    flat = torch.cat([torch.full((3,), torch.nan)] + [tensor.float().flatten() for tensor in STATE.values()])
    views, offset = {}, 3
    for name, tensor in STATE.items():
        views[name] = flat[offset : offset + tensor.numel()].view(tensor.shape)
        offset += tensor.numel()
    return {name: view for name, view in views.items() if "tracked" not in name}


def with_strides():
    """Views with other strides and offsets that hold the same numbers."""
    views = {}
    floats = [(name, tensor) for name, tensor in STATE.items() if tensor.is_floating_point()]
    for place, (name, tensor) in enumerate(floats):
        axes = range(tensor.dim())[::-1]
        wide = torch.full((2, *(size + 3 for size in tensor.shape)), torch.nan, dtype=torch.float32)
        inner = wide[(1, *(slice(2, 2 + size) for size in tensor.shape))]
        inner.copy_(tensor)
        views[name] = inner if place % 2 else inner.permute(*axes).contiguous().permute(*axes)
    return views


@pytest.mark.parametrize("make", [in_one_storage, with_strides, lambda: MODEL.to(memory_format=torch.channels_last).state_dict()])
def test_views(loader, tmp_path, make):
    views = make()
    assert any(not view.is_contiguous() for view in views.values()) or make is in_one_storage
    torch.save({"state_dict": views}, tmp_path / "weights")
    assert loader.values(tmp_path / "weights") == loader.expected
    MODEL.to(memory_format=torch.contiguous_format)


def test_expanded_tensors(loader, tmp_path):
    state = dict(STATE) | {"conv1.weight": torch.tensor(0.25).expand(STATE["conv1.weight"].shape)}
    torch.save(state, tmp_path / "weights")
    values = torch.frombuffer(bytearray(loader.values(tmp_path / "weights")), dtype=torch.float32)
    assert (values[: STATE["conv1.weight"].numel()] == 0.25).all()


@pytest.mark.parametrize("save", [torch.save, save_file])
@pytest.mark.parametrize("dtype,word", [(torch.float64, "rounded"), (torch.float16, "widened"), (torch.bfloat16, "widened")])
def test_dtypes_are_converted(loader, tmp_path, save, dtype, word):
    generator = torch.Generator().manual_seed(1)
    state = {name: torch.randn(tensor.shape, generator=generator, dtype=torch.float64).to(dtype) for name, tensor in STATE.items()}
    state["linear.bias"][:3] = torch.tensor([1e-7, -0.0, 6e4], dtype=torch.float64).to(dtype)  # subnormal in float16
    save(state, tmp_path / "weights")
    loader.new_log()
    parameters, states = ([state[name] for name, _ in loader.network[kind]] for kind in ("parameters", "states"))
    assert loader.values(tmp_path / "weights") == float_bytes(parameters, states)
    lines = loader.new_log().splitlines()
    name = str(dtype).removeprefix("torch.")
    assert len(lines) == 1 and f"{len(parameters) + len(states)} tensors of {name} {word} to float32" in lines[0], lines


def test_every_float16_and_bfloat16(tmp_path):
    model = nn.Module()
    model.register_parameter("all", nn.Parameter(torch.zeros(65536)))
    running = Loader(model)
    for dtype in (torch.float16, torch.bfloat16):
        bits = torch.arange(65536, dtype=torch.int32).to(torch.int16).view(dtype)
        finite = torch.where(torch.isfinite(bits), bits, torch.zeros_like(bits))
        torch.save({"all": finite}, tmp_path / "weights")
        assert running.values(tmp_path / "weights") == float_bytes([finite], [])
    running.close()


def test_float64_rounds_as_pytorch_does(tmp_path):
    model = nn.Module()
    model.register_parameter("all", nn.Parameter(torch.zeros(5)))
    running = Loader(model)
    values = torch.tensor([1 + 2**-24, 1 + 3 * 2**-24, 1e-50, 1.4e-45, 3.4028235e38], dtype=torch.float64)  # ties, underflow, the largest
    torch.save({"all": values}, tmp_path / "weights")
    assert running.values(tmp_path / "weights") == float_bytes([values], [])
    running.close()


def bad(name, value, dtype=torch.float32):
    tensor = STATE[name].to(dtype).clone()
    tensor.flatten()[2] = value
    return dict(STATE) | {name: tensor}


@pytest.mark.parametrize("save", [torch.save, save_file])
@pytest.mark.parametrize(
    "state,words",
    [
        (bad("conv1.weight", torch.nan), "conv1.weight holds NaN or infinity in 1 of 36 places"),
        (bad("bn1.running_var", -torch.inf), "bn1.running_var holds NaN or infinity in 1 of 4 places"),
        (bad("linear.bias", torch.inf, torch.float16), "linear.bias holds NaN or infinity in 1 of 10 places"),
        (bad("linear.bias", 1e39, torch.float64), "linear.bias is beyond the range of float32 in 1 of 10 places"),
        (dict(STATE) | {"linear.bias": torch.zeros(10, dtype=torch.int32)}, "linear.bias is I32: convert it to F32"),
        (dict(STATE) | {"linear.bias": torch.zeros(10, dtype=torch.complex64)}, "linear.bias is C64: convert it to F32"),
        (dict(STATE) | {"linear.bias": torch.zeros(10).to(torch.float8_e4m3fn)}, "linear.bias is F8_E4M3: convert it to F32"),
        (dict(STATE) | {"linear.bias": torch.zeros(10).to(torch.float8_e5m2)}, "linear.bias is F8_E5M2: convert it to F32"),
        (dict(STATE) | {"linear.bias": torch.zeros(20)}, "linear.bias has shape [20] instead of [10]"),
        (renamed(lambda name: name.replace("linear.bias", "linear.bais")), "'linear.bais' is unexpected (should it be linear.bias?)"),
        ({}, ""),
    ],
)
def test_mismatches(loader, tmp_path, save, state, words):
    if save is torch.save:
        state = trained() | {"state_dict": state}
    save(state, tmp_path / "weights")
    assert words in loader.refusal(tmp_path / "weights")


def test_another_width(loader, tmp_path):
    torch.save(small(width=5).state_dict(), tmp_path / "weights")
    message = loader.refusal(tmp_path / "weights")
    assert "conv1.weight has shape [5, 1, 3, 3] instead of [4, 1, 3, 3]" in message and "linear.weight has shape [10, 5]" in message


def test_of_several_the_fitting_is_taken(loader, tmp_path):
    discriminator = small(seed=5, width=6).state_dict()
    torch.save({"model": discriminator, "encoder": STATE}, tmp_path / "weights")
    assert loader.values(tmp_path / "weights") == loader.expected


def test_of_several_fitting_the_usual_is_taken_or_one_chosen(loader, tmp_path):
    average = small(seed=6)
    torch.save({"ema": average.state_dict(), "state_dict": STATE}, tmp_path / "weights")
    loader.new_log()
    assert loader.values(tmp_path / "weights") == loader.expected
    assert "'state_dict' and 'ema'" in loader.new_log()
    assert loader.values(f"{tmp_path}/weights#key=ema") == float_bytes(average.parameters(), states_of(average).values())
    assert "'state_dict'" in loader.refusal(f"{tmp_path}/weights#key=emma")
    torch.save({"first": STATE, "second": dict(STATE)}, tmp_path / "weights")
    assert "#key=first" in loader.refusal(tmp_path / "weights")


def test_none_fits(loader, tmp_path):
    torch.save({"a": {"x": torch.zeros(1)}, "b": {"y": torch.zeros(1)}}, tmp_path / "weights")
    assert "'a', 'b'" in loader.refusal(tmp_path / "weights")
    torch.save({"epoch": 3, "note": "none"}, tmp_path / "weights")
    assert "'epoch', 'note'" in loader.refusal(tmp_path / "weights")
    torch.save(torch.zeros(3), tmp_path / "weights")
    assert "no dict" in loader.refusal(tmp_path / "weights")


def test_one_tensor_twice(loader, tmp_path):
    torch.save(dict(STATE) | {"module.linear.bias": torch.zeros(10)}, tmp_path / "weights")
    assert "'linear.bias' is there twice" in loader.refusal(tmp_path / "weights")


class CurveLayer(nn.Module):
    """One layer of a curve of `bends` bends: their parameters are registered by kind, then by bend."""

    def __init__(self, layer, bends):
        super().__init__()
        for kind, parameter in layer.named_parameters(recurse=False):
            for bend in range(bends):
                self.register_parameter(f"{kind}_{bend}", nn.Parameter(torch.randn(parameter.shape)))
        for name, buffer in layer.named_buffers(recurse=False):
            self.register_buffer(name, torch.rand(buffer.shape) if buffer.is_floating_point() else buffer)


class Curve(nn.Module):
    """What Garipov et al. save: layers under net, in the order of the network's, under the names of `names` where they differ."""

    def __init__(self, model, bends, names):
        super().__init__()
        self.coeff_layer = nn.Module()
        self.coeff_layer.register_buffer("range", torch.arange(0.0, bends))
        self.net = nn.Module()
        for path, layer in model.named_modules():
            if not list(layer.children()) and list(layer.parameters()):
                self.add(names.get(path, path), CurveLayer(layer, bends))

    def add(self, path, layer):
        owner = self.net
        *folders, last = path.split(".")
        for folder in folders:
            if not hasattr(owner, folder):
                owner.add_module(folder, nn.Module())
            owner = getattr(owner, folder)
        owner.add_module(last, layer)


def vgg():
    blocks = nn.ModuleList([nn.ModuleList([nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)])])
    head = nn.Sequential(nn.Dropout(), nn.Linear(4, 5), nn.ReLU(), nn.Dropout(), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 10))
    model = nn.ModuleDict({"layer_blocks": blocks, "classifier": head})
    return model, {"classifier.1": "fc1", "classifier.4": "fc2", "classifier.6": "fc3"}


def preresnet():
    first, other = nn.Conv2d(2, 4, 1, bias=False), nn.Conv2d(2, 4, 1, bias=False)
    block = nn.ModuleDict({"bn1": nn.BatchNorm2d(2), "conv1": first, "downsample": nn.Sequential(other)})
    model = nn.ModuleDict({"conv1": nn.Conv2d(3, 2, 3, bias=False), "layer1": nn.Sequential(block), "fc": nn.Linear(4, 10)})
    return model, {"layer1.0.downsample.0": "layer1.0.downsample"}


def wide_resnet():
    block = nn.ModuleDict({"bn1": nn.BatchNorm2d(2), "conv1": nn.Conv2d(2, 4, 3), "shortcut": nn.Sequential(nn.Conv2d(2, 4, 1))})
    return nn.ModuleDict({"layer1": nn.Sequential(block), "linear": nn.Linear(4, 10)}), {"layer1.0.shortcut.0": "layer1.0.shortcut"}


def convfc():
    convs = nn.Sequential(*[layer for i in range(3) for layer in (nn.Conv2d(2, 2, 5), nn.ReLU(), nn.MaxPool2d(3))])
    linears = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 10))
    names = {"conv_part.0": "conv1", "conv_part.3": "conv2", "conv_part.6": "conv3"}
    names |= {"fc_part.0": "fc4", "fc_part.2": "fc5", "fc_part.4": "fc6"}
    return nn.ModuleDict({"conv_part": convs, "fc_part": linears}), names


def bend_by_order(curve, model, bend, bends):
    """Garipov et al. assign a bend to a network by the order of the parameters, whatever their names."""
    parameters = list(curve.net.parameters())[bend::bends]
    assert len(parameters) == len(list(model.parameters()))
    with torch.no_grad():
        for mine, theirs in zip(model.parameters(), parameters, strict=True):
            mine.copy_(theirs)
        buffers = [buffer for name, buffer in curve.net.named_buffers() if "tracked" not in name]
        for mine, theirs in zip(states_of(model).values(), buffers, strict=True):
            mine.copy_(theirs)
    return float_bytes(model.parameters(), states_of(model).values())


@pytest.mark.parametrize("make", [vgg, preresnet, wide_resnet, convfc])
@pytest.mark.parametrize("bends", [3, 11])
def test_bends_of_a_curve(tmp_path, make, bends):
    torch.manual_seed(3)
    model, names = make()
    curve = Curve(model, bends, names)
    torch.save({"epoch": 600, "model_state": curve.state_dict(), "optimizer_state": {}}, tmp_path / "curve.pt")
    running = Loader(model)
    seen = set()
    for bend in range(bends):
        expected = bend_by_order(curve, model, bend, bends)
        assert running.values(f"{tmp_path}/curve.pt#bend={bend}") == expected
        assert convert.main([f"{tmp_path}/curve.pt#bend={bend}", str(tmp_path / "new")]) == 0
        assert running.values(tmp_path / "new") == expected
        seen.add(expected)
    assert len(seen) == bends
    assert ("batch-norm" in running.new_log()) == bool(states_of(model))
    assert f"{bends} bends, 0 to {bends - 1}" in running.refusal(tmp_path / "curve.pt")
    assert f"{bends} bends" in running.refusal(f"{tmp_path}/curve.pt#bend={bends}")
    assert "FILE#bend=1" in running.refusal(f"{tmp_path}/curve.pt#bent=1", code=78)
    assert "FILE#bend=1" in running.refusal(f"{tmp_path}/curve.pt#bend=-1", code=78)
    running.close()


def test_what_is_no_curve_has_no_bends(loader, tmp_path):
    torch.save(STATE, tmp_path / "weights")
    assert "no bends" in loader.refusal(f"{tmp_path}/weights#bend=0")
    assert "cannot open" in loader.refusal(tmp_path / "nowhere", code=66)


def test_legacy_files_are_converted(loader, tmp_path, capsys):
    old, new = tmp_path / "old.t7", tmp_path / "old.safetensors"
    beside = {"acc": np.float64(91.5), "options": argparse.Namespace(lr=0.1), "epoch": np.int64(3)}
    torch.save(trained() | beside | {"state_dict": nn.DataParallel(MODEL).state_dict()}, old, _use_new_zipfile_serialization=False)
    assert f"python -m orograph.convert {old} {new}" in loader.refusal(old)
    assert convert.main([str(old), str(new)]) == 0
    assert loader.values(new) == loader.expected
    assert f"{len(STATE)} tensors" in capsys.readouterr().err
    torch.save(STATE, old, _use_new_zipfile_serialization=False)
    assert convert.main([str(old), str(new)]) == 0
    assert load_file(new).keys() == STATE.keys()
    assert list(tmp_path.iterdir()) != [] and not list(tmp_path.glob(".*"))
    for protocol in range(1, 6):
        torch.save(STATE, old, _use_new_zipfile_serialization=False, pickle_protocol=protocol)
        assert "written by torch.save" in loader.refusal(old)
        assert convert.main([str(old), str(new)]) == 0
        assert loader.values(new) == loader.expected


class Attributes(dict):
    """As configurations are kept: a dict whose items are attributes too."""

    def __getattr__(self, name):
        if name not in self:
            raise AttributeError(name)
        return self[name]


class Colour(enum.Enum):
    RED = 1


class Plain:
    def __init__(self):
        self.inner, self.names = Attributes(a=Colour.RED), {"x", frozenset("y")}


def with_slots():
    pattern = re.compile("a+")
    return {"pattern": pattern, "range": range(3), "slice": slice(1, 2), "complex": 1j, "bytes": bytearray(b"\xff\x00"), "big": 2**200}


OBJECTS = {
    "defaultdict": lambda: collections.defaultdict(list, {"loss": [1.0, 2.0]}),
    "path": lambda: {"out": Path("/tmp/x"), "pure": PurePosixPath("y")},
    "version": lambda: torch.torch_version.TorchVersion("2.1"),
    "partial": lambda: functools.partial(torch.optim.SGD, lr=0.1),
    "dates": lambda: [datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), datetime.date(2024, 1, 1), datetime.timedelta(1)],
    "namespaces": lambda: [types.SimpleNamespace(lr=0.1, inner=argparse.Namespace(a=[1])), argparse.Namespace(lr=0.1)],
    "schedule": lambda: torch.optim.lr_scheduler.StepLR(torch.optim.SGD(MODEL.parameters(), lr=0.1), 3),
    "optimizer": lambda: torch.optim.Adam(MODEL.parameters()),
    "random states": lambda: {"numpy": np.random.get_state(), "torch": torch.get_rng_state(), "python": random.getstate()},
    "generators": lambda: [np.random.default_rng(3), np.random.RandomState(3)],
    "arrays": lambda: {"a": np.arange(5.0), "b": np.zeros((2, 0)), "c": np.array(["x", None], dtype=object), "d": np.array(["2024"], "M8")},
    "numpy numbers": lambda: [np.float32(0.5), np.int64(3), np.bool_(True)],
    "own classes": lambda: [Plain(), Attributes(lr=0.1), Colour.RED],
    "other kinds": with_slots,
    "collections": lambda: [collections.Counter("aab"), collections.deque([1, 2], 5)],
    "numbers": lambda: [fractions.Fraction(1, 3), decimal.Decimal("0.1"), uuid.uuid4()],
    "a module": lambda: small(seed=3),
    "other tensors": lambda: {"sparse": torch.eye(3).to_sparse(),
                              "quantized": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
                              "meta": torch.ones(2, device="meta"), "complex": torch.ones(2, dtype=torch.complex64).conj().resolve_conj()},
    "a function and a class": lambda: [torch.nn.functional.relu, nn.Linear, len],
}  # fmt: skip


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("kind", OBJECTS)
def test_objects_beside_the_weights_are_stepped_over(loader, tmp_path, kind, protocol):
    torch.save({"first": OBJECTS[kind](), "state_dict": STATE, "last": OBJECTS[kind]()}, tmp_path / "old.pt", pickle_protocol=protocol)
    assert loader.values(tmp_path / "old.pt") == loader.expected
    assert convert.main([str(tmp_path / "old.pt"), str(tmp_path / "new")]) == 0
    assert loader.values(tmp_path / "new") == loader.expected


@pytest.mark.parametrize(
    "content",
    [collections.defaultdict(list, STATE), {"epoch": 3, "state": Attributes(STATE)}, Attributes(net=Attributes(STATE)), [dict(STATE), 3]],
)
def test_weights_in_dicts_of_other_classes(loader, tmp_path, content):
    torch.save(content, tmp_path / "weights")
    assert loader.values(tmp_path / "weights") == loader.expected
    assert convert.main([str(tmp_path / "weights"), str(tmp_path / "new")]) == 0
    assert loader.values(tmp_path / "new") == loader.expected


def parameters_with_attributes():
    state = {name: nn.Parameter(tensor.clone()) if tensor.is_floating_point() else tensor for name, tensor in STATE.items()}
    for tensor in state.values():
        tensor.note = "mine"
    return state


def test_parameters_with_attributes(loader, tmp_path):
    torch.save(parameters_with_attributes(), tmp_path / "weights")
    assert b"_rebuild_parameter_with_state" in (tmp_path / "weights").read_bytes()
    assert loader.values(tmp_path / "weights") == loader.expected
    assert convert.main([str(tmp_path / "weights"), str(tmp_path / "new")]) == 0
    assert loader.values(tmp_path / "new") == loader.expected


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("make", [lambda: STATE, lambda: {"model": STATE, "x": Plain()}, lambda: {k: v.numpy() for k, v in STATE.items()}])
def test_bare_pickles_are_converted(loader, tmp_path, protocol, make):
    old, new = tmp_path / "old.pkl", tmp_path / "old.safetensors"
    old.write_bytes(pickle.dumps(make(), protocol))
    message = loader.refusal(old)
    assert "written by pickle.dump" in message and f"python -m orograph.convert {old} {new}" in message
    assert convert.main([str(old), str(new)]) == 0
    assert loader.values(new) == loader.expected


def test_prefixes_and_keys_are_converted(loader, tmp_path, capsys):
    both = {"student." + name: tensor for name, tensor in STATE.items()} | {"teacher.x": torch.zeros(1)}
    torch.save({"weights": both, "ema": {"x": torch.zeros(1)}}, tmp_path / "old")
    for choice in ([f"{tmp_path}/old#prefix=student."], [f"{tmp_path}/old#key=weights#prefix=student"],
                   [f"{tmp_path}/old", "--key", "weights", "--prefix", "student."]):  # fmt: skip
        assert convert.main([*choice, str(tmp_path / "new")]) == 0
        assert load_file(tmp_path / "new").keys() == STATE.keys()
    assert convert.main([f"{tmp_path}/old#prefix=nobody", str(tmp_path / "no")]) == 65
    assert "'student', 'teacher'" in capsys.readouterr().err
    assert convert.main([f"{tmp_path}/old#bend=1", str(tmp_path / "no")]) == 65
    assert convert.main([f"{tmp_path}/old#bend=x", str(tmp_path / "no")]) == 64
    assert convert.main([f"{tmp_path}/old#key=weights#key=ema", str(tmp_path / "no")]) == 64
    assert convert.main([str(tmp_path / "new"), str(tmp_path / "again")]) == 0  # of safetensors
    assert loader.values(tmp_path / "again") == loader.expected


def test_a_key_is_converted(loader, tmp_path):
    torch.save({"a": {"b": STATE}, "c": 1}, tmp_path / "deep.pt")
    assert convert.main([str(tmp_path / "deep.pt"), str(tmp_path / "new"), "--key", "a.b"]) == 0
    assert loader.values(tmp_path / "new") == loader.expected


AVERAGE = {name: tensor + 1 if tensor.is_floating_point() else tensor for name, tensor in STATE.items()}
AS_ARRAYS = {name: tensor.numpy() for name, tensor in STATE.items()}
LARGE = AVERAGE | {f"x{k}": torch.zeros(1) for k in range(80)}
OTHER_SHAPES = {name: tensor for name, tensor in small(width=7).state_dict().items() if name.startswith(("conv1", "layer1"))}
# Of each the program takes one; convert the same, or (False) it does not guess.
CHOICES = {
    "a counter beside the average": ({"module": STATE, "averages": AVERAGE | {"n_averaged": torch.tensor(3)}}, True),
    "the top": (dict(STATE) | {"net": AVERAGE}, True),
    "the top last": ({"net": AVERAGE} | dict(STATE), True),
    "weights of a loss": ({"weights": {"class_weights": torch.ones(10)}, "mymodel": STATE}, True),
    "weights of a loss named weight": ({"loss": {"weight": torch.ones(10)}, "mymodel": STATE}, True),
    "a usual and an unusual key": ({"averages": AVERAGE, "deep": {"model": STATE}}, True),
    "a smaller one within a larger": ({"model": STATE, "everything": LARGE}, False),
    "a smaller one with more beside it": ({"model": dict(STATE) | {"y": torch.zeros(1)}, "everything": LARGE}, False),
    "a smaller one of other shapes": ({"model": OTHER_SHAPES, "everything": LARGE}, True),
    "arrays under the more usual key": ({"model": AS_ARRAYS, "ema": AVERAGE}, False),
    "two nested ones": ({"a": {"model": STATE}, "b": {"model": AVERAGE}}, False),
}


@pytest.mark.parametrize("case", CHOICES)
def test_converting_takes_what_the_program_takes(loader, tmp_path, capsys, case):
    content, is_clear = CHOICES[case]
    torch.save(content, tmp_path / "old")
    code = convert.main([f"{tmp_path}/old", f"{tmp_path}/new"])
    said = capsys.readouterr().err
    if is_clear:
        assert code == 0 and "taken those under" in said
        assert loader.values(tmp_path / "new") == loader.values(tmp_path / "old")
    else:
        assert code == 65 and len(said.splitlines()) == 1 and said.count("#key=") == 2, said


@pytest.mark.parametrize("content", [{0: STATE, "epoch": 3}, {"folds": [STATE]}, {"net": AS_ARRAYS}, [[STATE]], MODEL, []])
def test_a_refusal_says_what_to_try(loader, tmp_path, content):
    """Forms that only convert reads."""
    torch.save(content, tmp_path / "old")
    message = loader.refusal(tmp_path / "old")
    assert "orograph.convert" in message and not message.endswith(": ") and ": ;" not in message, message
    if content:
        assert convert.main([f"{tmp_path}/old", f"{tmp_path}/new"]) == 0
        assert loader.values(tmp_path / "new") == loader.expected


UNREADABLE = {
    "sparse": lambda: torch.eye(10).to_sparse(),
    "CSR": lambda: torch.eye(10).to_sparse_csr(),
    "quantised": lambda: torch.quantize_per_tensor(torch.ones(10), 0.1, 0, torch.qint8),
    "meta": lambda: torch.ones(10, device="meta"),
    "conjugated": lambda: torch.ones(10, dtype=torch.complex64).conj(),
    "negated": lambda: torch.ones(10, dtype=torch.complex64).conj().imag,
    "of nine dimensions": lambda: torch.ones([1] * 9),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_is_refused_only_where_it_is_needed(loader, tmp_path, kind):
    torch.save(dict(STATE) | {"beside": UNREADABLE[kind]()}, tmp_path / "weights")
    assert loader.values(tmp_path / "weights") == loader.expected
    assert convert.main([f"{tmp_path}/weights", f"{tmp_path}/new"]) == 0
    assert loader.values(tmp_path / "new") == loader.expected
    torch.save(dict(STATE) | {"linear.bias": UNREADABLE[kind]()}, tmp_path / "weights")
    words = "has shape" if "nine" in kind else "negated view" if kind in ("conjugated", "negated") else "is sparse, quantised or without"
    message = loader.refusal(tmp_path / "weights")
    assert "linear.bias" in message and words in message and "conv1" not in message, message


class Runs:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (str(self.marker), "w")


@pytest.mark.parametrize("zipped", [True, False])
def test_converting_runs_nothing(tmp_path, capsys, zipped):
    torch.save({"state_dict": STATE, "x": Runs(tmp_path / "marker")}, tmp_path / "old", _use_new_zipfile_serialization=zipped)
    assert convert.main([str(tmp_path / "old"), str(tmp_path / "new")]) == 0
    assert load_file(tmp_path / "new").keys() == STATE.keys() and not (tmp_path / "marker").exists()
    torch.save(Runs(tmp_path / "marker"), tmp_path / "old", _use_new_zipfile_serialization=zipped)
    assert convert.main([str(tmp_path / "old"), str(tmp_path / "none")]) == 65
    assert not (tmp_path / "marker").exists() and not (tmp_path / "none").exists()
    assert capsys.readouterr().err.count("error: ") == 1


@pytest.mark.parametrize("zipped", [True, False])
def test_whole_modules_are_converted(loader, tmp_path, zipped):
    for content in (MODEL, {"net": MODEL, "acc": 91.5}, nn.DataParallel(MODEL)):
        torch.save(content, tmp_path / "old", _use_new_zipfile_serialization=zipped)
        assert convert.main([str(tmp_path / "old"), str(tmp_path / "new")]) == 0
        assert loader.values(tmp_path / "new") == loader.expected
        assert not zipped or "orograph.convert" in loader.refusal(tmp_path / "old")


def test_converting_refuses_in_one_line(loader, tmp_path, capsys):
    with tarfile.open(tmp_path / "tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("pickle"), io.BytesIO())
    torch.save({"a": 1}, tmp_path / "empty")
    (tmp_path / "text").write_text("not a checkpoint")
    cases = {"tar": 65, "empty": 65, "text": 65, "nowhere": 66}
    for name, code in cases.items():
        assert convert.main([str(tmp_path / name), str(tmp_path / "new")]) == code, name
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert "weights_only=False" in loader.refusal(tmp_path / "tar")
    torch.save(MODEL, tmp_path / "module")
    assert "Small" in loader.refusal(tmp_path / "module")
    assert "neither safetensors nor" in loader.refusal(tmp_path / "text")
    torch.save(STATE, tmp_path / "good")
    assert convert.main([str(tmp_path / "good"), str(tmp_path / "no/folder")]) == 73
