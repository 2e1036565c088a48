"""Where in a user's source an operator, or an error, comes from."""

import re
import sysconfig
import traceback
from pathlib import Path

FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in \S+(?:\n\s+(?P<code>[^\n]*))?')


def one_line(text, longest=300) -> str:
    return " ".join(str(text).split())[:longest]


def is_foreign(torch, file: str) -> bool:
    """Whether a source file is PyTorch's, Python's or ours rather than the model's."""
    own = (Path(torch.__file__).parent, Path(__file__).parent)
    library = Path(sysconfig.get_path("stdlib"))
    path = Path(file)
    in_library = path.is_relative_to(library) and not {"site-packages", "dist-packages"} & set(path.parts)
    return file.startswith("<") or in_library or any(path.is_relative_to(folder) for folder in own)


def place_of_node(torch, node) -> str:
    """" in 'features.3' (BatchNorm2d), net.py:31: x = self.norm(x)", of a node of torch.export; empty where it does not say."""
    words = []
    modules = list((node.meta.get("nn_module_stack") or {}).values())
    if modules and modules[-1][0]:
        name, kind = modules[-1]
        kind = kind if isinstance(kind, str) else kind.__name__
        words.append(f" in '{name}' ({kind.rsplit('.', 1)[-1]})")
    frames = [frame for frame in FRAME.finditer(node.meta.get("stack_trace") or "") if not is_foreign(torch, frame["file"])]
    if frames:
        words.append(f" at {Path(frames[-1]['file']).name}:{frames[-1]['line']}: {one_line(frames[-1]['code'] or '', 100)}")
    return ",".join(words)


def place_of_frame(torch, frame) -> str:
    """The same of a frame of a traceback; empty for one that is not the model's."""
    if not isinstance(frame, traceback.FrameSummary) or is_foreign(torch, frame.filename) or frame.name == "<module>":
        return ""
    return f" at {Path(frame.filename).name}:{frame.lineno}: {one_line(frame.line or '', 100)}"


def place_of_error(torch, error, model) -> str:
    """The same of an exception that the model raised as it ran."""
    names = {id(module): f" in '{name}' ({type(module).__name__})" for name, module in model.named_modules() if name}
    while error is not None:
        places = [place for frame in traceback.extract_tb(error.__traceback__) if (place := place_of_frame(torch, frame))]
        running = [frame.f_locals.get("self") for frame, _ in traceback.walk_tb(error.__traceback__)]
        modules = [names[id(module)] for module in running if id(module) in names]
        if places or modules:
            return ",".join(modules[-1:] + places[-1:])
        error = error.__cause__ or error.__context__
    return ""
