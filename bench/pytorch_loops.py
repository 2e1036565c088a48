"""One measurement for compare.py: a PyTorch loop's time a point, on the inputs that inputs.py wrote. See README.md."""
import argparse
import copy
import json
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from inputs import Inputs


def plain_loop(inputs, batches):
    """What people write: set the weights, eager forward in NCHW, one number out of the graph a batch."""
    criterion = nn.CrossEntropyLoss()
    model = inputs.model

    def loss(point):
        model.load_state_dict(inputs.state(point))
        total, correct = 0.0, 0
        with torch.no_grad():
            for images, labels in batches():
                outputs = model(images)
                total += criterion(outputs, labels).item() * labels.size(0)
                correct += outputs.argmax(1).eq(labels).sum().item()
        return total / len(inputs.labels)

    return loss


def loader_loop(inputs, _):
    loader = DataLoader(TensorDataset(inputs.images, inputs.labels), batch_size=128, shuffle=False)
    return plain_loop(inputs, lambda: loader)


def resident_loop(inputs, _):
    return plain_loop(inputs, lambda: zip(inputs.images.split(128), inputs.labels.split(128), strict=True))


class FoldedModel:
    """A copy of a network without batch norms, whose layers take what these do into weight and bias; set() sets a state."""

    def __init__(self, model):
        self.model = copy.deepcopy(model)
        named = dict(self.model.named_modules())
        layers = [name for name, module in named.items() if not list(module.children())]
        self.pairs = []
        for name, following in zip(layers, layers[1:] + [None], strict=True):
            norm = named.get(following)
            if isinstance(norm, (nn.BatchNorm1d, nn.BatchNorm2d)):
                self.pairs.append((named[name], name, following, norm.eps))
                named[name].bias = nn.Parameter(torch.zeros(norm.num_features))
                self.model.set_submodule(following, nn.Identity())
        self.plain = [name for name, _ in self.model.named_parameters() if name.rpartition(".")[0] not in {p[1] for p in self.pairs}]

    def set(self, state):
        parameters = dict(self.model.named_parameters())
        for name in self.plain:
            parameters[name].copy_(state[name])
        for layer, name, norm, epsilon in self.pairs:
            scale = state[norm + ".weight"] / torch.sqrt(state[norm + ".running_var"] + epsilon)
            weight = state[name + ".weight"]
            layer.weight.copy_(weight * scale.reshape([-1] + [1] * (weight.dim() - 1)))
            layer.bias.copy_((state.get(name + ".bias", 0) - state[norm + ".running_mean"]) * scale + state[norm + ".bias"])


class PlainModel:
    """The network as it is, with FoldedModel's interface."""

    def __init__(self, model):
        self.model = model

    def set(self, state):
        self.model.load_state_dict(state)


class TunedLoop:
    """Resident channels-last data, inference mode, losses summed on the device, one number out of the graph a point."""

    def __init__(self, inputs, options):
        torch.set_grad_enabled(False)
        self.inputs, self.options = inputs, options
        self.holder = FoldedModel(inputs.model) if options.fold else PlainModel(inputs.model)
        self.holder.model = self.holder.model.to(memory_format=torch.channels_last).eval()
        self.forward = torch.compile(self.holder.model, dynamic=False) if options.variant == "compile" else self.holder.model
        self.images = inputs.images.contiguous(memory_format=torch.channels_last)

    def __call__(self, point, count=None):
        self.holder.set(self.inputs.state(point))
        total = torch.zeros(())
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self.options.variant == "autocast"):
            for images, labels in zip(self.images[:count].split(self.options.batch), self.inputs.labels[:count].split(self.options.batch),
                                      strict=True):
                total += F.cross_entropy(self.forward(images).float(), labels, reduction="sum")
        return total.item() / len(self.inputs.labels)


def time_of(loop, *arguments):
    start = time.perf_counter()
    loop(*arguments)
    return time.perf_counter() - start


def choose(inputs, options):
    """The fastest batch of those that divide the images, and then whether folding helps."""

    def trial(batch, fold):
        loop = TunedLoop(inputs, argparse.Namespace(**vars(options) | {"batch": batch, "fold": fold}))
        loop(inputs.points[0], batch)
        return time_of(loop, inputs.points[0])

    sizes = [size for size in (32, 64, 128, 256) if len(inputs.labels) % size == 0] or [len(inputs.labels)]
    options.batch = min(sizes, key=lambda size: trial(size, 1))
    options.fold = min((1, 0), key=lambda fold: trial(options.batch, fold))


LOOPS = {"loader": loader_loop, "resident": resident_loop, "tuned": TunedLoop, "compile": TunedLoop, "autocast": TunedLoop}


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--network", required=True)
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--variant", choices=LOOPS, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=0, help="of the tuned loops; 0: try some, and folding")
    parser.add_argument("--fold", type=int, default=1, help="of the tuned loops: 1 folds batch norms")
    return parser.parse_args()


def main():
    options = parse()
    torch.set_num_threads(options.threads)
    inputs = Inputs(options.folder, options.network, options.channels)
    if options.variant in ("tuned", "autocast") and options.batch == 0:
        choose(inputs, options)
    loop = LOOPS[options.variant](inputs, options)
    loop(inputs.points[0])  # warms up
    print("ready", flush=True)
    sys.stdin.readline()
    result = {"times_s": [], "losses": [], "batch": options.batch, "fold": options.fold}
    for point in inputs.points:
        start = time.perf_counter()
        result["losses"].append(loop(point))
        result["times_s"].append(time.perf_counter() - start)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
