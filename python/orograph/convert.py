"""Converts a checkpoint of PyTorch to safetensors: python -m orograph.convert OLD.t7 NEW.safetensors

Takes what the orograph program takes, and more: files of PyTorch before 1.6, of pickle.dump, whole modules, numpy arrays. They are read as
data (torch_files.py): nothing in them is run, whatever they hold.
"""

import argparse
import pickle
import struct
import sys
import zipfile
from pathlib import Path

from .errors import ExitCode, OrographError
from .options import Parser
from .state_choice import choose_key, choose_prefix, split_choices, with_bend

DEEPEST = 4  # dicts in dicts
CONVERT_ONLY = "; save model.state_dict() in the program that made it"
DAMAGE = (pickle.UnpicklingError, zipfile.BadZipFile, struct.error, EOFError, LookupError, TypeError, ValueError, AttributeError,
          RuntimeError, OverflowError, MemoryError)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns an exit code of docs/exit-codes.md."""
    try:
        options = parse(arguments)
        state = state_dict(options)
        save(state, options.new)
    except OrographError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    print(f"{options.new}: {len(state)} tensors", file=sys.stderr)
    return int(ExitCode.DONE)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(prog="python -m orograph.convert", description="Converts a checkpoint of PyTorch to safetensors.")
    old = "a file of torch.save, of any PyTorch since 0.2, of pickle.dump, or safetensors"
    parser.add_argument("old", type=Path, metavar="OLD", help=old)
    parser.add_argument("new", type=Path, metavar="NEW.safetensors", help="what to write")
    key = "where the weights are in OLD, 'a.b' for ['a']['b'] (default: under the most usual key, or where by far most are)"
    parser.add_argument("--key", help=key)
    parser.add_argument("--prefix", help="takes only tensors whose names begin with this, 'student.', and takes it off")
    parser.add_argument("--bend", type=int, help="takes this bend of a curve of Garipov et al., 0 for its first end")
    options = parser.parse_args(arguments)
    if not options.old.exists():
        file, choices = split_choices(str(options.old))
        vars(options).update(choices | {"old": Path(file)})
    return options


def state_dict(options: argparse.Namespace) -> dict:
    """The chosen tensors by name. OrographError where the file is missing, or holds none."""
    path = options.old
    check_packages()
    if not path.is_file():
        raise OrographError(ExitCode.NO_INPUT, f"there is no file {path}; check the path")
    try:
        found, readable = read(path)
    except OSError as error:
        raise OrographError(ExitCode.NO_INPUT, f"cannot read {path}: {error.strerror}") from error
    except DAMAGE as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        message = f"cannot read {path} as a checkpoint of PyTorch: {reason[:200].strip()}{CONVERT_ONLY}"
        raise OrographError(ExitCode.DATA, message) from error
    if options.prefix is not None:
        found = choose_prefix(found, options.prefix, path)
    state = found[choose_key(found, options.key, path, readable)]
    return state if options.bend is None else with_bend(state, int(options.bend), path)


def check_packages() -> None:
    try:
        import safetensors  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise OrographError(ExitCode.USAGE, f"converting needs the Python package {error.name}; pip install torch safetensors") from error


def read(path: Path) -> tuple[dict, set]:
    """The dicts of named tensors in a file, by key, '' for the top, the outer ones first; the keys that the program sees."""
    with open(path, "rb") as file:
        if file.read(9)[8:] == b"{":
            from safetensors.torch import load_file

            return {"": load_file(path)}, {""}
    from . import torch_files

    contents = torch_files.load(path)
    found, readable = find(contents, False)
    if not found:
        found, _ = find(contents, True)
    if not found:
        keys = list(torch_files.dict_of(contents.value))[:20]
        raise torch_files.NotWeights("it holds no tensors by name" + (f"; its keys are: {', '.join(map(repr, keys))}" if keys else ""))
    return found, readable


def find(contents, is_any: bool) -> tuple[dict, set]:
    """Dicts under keys that are text, as the program finds them; with `is_any` under numbers and in lists, too."""
    from . import torch_files

    found, readable, seen, places = {}, set(), set(), [("", contents.value, 0)]
    for key, value, depth in places:
        if id(value) in seen:
            continue
        seen.add(id(value))
        items = torch_files.dict_of(value) or torch_files.module_of(value)
        if isinstance(value, (list, tuple)) and (is_any or depth == 0):
            items = {str(k): item for k, item in enumerate(value)}
        elif is_any:
            items = {str(name): item for name, item in items.items() if isinstance(name, (str, int))}
        tensors = {name: tensor for name, item in items.items() if isinstance(name, str) and (tensor := contents.tensor(item)) is not None}
        if tensors:
            found[key] = tensors
            if depth < DEEPEST and any(torch_files.is_torchs(items[name]) for name in tensors) and torch_files.dict_of(value):
                readable.add(key)
        if depth < DEEPEST:
            places += [(f"{key}.{name}" if key else name, item, depth + 1) for name, item in items.items() if isinstance(name, str)]
    return found, readable


def save(state: dict, path: Path) -> None:
    from safetensors.torch import save_file

    partial = path.with_name(f".{path.name}.partial")
    try:
        save_file({name: tensor.detach().clone().contiguous() for name, tensor in state.items()}, partial)
        partial.replace(path)
    except Exception as error:
        partial.unlink(missing_ok=True)
        raise OrographError(ExitCode.CANNOT_CREATE, f"cannot write {path}: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
