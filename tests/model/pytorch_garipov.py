"""The networks of Garipov et al. 2018 as plain PyTorch modules, with the names of the authors' program.

Written from Simonyan & Zisserman 2015 (table 1), He et al. 2016, "Identity Mappings in Deep Residual Networks" (fig. 4e),
Zagoruyko & Komodakis 2016 (fig. 1d, table 1) and Garipov et al. 2018 (sec. A), apart from the C++ code.
"""
from torch import nn
from torch.nn import functional as F


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


class PreBottleneck(nn.Module):
    def __init__(self, inputs, planes, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(planes), nn.Conv2d(planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn3, self.conv3 = nn.BatchNorm2d(planes), nn.Conv2d(planes, 4 * planes, 1, bias=False)
        if stride != 1 or inputs != 4 * planes:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, 4 * planes, 1, stride=stride, bias=False))

    def forward(self, x):
        y = x
        for bn, layer in ((self.bn1, self.conv1), (self.bn2, self.conv2), (self.bn3, self.conv3)):
            y = layer(F.relu(bn(y)))
        return y + (self.downsample(x) if hasattr(self, "downsample") else x)


class PreResNet(nn.Module):
    def __init__(self, depth, channels, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        inputs = 16
        for number, planes in enumerate((16, 32, 64), start=1):
            blocks = [PreBottleneck(inputs, planes, 1 if number == 1 else 2)]
            inputs = 4 * planes
            blocks += [PreBottleneck(inputs, planes, 1) for _ in range((depth - 2) // 9 - 1)]
            setattr(self, f"layer{number}", nn.Sequential(*blocks))
        self.bn, self.fc = nn.BatchNorm2d(inputs), nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.conv1(x))))
        return self.fc(F.relu(self.bn(x)).mean((2, 3)))


class WideBlock(nn.Module):
    def __init__(self, inputs, planes, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, planes, 3, padding=1)
        self.bn2, self.conv2 = nn.BatchNorm2d(planes), nn.Conv2d(planes, planes, 3, stride=stride, padding=1)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != planes:
            self.shortcut.append(nn.Conv2d(inputs, planes, 1, stride=stride))

    def forward(self, x):
        return self.conv2(F.relu(self.bn2(self.conv1(F.relu(self.bn1(x)))))) + self.shortcut(x)


class WideResNet(nn.Module):
    def __init__(self, depth, factor, channels, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1)
        inputs = 16
        for number, planes in enumerate((16 * factor, 32 * factor, 64 * factor), start=1):
            blocks = []
            for index in range((depth - 4) // 6):
                blocks.append(WideBlock(inputs, planes, 2 if number > 1 and index == 0 else 1))
                inputs = planes
            setattr(self, f"layer{number}", nn.Sequential(*blocks))
        self.bn1, self.linear = nn.BatchNorm2d(inputs, momentum=0.9), nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.conv1(x))))
        return self.linear(F.relu(self.bn1(x)).mean((2, 3)))


class ConvFC(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.conv_part, self.fc_part = nn.Sequential(), nn.Sequential()
        for width in (32, 64, 128):
            self.conv_part.extend([nn.Conv2d(channels, width, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2)])
            channels = width
        self.fc_part.extend([nn.Linear(128 * 3 * 3, 1000), nn.ReLU(), nn.Linear(1000, 1000), nn.ReLU(), nn.Linear(1000, classes)])

    def forward(self, x):
        return self.fc_part(self.conv_part(x).flatten(1))
