"""Names of tensors as wrappers, trainers and other programs write them: which are taken for the network's, what is said of the others."""
import random

import pytest
import torch
from checkpoint_loader import Loader, float_bytes, small, states_of
from orograph import convert
from pytorch_li import make_resnet
from safetensors.torch import save_file
from torch import nn

MODEL = small()
STATE = MODEL.state_dict()
OTHER = small(seed=9)
WRAPPERS = ["module", "_orig_mod", "_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"]
OWNERS = ["model", "net", "network", "backbone", "encoder", "student", "a_name_of_ones_own"]


@pytest.fixture(scope="module")
def loader():
    running = Loader(MODEL)
    yield running
    running.close()


@pytest.fixture(scope="module")
def resnet20():
    running = Loader(make_resnet("resnet20", 1, 10))
    yield running
    running.close()


def under(prefix, state=None):
    return {prefix + name: tensor for name, tensor in (state or STATE).items()}


def values_of(model):
    return float_bytes(model.parameters(), states_of(model).values())


def random_model(name):
    torch.manual_seed(4)
    model = make_resnet(name, 1, 10)
    with torch.no_grad():
        for tensor in [*model.parameters(), *states_of(model).values()]:
            tensor.copy_(torch.rand(tensor.shape))
    return model


def saved(path, state, save=torch.save):
    save(state, path)
    return path


def warnings(log):
    return [line for line in log.splitlines() if " warning " in line]


@pytest.mark.parametrize("save", [torch.save, save_file])
def test_prefixes_and_wrappers_in_any_order_and_depth(loader, tmp_path, save):
    draw, seen = random.Random(1), set()
    loader.new_log()
    for _ in range(60):
        words = draw.choices(WRAPPERS + OWNERS, k=draw.randrange(1, 5))
        inner = draw.choice(WRAPPERS)
        prefix = "".join(word + "." for word in words)

        def renamed(name):
            layer, _, last = name.rpartition(".")
            middle = name.replace("layer1.", f"layer1.{inner}.")
            return draw.choice([name, f"{layer}.{inner}.{last}", middle, middle.replace(".0.", f".0.{inner}.{inner}.")])

        state = {prefix + renamed(name): tensor for name, tensor in STATE.items()}
        assert loader.values(saved(tmp_path / "weights", state, save)) == loader.expected, list(state)
        seen.add(prefix)
    assert len(seen) > 40 and not warnings(loader.new_log())


def test_what_torch_itself_wraps(loader, tmp_path):
    wrapped = {
        "AveragedModel": torch.optim.swa_utils.AveragedModel(MODEL).state_dict(),
        "averaged DataParallel": torch.optim.swa_utils.AveragedModel(nn.DataParallel(MODEL)).state_dict(),
        "model_ema": {"model_ema": torch.optim.swa_utils.AveragedModel(MODEL).state_dict(), "epoch": 3},
        "thop": dict(STATE) | {name: torch.zeros(1, dtype=torch.float64) for name in ("total_ops", "conv1.total_ops", "bn1.total_params")},
    }
    loader.new_log()
    for state in wrapped.values():
        assert loader.values(saved(tmp_path / "weights", state)) == loader.expected
    assert not warnings(loader.new_log())  # counters are no weights


BESIDE = {
    "epoch": {"epoch": torch.tensor(3)},
    "loss.weight": {"loss.weight": torch.ones(10)},
    "metrics": {"train_acc.correct": torch.tensor(5), "val_acc.total": torch.tensor(9)},
    "a second head": {"fc_aux.weight": torch.zeros(10, 4), "fc_aux.bias": torch.zeros(10)},
    "an integer": {"layer1.0.step": torch.zeros(2, dtype=torch.int64)},
}


@pytest.mark.parametrize("prefix", ["", "model.", "module.net."])
@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize("save", [torch.save, save_file])
def test_what_is_left_over_is_named_once(loader, tmp_path, save, beside, prefix):
    loader.new_log()
    path = saved(tmp_path / "weights", under(prefix) | BESIDE[beside], save)
    assert loader.values(path) == loader.expected
    lines = warnings(loader.new_log())
    assert len(lines) == 1 and all(f"'{name}'" in lines[0] for name in BESIDE[beside]), lines


LAYERS = {
    "another shortcut": ("layer1.0.skip.0.weight", (4, 4, 1, 1)),
    "a deeper stage": ("layer1.1.conv1.weight", (4, 4, 3, 3)),
    "attention in a block": ("layer1.0.se.fc.weight", (2, 4)),
    "an adapter of a layer": ("linear.lora.down.weight", (2, 4)),
    "a mask of a layer": ("conv1.weight_mask", (4, 1, 3, 3)),
}


@pytest.mark.parametrize("prefix", ["", "model.", "module.net."])
@pytest.mark.parametrize("layer", LAYERS)
def test_layers_left_over_in_the_networks_blocks_are_anothers(loader, tmp_path, layer, prefix):
    name, shape = LAYERS[layer]
    extra = {prefix + name: torch.zeros(shape), prefix + "epoch": torch.tensor(3), "loss.matrix": torch.ones(3, 3)}
    path = saved(tmp_path / "weights", under(prefix) | extra)
    message = loader.refusal(path)
    assert f"'{prefix}{name}'" in message and "orograph.export" in message and "epoch" not in message, message
    both = under(prefix) | extra | under("student.", OTHER.state_dict())
    assert loader.values(saved(path, both)) == values_of(OTHER)  # the only one that fits


def test_a_module_around_the_whole_network_is_no_block(tmp_path):
    model = nn.ModuleDict({"backbone": small(seed=1)})
    running = Loader(model)
    state = model.state_dict() | {"backbone.fc_aux.weight": torch.zeros(3, 4), "loss.weight": torch.zeros(3, 3)}
    assert running.values(saved(tmp_path / "weights", state)) == running.expected
    running.close()


def test_a_head_elsewhere_is_named(loader, tmp_path):
    state = {("head." if name.startswith("linear") else "backbone.") + name: tensor for name, tensor in STATE.items()}
    message = loader.refusal(saved(tmp_path / "weights", state))
    assert "linear.weight is missing" in message and "other names: 'head.linear.weight'; 'head.linear.bias'" in message


def test_what_is_missing_is_an_error(loader, tmp_path):
    state = under("model.") | {"loss.weight": torch.ones(10)}
    del state["model.linear.bias"]
    message = loader.refusal(saved(tmp_path / "weights", {"state_dict": state, "hyper_parameters": {"weight": torch.ones(3)}}))
    assert "linear.bias is missing" in message and "'model.'" in message and "conv1" not in message, message


@pytest.mark.parametrize(
    "first,second",
    [("student.", "teacher."), ("model.", "ema_model.module."), ("module.", "ema."), ("", "ema."), ("net.model.", "net.shadow.")],
)
@pytest.mark.parametrize("save", [torch.save, save_file])
def test_of_several_that_fit_the_prefix_chooses(loader, tmp_path, save, first, second):
    extra = {second.removesuffix("module.") + "n_averaged": torch.tensor(4)}
    path = saved(tmp_path / "weights", under(first) | under(second, OTHER.state_dict()) | extra, save)
    message = loader.refusal(path)
    assert f"{path}#prefix={first} or " in message + " or " and f"{path}#prefix={second}" in message, message
    assert loader.values(f"{path}#prefix={first}") == loader.expected
    assert loader.values(f"{path}#prefix={second}") == values_of(OTHER)
    assert loader.values(f"{path}#prefix={second.removesuffix('.')}") == values_of(OTHER)
    assert "'nobody.'" in loader.refusal(f"{path}#prefix=nobody.")


@pytest.mark.parametrize("prefix", ["größe.", "网络.", "a#b.", "#.", "a b.", "a/b.", "a'b.", 30 * "deep.", 100 * "d" + "."])
def test_advice_can_be_followed(loader, tmp_path, prefix):
    path = saved(tmp_path / "weights", under(prefix) | under("other.", OTHER.state_dict()))
    assert f"{path}#prefix={prefix}" in loader.refusal(path)
    assert loader.values(f"{path}#prefix={prefix}") == loader.expected
    assert convert.main([f"{path}#prefix={prefix}", f"{tmp_path}/new"]) == 0
    assert loader.values(tmp_path / "new") == loader.expected
    assert loader.values(saved(tmp_path / "weights", under(prefix))) == loader.expected


UNTYPED = {"a\nb.": "a\\nb.", "\x1b[31m.": "\\x1b[31m.", "\u202ea.": "\\xe2\\x80\\xaea.", "a#key=b.": "a#key=b."}


@pytest.mark.parametrize("prefix,shown", UNTYPED.items())
def test_a_prefix_that_cannot_be_typed_goes_through_convert(loader, tmp_path, prefix, shown):
    path = saved(tmp_path / "weights", under(prefix) | under("other.", OTHER.state_dict()))
    message = loader.refusal(path)
    assert f"'{shown}'" in message and "orograph.convert" in message and f"#prefix={shown}" not in message, message
    assert convert.main([str(path), f"{tmp_path}/new", "--prefix", prefix]) == 0
    assert loader.values(tmp_path / "new") == loader.expected


def test_a_choice_is_made_once(loader, tmp_path):
    path = saved(tmp_path / "weights", under("a.") | under("b."))
    for choices in ("#prefix=a.#prefix=b.", "#key=a#key=b", "#bend=0#bend=0", "#prefix=a.#bend=", "#key="):
        assert "no more than once" in loader.refusal(f"{path}{choices}", code=78)


def test_thousands_that_fit_are_refused_at_once(loader, tmp_path):
    names = [f"models.{k}." for k in range(2000)]
    path = saved(tmp_path / "weights", {name: tensor for prefix in names for name, tensor in under(prefix).items()})
    message = loader.refusal(path)
    assert message.count("#prefix=") == 3 and "or another" in message, message
    assert loader.values(f"{path}#prefix=models.3.") == loader.expected


def test_a_prefix_beside_keys_and_wrappers(loader, tmp_path):
    inner = under("module.student.backbone.") | under("module.teacher.", OTHER.state_dict())
    path = saved(tmp_path / "weights", {"state_dict": inner, "ema": under("student.", OTHER.state_dict())})
    assert loader.values(f"{path}#key=state_dict#prefix=student.") == loader.expected
    assert loader.values(f"{path}#key=state_dict#prefix=module.teacher.") == values_of(OTHER)
    assert loader.values(f"{path}#prefix=teacher.") == values_of(OTHER)
    assert loader.values(f"{path}#prefix=student.#key=ema") == values_of(OTHER)


def test_one_name_twice(loader, tmp_path):
    path = saved(tmp_path / "weights", dict(STATE) | under("module.", OTHER.state_dict()))
    assert "is there twice, as 'conv1.weight' and 'module.conv1.weight'" in loader.refusal(path)
    assert loader.values(f"{path}#prefix=") == loader.expected
    assert loader.values(f"{path}#prefix=module.") == values_of(OTHER)


@pytest.mark.parametrize("names", [("module", "model"), ("net", "module"), ("backbone", "_orig_mod")])
def test_a_network_whose_own_names_look_like_wrappers(tmp_path, names):
    model = nn.ModuleDict({names[0]: small(seed=1), names[1]: small(seed=2)})
    model.conv1 = nn.Conv2d(1, 4, 3, bias=False)  # and one that only the word tells from another
    running = Loader(model)
    for prefix in ("", "module.", "_orig_mod.", "net.module."):
        assert running.values(saved(tmp_path / "weights", under(prefix, model.state_dict()))) == running.expected
    running.close()


def torchvision(name):
    return name.replace("shortcut", "downsample").replace("linear", "fc")


def weiaicunzai(name):
    for stage in (1, 2, 3):
        name = name.replace(f"layer{stage}.", f"conv{stage + 1}_x.")
    for ours, theirs in (("conv1", "0"), ("bn1", "1"), ("conv2", "3"), ("bn2", "4")):
        name = name.replace(f".{ours}.", f".residual_function.{theirs}.")
    return "conv1.0.weight" if name == "conv1.weight" else name.replace("bn1.", "conv1.1.").replace("linear", "fc")


def hysts(name):
    if name.startswith(("conv1.", "bn1.")):
        return name.replace("1.", ".", 1)
    if not name.startswith("layer"):
        return name.replace("linear", "fc")
    stage, block, *rest = name.split(".")
    rest = ".".join(rest).replace("shortcut.0", "shortcut.conv").replace("shortcut.1", "shortcut.bn")
    return f"{stage.replace('layer', 'stage')}.block{int(block) + 1}.{rest}"


@pytest.mark.parametrize("rename", [torchvision, weiaicunzai, hysts])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_names_of_other_programs(resnet20, tmp_path, rename, prefix):
    model = random_model("resnet20")
    state = {prefix + rename(name): tensor for name, tensor in model.state_dict().items()}
    resnet20.new_log()
    assert resnet20.values(saved(tmp_path / "weights", state)) == values_of(model)
    assert "other names" in resnet20.new_log()


def test_names_of_torchvisions_vgg(tmp_path):
    """Blocks of two, two and three convolutions, whose places in torchvision's Sequential are counted by PyTorch itself."""
    widths, blocks, theirs, channels = (2, 3, 4), nn.ModuleList(), nn.Sequential(), 1
    for width, repeats in zip(widths, (2, 2, 3), strict=True):
        block = nn.ModuleList()
        for _ in range(repeats):
            layers = [nn.Conv2d(channels, width, 3), nn.BatchNorm2d(width)]
            block.extend(layers)
            theirs.extend([*layers, nn.ReLU()])
            channels = width
        theirs.append(nn.MaxPool2d(2))
        blocks.append(block)
    linear = [nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 10)]
    head = nn.Sequential(nn.Dropout(), linear[0], nn.ReLU(), nn.Dropout(), linear[1], nn.ReLU(), linear[2])
    their_head = nn.Sequential(linear[0], nn.ReLU(), nn.Dropout(), linear[1], nn.ReLU(), nn.Dropout(), linear[2])
    running = Loader(nn.ModuleDict({"layer_blocks": blocks, "classifier": head}))
    state = nn.ModuleDict({"features": theirs, "classifier": their_head}).state_dict()
    assert len(state) == 7 * 7 + 6
    assert running.values(saved(tmp_path / "weights", state)) == running.expected
    running.close()


def test_two_heads_are_not_guessed(loader, tmp_path):
    state = {name.replace("linear", "fc"): tensor for name, tensor in STATE.items()}
    assert loader.values(saved(tmp_path / "weights", state)) == loader.expected
    twin = state | {f"classifier.{kind}": torch.zeros_like(STATE[f"linear.{kind}"]) for kind in ("weight", "bias")}
    assert "is there twice" in loader.refusal(saved(tmp_path / "weights", twin))
    other = state | {"classifier.weight": torch.zeros(3, 4), "classifier.bias": torch.zeros(3)}
    assert loader.values(saved(tmp_path / "weights", other)) == loader.expected


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("extra", [{}, {"epoch": torch.tensor(1), "conv1.total_ops": torch.zeros(1)}])
def test_a_part_of_another_architecture_is_no_fit(resnet20, tmp_path, prefix, extra):
    deeper = saved(tmp_path / "weights", under(prefix, random_model("resnet32").state_dict()) | extra)
    message = resnet20.refusal(deeper)
    assert "these are the tensors of resnet32" in message and "layer1.3.conv1.weight' and" not in message, message
    running = Loader(make_resnet("resnet20_noshort", 1, 10))
    for rename in (str, torchvision):
        state = {rename(name): tensor for name, tensor in random_model("resnet20").state_dict().items()}
        assert "resnet20" in running.refusal(saved(tmp_path / "weights", under(prefix, state) | extra))
    skips = {name.replace("shortcut", "skip"): tensor for name, tensor in random_model("resnet20").state_dict().items()}
    message = running.refusal(saved(tmp_path / "weights", under(prefix, skips) | extra))
    assert "layer2.0.skip.0.weight" in message and "another network was trained" in message, message
    running.close()


def test_a_student_beside_a_deeper_teacher_is_the_only_fit(resnet20, tmp_path):
    student = random_model("resnet20")
    state = under("teacher.", random_model("resnet56").state_dict()) | under("student.", student.state_dict())
    assert resnet20.values(saved(tmp_path / "weights", state)) == values_of(student)
