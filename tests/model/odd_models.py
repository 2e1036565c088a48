"""What people write in forward passes, a model for each: casts and moves, weights that are computed from parameters, norms, transforms."""

import math

import torch
from timm.layers import ScaledStdConv2d, StdConv2d
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune
from torch.utils.checkpoint import checkpoint


class Net(nn.Module):
    """Patches, a step that is the subject, and a head. `plain`: what the step gives in exact arithmetic, where that is not itself."""

    def __init__(self, step, plain=None, **modules):
        super().__init__()
        self.conv, self.head, self.step, self.plain = nn.Conv2d(1, 8, 4, 4), nn.Linear(8, 10), step, plain
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, images):
        return self.head(self.step(self, self.conv(images)).mean((2, 3)))


def same(net, x):
    return x


def double(net, x):
    return x * 2


def ramp(net, x):
    return x + torch.arange(8, dtype=x.dtype)


def without_gradient(net, x):
    with torch.no_grad():
        return x * 2


def outside_of_autocast(net, x):
    with torch.autocast("cpu", enabled=False):
        return x.float() * 2


def nested_regions(net, x):
    with torch.no_grad():
        y = net.norm(x)
        with torch.autocast("cpu", enabled=False):
            y = y + net.conv.weight.mean()
    return y * net.norm(x)


def keeps_features(net, x):
    net.features = x.relu()
    return net.features + x


def in_place_after_cast(net, x):
    y = x.to(x.dtype)
    y += 1
    return x + y


def copy_in_place_after_cast(net, x):
    y = x.to(x.dtype, copy=True)
    y += 1
    return x * y


CASTS = {
    "float": lambda: Net(lambda net, x: x.float(), same),
    "to its type": lambda: Net(lambda net, x: x.to(x.dtype)),
    "to its device": lambda: Net(lambda net, x: x.to(x.device)),
    "to the cpu": lambda: Net(lambda net, x: x.to("cpu").cpu()),
    "to float32": lambda: Net(lambda net, x: x.to(torch.float32).type(torch.float32), same),
    "type as": lambda: Net(lambda net, x: x.type_as(net.conv.weight)),
    "to a weight": lambda: Net(lambda net, x: x.to(net.conv.weight)),
    "channels last": lambda: Net(lambda net, x: x.to(memory_format=torch.channels_last) * 2),
    "contiguous": lambda: Net(lambda net, x: x.contiguous(memory_format=torch.channels_last).view(-1, 8, 8, 8)),
    "arange to": lambda: Net(lambda net, x: x + torch.arange(8).to(x)),
    "arange float": lambda: Net(lambda net, x: x + torch.arange(8).float(), ramp),
    "arange type": lambda: Net(lambda net, x: x + torch.arange(8).type(x.dtype)),
    "device and type": lambda: Net(lambda net, x: x + torch.arange(8).to(x.device, dtype=x.dtype)),
    "float64 and back": lambda: Net(lambda net, x: x.double().exp().float(), lambda net, x: x.exp()),
    "float16 and back": lambda: Net(lambda net, x: x.half().to(x.dtype)),
    "bool": lambda: Net(lambda net, x: x * (x > 0).to(x.dtype) + (x < 0).float(), lambda net, x: x.relu() + (x < 0).to(x.dtype)),
    "default type": lambda: Net(lambda net, x: x @ torch.linspace(0, 1, 64).view(8, 8), lambda net, x: x @ rounded(torch.linspace(0, 1, 64), x)),
    "integers divided": lambda: Net(
        lambda net, x: F.linear(x, torch.arange(64).view(8, 8) / 7), lambda net, x: F.linear(x, rounded(torch.arange(64) / 7, x))
    ),
    "constants": lambda: Net(
        lambda net, x: x + torch.full((8,), 0.25) + torch.zeros(x.shape[0], 1, 1, 1) + torch.tensor(1.5), lambda net, x: x + 1.75
    ),
    "no gradient": lambda: Net(without_gradient, double),
    "no autocast": lambda: Net(outside_of_autocast, double),
    "nested regions": lambda: Net(nested_regions, norm=nn.BatchNorm2d(8)),
    "checkpoint": lambda: Net(lambda net, x: checkpoint(net.inner, x, use_reentrant=False), inner=nn.Conv2d(8, 8, 3)),
    "checkpoint of old": lambda: Net(lambda net, x: checkpoint(net.inner, x, use_reentrant=True), inner=nn.Conv2d(8, 8, 3)),
    "kept features": lambda: Net(keeps_features),
    "in place": lambda: Net(in_place_after_cast),
    "in place on a copy": lambda: Net(copy_in_place_after_cast),
    "compiled function": lambda: Net(lambda net, x: torch.compile(lambda y: y * 2)(x), double),
}


def rounded(values, x):
    """As PyTorch computes what is told no type: in float32."""
    return values.view(8, 8).to(x.dtype)


def wrapped(kind, wrap):
    return lambda: Net(lambda net, x: net.inner(x), inner=wrap(kind()))


def pruned(module):
    prune.l1_unstructured(module, "weight", 0.5)
    return prune.random_unstructured(module, "bias", 0.5)


def standardised(net, x):
    weight = net.inner.weight
    mean, deviation = weight.mean((1, 2, 3), keepdim=True), weight.std((1, 2, 3), keepdim=True)
    return F.conv2d(x, (weight - mean) / (deviation + 1e-5), net.inner.bias)


def standardised_by_layer_norm(net, x):
    weight = net.inner.weight
    return F.conv2d(x, F.layer_norm(weight, weight.shape[1:], eps=1e-6), net.inner.bias)


def normalised(net, x):
    weight = net.inner.weight
    return F.conv2d(F.normalize(x), F.normalize(weight.flatten(1)).view_as(weight))


def cosine_attention(net, x):
    tokens = x.flatten(2).transpose(1, 2)
    q, k, v = F.linear(tokens, net.inner.weight).chunk(3, dim=-1)
    scores = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)
    scale = net.scale.clamp(max=math.log(100.0)).exp()
    table = F.linear(F.relu(F.linear(net.coordinates, net.first.weight, net.first.bias)), net.second.weight).view(-1)
    bias = 16 * torch.sigmoid(table[net.index.view(-1)].view(64, 64))
    return ((scores * scale + bias).softmax(-1) @ v).transpose(1, 2).reshape(x.shape)


def cosine_net():
    net = Net(cosine_attention, inner=nn.Linear(8, 24), first=nn.Linear(2, 16), second=nn.Linear(16, 1, bias=False))
    net.scale = nn.Parameter(torch.tensor(2.0))
    net.register_buffer("coordinates", torch.rand(15 * 15, 2), persistent=False)
    net.register_buffer("index", torch.randint(15 * 15, (64, 64)), persistent=False)
    return net


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.head = nn.Linear(1024, 16), nn.Linear(16, 16), nn.Linear(16, 10)
        self.third = nn.Linear(16, 16)
        self.third.weight = self.second.weight
        self.unused = nn.Linear(3, 3)
        self.list = nn.ModuleList([self.second, self.third])

    def forward(self, images):
        x = self.first(images.flatten(1))
        for module in self.list:
            x = module(x).tanh()
        return self.head(x)


def conv():
    return nn.Conv2d(8, 8, 3)


def square():
    return nn.Conv2d(8, 8, 1)


def tall(module):
    return nn.Sequential(parametrizations.orthogonal(module, orthogonal_map="householder"), nn.Conv2d(16, 8, 1))


COMPUTED = {
    "weight norm": wrapped(conv, parametrizations.weight_norm),
    "weight norm of old": wrapped(conv, nn.utils.weight_norm),
    "weight norm of all": wrapped(conv, lambda module: nn.utils.weight_norm(module, dim=None)),
    "spectral norm": wrapped(conv, parametrizations.spectral_norm),
    "spectral norm of old": wrapped(conv, nn.utils.spectral_norm),
    "pruned": wrapped(conv, pruned),
    "orthogonal by exponential": wrapped(square, lambda module: parametrizations.orthogonal(module, orthogonal_map="matrix_exp")),
    "orthogonal by Cayley": wrapped(square, lambda module: parametrizations.orthogonal(module, orthogonal_map="cayley")),
    "orthogonal by Householder": wrapped(lambda: nn.Conv2d(8, 16, 1), tall),
    "standardised": lambda: Net(standardised, inner=conv()),
    "standardised by layer norm": lambda: Net(standardised_by_layer_norm, inner=conv()),
    "standardised by timm": lambda: Net(lambda net, x: net.inner(x), inner=StdConv2d(8, 8, 3)),
    "scaled by timm": lambda: Net(lambda net, x: net.inner(x), inner=ScaledStdConv2d(8, 8, 3)),
    "normalised": lambda: Net(normalised, inner=conv()),
    "cosine attention": cosine_net,
    "einsum": lambda: Net(lambda net, x: torch.einsum("bchw,dc->bdhw", x, net.inner.weight @ net.inner.weight.mT), inner=nn.Linear(8, 8)),
    "tied": Tied,
}


def fourier(norm):
    def step(net, x):
        spectrum = torch.fft.rfft2(x, norm=norm)
        return torch.fft.irfft2(spectrum * torch.view_as_complex(net.filter), s=x.shape[-2:], norm=norm)

    def make():
        net = Net(step)
        net.filter = nn.Parameter(torch.randn(8, 8, 5, 2))
        return net

    return make


class Rotary(Net):
    """A complex constant, as rotary embeddings keep it."""

    def __init__(self):
        super().__init__(Rotary.turn)
        self.turns = torch.polar(torch.ones(8, 8, 4), torch.rand(8, 8, 4))

    def turn(self, x):
        pairs = torch.view_as_complex(x.reshape(*x.shape[:3], 4, 2).contiguous())
        return torch.view_as_real(pairs * self.turns.to(pairs.dtype)).flatten(3)


class Recurrent(nn.Module):
    """Rows one after another."""

    def __init__(self, kind):
        super().__init__()
        self.rows, self.head = kind(32, 16, batch_first=True, num_layers=2, bidirectional=True), nn.Linear(32, 10)

    def forward(self, images):
        return self.head(self.rows(images.squeeze(1))[0][:, -1])


def resized_position(net, x):
    return x + F.interpolate(net.position, size=x.shape[-2:], mode="bicubic", antialias=net.antialias)


def position_net(antialias):
    net = Net(resized_position)
    net.antialias, net.position = antialias, nn.Parameter(torch.randn(1, 8, 14, 14))
    return net


def shrunk(net, x):
    grid = F.affine_grid(torch.eye(2, 3, dtype=x.dtype).expand(x.shape[0], 2, 3) * 0.9, x.shape, align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def masked(net, x):
    mask = torch.ones(8, 8, dtype=torch.bool, device=x.device).triu(1)
    return torch.where(mask, x, torch.zeros(())).masked_fill(mask.flip(0), -1.0) + x.masked_fill(~mask, float("inf")).clamp(max=3)


def folded(net, x):
    patches = F.unfold(x, 2, stride=2)
    return F.pixel_shuffle(F.fold(patches, 8, 2, stride=2).roll((1, 2), (2, 3)), 2).repeat(1, 4, 1, 1)


def norm(kind, **options):
    return lambda: Net(lambda net, x: net.norm(x), norm=kind(**options))


OPERATORS = {
    "instance norm": norm(nn.InstanceNorm2d, num_features=8),
    "instance norm with weights": norm(nn.InstanceNorm2d, num_features=8, affine=True),
    "instance norm with statistics": norm(nn.InstanceNorm2d, num_features=8, affine=True, track_running_stats=True),
    "group norm": norm(nn.GroupNorm, num_groups=2, num_channels=8),
    "local response norm": norm(nn.LocalResponseNorm, size=3),
    "batch norm without weights": norm(nn.BatchNorm2d, num_features=8, affine=False),
    "fourier": fourier(None),
    "fourier, orthonormal": fourier("ortho"),
    "fourier, forward": fourier("forward"),
    "rotary": Rotary,
    "lstm": lambda: Recurrent(nn.LSTM),
    "gru": lambda: Recurrent(nn.GRU),
    "rnn": lambda: Recurrent(nn.RNN),
    "bicubic position": lambda: position_net(False),
    "smoothed position": lambda: position_net(True),
    "masks": lambda: Net(masked),
    "folds": lambda: Net(folded),
    "grid sample": lambda: Net(shrunk),
    "norms": lambda: Net(lambda net, x: x / x.norm(dim=1, keepdim=True) + torch.linalg.vector_norm(x, ord=1, dim=1, keepdim=True)),
    "sorted": lambda: Net(lambda net, x: x.topk(2, dim=1)[0].repeat(1, 4, 1, 1) + x.sort(dim=1).values),
    "cumulative": lambda: Net(lambda net, x: x.cumsum(2) + x.logcumsumexp(3) + x.var(1, keepdim=True)),
}


class ChangesImages(Net):
    """In place, as a first ReLU(inplace=True) or a normalisation does."""

    def __init__(self, change):
        super().__init__(same)
        self.change = change

    def forward(self, images):
        return super().forward(self.change(images))


def shift_view(images):
    images.view(-1, 1024).sub_(0.3)
    return images


def filled(net, x):
    y = x.clone()
    y[y < 0] = 0.1
    return y


def chosen(net, x):
    small = (x > 0) & (x < 1) | (x < -1) ^ (x > 2)
    return x * small.to(x.dtype) + ((x.abs() * 10).long() >> 1).to(x.dtype)


def one_hot(net, x):
    return x + F.one_hot(x.mean((2, 3)).argmax(1), 8).to(x.dtype)[:, :, None, None]


class FrozenBatchNorm(nn.Module):
    """As detection networks have it."""

    def __init__(self):
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.rand(8) + 0.5)

    def forward(self, x):
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, training=False)


def by_function(net, x):
    norm = net.norm
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, training=False)


def in_functional_form(net, x):
    y = net.norm(x).view(-1, 8, 8, 8)
    y[:, 0] += 1
    return y


def instance_norm():
    return nn.InstanceNorm2d(8, affine=True, track_running_stats=True)


FLOAT_TENTH = torch.tensor(0.1)  # as float32 rounds it

NUMBERS = {
    "over the batch": lambda: Net(lambda net, x: x / x.numel() * x.shape[0]),
    "plus the batch": lambda: Net(lambda net, x: (x + x.size(0)) - x.size(0)),
    "infinity and true": lambda: Net(lambda net, x: x * True + 1 / ((x.abs() + 1) * float("inf"))),
    "filled": lambda: Net(filled, lambda net, x: torch.where(x < 0, FLOAT_TENTH.to(x.dtype), x)),
    "new tensor": lambda: Net(lambda net, x: x + x.new_tensor(0.1), lambda net, x: x + FLOAT_TENTH),
    "epsilon": lambda: Net(
        lambda net, x: x / (x.norm(dim=1, keepdim=True) + torch.finfo(x.dtype).eps),
        lambda net, x: x / (x.norm(dim=1, keepdim=True) + torch.finfo(torch.float32).eps),
    ),
}

WRITTEN = {
    "stored mask": lambda: Net(lambda net, x: x[:, torch.tensor([True, False] * 4)].repeat(1, 2, 1, 1)),
    "bitwise": lambda: Net(chosen),
    "one hot": lambda: Net(one_hot),
    "data": lambda: Net(lambda net, x: x.data * net.head.weight.data.mean()),
    "rrelu": norm(nn.RReLU),
    "rectified images": lambda: ChangesImages(nn.ReLU(inplace=True)),
    "normalised images": lambda: ChangesImages(lambda images: images.sub_(0.3).div_(0.7)),
    "shifted images": lambda: ChangesImages(shift_view),
    "frozen batch norm": norm(FrozenBatchNorm),
}

# Whether the program may recalibrate the norm.
BATCH_NORMS = {
    "batch norm": (lambda: Net(lambda net, x: net.norm(x), norm=nn.BatchNorm2d(8)), True),
    "batch norm by function": (lambda: Net(by_function, norm=nn.BatchNorm2d(8)), True),
    "frozen": (norm(FrozenBatchNorm), False),
    "instance norm": (lambda: Net(lambda net, x: net.norm(x), norm=instance_norm()), False),
    "instance norm in functional form": (lambda: Net(in_functional_form, norm=instance_norm()), False),
}


class Preprocessed(nn.Module):
    """A mean and a deviation that are plain attributes, one of them in float64."""

    def __init__(self):
        super().__init__()
        self.mean, self.deviation = torch.tensor([0.3]), torch.tensor([0.7], dtype=torch.float64)
        self.register_buffer("table", torch.rand(10, dtype=torch.float64))
        self.head = nn.Linear(1024, 10)

    def forward(self, images):
        x = ((images - self.mean) / self.deviation).to(images.dtype)
        return self.head(x.flatten(1)) * self.table


class Starred(nn.Module):
    """Of images in `*images`; the complex constant is read without a cast."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(1024, 10)
        self.register_buffer("turns", torch.randn(10, dtype=torch.complex64), persistent=False)

    def forward(self, *images):
        return self.head(images[0].flatten(1)) * self.turns.real


WRAPPERS = {
    "starred": (Starred, ""),
    "float16": (lambda: small().half(), ""),
    "bfloat16": (lambda: small().bfloat16(), ""),
    "float64": (lambda: small().double(), ""),
    "training": (lambda: small().train(), ""),
    "compiled": (lambda: torch.compile(small()), "_orig_mod."),
    "compiled in place": (lambda: compiled_in_place(small()), ""),
    "data parallel": (lambda: nn.DataParallel(small()), "module."),
    "data parallel, compiled": (lambda: torch.compile(nn.DataParallel(small())), "_orig_mod.module."),
    "averaged": (lambda: torch.optim.swa_utils.AveragedModel(small()), "module."),
    "compiled within": (lambda: nn.Sequential(torch.compile(small()), nn.Identity()), "_orig_mod."),
    "data parallel within": (lambda: nn.Sequential(nn.DataParallel(small()), nn.Identity()), "module."),
    "plain attributes": (Preprocessed, ""),
}


def compiled_in_place(model):
    model.compile()
    return model


def small():
    return nn.Sequential(nn.Conv2d(1, 8, 4, 4), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Flatten(), nn.Linear(512, 10))


def seeded(make, seed):
    torch.manual_seed(seed)
    return make()


class Gives(nn.Module):
    """Something else than logits."""

    def __init__(self, answer):
        super().__init__()
        self.head, self.answer = nn.Linear(1024, 10), answer

    def forward(self, images):
        return self.answer(self.head(images.flatten(1)))


def branches(net, x):
    if x.sum() > 0:
        return x
    return -x


def under_autocast(net, x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return net.inner(x).float()


class Complex(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight, self.head = nn.Parameter(torch.zeros(4, dtype=torch.complex64)), nn.Linear(1024, 10)

    def forward(self, images):
        return self.head(images.flatten(1))


class Counting(nn.Module):
    """A buffer that every evaluation changes."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(1024, 10)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, images):
        self.seen += 1
        return self.head(images.flatten(1))


def autocast_after_view(net, x):
    x = x.view(-1, 8, 64)
    x += 1
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return (x @ x.mT).float()[..., None]


def loops(net, x):
    return torch.stack([x[k] * 2 for k in range(len(x))])


def raises(net, x):
    raise ValueError("only for squares")


def divides_weight(net, x):
    with torch.no_grad():
        net.conv.weight.div_(net.conv.weight.norm())
    return x


def replaces_weight(net, x):
    net.conv.weight.data = net.conv.weight.data.clamp(-1, 1)
    return x


def slashed():
    return Net(lambda net, x: net.parts["a/b"](x), parts=nn.ModuleDict({"a/b": nn.Conv2d(8, 8, 1)}))


def bounded_embedding():
    return Net(lambda net, x: x + net.table((x[:, 0, 0].sigmoid() * 7).long())[..., 0, None, None], table=nn.Embedding(8, 8, max_norm=0.1))


def old_norm_of_recurrent():
    model = Recurrent(nn.RNN)
    nn.utils.weight_norm(model.rows, "weight_hh_l0")
    return model


# What orograph.export must refuse, and words of what it says.
REFUSED = {
    "batch norm without statistics": (norm(nn.BatchNorm2d, num_features=8, track_running_stats=False), ["'norm' (BatchNorm2d)", "share its batch"]),
    "mean of the batch": (lambda: Net(lambda net, x: x - x.mean(0)), ["share its batch"]),
    "values choose": (lambda: Net(lambda net, x: x + x[x > 0].sum()), ["depends on values", "odd_models.py:"]),
    "values branch": (lambda: Net(branches), ["torch.export does not take Net at odd_models.py:", "if x.sum() > 0"]),
    "random": (lambda: Net(lambda net, x: x + torch.rand_like(x)), ["it is random", "rand_like at odd_models.py:"]),
    "dropout for ever": (lambda: Net(lambda net, x: F.dropout(x, 0.5)), ["it trains where it should evaluate", "dropout at odd_models.py:"]),
    "memory as it is": (lambda: Net(lambda net, x: x + torch.empty_like(x)), ["aten::empty_like is not run by the program"]),
    "autocast": (lambda: Net(under_autocast, inner=conv()), ["autocast", "odd_models.py:"]),
    "operator of torchvision": (lambda: Net(boxes), ["no operator of ATen but of torchvision", "odd_models.py:"]),
    "size of the batch": (lambda: Net(lambda net, x: x / x.shape[0] ** 0.5), ["depends on the batch's size", "odd_models.py:"]),
    "number of a parameter": (lambda: Net(lambda net, x: x * float(net.head.bias[0])), ["odd_models.py:"]),
    "dictionary": (lambda: Gives(lambda logits: {"logits": logits}), ["gives a dict instead of logits"]),
    "tuple": (lambda: Gives(lambda logits: (logits, logits)), ["2 tensors instead of the logits"]),
    "classes": (lambda: Gives(lambda logits: logits.argmax(1)), ["does not give logits [B, classes]", "int64 [3]"]),
    "complex parameter": (Complex, ["'weight' is complex64"]),
    "changing buffer": (Counting, ["changes its buffer 'seen'"]),
    "wrong size": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(100, 10)), ["does not take images of the shape", "in '1' (Linear)"]),
    "own error": (lambda: Net(raises), ["does not take images", "odd_models.py:", "only for squares"]),
    "computed mask": (lambda: Net(lambda net, x: x + x[:, net.conv.bias > 0].mean(1, keepdim=True)), ["a computed mask", "odd_models.py:"]),
    "loop over the batch": (lambda: Net(loops), ["odd_models.py:", "range(len(x))", "depends on the batch's size B (B == 2"]),
    "distances": (lambda: Net(lambda net, x: torch.cdist(x.mean((2, 3)), net.head.weight)[:, :8, None, None]), ["size B (B <= 25 for"]),
    "autocast after a view": (lambda: Net(autocast_after_view), ["runs under autocast at odd_models.py:"]),
    "weight divided": (lambda: Net(divides_weight), ["changes its parameter 'conv.weight'"]),
    "weight replaced": (lambda: Net(replaces_weight), ["replaces a tensor's data", "odd_models.py:"]),
    "weight bounded": (bounded_embedding, ["changes its parameter 'table.weight'"]),
    "slash": (slashed, ["'parts.a/b.weight', which has a '/'"]),
    "weight norm of a recurrent network": (old_norm_of_recurrent, ["remove_weight_norm"]),
    "scripted within": (lambda: Net(lambda net, x: net.inner(x), inner=torch.jit.script(square())), ["in place of 'inner'", "TorchScript"]),
    "traced": (lambda: torch.jit.trace(Recurrent(nn.RNN), torch.zeros(2, 1, 32, 32)), ["TorchScript"]),
    "no parameters": (lambda: nn.Flatten(), ["it has no parameters"]),
    "script": (lambda: torch.jit.script(small()), ["TorchScript"]),
    "function": (lambda: F.relu, ["torch.nn.Module"]),
}


def boxes(net, x):
    from torchvision.ops import roi_align

    return roi_align(x, [x.new_zeros(1, 4)], 2).mean((0, 2, 3)).view(1, 8, 1, 1) + x
