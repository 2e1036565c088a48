"""Writes a folder of exported networks for bench_paths: shapes of layers that the table of architectures does not have. See README.md."""
import sys
from pathlib import Path

import torch
from torch import nn

import orograph


def conv(inputs, outputs, kernel, stride=1, padding=None, groups=1):
    padding = kernel // 2 if padding is None else padding
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class Residual(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, images):
        return images + self.layers(images)


class Branches(nn.Module):
    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, images):
        return torch.cat([branch(images) for branch in self.branches], 1)


def head(channels, size=1):
    return [nn.AdaptiveAvgPool2d(size), nn.Flatten(), nn.Linear(channels * size * size, 10)]


def mnist_example():
    """The old MNIST example of PyTorch: 5x5 convolutions of 10 and 20 channels."""
    return nn.Sequential(nn.Conv2d(1, 10, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(10, 20, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(),
                         nn.Linear(500, 50), nn.ReLU(), nn.Linear(50, 10))


def plain(kernel, *channels):
    """Convolutions of one kernel, of the given channels, a pool after each second one."""
    layers, before = [], 1
    for index, after in enumerate(channels):
        layers += [conv(before, after, kernel)] + ([nn.MaxPool2d(2)] if index % 2 else [])
        before = after
    return nn.Sequential(*layers, *head(before))


def inverted(inputs, outputs, expansion, stride, kernel=3):
    wide = inputs * expansion
    layers = [conv(inputs, wide, 1), conv(wide, wide, kernel, stride, groups=wide), nn.Conv2d(wide, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
    return Residual(*layers) if stride == 1 and inputs == outputs else nn.Sequential(*layers)


def mobilenet(stem, kernel=3):
    """MobileNetV2's blocks with ReLU, the width `stem` and its multiples."""
    return nn.Sequential(conv(1, stem, 3), inverted(stem, stem, 1, 1, kernel), inverted(stem, 2 * stem, 6, 2, kernel),
                         inverted(2 * stem, 2 * stem, 6, 1, kernel), inverted(2 * stem, 4 * stem, 6, 2, kernel),
                         inverted(4 * stem, 4 * stem, 6, 1, kernel), *head(4 * stem))


def resnext(channels, groups):
    block = [conv(channels, channels, 1), conv(channels, channels, 3, groups=groups), nn.Conv2d(channels, channels, 1)]
    return nn.Sequential(conv(1, channels, 3), Residual(*block), nn.ReLU(), conv(channels, channels, 3, 2, groups=groups), *head(channels))


def squeezenet():
    def fire(inputs, squeeze, outputs):
        return nn.Sequential(conv(inputs, squeeze, 1), Branches(conv(squeeze, outputs, 1), conv(squeeze, outputs, 3)))

    return nn.Sequential(conv(1, 30, 7, 2), fire(30, 6, 20), fire(40, 12, 30), nn.MaxPool2d(3, 2, ceil_mode=True), fire(60, 14, 40), *head(80))


def alexnet():
    return nn.Sequential(conv(1, 64, 11, 4, 5), nn.MaxPool2d(2), conv(64, 192, 5), conv(192, 256, 3), nn.MaxPool2d(2), *head(256, 2))


def large_kernels():
    return nn.Sequential(conv(1, 20, 9), nn.MaxPool2d(2), conv(20, 20, 9, groups=20), conv(20, 40, 7, 2), conv(40, 40, 8, 2, 3), *head(40))


def small_images():
    """5x5 and 7x7 windows on images of 4x4 down to 1x1."""
    return nn.Sequential(conv(1, 32, 8, 8, 0), conv(32, 48, 5), nn.MaxPool2d(2), conv(48, 64, 7), conv(64, 64, 5, 2), *head(64))


def odd_mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(1024, 301), nn.ReLU(), nn.Linear(301, 99), nn.ReLU(), nn.Linear(99, 10))


MODELS = {
    "mnist_example": mnist_example, "odd_3x3": lambda: plain(3, 5, 7, 9, 11, 13, 15), "odd_5x5": lambda: plain(5, 6, 10, 12, 14, 18, 22),
    "even_3x3": lambda: plain(3, 4, 6, 8, 10, 12, 14), "narrow_7x7": lambda: plain(7, 3, 4, 8), "of_50": lambda: plain(3, 50, 50, 100, 100),
    "of_17": lambda: plain(3, 17, 17, 33, 33), "of_17_5x5": lambda: plain(5, 17, 17, 33, 33), "of_17_7x7": lambda: plain(7, 17, 17, 33, 33),
    "mobile_16": lambda: mobilenet(16), "mobile_10": lambda: mobilenet(10), "mobile_6_5x5": lambda: mobilenet(6, 5),
    "resnext_64_16": lambda: resnext(64, 16), "resnext_60_6": lambda: resnext(60, 6), "resnext_48_24": lambda: resnext(48, 24),
    "squeezenet": squeezenet, "alexnet": alexnet, "large_kernels": large_kernels, "small_images": small_images, "odd_mlp": odd_mlp,
}


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    for name, make in MODELS.items():
        orograph.export(make(), torch.zeros(2, 1, 32, 32), folder / f"{name}.safetensors")


if __name__ == "__main__":
    main()
