"""The architectures once more, as plain PyTorch modules: the oracle of model_agreement.py.

Written from He et al. 2016 (sec. 4.2) and Li et al. 2018 (sec. 3 and 5), apart from the C++ code.
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
    def __init__(self, depth, has_shortcut, channels, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        blocks = (depth - 2) // 6
        self.layer1 = self.stage(16, 16, 1, blocks, has_shortcut)
        self.layer2 = self.stage(16, 32, 2, blocks, has_shortcut)
        self.layer3 = self.stage(32, 64, 2, blocks, has_shortcut)
        self.linear = nn.Linear(64, classes)

    @staticmethod
    def stage(inputs, planes, stride, blocks, has_shortcut):
        first = BasicBlock(inputs, planes, stride, has_shortcut)
        return nn.Sequential(first, *(BasicBlock(planes, planes, 1, has_shortcut) for _ in range(blocks - 1)))

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(F.avg_pool2d(x, 8).flatten(1))


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


class MLP(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.fc1 = nn.Linear(channels * 32 * 32, 256)
        self.fc2 = nn.Linear(256, 128)
        self.fc3 = nn.Linear(128, classes)

    def forward(self, x):
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x.flatten(1))))))


def make_model(architecture, channels, classes):
    if architecture == "vgg9":
        return VGG9(channels, classes)
    if architecture == "mlp":
        return MLP(channels, classes)
    depth, _, variant = architecture.removeprefix("resnet").partition("_")
    return ResNet(int(depth), variant != "noshort", channels, classes)


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
