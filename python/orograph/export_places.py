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


def place_of_error(torch, error) -> str:
    """The same of an exception that the model's code raised."""
    frames = []
    while error is not None and not frames:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not is_foreign(torch, frame.filename)]
        frames = [frame for frame in frames if frame.name not in ("<module>",)]
        error = error.__cause__ or error.__context__
    return f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}: {one_line(frames[-1].line or '', 100)}" if frames else ""
