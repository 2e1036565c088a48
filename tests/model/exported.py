"""Models exported from Python against PyTorch: logits, gradients, states; what cannot be exported; what the program refuses."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
import own_models  # noqa: E402

import orograph  # noqa: E402

NAMES = ("transformer", "convolutional", "mobile", "oddities")
UNMAPPED = {"transformer": "aten::flatten", "convolutional": "", "mobile": "aten::hardtanh", "oddities": "operators in place"}
EXAMPLE = torch.zeros(2, 1, 32, 32)
DATA = 65


@pytest.fixture(scope="module")
def program():
    torch.set_num_threads(1)
    process = subprocess.Popen([os.environ["RUN_EXPORTED"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(**request) -> dict:
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield ask
    process.stdin.close()
    assert process.wait() == 0


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """Path and model by name; each exported once, as its user does."""
    folder = tmp_path_factory.mktemp("exports")
    made = {}
    for seed, name in enumerate(NAMES):
        made[name] = folder / f"{name}.safetensors", own_models.make(name, seed)
        orograph.export(made[name][1], EXAMPLE, made[name][0])
    return made


def inputs(path: Path, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(batch)
    images, labels = torch.randn(batch, 1, 32, 32), torch.randint(10, (batch,))
    save_file({"images": images, "labels": labels}, path)
    return images, labels


def close(found, wanted, tolerance) -> bool:
    return found.shape == wanted.shape and (found.double() - wanted.double()).abs().max().item() <= tolerance * wanted.abs().max().item() + 1e-12


def compare(program, path, model, folder, batch, dtype, training=False, **request) -> int:
    """Logits, gradients and states of a batch; how many tensors were compared."""
    images, labels = inputs(folder / "in.safetensors", batch)
    reply = program(file=str(path), input=str(folder / "in.safetensors"), output=str(folder / "out.safetensors"), dtype=dtype, training=training, **request)
    assert "error" not in reply, reply
    exact = copy.deepcopy(model).double().train(training)
    for module in exact.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    logits = exact(images.double())
    F.cross_entropy(logits, labels).backward()
    out, tolerance = load_file(folder / "out.safetensors"), 1e-10 if dtype == "float64" else 2e-4
    assert close(out["logits"], logits, tolerance)
    compared = 1
    for name, parameter in exact.named_parameters():
        wanted = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        assert close(out["gradient." + name], wanted, tolerance), name
        compared += 1
    for name in reply["states"]:
        assert close(out["state." + name], exact.state_dict()[name], tolerance), name
        compared += 1
    return compared


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ("float32", "float64"))
def test_agrees_with_pytorch(program, exports, tmp_path, name, dtype):
    path, model = exports[name]
    for batch in (1, 6):
        assert compare(program, path, model, tmp_path, batch, dtype) > len(list(model.parameters()))


def test_maps_what_fits(program, exports, tmp_path):
    inputs(tmp_path / "in", 2)
    for name, (path, model) in exports.items():
        reply = program(file=str(path), input=str(tmp_path / "in"), output=str(tmp_path / "out"), dtype="float32")
        assert reply["unmapped"].startswith(UNMAPPED[name]) and bool(reply["unmapped"]) == bool(UNMAPPED[name]), reply
        assert reply["parameters"] == [key for key, _ in model.named_parameters()]
        assert reply["classes"] == 10


def test_functional_form_does_not_train(program, tmp_path):
    """Its dropout is gone, so that the network would train as another one: it is not mapped, though every operator is."""

    class Changes(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(1024, 10)

        def forward(self, images):
            rows = F.max_pool2d(images, 1).flatten(1)
            rows.view(-1, 1024).relu_()
            return self.head(F.dropout(rows, 0.5, self.training))

    orograph.export(Changes(), EXAMPLE, tmp_path / "m.safetensors")
    inputs(tmp_path / "in", 2)
    reply = program(file=str(tmp_path / "m.safetensors"), input=str(tmp_path / "in"), output=str(tmp_path / "out"), dtype="float32")
    assert reply["unmapped"].startswith("operators in place"), reply


def test_counts_multiply_adds(program, exports, tmp_path):
    """By hooks on the modules: MobileNet's, which is not mapped, as the mapped one of the same convolutions."""
    inputs(tmp_path / "in", 2)
    counts = []

    def count(module, _, result):
        per_value = module.weight.numel() // module.weight.shape[0]
        counts.append(per_value * result[0].numel())

    model = exports["convolutional"][1]
    handles = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    model(torch.zeros(2, 1, 32, 32))
    for handle in handles:
        handle.remove()
    for name in ("convolutional", "mobile"):
        reply = program(file=str(exports[name][0]), input=str(tmp_path / "in"), output=str(tmp_path / "out"), dtype="float32")
        assert reply["multiply_adds"] == sum(counts)


def test_trains_as_pytorch(program, exports, tmp_path):
    """A step with batch statistics of the mapped network; the others refuse."""
    path, model = exports["convolutional"]
    assert compare(program, path, model, tmp_path, 6, "float64", training=True) > 30
    for name in ("transformer", "mobile"):
        reply = program(
            file=str(exports[name][0]), input=str(tmp_path / "in.safetensors"), output=str(tmp_path / "o"), dtype="float32", training=True
        )
        assert reply["code"] == 69 and "trained" in reply["error"]


@pytest.mark.parametrize("name", ("transformer", "oddities"))
def test_other_checkpoint_of_the_module(program, exports, tmp_path, name):
    """A state_dict, and another export, of other weights; buffers that are not weights stay those of the export."""
    path, model = exports[name]
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.normal_(0, 0.2)
    torch.save(other.state_dict(), tmp_path / "other.pt")
    orograph.export(other, EXAMPLE, tmp_path / "other.safetensors")
    for file in ("other.pt", "other.safetensors"):
        assert compare(program, path, other, tmp_path, 3, "float64", weights=str(tmp_path / file)) > 3


def test_export_loads_back_in_pytorch(exports):
    """Without the constants the file is the module's state_dict, strictly."""
    for path, model in exports.values():
        state = {name: tensor for name, tensor in load_file(path).items() if not name.startswith("orograph.constant.")}
        assert copy.deepcopy(model).load_state_dict(state, strict=True)


def test_export_leaves_the_model_alone(tmp_path):
    model = own_models.make("convolutional", 5).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    orograph.export(model, EXAMPLE, tmp_path / "m.safetensors")
    assert model.training and all(parameter.requires_grad for parameter in model.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


class FixedBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(1024, 10)

    def forward(self, images):
        return self.head(images.reshape(2, 1024))


class Noisy(FixedBatch):
    def forward(self, images):
        return self.head((images + torch.randn_like(images)).flatten(1))


class BranchesOnValues(FixedBatch):
    def forward(self, images):
        return self.head(images.flatten(1)) if images.sum() > 0 else self.head(-images.flatten(1))


class NoLogits(FixedBatch):
    def forward(self, images):
        return images.relu()


@pytest.mark.parametrize("kind", (FixedBatch, Noisy, BranchesOnValues, NoLogits))
def test_refuses_to_export(tmp_path, kind):
    with pytest.raises(orograph.OrographError) as caught:
        orograph.export(kind(), EXAMPLE, tmp_path / "m.safetensors")
    assert kind.__name__ in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_refuses_wrong_examples(tmp_path):
    for example in (torch.zeros(1, 32, 32), torch.zeros(2, 1, 32, 32, dtype=torch.int64), "images"):
        with pytest.raises(orograph.OrographError):
            orograph.export(own_models.make("convolutional", 0), example, tmp_path / "m.safetensors")


def node_of(graph: dict, name: str) -> dict:
    return next(node for node in graph["nodes"] if node["name"] == name)


def rename(graph):
    graph["nodes"][2]["name"] = "renamed"


def operator(name, overload=""):
    def change(graph):
        node_of(graph, "gelu").update({"operator": name, "overload": overload})

    return change


def argument(name, position, value):
    def change(graph):
        node_of(graph, name)["arguments"][position] = value

    return change


def keyword(name, key, value):
    def change(graph):
        node_of(graph, name)["keywords"][key] = value

    return change


def shape(graph):
    node_of(graph, "gelu")["shapes"][0][1] = 18


def duplicate(graph):
    graph["nodes"].append(copy.deepcopy(graph["nodes"][3]))


def backwards(graph):
    graph["nodes"][1], graph["nodes"][2] = graph["nodes"][2], graph["nodes"][1]


def huge(graph):
    node = node_of(graph, "expand")
    node["arguments"][1] = [{"batch": [1, 0]}, 2**33, -1]
    node["shapes"] = [[{"batch": [1, 0]}, 2**33, 32]]


def factory(graph):
    node = node_of(graph, "gelu")
    node.update({"operator": "aten::zeros", "arguments": [[2**34]], "shapes": [[2**34]]})


def replaced(name, arguments, shapes=None):
    def change(graph):
        node = node_of(graph, "gelu")
        images = node["arguments"][0]
        filled = [images if argument == "images" else argument for argument in arguments]
        node.update({"operator": name, "arguments": filled, "shapes": shapes or node["shapes"]})

    return change


def output(graph):
    graph["output"] = {"node": "gelu"}


WRONG_GRAPHS = {
    "renamed node": (rename, ["is not before it"]),
    "order of nodes": (backwards, ["is not before it"]),
    "two of a name": (duplicate, ["two of that name"]),
    "unknown operator": (operator("aten::no_such_thing"), ["gelu", "knows no operator 'aten::no_such_thing'"]),
    "unknown overload": (operator("aten::gelu", "none"), ["knows no operator 'aten::gelu.none'"]),
    "other namespace": (operator("prim::Print"), ["not one of ATen"]),
    "in place": (operator("aten::gelu_"), ["changes its self in place"]),
    "in a given tensor": (operator("aten::gelu", "out"), ["in place"]),
    "a file's memory": (operator("aten::from_file"), ["is not run here"]),
    "uninitialised memory": (operator("aten::empty_like"), ["is not run here"]),
    "inner operator": (operator("aten::_cudnn_rnn"), ["inner ones"]),
    "random": (operator("aten::bernoulli"), ["it is random"]),
    "a number out": (operator("aten::is_nonzero"), ["more than tensors"]),
    "dropout at work": (argument("dropout", 2, True), ["it is to train"]),
    "attention with dropout": (keyword("scaled_dot_product_attention", "dropout_p", 0.5), ["at random"]),
    "unknown keyword": (keyword("gelu", "speed", 3), ["keyword"]),
    "a text": (keyword("gelu", "approximate", ["tanh"]), ["approximate", "no text"]),
    "a word that gelu does not know": (keyword("gelu", "approximate", "roughly"), ["gelu"]),
    "a number for a tensor's name": (argument("linear", 1, {"tensor": 3}), ["is not the name of a tensor"]),
    "no tensor of that name": (argument("linear", 1, {"tensor": "nothing.weight"}), ["the tensor 'nothing.weight' is missing"]),
    "a weight of another shape": (argument("linear", 1, {"tensor": "head.weight"}), ["node 'linear'"]),
    "a number for a list": (argument("permute", 1, "all"), ["dims"]),
    "a number too large": (argument("conv2d", 3, [2**63, 1]), ["stride"]),
    "a huge number": (argument("conv2d", 3, [2**62, 2**62]), ["conv2d"]),
    "another shape": (shape, ["instead of [2, 18"]),
    "a huge result": (huge, ["expand"]),
    "a huge factory": (factory, ["numbers an image"]),
    "statistics of a batch": (
        replaced("aten::batch_norm", ["images", None, None, None, None, True, 0.1, 1e-5, False]),
        ["gelu", "share its batch", "track_running_stats"],
    ),
    "statistics that change": (
        replaced("aten::batch_norm", ["images", None, None, {"tensor": "norm.weight"}, {"tensor": "norm.bias"}, True, 0.1, 1e-5, False]),
        ["changes its running statistics"],
    ),
    "a shape by values": (replaced("aten::nonzero", ["images"]), ["depends on values"]),
    "much memory for a check": (replaced("aten::histc", [{"tensor": "norm.bias"}, 2**31], [[2**31]]), ["bytes at once"]),
    "a dozen numbers that become many": (replaced("aten::histc", [{"tensor": "norm.bias"}, 2**28], [[12]]), ["instead of [12]"]),
    "logits that are none": (output, ["[B, classes]"]),
    "no list of nodes": (lambda graph: graph.update(nodes=3), ["'nodes'"]),
    "a state_dict without a parameter": (lambda graph: graph["state_dict"].remove("token"), ["'token'"]),
    "images without a channel": (lambda graph: graph.update(image=[0, 32, 32]), ["side of 0"]),
}


def rewritten(path: Path, out: Path, change=None, metadata=None, tensors=None) -> Path:
    with safe_open(path, "pt") as file:
        words = file.metadata()
    graph = json.loads(words["orograph.graph"])
    if change:
        change(graph)
    save_file(tensors or load_file(path), out, {**words, "orograph.graph": json.dumps(graph), **(metadata or {})})
    return out


def refusal(program, path: Path, folder: Path) -> str:
    inputs(folder / "in", 2)
    reply = program(file=str(path), input=str(folder / "in"), output=str(folder / "out"), dtype="float32")
    assert reply.get("code") == DATA, reply
    assert "\n" not in reply["error"] and path.name in reply["error"] and len(reply["error"]) < 1000
    return reply["error"]


@pytest.mark.parametrize("what", WRONG_GRAPHS)
def test_refuses_wrong_graphs(program, exports, tmp_path, what):
    change, words = WRONG_GRAPHS[what]
    message = refusal(program, rewritten(exports["transformer"][0], tmp_path / "wrong.safetensors", change), tmp_path)
    assert all(word in message for word in words), message


def test_refuses_wrong_files(program, exports, tmp_path):
    path = exports["transformer"][0]
    tensors = load_file(path)
    wrong = tmp_path / "wrong.safetensors"
    assert "format" in refusal(program, rewritten(path, wrong, metadata={"orograph.exported": "2"}), tmp_path)
    assert "JSON" in refusal(program, rewritten(path, wrong, metadata={"orograph.graph": "{'nodes'"}), tmp_path)
    assert "deep" in refusal(program, rewritten(path, wrong, metadata={"orograph.graph": "[" * 100000}), tmp_path)
    fewer = {name: tensor for name, tensor in tensors.items() if name != "norm.bias"}
    assert "'norm.bias' is missing" in refusal(program, rewritten(path, wrong, tensors=fewer), tmp_path)
    half = tensors | {"norm.bias": tensors["norm.bias"].half()}
    assert "F16" in refusal(program, rewritten(path, wrong, tensors=half), tmp_path)
    save_file(tensors, wrong)
    assert "orograph.export" in refusal(program, wrong, tmp_path)
    torch.save(tensors, wrong)
    assert "safetensors" in refusal(program, wrong, tmp_path)


def test_digest_follows_graph_and_constants(program, exports, tmp_path):
    """Two graphs that differ in a number, or a constant, are two networks."""
    inputs(tmp_path / "in", 2)

    def digest(path):
        return program(file=str(path), input=str(tmp_path / "in"), output=str(tmp_path / "out"), dtype="float32")["digest"]

    path = exports["oddities"][0]
    tensors = load_file(path)
    constant = next(name for name in tensors if name.startswith("orograph.constant.") and tensors[name].is_floating_point())
    changed = tensors | {constant: tensors[constant] + 1}
    weights = tensors | {"head.bias": tensors["head.bias"] + 1}
    digests = [digest(path), digest(rewritten(path, tmp_path / "a", tensors=changed)), digest(exports["mobile"][0])]
    assert len(set(digests)) == 3 and all(digests)
    assert digest(rewritten(path, tmp_path / "b")) == digest(rewritten(path, tmp_path / "c", tensors=weights))
