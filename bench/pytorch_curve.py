"""One measurement for curve.py: PyTorch's time a point of a curve, on the inputs that inputs.py wrote. See README.md."""
import argparse
import json
import sys
import time
from pathlib import Path

import torch
from torch import nn

from inputs import Inputs
from measurement import RECALIBRATION_BATCH as BATCH


def recalibrate(model, images):
    """Statistics from nothing: each batch moves them by its share of the images seen so far (Garipov et al. 2018, sec. 4)."""
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
    model.train()
    seen = 0
    for batch in images.split(BATCH):
        for norm in norms:
            norm.momentum = len(batch) / (seen + len(batch))
        model(batch)
        seen += len(batch)
    model.eval()


def mean_loss(model, images, labels):
    criterion = nn.CrossEntropyLoss()
    total, correct = 0.0, 0
    for batch, wanted in zip(images.split(BATCH), labels.split(BATCH), strict=True):
        outputs = model(batch)
        total += criterion(outputs, wanted).item() * len(batch)
        correct += outputs.argmax(1).eq(wanted).sum().item()
    return total / len(images)


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--network", required=True)
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--variant", choices=("plain", "tuned"), required=True, help="tuned: channels last")
    return parser.parse_args()


def main():
    options = parse()
    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)
    inputs = Inputs(options.folder, options.network, options.channels)
    order = torch.channels_last if options.variant == "tuned" else torch.contiguous_format
    model = inputs.model.to(memory_format=order)
    train, test = (images.contiguous(memory_format=order) for images in (inputs.train_images, inputs.images))
    recalibrate(model, train[:BATCH])  # warms up
    mean_loss(model, test[:BATCH], inputs.labels[:BATCH])
    print("ready", flush=True)
    sys.stdin.readline()
    result = {"times_s": [], "cpu_s": [], "set_ups_s": [], "losses": []}
    for point in inputs.points:
        start, worked = time.perf_counter(), time.process_time()
        model.load_state_dict(inputs.state(point))
        recalibrate(model, train)
        result["set_ups_s"].append(time.perf_counter() - start)
        result["losses"] += [mean_loss(model, train, inputs.train_labels), mean_loss(model, test, inputs.labels)]
        result["times_s"].append(time.perf_counter() - start)
        result["cpu_s"].append(time.process_time() - worked)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
