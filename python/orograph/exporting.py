"""Writes a PyTorch model as a file that the orograph program evaluates without Python: docs/design/own-models.md.

    import orograph
    orograph.export(model, torch.zeros(2, 1, 32, 32), "my.safetensors")
"""

import copy
import json
import math
from pathlib import Path

from .aten import Unfit, evaluate_graph, functional, graph_of
from .errors import ExitCode, OrographError

VERSION = "1"
CONSTANT_PREFIX = "orograph.constant."
CHECKED_BATCHES = (3, 1)
TOLERANCE = 1e-9  # of float64 logits, relative to the largest


def export(model, example_images, path) -> None:
    """Writes `model`, as it evaluates, to one safetensors file: the operators of its forward pass, and its parameters and buffers under
    their names in model.state_dict().

    example_images: float tensor [B, C, H, W], of the size that the data will have (orograph's data sets: [B, 1 or 3, 32, 32]). The model
    gives logits [B, classes], whatever B; it is left as it was. Before anything is written the operators are run again in float64, on
    batches of 3 images and of 1, and compared with the model. OrographError where it cannot be exported, and why.
    """
    import torch

    model = copy.deepcopy(model).cpu().float().eval().requires_grad_(False)
    images = check_images(torch, example_images)
    traced = trace(torch, model, images)
    shows_training = not first_fault(torch, model, traced, images)
    if not shows_training:
        traced = functional(traced)
        if fault := first_fault(torch, model, traced, images):
            raise OrographError(ExitCode.DATA, f"{name_of(model)} cannot be exported: {fault}")
    description, tensors = describe(torch, model, traced, images, shows_training)
    save(description, tensors, Path(path))


def name_of(model) -> str:
    return type(model).__name__


def check_images(torch, images):
    if not isinstance(images, torch.Tensor) or images.dim() != 4 or images.size(0) < 1 or not images.is_floating_point():
        raise OrographError(ExitCode.USAGE, "export needs an example of the images, a float tensor [B, C, H, W]; torch.zeros(2, 1, 32, 32), say")
    return torch.rand(2, *images.shape[1:])  # a batch of 2: torch.export takes 0 and 1 for constants


def trace(torch, model, images):
    batch = torch.export.Dim("batch", min=1)
    try:
        return torch.export.export(model, (images,), dynamic_shapes=({0: batch},))
    except Exception as error:  # whatever torch.export makes of the model's code
        reason = " ".join(str(error).split())[:500]
        hint = "a model must take batches of any size (images.shape[0], not len(images)), and its values must not decide which operators run"
        raise OrographError(ExitCode.DATA, f"torch.export does not take {name_of(model)}: {reason}; {hint}") from error


def first_fault(torch, model, traced, images) -> str:
    """What keeps the traced graph from being the model; empty where nothing does."""
    try:
        graph = graph_of(torch, traced)
        tensors = tensors_of(traced, torch.float64)
        exact = copy.deepcopy(model).double()
        for batch in CHECKED_BATCHES:
            check_batch(torch, exact, graph, tensors, torch.rand(batch, *images.shape[1:], dtype=torch.float64))
    except Unfit as fault:
        return str(fault)
    return ""


def check_batch(torch, model, graph, tensors, images) -> None:
    batch = images.size(0)
    with torch.no_grad():
        try:
            wanted = model(images)
        except Exception as error:
            raise Unfit(f"the model does not take a batch of {batch}: {' '.join(str(error).split())[:300]}") from error
        if not isinstance(wanted, torch.Tensor) or wanted.dim() != 2 or wanted.size(0) != batch:
            raise Unfit(f"the model does not give logits [B, classes] for a batch of {batch}")
        try:
            found = evaluate_graph(torch, graph, tensors, images)
        except Unfit:
            raise
        except Exception as error:
            raise Unfit(f"its operators, run on a batch of {batch}: {' '.join(str(error).split())[:300]}") from error
    if found.shape != wanted.shape:
        raise Unfit(f"its operators give {list(found.shape)} for a batch of {batch}, the model {list(wanted.shape)}")
    scale = wanted.abs().max().item()
    if not math.isfinite(scale) or (found - wanted).abs().max().item() > TOLERANCE * scale:
        raise Unfit(
            f"its operators give other logits than the model for a batch of {batch}; is it random, or does a batch's size or values decide what it does?"
        )


def tensors_of(traced, float_type=None) -> dict:
    """Every tensor that the graph may name, by the name that it has there."""
    tensors = {**traced.state_dict, **traced.constants}
    tensors = {name: value.detach() for name, value in tensors.items() if hasattr(value, "detach")}
    if float_type is None:
        return tensors
    return {name: value.to(float_type) if value.is_floating_point() else value for name, value in tensors.items()}


def describe(torch, model, traced, images, shows_training: bool) -> tuple[dict, dict]:
    """The graph as the file holds it, and the file's tensors. `shows_training`: whether the graph still has dropout and batch norm."""
    graph = graph_of(torch, traced)
    state = model.state_dict()
    parameters = [name for name, _ in model.named_parameters()]
    buffers = [name for name, buffer in model.named_buffers() if name in state and buffer.is_floating_point()]
    aliases = shared_names(model)
    used = tensors_of(traced)
    names = {name: aliases.get(name, name) if name in state else CONSTANT_PREFIX + name for name in used}
    tensors = dict(state) | {names[name]: value for name, value in used.items() if name not in state}
    return {
        "module": name_of(model),
        "image": list(images.shape[1:]),
        "parameters": parameters,
        "states": buffers,
        "state_dict": list(state),
        "trains": shows_training and not has_cumulative_statistics(torch, model),
        "input": graph.input,
        "nodes": renamed(graph.nodes, names),
        "output": graph.output,
    }, tensors


def shared_names(model) -> dict:
    """Of parameters and buffers that have several names, the first for each."""
    first, aliases = {}, {}
    for listing in (model.named_parameters, model.named_buffers):
        for name, tensor in listing(remove_duplicate=False):
            aliases[name] = first.setdefault(id(tensor), name)
    return aliases


def has_cumulative_statistics(torch, model) -> bool:
    """Batch norms with momentum=None, which the graph of the evaluation does not show."""
    return any(getattr(module, "momentum", 0) is None for module in model.modules() if hasattr(module, "running_mean"))


def renamed(value, names: dict):
    if isinstance(value, dict):
        return {key: names.get(item, item) if key == "tensor" else renamed(item, names) for key, item in value.items()}
    return [renamed(item, names) for item in value] if isinstance(value, list) else value


def save(description: dict, tensors: dict, path: Path) -> None:
    try:
        from safetensors.torch import save_file
    except ImportError as error:
        raise OrographError(ExitCode.USAGE, "export needs the Python package safetensors; pip install safetensors") from error
    metadata = {"orograph.exported": VERSION, "orograph.graph": json.dumps(description, separators=(",", ":"))}
    partial = path.with_name(f".{path.name}.partial")
    try:
        save_file({name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}, partial, metadata)
        partial.replace(path)
    except Exception as error:
        partial.unlink(missing_ok=True)
        raise OrographError(ExitCode.CANNOT_CREATE, f"cannot write {path}: {error}") from error
