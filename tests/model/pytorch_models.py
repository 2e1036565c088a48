"""The architectures once more, as plain PyTorch modules: the oracle of model_agreement.py."""
import torch
from torch import nn
from torch.nn import functional as F

from pytorch_garipov import VGG, ConvFC, PreResNet, WideResNet
from pytorch_li import VGG9, DenseNet, make_resnet


class LeNet5(nn.Module):
    """LeCun et al. 1998, fig. 2, with ReLU, max pooling and a linear last layer."""

    def __init__(self, channels, classes):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(channels, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(16 * 5 * 5, 120), nn.Linear(120, 84), nn.Linear(84, classes)

    def forward(self, x):
        for conv in (self.conv1, self.conv2):
            x = F.max_pool2d(F.relu(conv(x)), 2)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x.flatten(1))))))


class MLP(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.fc1 = nn.Linear(channels * 32 * 32, 256)
        self.fc2 = nn.Linear(256, 128)
        self.fc3 = nn.Linear(128, classes)

    def forward(self, x):
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x.flatten(1))))))


def make_model(architecture, channels, classes):
    if architecture.startswith(("resnet", "wrn56", "wrn110")):
        return make_resnet(architecture, channels, classes)
    if architecture.startswith("preresnet"):
        return PreResNet(int(architecture.removeprefix("preresnet")), channels, classes)
    if architecture in ("vgg16", "vgg16bn", "vgg19", "vgg19bn"):
        return VGG(int(architecture[3:5]), architecture.endswith("bn"), channels, classes)
    if architecture == "densenet121":
        return DenseNet(32, (6, 12, 24, 16), channels, classes)
    if architecture == "wrn28_10":
        return WideResNet(28, 10, channels, classes)
    return {"vgg9": VGG9, "convfc": ConvFC, "lenet5": LeNet5, "mlp": MLP}[architecture](channels, classes)


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
