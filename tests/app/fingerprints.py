"""What may change between the parts of a job: of every key of each job, of every input's bytes and of the program's numeric version, one at a time.

What alters numbers refuses to go on, with exit code 65 and its name; what does not goes on.

usage: fingerprints.py PROGRAM
"""
import json
import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

sys.path.insert(0, str(Path(__file__).parent))
from fingerprint_inputs import first_byte_of, make_inputs, write_directions  # noqa: E402
from fingerprint_table import TABLES  # noqa: E402
from program import expect, report_checks, run, write_config  # noqa: E402

PROGRAM = sys.argv[1]
REFUSED = 65


@dataclass
class Base:
    """A job that has been done once."""
    job: str
    config: dict
    output: Path  # the surface file, or the folder of a training
    table: str = ""
    flips: list = field(default_factory=list)  # input file, place of a byte, item that is named
    ranks: int = 0  # of the run in which all that has no say is changed at once


def keys_of(job: str) -> set:
    """Every key of a job, as --dump-default writes them; of a section that is absent by default its name."""
    keys, path = set(), []
    for line in run(PROGRAM, [job, "--dump-default"], 0).stdout.splitlines():
        match = re.match(r"( *)(# )?(\w+):(.*)", line)
        indent, name, rest = len(match[1]) // 2, match[3], match[4].split(" #")[0].strip()
        path[indent:] = [name]
        if match[2] or rest:
            keys.add(".".join(path))
    return keys - {"job"}


def copy_output(base: Base, to: Path) -> Path:
    if base.output.is_dir():
        return shutil.copytree(base.output, to)
    return Path(shutil.copy(base.output, to.with_suffix(".h5")))


def change_stored(output: Path, item: str, value: str) -> None:
    """Changes what the output says of the job that made it."""
    if output.is_file():
        with h5py.File(output, "r+") as file:
            file["provenance/fingerprints"].attrs[item] = np.bytes_(value)
        return
    for name in ("resume.safetensors", "resume.previous.safetensors"):
        tensors = load_file(output / name)
        with safe_open(output / name, "numpy") as file:
            metadata = file.metadata()
        del metadata["orograph.checksum"]
        metadata[f"fingerprint.{item}"] = value
        save_file(tensors, output / name, metadata)


def content(output: Path) -> dict:
    files = [output] if output.is_file() else sorted(output.iterdir())
    return {file.name if output.is_dir() else "": file.read_bytes() for file in files}


def go_on(base: Base, output: Path, assignments: dict, ranks: int = 0):
    config = write_config(output.with_suffix(".yaml"), base.config)
    key = "output.folder" if output.is_dir() else "output.file"
    words = [word for name, value in {key: str(output), **assignments}.items() for word in ("--set", f"{name}={json.dumps(value)}")]
    return run(PROGRAM, [base.job, config, *words], ranks)


def check_refused(base: Base, place: Path, name: str, change, says: str, code: int) -> None:
    """`change` is assignments, or a function of the output."""
    output = copy_output(base, place)
    if callable(change):
        change(output)
    before = content(output)
    result = go_on(base, output, {} if callable(change) else change)
    lines = [line for line in result.stderr.splitlines() if " error " in line]
    expect(result.returncode == code and len(lines) == 1 and says in lines[0],
           f"{base.job}, {name}: exit code {result.returncode} instead of {code}, or not one line that says {says!r}: {result.stderr[-1500:]}")
    expect(content(output) == before, f"{base.job}, {name}: what was there before is unchanged")


def check_goes_on(base: Base, place: Path, name: str, assignments: dict, ranks: int = 0) -> None:
    output = copy_output(base, place)
    before = content(output)
    result = go_on(base, output, assignments, ranks)
    expect(result.returncode == 0, f"{base.job}, {name} must not matter: exit code {result.returncode}: {result.stderr[-1500:]}")
    expect(content(output) == before, f"{base.job}, {name} must not matter, and the output differs")


def check_flip(base: Base, place: Path, file: Path, offset, says: str) -> None:
    """One bit of an input, in a copy of its folder, which the configuration then names."""
    copy = place.parent / f"{place.name}-input"
    shutil.copytree(file.parent, copy)
    broken = bytearray((copy / file.name).read_bytes())
    broken[offset(file) if callable(offset) else offset] ^= 1
    (copy / file.name).write_bytes(broken)
    config = json.loads(json.dumps(base.config).replace(str(file.parent) + "/", f"{copy}/").replace(f'"{file.parent}"', f'"{copy}"'))
    expect(config != base.config, f"{file} is an input of the job")
    check_refused(Base(base.job, config, base.output), place, f"a byte of {file.name}", {}, says, REFUSED)


def cases(base: Base, paths: dict):
    """Check, name and arguments of everything that is changed for one base."""
    table = TABLES[base.table](paths) if base.table else []
    if base.table == base.job:
        missing = keys_of(base.job) - {key for entry in table for key in entry.keys}
        expect(not missing, f"{base.job}: no entry in fingerprint_table.py for {sorted(missing)}")
    for entry in table:
        if entry.says is not None:
            change = (lambda output, stored=entry.stored: change_stored(output, *stored)) if entry.stored else entry.change
            yield check_refused, (entry.name, change, entry.says, entry.code)
        elif entry.change and not entry.together:
            yield check_goes_on, (entry.name, entry.change)
    if base.table == base.job and base.output.is_file():
        with h5py.File(base.output) as file:
            batch = int(file["provenance/fingerprints"].attrs["evaluate.batch"])
        yield check_goes_on, ("evaluate.batch that auto chose", {"evaluate.batch": batch})
    at_once = {key: value for entry in table if entry.together for key, value in entry.change.items()}
    if at_once:
        yield check_goes_on, (", ".join(at_once), at_once, base.ranks)
    for file, offset, says in base.flips:
        yield check_flip, (Path(file), offset, says)


def make_bases(folder: Path, paths: dict) -> list:
    """Each job once."""
    common = {"data": {"set": "mnist", "folder": paths["mnist"]}, "run": {"threads": 1, "progress": "none"}}
    model = {"model": {"architecture": "resnet20", "weights": paths["a"]}}
    random = {axis: {"kind": "random", "seed": seed} for axis, seed in (("x", 1), ("y", 2))}
    grid = {"x": [-1, 1, 2], "y": [-1, 1, 2]}
    ends = {"ends": [paths["a"], paths["c"]]}
    recipe = {"epochs": 2, "batch": 8, "lr": 0.01, "milestones": [1]}
    flips = [(paths["a"], -1, "weights"), (paths["mnist"] + "/train-images-idx3-ubyte", -1, "data"), (paths["mnist"] + "/t10k-labels-idx1-ubyte", -1, "data")]

    def surface(job: str, table: str, sections: dict, **more) -> Base:
        return Base(job, common | sections, folder / f"{table or 'directions'}.h5", table, ranks=3, **more)

    def training(table: str, sections: dict, **more) -> Base:
        config = common | {"model": {"architecture": "resnet20"}} | sections
        return Base("train", config, folder / table, table, **more)

    return [
        surface("surface", "surface", model | {"directions": random, "grid": grid}, flips=flips),
        surface("line", "line", model | {"directions": {"x": random["x"]}, "grid": {"x": grid["x"]}}, flips=flips),
        surface("line", "", model | {"directions": {"x": {"kind": "file", "file": paths["directions"]}}, "grid": {"x": grid["x"]}},
                flips=[(paths["directions"], first_byte_of, "direction x")]),
        surface("surface", "plane", model | {"directions": {axis: {"kind": "plane"} for axis in "xy"}, "grid": grid, "curve": ends | {"bends": [paths["b"]]}}),
        surface("curve", "curve", {"model": {"architecture": "resnet20"}, "curve": {"file": "", "kind": "bezier", **ends, "bends": [paths["b"]]}, "grid": {"t": [0, 1, 3]}},
                flips=[(paths[name], -1, "weights") for name in "abc"] + flips[1:]),
        training("train", model | {"train": recipe}, flips=flips),
        training("train_adam", {"train": recipe | {"optimizer": "adam", "schedule": "garipov"}}),
        training("train_curve", {"train": recipe, "curve": ends}, flips=[(paths["c"], -1, "curve.ends[1]")]),
    ]


def make_outputs(bases: list, paths: dict) -> None:
    for base in bases:
        if base.output.suffix != ".h5":
            base.output.mkdir()  # go_on() tells a training's output by this
        if not base.table:
            write_directions(Path(paths["directions"]), bases[0].output)
        result = go_on(base, base.output, {})
        expect(result.returncode == 0, f"{base.output.name}: {result.stderr[-1500:]}")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = make_inputs(folder)
        bases = make_bases(folder, paths)
        make_outputs(bases, paths)
        checks = []
        with ThreadPoolExecutor(2) as pool:
            for base in bases:
                for check, arguments in cases(base, paths):
                    checks.append(pool.submit(check, base, folder / f"case-{len(checks)}", *arguments))
        failures = [str(error) for error in (check.exception() for check in checks) if error]
    print("\n".join(failures))
    if failures:
        sys.exit(f"FAIL: {len(failures)} of {len(checks)}")
    report_checks(250)


if __name__ == "__main__":
    main()
