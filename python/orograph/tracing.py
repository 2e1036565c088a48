"""What torch.export makes of a user's model, or in one line why it does not take it."""

import contextlib
import inspect
import io
import logging
import re

from .errors import ExitCode, OrographError
from .export_places import one_line, place_of_error, place_of_frame

HINT = "a model must take batches of any size (images.shape[0], not len(images)), and its values must not decide which operators run"
# Of the errors of torch.export, by what they hold.
REASONS = {
    "data-dependent": "a number taken out of a tensor decides what it does; compute with the tensor (torch.where, x.amax())",
    "fake tensor in the exported program": "it makes a tensor in a way that torch.export does not see, through numpy say",
    "Cannot access data pointer": "a module keeps tensors from one run to the next, "
    "as torch.nn.utils.weight_norm of a recurrent network does (torch.nn.utils.remove_weight_norm takes it off)",
}
CHATTER = re.compile(
    r"For more information|Suggested fixes|The error above occurred|If you're using |If you suspect|Please file an issue|"
    r"\(Size-like symbols|Caused by:|For the potential source|To fix this|Please see "
)


class NotExportable(Exception):
    """What the model does that no graph can say."""


@contextlib.contextmanager
def quiet():
    """Without what PyTorch logs and prints of an error, which is said in one line here."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def reads_data(torch):
    """A mode in which `tensor.data`, of which torch.export loses sight, is `tensor.detach()`."""
    data = torch.Tensor.data

    class ReadsData(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, arguments=(), keywords=None):
            if function == data.__get__:
                return arguments[0].detach()
            if function == data.__set__:
                raise NotExportable("it replaces a tensor's data as it evaluates")
            return function(*arguments, **(keywords or {}))

    return ReadsData()


def trace(torch, model, images):
    name, batch = type(model).__name__, {0: torch.export.Dim("batch", min=1)}
    first = next(iter(inspect.signature(model.forward).parameters.values()), None)
    starred = first is not None and first.kind is inspect.Parameter.VAR_POSITIONAL  # forward(self, *images)
    try:
        with quiet(), reads_data(torch):
            return torch.export.export(model, (images,), dynamic_shapes=((batch,),) if starred else (batch,))
    except Exception as error:  # whatever torch.export makes of the model's code
        place, reason = fault_of(torch, model, error)
        raise OrographError(ExitCode.DATA, f"torch.export does not take {name}{place}: {reason}") from error


def fault_of(torch, model, error) -> tuple[str, str]:
    """Where it is, and what."""
    place, text = place_of_error(torch, error, model), str(error)
    if isinstance(error, NotExportable):
        return place, text
    guards = [guard for guard in guards_of(torch, error) if "Constraints violated" in text]
    for guard in guards:
        place = place_of_frame(torch, guard.sloc.framework_loc)
        if place or guard is guards[-1]:
            return place, f"what runs depends on the batch's size B ({condition_in_words(torch, guard.expr)} for the example); {HINT}"
    return place, reason_of(error, HINT)


def reason_of(error, hint: str = "") -> str:
    """In words of ours where the error is known, else in PyTorch's, with a hint."""
    known = next((reason for words, reason in REASONS.items() if words in str(error)), "")
    return known or "; ".join(filter(None, (one_line(CHATTER.split(str(error))[0]) or type(error).__name__, hint)))


def guards_of(torch, error) -> list:
    """The conditions on sizes that torch.export met in the model's code: they are in the frames that the error went through."""
    from torch.fx.experimental.symbolic_shapes import ShapeEnv

    while error is not None:
        frame = error.__traceback__
        while frame is not None:
            for value in frame.tb_frame.f_locals.copy().values():
                if isinstance(value, ShapeEnv) and value.guards:
                    return list(value.guards)
            frame = frame.tb_next
        error = error.__cause__ or error.__context__
    return []


def condition_in_words(torch, expression) -> str:
    """Of the batch's size B."""
    from torch.utils._sympy.printers import PythonPrinter

    text = PythonPrinter().doprint(expression)
    for symbol in expression.free_symbols:
        text = text.replace(str(symbol), "B")
    return text
