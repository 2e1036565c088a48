"""What people write in forward passes: exported, run by the program off the centre, and compared with PyTorch in float64."""

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

sys.path.insert(0, str(Path(__file__).parent))
import odd_models as odd  # noqa: E402

import orograph  # noqa: E402

EXAMPLE = torch.zeros(2, 1, 32, 32)
KINDS = {**odd.CASTS, **odd.COMPUTED, **odd.OPERATORS, **odd.NUMBERS, **odd.WRITTEN}


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


def answer(program, path, folder, images, dtype="float64", **request):
    save_file({"images": images, "labels": torch.zeros(len(images), dtype=torch.int64)}, folder / "in")
    reply = program(file=str(path), input=str(folder / "in"), output=str(folder / "out"), dtype=dtype, gradients=False, **request)
    assert "error" not in reply, reply
    return load_file(folder / "out")["logits"]


def moved(model, seed):
    """Another checkpoint of the model, in its place: every parameter moved."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


def close(found, wanted, tolerance):
    assert found.shape == wanted.shape
    return (found.double() - wanted.double()).abs().max().item() <= tolerance * wanted.abs().max().item()


@pytest.mark.parametrize("kind", KINDS)
def test_runs_off_the_centre(program, tmp_path, kind):
    model = odd.seeded(KINDS[kind], 1).eval()
    orograph.export(model, EXAMPLE, tmp_path / "m.safetensors")
    if getattr(model, "plain", None):
        model.step = model.plain
    images = torch.randn(3, 1, 32, 32)
    moved(model, 2)
    torch.save(model.state_dict(), tmp_path / "moved.pt")
    found = answer(program, tmp_path / "m.safetensors", tmp_path, images, weights=str(tmp_path / "moved.pt"))
    rough = answer(program, tmp_path / "m.safetensors", tmp_path, images, "float32", weights=str(tmp_path / "moved.pt"))
    with torch.no_grad():
        wanted = model.double()(images.double())
    assert close(found, wanted, 1e-9), (found, wanted)
    assert close(rough, wanted, 1e-3 if kind == "float16 and back" else 2e-5)


def test_counts_multiply_adds_of_computed_weights(program, tmp_path):
    """Those of the convolutions that a model has without its weight norm."""
    counts = []
    for kind in (odd.COMPUTED["weight norm"], odd.wrapped(odd.conv, lambda module: module)):
        orograph.export(odd.seeded(kind, 1), EXAMPLE, tmp_path / "m.safetensors")
        save_file({"images": torch.zeros(1, 1, 32, 32), "labels": torch.zeros(1, dtype=torch.int64)}, tmp_path / "in")
        request = {"file": str(tmp_path / "m.safetensors"), "input": str(tmp_path / "in"), "output": str(tmp_path / "out")}
        counts.append(program(dtype="float32", gradients=False, **request)["multiply_adds"])
    assert counts[0] == counts[1] == 8 * 64 * 16 + 8 * 36 * 72 + 80


@pytest.mark.parametrize("kind", odd.WRAPPERS)
def test_takes_wrapped_models(program, tmp_path, kind):
    """Under the names that the module has without the wrapper around it."""
    make, prefix = odd.WRAPPERS[kind]
    model = odd.seeded(make, 1)
    names = [name.replace(prefix, "") for name in model.state_dict() if name != "n_averaged"]
    dtype, training = next(model.parameters()).dtype, model.training
    orograph.export(model, EXAMPLE, tmp_path / "m.safetensors")
    assert next(model.parameters()).dtype == dtype and model.training == training
    with safe_open(tmp_path / "m.safetensors", "pt") as file:
        assert json.loads(file.metadata()["orograph.graph"])["state_dict"] == names
    images = torch.randn(3, 1, 32, 32)
    found = answer(program, tmp_path / "m.safetensors", tmp_path, images)
    plain = copy.deepcopy(model).float().eval().double()
    with torch.no_grad():
        assert close(found, plain(images.double()), 1e-9)


@pytest.mark.parametrize("kind", odd.BATCH_NORMS)
def test_only_batch_norms_are_recalibrated(tmp_path, kind):
    """What reads a copy of its statistics is no batch norm to the program."""
    make, recalibrated = odd.BATCH_NORMS[kind]
    orograph.export(odd.seeded(make, 1), EXAMPLE, tmp_path / "m.safetensors")
    with safe_open(tmp_path / "m.safetensors", "pt") as file:
        nodes = json.loads(file.metadata()["orograph.graph"])["nodes"]
    (norm,) = [node for node in nodes if "batch_norm" in node["operator"]]
    copies = {node["name"]: node["arguments"] for node in nodes if node["operator"] == "aten::clone"}
    statistics = [{"tensor": "norm.running_mean"}, {"tensor": "norm.running_var"}]
    read = norm["arguments"][3:5]
    assert (read if recalibrated else [copies[argument["node"]][0] for argument in read]) == statistics


@pytest.mark.parametrize("path, code", [("", 64), (None, 64), (".", 64), ("folder", 73), ("file/model", 73), ("none/model", 73)])
def test_says_where_it_cannot_write(tmp_path, path, code):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(orograph.OrographError) as caught:
        orograph.export(odd.small(), EXAMPLE, str(tmp_path / path) if code == 73 else path)
    assert caught.value.exit_code == code and "\n" not in str(caught.value)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("kind", odd.REFUSED)
def test_refuses_in_one_line(tmp_path, kind, capfd):
    make, words = odd.REFUSED[kind]
    model = odd.seeded(make, 1)
    capfd.readouterr()
    with pytest.raises(orograph.OrographError) as caught:
        orograph.export(model, EXAMPLE, tmp_path / "m.safetensors")
    message = str(caught.value)
    assert not capfd.readouterr().err
    assert "\n" not in message and len(message) < 1000 and not list(tmp_path.iterdir())
    assert all(word in message for word in words), message

