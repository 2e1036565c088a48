"""Models of users, which are not among Orograph's: the exported tests' subjects."""

import torch
from torch import nn
from torch.nn import functional as F


class SmallTransformer(nn.Module):
    """A vision transformer: patches by a convolution, class token, position embedding, two kinds of attention block, head on the token."""

    def __init__(self, channels=1, classes=10, width=32):
        super().__init__()
        self.patches = nn.Conv2d(channels, width, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.position = nn.Parameter(torch.randn(1, 17, width))
        self.first = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.1, activation="gelu", batch_first=True, norm_first=True)
        self.norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.head = nn.Linear(width, classes)

    def forward(self, images):
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(images.shape[0], -1, -1), x], dim=1) + self.position
        x = self.first(x)
        y = self.norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return self.head(x[:, 0])


def unit(inputs, outputs, kernel, activation, **options):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False, **options), nn.BatchNorm2d(outputs, eps=1e-3), activation(inplace=True)
    )


class SmallConvolutional(nn.Module):
    """Inception's branches and concatenation, a depthwise separable residual block, adaptive pooling; activations in place."""

    def __init__(self, channels=1, classes=10, activation=nn.ReLU):
        super().__init__()
        self.stem = unit(channels, 8, 3, activation, stride=2)
        self.branches = nn.ModuleList(
            [unit(8, 8, 1, activation), nn.Sequential(unit(8, 8, 1, activation), unit(8, 16, 5, activation)), unit(8, 8, 1, activation)]
        )
        self.separable = nn.Sequential(unit(32, 32, 3, activation, groups=32), nn.Conv2d(32, 32, 1), nn.BatchNorm2d(32))
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(32, classes)

    def forward(self, images):
        x = F.max_pool2d(self.stem(images), 3, stride=2, padding=1)
        pooled = F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)
        x = torch.cat([self.branches[0](x), self.branches[1](x), self.branches[2](pooled)], 1)
        x = F.relu(x + self.separable(x))
        return self.head(self.drop(torch.flatten(self.pool(x), 1)))


def small_mobile():
    """With the ReLU6 of MobileNet."""
    return SmallConvolutional(activation=nn.ReLU6)


class Oddities(nn.Module):
    """Tied weights, constants, an integer buffer that is used, a buffer that is not saved, views changed in place, split, numbers as operands."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(16, 16)
        self.again = self.inner
        self.head = nn.Linear(16, 10)
        self.register_buffer("order", torch.randperm(16))
        self.register_buffer("scale", torch.rand(16) + 0.5)
        self.register_buffer("shift", torch.rand(16), persistent=False)

    def forward(self, images):
        x = F.adaptive_avg_pool2d(images, 4).flatten(1)[:, self.order]
        first, second = torch.split(self.inner(x) * self.scale + self.shift, 8, dim=1)
        x = torch.cat([second * 2.5, first + torch.tensor([0.25])], dim=1)
        x[:, 3] += torch.arange(1, dtype=torch.float32, device=x.device) + 1
        return self.head(F.gelu(self.again(x), approximate="tanh")) - 1


def make(name: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return randomized({"transformer": SmallTransformer, "convolutional": SmallConvolutional, "mobile": small_mobile, "oddities": Oddities}[name]())


def randomized(model: nn.Module) -> nn.Module:
    """In evaluation mode; batch norms with scales, shifts and statistics of their own."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 1.5)
            for tensor in (module.bias.data, module.running_mean):
                tensor.normal_(0, 0.3)
    return model.eval()
