"""Writes a PyTorch model as a file that the orograph program evaluates without Python: docs/design/own-models.md.

    import orograph
    orograph.export(model, torch.zeros(2, 1, 32, 32), "my.safetensors")
"""

import contextlib
import copy
import json
import math
import os
from pathlib import Path

from .aten import functional, graph_of, names_in
from .aten_run import evaluate_graph, settle_shapes
from .errors import ExitCode, OrographError
from .export_places import one_line, place_of_error
from .export_rules import RULES
from .export_values import Unfit, UnfitAsWritten
from .plain_model import plain_copy
from .tracing import quiet, reason_of, trace

VERSION = "1"
CONSTANT_PREFIX = "orograph.constant."
CHECKED_BATCHES = (3, 1)
TOLERANCE = 1e-9  # of float64 logits, relative to the largest
TOLERANCE_OF_NUMBERS = 1e-6  # of the graph's, in which numbers that become tensors (x.new_tensor(0.1)) are rounded to float32
TOLERANCE_FLOAT32 = 1e-4
TOLERANCE_COMPLEX = 1e-6  # of a model whose complex constants stay of single precision


def export(model, example_images, path) -> None:
    """Writes `model`, as it evaluates, to one safetensors file: the operators of its forward pass, and its parameters and buffers under
    their names in model.state_dict().

    example_images: float tensor [B, C, H, W], of the size that the data will have (orograph's data sets: [B, 1 or 3, 32, 32]). The model
    gives logits [B, classes], whatever B; it is left as it was, and taken out of torch.compile and DataParallel. Before anything is
    written the operators are held to the program's rules (export_rules.json), run again in float64, on batches of 3 images and of 1, and
    compared with the model. OrographError where it cannot be exported, and why.
    """
    import torch

    shape, path = image_shape(torch, example_images), file_path(path)
    model = plain_copy(torch, model)
    check_tensors(torch, model)
    images = torch.rand(2, *shape, generator=generator(torch))  # 2: torch.export takes 0 and 1 for constants
    run_once(torch, copy.deepcopy(model), images.clone())
    traced = trace(torch, copy.deepcopy(model), images)
    shows_training = True
    try:
        try:
            graph = checked(torch, model, traced, shape)
        except UnfitAsWritten:
            with quiet():
                traced, shows_training = functional(traced), False
            graph = checked(torch, model, traced, shape)
    except Unfit as fault:
        raise OrographError(ExitCode.DATA, f"{name_of(model)} cannot be exported: {fault}") from fault
    except Exception as error:  # of run_decompositions, or of a graph with what none had before
        raise OrographError(ExitCode.DATA, f"{name_of(model)} cannot be exported: {type(error).__name__}: {reason_of(error)}") from error
    description, tensors = describe(torch, model, traced, graph, shape, shows_training)
    save(description, tensors, path)


def name_of(model) -> str:
    return type(model).__name__


def generator(torch):
    """Numbers that leave the user's own alone."""
    return torch.Generator().manual_seed(0)


def image_shape(torch, images) -> list:
    if not isinstance(images, torch.Tensor) or images.dim() != 4 or min(images.shape) < 1 or not images.is_floating_point():
        raise OrographError(ExitCode.USAGE, "export needs an example of the images, a float tensor [B, C, H, W]; torch.zeros(2, 1, 32, 32), say")
    return list(images.shape[1:])


def file_path(path) -> Path:
    if not isinstance(path, (str, os.PathLike)) or not Path(path).name:
        raise OrographError(ExitCode.USAGE, f"export needs the name of the file that it is to write, not {path!r}")
    return Path(path)


def run_once(torch, model, images) -> None:
    """The model's own words, where it does not take the images, rather than torch.export's."""
    try:
        with torch.no_grad():
            model(images)
    except Exception as error:
        place, reason = place_of_error(torch, error, model), one_line(error) or type(error).__name__
        message = f"{name_of(model)} does not take images of the shape {list(images.shape)}{place}: {reason}"
        raise OrographError(ExitCode.DATA, message) from error


def check_tensors(torch, model) -> None:
    state = model.state_dict()
    if slashed := next((name for name in state if "/" in name), None):
        raise OrographError(ExitCode.DATA, f"{name_of(model)} cannot be exported: rename its tensor '{slashed}', which has a '/'")
    parameters = dict(model.named_parameters())
    if not any(parameter.numel() for parameter in parameters.values()):
        raise OrographError(ExitCode.DATA, f"{name_of(model)} cannot be exported: it has no parameters")
    for name, parameter in parameters.items():
        if parameter.dtype != torch.float32:
            reason = f"its parameter '{name}' is {str(parameter.dtype).removeprefix('torch.')}, not of floating point"
            raise OrographError(ExitCode.DATA, f"{name_of(model)} cannot be exported: {reason}")
        if name not in state:
            raise OrographError(ExitCode.DATA, f"{name_of(model)} cannot be exported: its state_dict has no '{name}', which is a parameter")


def checked(torch, model, traced, shape):
    """The traced graph, of which it is certain that the program takes it and that it is the model; Unfit else."""
    graph = graph_of(torch, traced, model)
    compare(torch, model, graph, traced, shape)
    return graph


def compare(torch, model, graph, traced, shape) -> None:
    """Of 3 images and of the first alone, at parameters beside the model's, in whose place a tensor of zeros, a new head say, would hide
    everything; in float64, or in float32 where the model's code knows nothing else."""
    images = torch.rand(3, *shape, generator=generator(torch), dtype=torch.float64)
    try:
        exact, tolerance = beside(torch, copy.deepcopy(model).double(), images), TOLERANCE
    except Exception:
        images, tolerance = images.float(), TOLERANCE_FLOAT32
        exact = copy.deepcopy(model)
    if any(isinstance(value, torch.Tensor) and value.is_complex() for value in traced.constants.values()):
        tolerance = max(tolerance, TOLERANCE_COMPLEX)
    tensors = tensors_of(torch, traced, images.dtype)
    tensors |= {name: value for name, value in exact.state_dict().items() if name in tensors and isinstance(value, torch.Tensor)}
    answers, ours, shapes = [], [], {}
    for batch in CHECKED_BATCHES:
        wanted = model_answer(torch, exact, images[:batch])
        require_close(wanted, model_answer(torch, exact, images[:batch]), tolerance, "it is random: it gives other logits the second time")
        found, shapes[batch] = graph_answer(torch, graph, tensors, images[:batch])
        require_close(wanted, found, max(tolerance, TOLERANCE_OF_NUMBERS), OTHER_LOGITS.format(batch=batch), UnfitAsWritten)
        answers.append(wanted)
        ours.append(found)
    for first, alone in (answers, ours):
        require_close(alone, first[: CHECKED_BATCHES[1]], tolerance, "its logits for an image depend on which images share its batch")
    settle_shapes(graph, shapes)


def beside(torch, model, images):
    """The model with every parameter moved a little, or as it is where that gives no finite logits."""
    moved, random = copy.deepcopy(model), generator(torch)
    for parameter in moved.parameters():
        size = 0.01 * parameter.square().mean().sqrt().clamp(min=0.1) if parameter.numel() else 0
        parameter += size * torch.randn(parameter.shape, generator=random, dtype=parameter.dtype)
    logits = logits_of(torch, moved, images)
    return moved if not isinstance(logits, torch.Tensor) or logits.isfinite().all() else model


def model_answer(torch, model, images):
    """The model's logits; Unfit where it gives none."""
    batch = images.size(0)
    try:
        logits = logits_of(torch, model, images)
    except Exception as error:
        raise Unfit(f"the model does not take a batch of {batch}{place_of_error(torch, error, model)}: {one_line(error)}") from error
    if not isinstance(logits, torch.Tensor):
        raise Unfit(f"the model gives a {type(logits).__name__} instead of logits [B, classes]; export a module that gives them alone")
    if logits.dim() != 2 or logits.size(0) != batch or not 1 <= logits.size(1) <= RULES["most_classes"] or not logits.is_floating_point():
        kind = str(logits.dtype).removeprefix("torch.")
        raise Unfit(f"the model does not give logits [B, classes] for a batch of {batch} but {kind} {list(logits.shape)}")
    return logits.to(images.dtype)


def logits_of(torch, model, images):
    """float32, where the model's code asks for it, becomes the type of the images, as in the program. A model may change its images."""
    from torch.utils._python_dispatch import TorchDispatchMode

    def cast(value):
        return images.dtype if value is torch.float32 else value

    class RunType(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
            result = function(*map(cast, arguments), **{key: cast(value) for key, value in (keywords or {}).items()})
            if isinstance(result, torch.Tensor) and result.dtype == torch.float32:
                return result.to(images.dtype)
            return result

    with torch.no_grad(), contextlib.nullcontext() if images.dtype == torch.float32 else RunType():
        return model(images.clone())


def graph_answer(torch, graph, tensors, images):
    try:
        with torch.no_grad():
            return evaluate_graph(torch, graph, tensors, images)
    except Unfit:
        raise
    except Exception as error:
        raise UnfitAsWritten(f"its operators, run on a batch of {images.size(0)}: {one_line(error)}") from error


OTHER_LOGITS = "its operators give other logits than the model for a batch of {batch}; do values, or a batch's size, decide what it does?"


def require_close(found, wanted, tolerance: float, message: str, fault=Unfit) -> None:
    scale = wanted.abs().max().item()
    if found.shape != wanted.shape or not math.isfinite(scale) or not (found - wanted).abs().max().item() <= tolerance * scale:
        raise fault(message if math.isfinite(scale) else "its logits for random images are not finite")


def tensors_of(torch, traced, run_type=None) -> dict:
    """Every tensor that the graph may name, by the name that it has there; float32 in the run's type, complex numbers as pairs."""
    tensors = {**traced.state_dict, **traced.constants}
    tensors = {name: value.detach() for name, value in tensors.items() if isinstance(value, torch.Tensor)}
    tensors = {name: torch.view_as_real(value.resolve_conj()) if value.is_complex() else value for name, value in tensors.items()}
    if run_type is None:
        return tensors
    return {name: value.to(run_type) if value.dtype == torch.float32 else value for name, value in tensors.items()}


def describe(torch, model, traced, graph, shape: list, shows_training: bool) -> tuple[dict, dict]:
    """The graph as the file holds it, and the file's tensors. `shows_training`: whether the graph still has dropout and batch norm."""
    state = {name: value for name, value in model.state_dict().items() if isinstance(value, torch.Tensor)}
    parameters = [name for name, parameter in model.named_parameters() if parameter.numel()]
    buffers = [name for name, buffer in model.named_buffers() if name in state and buffer.is_floating_point() and buffer.numel()]
    aliases = shared_names(model)
    used = tensors_of(torch, traced)
    names = {name: aliases.get(name, name) if name in state else CONSTANT_PREFIX + name for name in used}
    read = set(names_in(graph.nodes, "tensor"))
    tensors = state | {names[name]: value for name, value in used.items() if name not in state and name in read}
    return {
        "module": name_of(model),
        "image": shape,
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
        with contextlib.suppress(OSError, ValueError):
            partial.unlink(missing_ok=True)
        raise OrographError(ExitCode.CANNOT_CREATE, f"cannot write {path}: {one_line(error)}") from error
