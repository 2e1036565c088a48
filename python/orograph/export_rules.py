"""What an exported graph may hold. The program reads export_rules.json too, so that it takes what is written: docs/design/own-models.md."""

import json
import math
from pathlib import Path

RULES = json.loads(Path(__file__).with_suffix(".json").read_text())

BATCH_NORMS = ("aten::batch_norm", "aten::native_batch_norm", "aten::_native_batch_norm_legit")
BATCH_NORM_HELP = "track_running_stats=True, then torch.optim.swa_utils.update_bn"


def operator_of(torch, node: dict):
    """The overload of torch.ops that a node calls."""
    return getattr(getattr(torch.ops.aten, node["operator"].removeprefix("aten::")), node["overload"] or "default")


def refusal(torch, node: dict, varies: bool) -> str:
    """Why the program would not take a node of which it is known whether it varies with the images; empty where it takes it."""
    target, name = operator_of(torch, node), node["operator"]
    if any(name.startswith(beginning) for beginning in RULES["refused_beginnings"]):
        return "its result does not depend on its arguments alone"
    if name.startswith("aten::_") and name not in RULES["inner_operators"]:
        return "it is one of LibTorch's inner operators"
    if any(argument.alias_info is not None and argument.alias_info.is_write for argument in target._schema.arguments):
        return "it works in place"
    if not all(str(result.type) in ("Tensor", "List[Tensor]") for result in target._schema.returns) or not target._schema.returns:
        return "it gives more than tensors"
    if torch.Tag.dynamic_output_shape in target.tags and name not in RULES["sized_by_values"]:
        return "the shape of its result depends on values"
    declared = target._schema.arguments
    arguments = {argument.name: argument.default_value for argument in declared if argument.has_default_value()}
    arguments |= dict(zip((argument.name for argument in declared), node["arguments"])) | node["keywords"]
    wrong = (argument_refusal(key, value) for key, value in arguments.items())
    return training_refusal(torch, target, name, arguments, varies) or next(filter(None, wrong), "") or shapes_refusal(node["shapes"])


def training_refusal(torch, target, name: str, arguments: dict, varies: bool) -> str:
    modes = [argument.name for argument in target._schema.arguments if argument.name in ("train", "training")]
    statistics = (arguments.get("running_mean"), arguments.get("running_var"))
    if modes and arguments.get(modes[0]) is not False:
        if name not in BATCH_NORMS or statistics != (None, None):
            return "it trains where it should evaluate"
        if varies:
            return f"an image's value depends on which images share its batch; give a batch norm statistics: {BATCH_NORM_HELP}"
    if name == "aten::instance_norm" and statistics[0] is not None:
        return "it changes its running statistics"
    drops = arguments.get("dropout_p", 0.0)
    if drops != 0 or (torch.Tag.nondeterministic_seeded in target.tags and not modes and "dropout_p" not in target_names(target)):
        return "it is random"
    return ""


def target_names(target) -> list:
    return [argument.name for argument in target._schema.arguments]


def argument_refusal(name: str, value) -> str:
    if isinstance(value, str) and (name not in RULES["text_arguments"] or len(value) > RULES["longest_text"]):
        return f"its argument {name} is the text '{value[:50]}'"
    if isinstance(value, list) and len(value) > RULES["longest_list"]:
        return f"its argument {name} is a list of more than {RULES['longest_list']}"
    for key, known in (("dtype", "types"), ("memory_format", "memory_formats")):
        if isinstance(value, dict) and key in value and value[key] not in RULES[known]:
            return f"its argument {name} is {value[key]}"
    if isinstance(value, dict) and value.get("layout", "strided") != "strided":
        return f"its argument {name} is the layout {value['layout']}"
    return ""


def shapes_refusal(shapes: list) -> str:
    for shape in shapes:
        sizes = [size["batch"][0] * 2 + size["batch"][1] if isinstance(size, dict) else size for size in shape]  # of 2 images
        if len(sizes) > RULES["most_rank"]:
            return f"its result has {len(sizes)} dimensions, more than {RULES['most_rank']}"
        if math.prod(sizes) // 2 > RULES["most_values"]:
            return f"its result has {math.prod(sizes) // 2} numbers an image, more than {RULES['most_values']}"
    return ""
