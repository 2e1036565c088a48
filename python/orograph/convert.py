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

# Where people keep a state_dict, the most usual first.
USUAL_KEYS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights")
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
    key = "where the weights are in OLD, 'a.b' for ['a']['b'] (default: under the usual keys, or where most are)"
    parser.add_argument("--key", help=key)
    parser.add_argument("--prefix", help="takes only tensors whose names begin with this, 'student.', and takes it off")
    options = parser.parse_args(arguments)
    return options if options.old.exists() else with_choices(options)


def with_choices(options: argparse.Namespace) -> argparse.Namespace:
    """FILE#key=NAME and FILE#prefix=NAME. choose as they do for the orograph program."""
    path, *choices = str(options.old).split("#")
    for choice in choices:
        word, _, value = choice.partition("=")
        if word not in ("key", "prefix"):
            raise OrographError(ExitCode.USAGE, f"'{choice}' after the file's name is neither key=NAME nor prefix=NAME")
        setattr(options, word, value)
    options.old = Path(path)
    return options


def state_dict(options: argparse.Namespace) -> dict:
    """The chosen tensors by name. OrographError where the file is missing, or holds none."""
    path = options.old
    check_packages()
    if not path.is_file():
        raise OrographError(ExitCode.NO_INPUT, f"there is no file {path}; check the path")
    try:
        state = choose(read(path), options.key, path)
    except OSError as error:
        raise OrographError(ExitCode.NO_INPUT, f"cannot read {path}: {error.strerror}") from error
    except DAMAGE as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        message = f"cannot read {path} as a checkpoint of PyTorch: {reason[:200].strip()}{CONVERT_ONLY}"
        raise OrographError(ExitCode.DATA, message) from error
    return with_prefix(state, options.prefix, path) if options.prefix else state


def check_packages() -> None:
    try:
        import safetensors  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise OrographError(ExitCode.USAGE, f"converting needs the Python package {error.name}; pip install torch safetensors") from error


def read(path: Path) -> dict:
    """The dicts of named tensors in a file, by key, 'a.b' for ['a']['b'] and '' for the top, the outer ones first."""
    with open(path, "rb") as file:
        if file.read(9)[8:] == b"{":
            from safetensors.torch import load_file

            return {"": load_file(path)}
    from . import torch_files

    contents = torch_files.load(path)
    top = contents.value
    found, seen, places = {}, set(), [("", {str(k): item for k, item in enumerate(top)} if isinstance(top, (list, tuple)) else top, 0)]
    for key, value, depth in places:
        if id(value) in seen:
            continue
        seen.add(id(value))
        items = torch_files.dict_of(value) or torch_files.module_of(value)
        tensors = {name: tensor for name, item in items.items() if isinstance(name, str) and (tensor := contents.tensor(item)) is not None}
        if tensors:
            found[key] = tensors
        if depth < DEEPEST:
            places += [(f"{key}.{name}" if key else name, item, depth + 1) for name, item in items.items() if isinstance(name, str)]
    if not found:
        keys = list(torch_files.dict_of(contents.value))[:20]
        raise torch_files.NotWeights("it holds no tensors by name" + (f"; its keys are: {', '.join(map(repr, keys))}" if keys else ""))
    return found


def choose(found: dict, key: str | None, path: Path) -> dict:
    """The tensors under `key`, else under the most usual key there is, else where most are."""
    if key is not None and key not in found:
        raise OrographError(ExitCode.DATA, f"{path} has no named tensors under '{key}'; it has them under: {keys_of(found)}")
    if key is None:
        usual = [name for word in USUAL_KEYS for name in found if name.split(".")[-1] == word]
        most = max(len(tensors) for tensors in found.values())
        fullest = [name for name, tensors in found.items() if len(tensors) == most]
        if not usual and len(fullest) > 1:
            raise OrographError(ExitCode.DATA, f"{path} holds several sets of tensors; choose with --key: {keys_of(found)}")
        key = (usual or fullest)[0]
        if len(found) > 1:
            print(f"of the tensors under {keys_of(found)} taken those under {key!r}; --key takes others", file=sys.stderr)
    return found[key]


def keys_of(found: dict) -> str:
    return ", ".join(repr(key) if key else "the top" for key in list(found)[:20])


def with_prefix(state: dict, prefix: str, path: Path) -> dict:
    prefix = prefix if prefix.endswith(".") else prefix + "."
    taken = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
    if not taken:
        words = sorted({name.partition(".")[0] for name in state})[:20]
        raise OrographError(ExitCode.DATA, f"no tensor's name in {path} begins with '{prefix}'; they begin with: {', '.join(words)}")
    return taken


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
