"""Runs the orograph program as a user does, for the tests in this folder."""
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
from mounts import own_mounts
from safetensors.numpy import save_file

ENVIRONMENT = dict(
    os.environ,
    OMPI_ALLOW_RUN_AS_ROOT="1",
    OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
    OMPI_MCA_btl_vader_single_copy_mechanism="none",
)


def mlp_weights(path: Path, seed: int = 0, hidden: int = 256) -> None:
    """Random weights of the mlp for one-channel 32x32 images and ten classes."""
    random = np.random.default_rng(seed)
    shapes = {"fc1": (hidden, 1024), "fc2": (128, hidden), "fc3": (10, 128)}
    tensors = {}
    for name, (out, inp) in shapes.items():
        tensors[f"{name}.weight"] = (random.standard_normal((out, inp)) / np.sqrt(inp)).astype(np.float32)
        tensors[f"{name}.bias"] = (0.1 * random.standard_normal(out)).astype(np.float32)
    save_file(tensors, path)


def surface_config(folder: Path, **sections) -> dict:
    """A small surface of the mlp; `sections` replace or extend keys ({"grid": {"x": ...}})."""
    config = {
        "job": "surface",
        "model": {"architecture": "mlp", "weights": str(folder / "mlp.safetensors")},
        "data": {"set": "fashion-mnist", "splits": ["train", "test"], "limit": 64},
        "grid": {"x": [-1, 1, 5], "y": [-1, 1, 3]},
        "output": {"file": str(folder / "surface.h5")},
        "run": {"threads": 1, "progress": "none"},
    }
    for section, keys in sections.items():
        if isinstance(keys, dict):
            config.setdefault(section, {}).update(keys)
        else:
            config[section] = keys
    return config


def write_config(path: Path, config: dict) -> Path:
    """As JSON, which is YAML too."""
    path.write_text(json.dumps(config, indent=1))
    return path


def command(program: str, arguments: list, ranks: int = 1) -> list:
    """The command line at `ranks` ranks; 0: without mpirun."""
    start = [] if ranks == 0 else ["mpirun", "--quiet", "--oversubscribe", "--bind-to", "none", "-n", str(ranks)]
    return start + [program] + [str(argument) for argument in arguments]


def run(program: str, arguments: list, ranks: int = 1, prefix: str = "", timeout: float = 120, **environment) -> subprocess.CompletedProcess:
    """Runs to the end; `prefix` is a shell fragment that runs first, with mounts of their own (a tmpfs, say): ask own_mounts() whether that is possible."""
    line = command(program, arguments, ranks)
    if prefix:
        line = [*own_mounts(), "sh", "-c", f"{prefix} && exec {shlex.join(line)}"]
    return subprocess.run(line, capture_output=True, text=True, timeout=timeout, env=dict(ENVIRONMENT, **environment))


def datasets(path: Path) -> dict:
    """The root datasets of a surface file by name."""
    with h5py.File(path, "r") as file:
        return {name: item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}


def points_done(path: Path) -> int:
    """Points that have a status; 0 where the file is not there yet."""
    return int((datasets(path)["status"] != 0).sum()) if path.exists() else 0


_checks = 0


def expect(condition, what) -> None:
    """Ends the test with `what` where the condition does not hold."""
    global _checks
    _checks += 1
    if not condition:
        sys.exit(f"FAIL: {what}")


def report_checks(at_least: int = 1) -> None:
    """The end of a test: how many conditions held; too few are a failure."""
    print(f"{_checks} checks passed")
    if _checks < at_least:
        sys.exit(f"FAIL: fewer than {at_least} checks")
