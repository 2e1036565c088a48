"""Which of a checkpoint's dicts of tensors is meant, and which of its names, where no network is known: as the orograph program chooses
(src/model/state_choice.cpp, state_reading.cpp, weights_source.cpp), and refused where that depends on the network.
"""

import re
import sys
from pathlib import Path

from .errors import ExitCode, OrographError

# Where people keep a state_dict, the most usual first; the last word of a nested key counts.
USUAL_KEYS = ("", "state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "module")
WRAPPERS = {"module", "_orig_mod", "_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_fpw_module", "_forward_module"}
COUNTERS = {"num_batches_tracked", "n_averaged", "total_ops", "total_params", "num_updates"}
FAR = 4  # times as many weights leave no doubt
BEND = re.compile(r"(.*\.(?:weight|bias))_(\d{1,4})", re.DOTALL)


def fail(message: str):
    raise OrographError(ExitCode.DATA, message)


def split_choices(text: str) -> tuple[str, dict]:
    """FILE#key=NAME#prefix=NAME.#bend=1 in any order, each no more than once: the file, and the choices by word."""
    file, *pieces = re.split("#(key|prefix|bend)=", text)
    words, values = pieces[::2], pieces[1::2]
    if len(set(words)) < len(words) or ("bend" in words and not values[words.index("bend")].isdecimal()):
        raise OrographError(ExitCode.USAGE, f"'{text}' is not FILE#key=NAME#prefix=NAME.#bend=NUMBER, each no more than once")
    return file, dict(zip(words, values, strict=True))


def weights_in(state: dict) -> dict:
    """Without counters."""
    return {name: tensor for name, tensor in state.items() if name.rpartition(".")[2] not in COUNTERS}


def usualness(key: str) -> int:
    last = key.rpartition(".")[2]
    return USUAL_KEYS.index(last) if last in USUAL_KEYS else len(USUAL_KEYS)


def layers(state: dict) -> set:
    """Of matrices and convolutions what no renaming of layers changes."""
    return {(name.rpartition(".")[2], tuple(tensor.shape)) for name, tensor in weights_in(state).items() if tensor.ndim > 1}


def unclear(found: dict, path: Path):
    choices = ", ".join(f"{path}#key={key} ({len(weights_in(found[key]))} tensors)" for key in list(found)[:5] if key)
    top = f"; the top has {len(weights_in(found['']))} (--key '')" if "" in found else ""
    fail(f"{path} holds several sets of weights, and which is meant depends on the network; choose: {choices}{top}")


def choose_key(found: dict, key: str | None, path: Path, readable: set) -> str:
    """`key`, else the most usual, unless one has far more weights; said where there are several. The program sees only `readable`."""
    if key is not None and key not in found:
        fail(f"{path} has no named tensors under '{key}'; it has them under: {keys_of(found)}")
    found = {name: state for name, state in found.items() if weights_in(state)} or found
    if key is not None or len(found) == 1:
        return key if key is not None else next(iter(found))
    sizes = {name: len(weights_in(state)) for name, state in found.items()}
    order = sorted(found, key=usualness)
    fullest = max(order, key=sizes.get)
    small = [name for name in order if sizes[name] * FAR < sizes[fullest]]
    chosen = order[0]
    if len(small) == len(found) - 1:  # the fullest has far more than every other
        # A network in both would be taken where the program finds it first.
        if any(usualness(name) < usualness(fullest) and layers(found[name]) & layers(found[fullest]) for name in small):
            unclear(found, path)
        chosen = fullest
    elif chosen in small or usualness(order[1]) == usualness(chosen):
        unclear(found, path)
    if chosen not in readable and any(layers(found[name]) & layers(found[chosen]) for name in readable & found.keys()):
        unclear(found, path)
    print(f"of the tensors under {keys_of(found)} taken those under {name_of(chosen)}; --key takes others", file=sys.stderr)
    return chosen


def name_of(key: str) -> str:
    return repr(key) if key else "the top"


def keys_of(found: dict) -> str:
    return ", ".join(map(name_of, list(found)[:20]))


def without_wrappers(name: str) -> str:
    return ".".join(word for word in name.split(".") if word not in WRAPPERS)


def with_prefix(state: dict, prefix: str) -> dict:
    """The tensors whose names begin so, as the file has them or else without wrappers' words, without the prefix."""
    prefix = prefix if not prefix or prefix.endswith(".") else prefix + "."
    taken = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
    if taken:
        return taken
    bare = without_wrappers(prefix.removesuffix("."))
    bare = bare and bare + "."
    names = {name: without_wrappers(name) for name in state}
    return {bare_name.removeprefix(bare): state[name] for name, bare_name in names.items() if bare_name.startswith(bare)}


def choose_prefix(found: dict, prefix: str, path: Path) -> dict:
    """Of each dict the tensors under the prefix; dicts that have none are left out."""
    taken = {key: under for key, state in found.items() if (under := with_prefix(state, prefix))}
    if not taken:
        words = sorted({name.partition(".")[0] for state in found.values() for name in state})[:20]
        fail(f"no tensor's name in {path} begins with '{prefix}'; they begin with: {', '.join(map(repr, words))}")
    return taken


def with_bend(state: dict, bend: int, path: Path) -> dict:
    """One bend of a curve of Garipov et al., under the curve's names without the bends' numbers, which the program knows."""
    matches = {name: match for name in state if (match := BEND.fullmatch(name))}
    if not matches:
        fail(f"{path} is no curve and has no bends; leave out the bend")
    bends = 1 + max(int(match[2]) for match in matches.values())
    if bend >= bends:
        fail(f"{path} is a curve of {bends} bends, 0 to {bends - 1}; there is no bend {bend}")
    taken = {match[1]: state[name] for name, match in matches.items() if int(match[2]) == bend}
    taken |= {name: tensor for name, tensor in state.items() if name not in matches and "coeff_layer." not in name}
    if any(name.endswith("running_mean") for name in taken):
        print(f"a curve keeps one set of batch-norm statistics, which need not belong to bend {bend}", file=sys.stderr)
    return {name.removeprefix("net."): tensor for name, tensor in taken.items()}
