"""The networks of Li et al. 2018 as plain PyTorch modules.

Written from He et al. 2016 (sec. 3.3, 4.1 and 4.2), Huang et al. 2017 (table 1) and Li et al. 2018 (sec. 3 and 5), apart from the C++ code.
"""
import torch
from torch import nn
from torch.nn import functional as F


def conv(inputs, outputs, size, stride=1):
    return nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, bias=False)


class Slice(nn.Module):
    """He et al. 2016 sec. 3.3 option A: no parameters; the new channels are zeros on both sides, a quarter of all on each."""

    def __init__(self, outputs):
        super().__init__()
        self.zeros = outputs // 4

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.zeros, self.zeros))


class Residual(nn.Module):
    """The way around a block: nothing at all, the input itself, or where the shape changes a projection or a slice (`shortcut`)."""

    def add_shortcut(self, inputs, outputs, stride, shortcut):
        self.has_shortcut = shortcut != "none"
        if self.has_shortcut:
            changes = stride != 1 or inputs != outputs
            if shortcut == "slice":
                self.shortcut = Slice(outputs) if changes else nn.Sequential()
            else:
                self.shortcut = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)) if changes else nn.Sequential()


class BasicBlock(Residual):
    expansion = 1

    def __init__(self, inputs, planes, stride, shortcut):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, planes, 3, stride), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = conv(planes, planes, 3), nn.BatchNorm2d(planes)
        self.add_shortcut(inputs, planes, stride, shortcut)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x)) if self.has_shortcut else F.relu(y)


class Bottleneck(Residual):
    """Without its shortcut it has no ReLU at the end either, as in the authors' program."""

    expansion = 4

    def __init__(self, inputs, planes, stride, shortcut):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, planes, 1), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = conv(planes, planes, 3, stride), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = conv(planes, 4 * planes, 1), nn.BatchNorm2d(4 * planes)
        self.add_shortcut(inputs, 4 * planes, stride, shortcut)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + self.shortcut(x)) if self.has_shortcut else y


class ResNet(nn.Module):
    def __init__(self, block, widths, blocks, shortcut, channels, classes):
        super().__init__()
        self.conv1, self.bn1 = conv(channels, widths[0], 3), nn.BatchNorm2d(widths[0])
        self.stages = len(widths)
        inputs = widths[0]
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            layers = nn.Sequential()
            for index in range(count):
                layers.append(block(inputs, width, 2 if stage > 0 and index == 0 else 1, shortcut))
                inputs = width * block.expansion
            setattr(self, f"layer{stage + 1}", layers)
        self.linear = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.linear(x.mean((2, 3)))


class VGG9(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        layers = []
        for group in ([64, 64], [128, 128], [256, 256, 256]):
            for width in group:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        self.features = nn.Sequential(*layers)
        self.fc = nn.Sequential(nn.Linear(256 * 4 * 4, 256), nn.BatchNorm1d(256))
        self.classifier = nn.Linear(256, classes)

    def forward(self, x):
        return self.classifier(F.relu(self.fc(self.features(x).flatten(1))))


class DenseLayer(nn.Module):
    def __init__(self, inputs, growth):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv(inputs, 4 * growth, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(4 * growth), conv(4 * growth, growth, 3)

    def forward(self, x):
        y = self.conv2(F.relu(self.bn2(self.conv1(F.relu(self.bn1(x))))))
        return torch.cat((y, x), dim=1)


class Transition(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.bn, self.conv = nn.BatchNorm2d(inputs), conv(inputs, inputs // 2, 1)

    def forward(self, x):
        return F.avg_pool2d(self.conv(F.relu(self.bn(x))), 2)


class DenseNet(nn.Module):
    def __init__(self, growth, layers, channels, classes):
        super().__init__()
        width = 2 * growth
        self.conv1 = conv(channels, width, 3)
        self.path = []
        for number, count in enumerate(layers, start=1):
            block = nn.Sequential(*(DenseLayer(width + index * growth, growth) for index in range(count)))
            width += count * growth
            self.add_module(f"dense{number}", block)
            self.path.append(f"dense{number}")
            if number < len(layers):
                self.add_module(f"trans{number}", Transition(width))
                self.path.append(f"trans{number}")
                width //= 2
        self.bn, self.linear = nn.BatchNorm2d(width), nn.Linear(width, classes)

    def forward(self, x):
        x = self.conv1(x)
        for name in self.path:
            x = getattr(self, name)(x)
        return self.linear(F.relu(self.bn(x)).mean((2, 3)))


# Blocks a stage, He et al. 2016 table 1.
STAGES = {18: (BasicBlock, (2, 2, 2, 2)), 34: (BasicBlock, (3, 4, 6, 3)), 50: (Bottleneck, (3, 4, 6, 3)), 101: (Bottleneck, (3, 4, 23, 3)),
          152: (Bottleneck, (3, 8, 36, 3))}


def make_resnet(name, channels, classes):
    """resnetD and wrnD_K, with or without _noshort or _a; resnet50_16_noshort is of the thin kind."""
    shortcut = "slice" if name.endswith("_a") else "none" if name.endswith("_noshort") else "projection"
    depth, _, suffix = name.removesuffix("_noshort").removesuffix("_a").removeprefix("resnet").removeprefix("wrn").partition("_")
    if name.startswith("resnet") and int(depth) in STAGES and not suffix:
        block, blocks = STAGES[int(depth)]
        return ResNet(block, (64, 128, 256, 512), blocks, shortcut, channels, classes)
    factor = int(suffix) if name.startswith("wrn") else 1
    widths = [width * factor for width in (16, 32, 64)]
    return ResNet(BasicBlock, widths, [(int(depth) - 2) // 6] * 3, shortcut, channels, classes)
