"""Converts a checkpoint of PyTorch to safetensors: python -m orograph.convert OLD.t7 NEW.safetensors

For files that the orograph program does not read: those of PyTorch before 1.6, and those that keep numpy numbers or an argparse.Namespace
beside the weights. PyTorch reads them with weights_only=True, which makes no other objects and runs nothing; the file is not trusted.
"""

import argparse
import sys
from pathlib import Path

from .errors import ExitCode, OrographError
from .options import Parser

# Where people keep a state_dict, the most usual first.
USUAL_KEYS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights")
CONVERT_ONLY = "; save model.state_dict() in the program that made it"


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns an exit code of docs/exit-codes.md."""
    try:
        options = parse(arguments)
        state = state_dict(load(options.old), options.key, options.old)
        save(state, options.new)
    except OrographError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    print(f"{options.new}: {len(state)} tensors", file=sys.stderr)
    return int(ExitCode.DONE)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(prog="python -m orograph.convert", description="Converts a checkpoint of PyTorch to safetensors.")
    parser.add_argument("old", type=Path, metavar="OLD", help="a file of torch.save, of any PyTorch since 0.2")
    parser.add_argument("new", type=Path, metavar="NEW.safetensors", help="what to write")
    parser.add_argument("--key", help="where the weights are in OLD, 'a.b' for ['a']['b'] (default: under the usual keys, or at the top)")
    return parser.parse_args(arguments)


def load(path: Path):
    """Everything that the file holds. OrographError where it is missing, or is not data alone."""
    torch = torch_module()
    if not path.is_file():
        raise OrographError(ExitCode.NO_INPUT, f"there is no file {path}; check the path")
    try:
        with torch.serialization.safe_globals(harmless_types()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise OrographError(ExitCode.NO_INPUT, f"cannot read {path}: {error.strerror}") from error
    except Exception as error:  # whatever a damaged file makes of PyTorch's reader
        reason = next((line for line in str(error).splitlines() if "Unsupported" in line or "GLOBAL" in line), str(error).split("\n")[0])
        raise OrographError(ExitCode.DATA, f"PyTorch does not read {path} as data alone: {reason[:300].strip()}{CONVERT_ONLY}") from error


def harmless_types() -> list:
    """Types without code of their own that people keep beside weights."""
    import numpy

    scalar = numpy.float64(0).__reduce__()[0]
    old_scalar = (scalar, "numpy.core.multiarray.scalar")
    kinds = {type(numpy.dtype(code)) for code in "?bhilqBHILQefdSU"}
    return [scalar, old_scalar, numpy.dtype, numpy.ndarray, *kinds, argparse.Namespace]


def torch_module():
    try:
        import torch
    except ImportError as error:
        raise OrographError(ExitCode.USAGE, "converting needs the Python package torch; pip install torch safetensors") from error
    return torch


def state_dict(content, key: str | None, path: Path) -> dict:
    """The tensors under `key`, else under the first usual key, else at the top, by name."""
    if key is not None:
        found = tensors_of(lookup(content, key, path))
    else:
        places = [content.get(usual) for usual in USUAL_KEYS] if isinstance(content, dict) else []
        found = next((tensors for place in [*places, content] if (tensors := tensors_of(place))), {})
    if not found:
        keys = ", ".join(map(repr, list(content)[:20])) if isinstance(content, dict) else type(content).__name__
        where = f" under '{key}'" if key else ""
        raise OrographError(ExitCode.DATA, f"{path} has no named tensors{where}; at its top: {keys}; choose with --key")
    return found


def lookup(content, key: str, path: Path):
    for word in key.split("."):
        if not isinstance(content, dict) or word not in content:
            raise OrographError(ExitCode.DATA, f"{path} has nothing under the key '{key}'")
        content = content[word]
    return content


def tensors_of(place) -> dict:
    if not isinstance(place, dict):
        return {}
    tensor = torch_module().Tensor
    return {name: value for name, value in place.items() if isinstance(name, str) and isinstance(value, tensor)}


def save(state: dict, path: Path) -> None:
    try:
        from safetensors.torch import save_file
    except ImportError as error:
        raise OrographError(ExitCode.USAGE, "converting needs the Python package safetensors; pip install safetensors") from error
    partial = path.with_name(f".{path.name}.partial")
    try:
        save_file({name: tensor.detach().clone().contiguous() for name, tensor in state.items()}, partial)
        partial.replace(path)
    except Exception as error:
        partial.unlink(missing_ok=True)
        raise OrographError(ExitCode.CANNOT_CREATE, f"cannot write {path}: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
