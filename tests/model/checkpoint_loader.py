"""The running load_checkpoints, for the tests of checkpoints, and the small network that they save."""
import json
import os
import subprocess
import tempfile
from pathlib import Path

import torch
from torch import nn


class Small(nn.Module):
    """Every kind of tensor that a network here has, a few hundred numbers in all."""

    def __init__(self, width=4):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = nn.Sequential(nn.ModuleDict({"conv1": nn.Conv2d(width, width, 3), "bn1": nn.BatchNorm2d(width)}))
        self.linear = nn.Linear(width, 10)


def small(seed=0, **arguments):
    torch.manual_seed(seed)
    model = Small(**arguments)
    with torch.no_grad():
        for tensor in [*model.parameters(), *model.buffers()]:
            tensor.copy_(torch.randn(tensor.shape) if tensor.is_floating_point() else torch.tensor(7))
    return model


def float_bytes(parameters, states) -> bytes:
    """What PyTorch makes of the tensors in float32, in C order."""
    return b"".join(tensor.detach().to(torch.float32).contiguous().numpy().tobytes() for tensor in [*parameters, *states])


def states_of(model):
    return {name: tensor for name, tensor in model.named_buffers() if not name.endswith("num_batches_tracked")}


class Loader:
    """Loads files as the weights of `model`."""

    def __init__(self, model):
        self.folder = tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        self.output = Path(self.folder.name, "raw")
        written = open(Path(self.folder.name, "log"), "w")
        self.log = open(written.name)
        network = self.network = {
            "parameters": [[name, list(tensor.shape)] for name, tensor in model.named_parameters()],
            "states": [[name, list(tensor.shape)] for name, tensor in states_of(model).items()],
            "counters": [name for name, _ in model.named_buffers() if name.endswith("num_batches_tracked")],
        }
        self.expected = float_bytes(model.parameters(), states_of(model).values())
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": written}
        self.process = subprocess.Popen([os.environ["LOAD_CHECKPOINTS"]], text=True, **pipes)
        self.process.stdin.write(json.dumps(network) + "\n")

    def answer(self, path) -> dict:
        """{"code", "message", "peak_kib"}; the numbers are in self.output."""
        self.output.unlink(missing_ok=True)
        return self.ask([(path, self.output)])[0]

    def answers(self, contents: list[bytes], at_once=40):
        """For each file content (answer, numbers or None), many in flight at once."""
        places = [Path(self.folder.name, f"weights-{k}") for k in range(at_once)]
        for first in range(0, len(contents), at_once):
            for place, content in zip(places, contents[first : first + at_once]):
                place.write_bytes(content)
            some = [(place, place.with_suffix(".raw")) for place in places[: len(contents) - first]]
            for answer, (_, output) in zip(self.ask(some), some, strict=True):
                assert (answer["code"] == 0) == (answer["message"] == "")
                yield answer, output.read_bytes() if answer["code"] == 0 else None

    def ask(self, requests) -> list[dict]:
        """Sends all of (weights, output) before it reads an answer: no more than fill a pipe."""
        for weights, output in requests:
            self.process.stdin.write(json.dumps({"weights": str(weights), "output": str(output)}) + "\n")
        self.process.stdin.flush()
        lines = [self.process.stdout.readline() for _ in requests]
        assert all(lines), f"the program died of one of {[str(weights) for weights, _ in requests]}"
        answers = [json.loads(line) for line in lines]
        assert not any("\n" in answer["message"] for answer in answers)
        return answers

    def values(self, path) -> bytes:
        answer = self.answer(path)
        assert answer["code"] == 0, answer["message"]
        return self.output.read_bytes()

    def refusal(self, path, code=65) -> str:
        answer = self.answer(path)
        assert answer["code"] == code, answer
        assert str(path).split("#")[0] in answer["message"], answer
        return answer["message"]

    def new_log(self) -> str:
        """The log lines since the last call."""
        return self.log.read()

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=60) == 0
        self.folder.cleanup()
