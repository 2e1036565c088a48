"""Common networks of torchvision and timm, exported and run by the program at 3 points off the centre: PyTorch's logits in float64, and
docs/design/exported-networks.md says how each runs. `python networks.py` with the tests' environment writes that page's table.

One group a test, so that they run side by side: -k torchvision, convolutional, transformers.
"""

import copy
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parent))
import network_list as networks  # noqa: E402

import orograph  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs" / "design" / "exported-networks.md"
GROUPS = {"torchvision": networks.TORCHVISION, "convolutional": networks.TIMM_CONVOLUTIONAL, "transformers": networks.TIMM_TRANSFORMERS}
POINTS = 3
TOLERANCE = {"float64": 1e-9, "float32": 3e-5}
ROUNDED = {"xcit_nano", "efficientvit_b0"}  # they ask for float32, in which PyTorch's own float64 run then computes: 1e-6


def started():
    """Yields what asks the program."""
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
def program():
    yield from started()


def points_of(model):
    """The model at points off its centre: theta + x d, each tensor of d of the size of theta's."""
    torch.manual_seed(7)
    direction = {name: torch.randn_like(value) * (value.norm() / value.numel() ** 0.5) for name, value in model.named_parameters()}
    for step in (-0.1, 0.05, 0.15)[:POINTS]:
        moved = copy.deepcopy(model)
        with torch.no_grad():
            for name, parameter in moved.named_parameters():
                parameter += step * direction[name]
        yield moved


def run(program, folder: Path, name: str, group: dict) -> str:
    """How the program runs the network: "compiled", or its first operator that has no compiled form."""
    side = group[name][1]
    model = networks.make(group, name, 1)
    file, images = folder / "network.safetensors", torch.randn(2, 3, side, side)
    orograph.export(model, torch.zeros(2, 3, side, side), file)
    save_file({"images": images}, folder / "in")
    wanted, files = [], []
    for number, moved in enumerate(points_of(model)):
        files.append(str(folder / f"point{number}.pt"))
        torch.save(moved.state_dict(), files[-1])
        with torch.no_grad():
            wanted.append(moved.double()(images.double()))
    reply = program(file=str(file), input=str(folder / "in"), output=str(folder / "out"), points=files)
    assert "error" not in reply, reply
    found = load_file(folder / "out")
    assert len(found) == 2 * POINTS
    for key, logits in found.items():
        dtype, number = key.split(".")
        reference = wanted[int(number)]
        difference = (logits.double() - reference).abs().max() / reference.abs().max()
        assert difference <= (1e-6 if dtype == "float64" and name in ROUNDED else TOLERANCE[dtype]), (key, difference)
    return reply["unmapped"] or "compiled"


def row(name: str, side: int, path: str) -> str:
    """A line of the page's table."""
    first = path.split(" (")[0].split(", ")[0].removeprefix("aten::")
    words = ("compiled", "") if path == "compiled" else ("reference", "a buffer of integers" if first.startswith("the tensor") else first)
    return f"| {name} | {side} | {words[0]} | {words[1]} |"


def check(program, folder, name, group):
    line = row(name, group[name][1], run(program, folder, name, group))
    assert line in PAGE.read_text().splitlines(), f"{PAGE.name} has no row: {line}"


@pytest.mark.parametrize("name", networks.TORCHVISION)
def test_torchvision(program, tmp_path, name):
    check(program, tmp_path, name, networks.TORCHVISION)


@pytest.mark.parametrize("name", networks.TIMM_CONVOLUTIONAL)
def test_timm_convolutional(program, tmp_path, name):
    check(program, tmp_path, name, networks.TIMM_CONVOLUTIONAL)


@pytest.mark.parametrize("name", networks.TIMM_TRANSFORMERS)
def test_timm_transformers(program, tmp_path, name):
    check(program, tmp_path, name, networks.TIMM_TRANSFORMERS)


def test_page_has_no_other_rows():
    rows = [line for line in PAGE.read_text().splitlines() if line.endswith(("|  |", " |")) and ("| compiled |" in line or "| reference |" in line)]
    listed = [name for group in GROUPS.values() for name in group]
    assert len(listed) >= 30 and sorted(line.split(" | ")[0].removeprefix("| ") for line in rows) == sorted(listed)


def main() -> None:
    running = started()
    program = next(running)
    with tempfile.TemporaryDirectory() as folder:
        for group in GROUPS.values():
            for name in group:
                print(row(name, group[name][1], run(program, Path(folder), name, group)), flush=True)


if __name__ == "__main__":
    main()
