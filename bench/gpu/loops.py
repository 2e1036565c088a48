"""Times PyTorch's own loops on one device, on the inputs that inputs.py wrote: one JSON line a loop.

eager: what people write: batches of 128 in NCHW, `.item()` each. tuned: resident channels-last data in the precision, inference mode,
cuDNN's benchmark, the fastest of some batches, one number out of the graph a point. compiled loop: tuned, through torch.compile.
"""
import argparse
import json
import sys
import time
from pathlib import Path

import torch
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[1]))
from inputs import Inputs  # noqa: E402

TYPES = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16}


def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


class Loop:
    def __init__(self, inputs, device, precision):
        self.inputs, self.device, self.type = inputs, device, TYPES[precision]
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        self.model = inputs.model.to(device=device, dtype=self.type)

    def set(self, point):
        self.model.load_state_dict(self.inputs.state(point))


class Eager(Loop):
    batch = 128

    def __call__(self, point):
        self.set(point)
        total, correct = 0.0, 0
        with torch.no_grad():
            for images, labels in zip(self.inputs.images.split(self.batch), self.inputs.labels.split(self.batch), strict=True):
                outputs = self.model(images.to(self.type))
                total += F.cross_entropy(outputs.float(), labels).item() * labels.size(0)
                correct += outputs.argmax(1).eq(labels).sum().item()
        return total / len(self.inputs.labels)


class Tuned(Loop):
    def __init__(self, inputs, device, precision, compiled, batch):
        super().__init__(inputs, device, precision)
        torch.backends.cudnn.benchmark = True
        self.batch = batch
        self.model = self.model.to(memory_format=torch.channels_last)
        self.forward = torch.compile(self.model, dynamic=False, mode="reduce-overhead") if compiled else self.model
        self.images = inputs.images.to(self.type).contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def __call__(self, point):
        self.set(point)
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        correct = torch.zeros((), dtype=torch.int64, device=self.device)
        for images, labels in zip(self.images.split(self.batch), self.inputs.labels.split(self.batch), strict=True):
            outputs = self.forward(images).float()
            total += F.cross_entropy(outputs, labels, reduction="sum")
            correct += outputs.argmax(1).eq(labels).sum()
        return total.item() / len(self.inputs.labels)


def timed(loop, point):
    wait(loop.device)
    start = time.perf_counter()
    loss = loop(point)
    return time.perf_counter() - start, loss


def measure(loop, points, rounds):
    """Shortest time of a point, and the losses of the points."""
    loop(points[0])
    results = [[timed(loop, point) for point in points] for _ in range(rounds)]
    return min(seconds for row in results for seconds, _ in row), [loss for _, loss in results[0]]


def best_batch(make, count, sizes, point):
    def trial(batch):
        loop = make(batch)
        loop(point)
        return timed(loop, point)[0]

    return min((size for size in sizes if count % size == 0), key=trial, default=count)


def make_loop(inputs, options, variant, precision):
    if variant == "eager":
        return Eager(inputs, options.device, precision)

    def make(batch):
        return Tuned(inputs, options.device, precision, variant == "compiled loop", batch)

    # Each batch size would be compiled anew: the second smallest, so that one is enough.
    sizes = options.batches if variant == "tuned" else options.batches[1:2]
    return make(best_batch(make, len(inputs.labels), sizes, inputs.points[0]) if len(sizes) > 1 else sizes[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--network", required=True)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--precisions", nargs="+", default=list(TYPES))
    parser.add_argument("--variants", nargs="+", default=["eager", "tuned"])
    parser.add_argument("--batches", nargs="+", type=int, default=[500, 1000, 2500, 5000])
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    inputs = Inputs(options.folder, options.network, options.channels)
    for name in ("images", "labels"):
        setattr(inputs, name, getattr(inputs, name).to(options.device))
    for name in ("centre", "x", "y"):
        setattr(inputs, name, {key: tensor.to(options.device) for key, tensor in getattr(inputs, name).items()})
    for precision in options.precisions:
        for variant in options.variants:
            loop = make_loop(inputs, options, variant, precision)
            seconds, losses = measure(loop, inputs.points, options.rounds)
            print(json.dumps({"network": options.network, "variant": variant, "precision": precision, "batch": loop.batch,
                              "seconds": seconds, "losses": losses, "images": len(inputs.labels)}), flush=True)


if __name__ == "__main__":
    main()
