"""The architectures once more, as plain PyTorch modules: the oracle of model_agreement.py.

Written from He et al. 2016 (sec. 4.2), Li et al. 2018 (sec. 3 and 5) and, for VGG16 and VGG19, Simonyan & Zisserman 2015 (table 1), apart
from the C++ code.
"""
import torch
from torch import nn
from torch.nn import functional as F


class BasicBlock(nn.Module):
    def __init__(self, inputs, planes, stride, has_shortcut):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.has_shortcut = has_shortcut
        if has_shortcut:
            changes = stride != 1 or inputs != planes
            self.shortcut = (nn.Sequential(nn.Conv2d(inputs, planes, 1, stride=stride, bias=False), nn.BatchNorm2d(planes))
                             if changes else nn.Sequential())

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x)) if self.has_shortcut else F.relu(y)


class ResNet(nn.Module):
    def __init__(self, widths, blocks, has_shortcut, channels, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        inputs = widths[0]
        for number, (width, count) in enumerate(zip(widths, blocks, strict=True), start=1):
            setattr(self, f"layer{number}", self.stage(inputs, width, 1 if number == 1 else 2, count, has_shortcut))
            inputs = width
        self.linear = nn.Linear(inputs, classes)

    @staticmethod
    def stage(inputs, planes, stride, blocks, has_shortcut):
        first = BasicBlock(inputs, planes, stride, has_shortcut)
        return nn.Sequential(first, *(BasicBlock(planes, planes, 1, has_shortcut) for _ in range(blocks - 1)))

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        if hasattr(self, "layer4"):
            x = self.layer4(x)
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


class VGG(nn.Module):
    """VGG16 and VGG19 with Garipov et al.'s names; every convolution runs, and its batch norm where there are any."""

    REPEATS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}

    def __init__(self, depth, has_batch_norm, channels, classes):
        super().__init__()
        self.has_batch_norm = has_batch_norm
        self.layer_blocks = nn.ModuleList()
        for width, repeats in zip((64, 128, 256, 512, 512), self.REPEATS[depth], strict=True):
            block = nn.ModuleList()
            for _ in range(repeats):
                block.append(nn.Conv2d(channels, width, 3, padding=1))
                if has_batch_norm:
                    block.append(nn.BatchNorm2d(width))
                channels = width
            self.layer_blocks.append(block)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(512, 512), nn.ReLU(), nn.Dropout(), nn.Linear(512, 512), nn.ReLU(),
                                        nn.Linear(512, classes))

    def forward(self, x):
        for block in self.layer_blocks:
            for index, layer in enumerate(block):
                x = layer(x)
                if not self.has_batch_norm or index % 2 == 1:
                    x = F.relu(x)
            x = F.max_pool2d(x, 2)
        return self.classifier(x.flatten(1))


class MLP(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.fc1 = nn.Linear(channels * 32 * 32, 256)
        self.fc2 = nn.Linear(256, 128)
        self.fc3 = nn.Linear(128, classes)

    def forward(self, x):
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x.flatten(1))))))


def make_resnet(name, has_shortcut, channels, classes):
    if name in ("resnet18", "resnet34"):
        return ResNet([64, 128, 256, 512], [2, 2, 2, 2] if name == "resnet18" else [3, 4, 6, 3], has_shortcut, channels, classes)
    depth, _, factor = name.removeprefix("resnet").removeprefix("wrn").partition("_")
    widths = [width * int(factor or 1) for width in (16, 32, 64)]
    return ResNet(widths, [(int(depth) - 2) // 6] * 3, has_shortcut, channels, classes)


def make_model(architecture, channels, classes):
    if architecture == "vgg9":
        return VGG9(channels, classes)
    if architecture == "mlp":
        return MLP(channels, classes)
    if architecture.startswith("vgg"):
        return VGG(int(architecture[3:5]), architecture.endswith("bn"), channels, classes)
    return make_resnet(architecture.removesuffix("_noshort"), not architecture.endswith("_noshort"), channels, classes)


def randomize(model, seed):
    """Gives each batch norm scales, shifts and statistics that do something."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.weight, 0.5, 1.5, generator=generator)
            nn.init.normal_(module.bias, 0, 0.3, generator=generator)
            nn.init.normal_(module.running_mean, 0, 0.3, generator=generator)
            nn.init.uniform_(module.running_var, 0.5, 1.5, generator=generator)
    return model
