"""precision: bf16 from outside: values and the stored error against PyTorch's autocast, equal bits on any ranks and after a kill, and what is
refused. With the Reference evaluator, which every CPU has.

usage: precision.py PROGRAM
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
from plain_pytorch import load_split, moved, random_model  # noqa: E402
from program import command, datasets, ENVIRONMENT, expect, mlp_weights, points_done, report_checks, run, surface_config, write_config  # noqa: E402

PROGRAM = sys.argv[1]
BF16 = {"precision": "bf16", "evaluator": "reference"}
SPLITS = ("train", "test")


def provenance(path: Path) -> dict:
    with h5py.File(path) as file:
        return {key: value.decode() for key, value in file["provenance"].attrs.items()}


def expect_equal(path: Path, other: Path, what: str) -> None:
    ours, theirs = datasets(path), datasets(other)
    expect(len(ours) >= 8 and ours.keys() == theirs.keys(), f"{what}: datasets {sorted(ours)} and {sorted(theirs)}")
    for name, values in ours.items():
        expect(values.tobytes() == theirs[name].tobytes(), f"{what}: {name} differs")


def make_surface(folder: Path, name: str, ranks: int = 1, **sections) -> tuple[Path, str]:
    """The surface file, and what the program wrote to stderr."""
    path = folder / f"{name}.h5"
    sections = {"evaluate": BF16, **sections, "output": {"file": str(path)}}
    result = run(PROGRAM, ["surface", write_config(path.with_suffix(".yaml"), surface_config(folder, **sections))], ranks)
    expect(result.returncode == 0, f"{name}: exit code {result.returncode}: {result.stderr[-1000:]}")
    return path, result.stderr


@torch.no_grad()
def plain_values(model, images: torch.Tensor, labels: torch.Tensor, bf16: bool) -> tuple[float, float]:
    """Loss and accuracy as people compute them; the loss of the logits in float64."""
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        logits = model(images.float())
    return F.cross_entropy(logits.double(), labels).item(), 100.0 * (logits.argmax(1) == labels).double().mean().item()


def plain_surface(architecture: str, centre: dict, file: h5py.File, images: int) -> np.ndarray:
    """[x, y, split, loss or accuracy, fp32 or bf16] in PyTorch, at the file's coordinates along its directions."""
    model = random_model(architecture, 0)
    directions = [{name: torch.from_numpy(tensor[()]) for name, tensor in file[f"directions/{axis}"].items()} for axis in "xy"]
    x, y = file["xcoordinates"][()], file["ycoordinates"][()]
    data = [load_split(split, images) for split in SPLITS]
    values = np.empty((x.size, y.size, len(SPLITS), 2, 2))
    for i, j in np.ndindex(x.size, y.size):
        model.load_state_dict({name: tensor.float() if tensor.is_floating_point() else tensor
                               for name, tensor in moved(centre, directions, [x[i], y[j]]).items()})
        for split, bf16 in np.ndindex(len(SPLITS), 2):
            values[i, j, split, :, bf16] = plain_values(model, *data[split], bf16=bool(bf16))
    return values


def check_values(folder: Path, architecture: str, images: int) -> None:
    """Every point is a sample point of these small grids, so that PyTorch can measure the stored error anew."""
    model = random_model(architecture, 5)
    centre = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    weights = folder / f"{architecture}.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in centre.items()}, weights)
    path, _ = make_surface(folder, architecture, model={"architecture": architecture, "weights": str(weights)},
                           data={"limit": images}, grid={"x": [-0.5, 1, 3], "y": [0, 1, 2]})
    with h5py.File(path) as file:
        plain = plain_surface(architecture, centre, file, images)
        ours = np.stack([[file[f"{split}_{what}"][()] for what in ("loss", "acc")] for split in SPLITS]).transpose(2, 3, 0, 1)
    losses, accuracies = plain[..., 0, :], plain[..., 1, :]
    error = np.abs(losses[..., 1] / losses[..., 0] - 1).max()
    missed = np.abs(ours[..., 0] / losses[..., 1] - 1).max()
    expect(missed < 0.2 * error, f"{architecture}: losses are {missed:.2e} off PyTorch's in bf16, whose error is {error:.2e}")
    stored = provenance(path)
    ratio = float(stored["precision_error_loss_relative"]) / error
    expect(0.8 < ratio < 1.25, f"{architecture}: stored error {stored['precision_error_loss_relative']}, PyTorch measures {error}")
    accuracy = np.abs(accuracies[..., 1] - accuracies[..., 0]).max()
    difference = abs(float(stored["precision_error_accuracy_percent"]) - accuracy)
    expect(difference <= 100 / images + 1e-9, f"{architecture}: stored accuracy error {stored['precision_error_accuracy_percent']}, PyTorch measures {accuracy}")
    expect(stored["precision_error_images"] == f"train {images}, test {images}", stored["precision_error_images"])
    expect(stored["precision_error_points"] == "(-0.5, 0), (-0.5, 1), (0.25, 0), (0.25, 1), (1, 0), (1, 1)", stored["precision_error_points"])
    print(f"{architecture}: relative loss error {error:.2e} in PyTorch, stored {ratio:.3f} times that; values agree to {missed:.1e}", flush=True)


def check_ranks(folder: Path) -> Path:
    grid = {"x": [-1, 1, 7], "y": [-0.5, 1, 4]}
    one, log = make_surface(folder, "one", grid=grid)
    expect("bf16 against fp32 at 9 points" in log, f"the log names the error: {log}")
    expect((datasets(one)["status"] == 1).all(), "all points done")
    for ranks, keys in ((2, {}), (2, {"shards": 2}), (2, {"master_works": False}), (1, {"threads": 2})):
        other, _ = make_surface(folder, "other", ranks, grid=grid, run=keys)
        expect_equal(one, other, f"{ranks} ranks {keys}")
        for key in ("precision_error_loss_relative", "precision_error_points", "evaluator"):
            expect(provenance(one)[key] == provenance(other)[key], f"{ranks} ranks {keys}: {key}")
        other.unlink()
    exact, log = make_surface(folder, "exact", grid=grid, evaluate={"evaluator": "reference"})
    difference = np.abs(datasets(one)["train_loss"] / datasets(exact)["train_loss"] - 1).max()
    expect(1e-5 < difference < 3e-2, f"bf16 is {difference} from fp32")
    expect("precision_error_points" not in provenance(exact) and "against fp32" not in log, "fp32 has no error to store")
    return one


def kill_session(leader: int) -> None:
    """mpirun puts its ranks into process groups of their own, but all stay in its session."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.getsid(int(entry.name)) == leader:
                os.kill(int(entry.name), signal.SIGKILL)
        except ProcessLookupError:
            pass


def interrupted(config: Path, path: Path, how: signal.Signals) -> None:
    """Runs on two ranks until some points are done, and ends the job with `how`."""
    before = points_done(path)
    job = subprocess.Popen(command(PROGRAM, ["surface", config], 2), env=ENVIRONMENT, stderr=subprocess.DEVNULL, start_new_session=True)
    while job.poll() is None and points_done(path) < before + 10:
        time.sleep(0.02)
    if how == signal.SIGKILL:
        kill_session(job.pid)
    else:
        job.send_signal(how)
    code = job.wait(60)
    expect(code in (75, -signal.SIGKILL), f"{how.name}: exit code {code}")


def check_resume(folder: Path) -> None:
    """Killed, stopped and gone on with: the bits of a run in one go, the error measured once."""
    grid = {"x": [-1, 1, 30], "y": [-1, 1, 20]}
    whole, _ = make_surface(folder, "whole", 2, grid=grid)
    path = folder / "parts.h5"
    config = write_config(folder / "parts.yaml", surface_config(folder, evaluate=BF16, grid=grid, output={"file": str(path)}))
    interrupted(config, path, signal.SIGKILL)
    first = provenance(path)
    interrupted(config, path, signal.SIGUSR1)
    expect(0 < points_done(path) < 600, f"{points_done(path)} of 600 points done after two interruptions")
    result = run(PROGRAM, ["surface", config, "--set", "output.overwrite=true"], 1)
    expect(result.returncode == 0 and "going on with" in result.stderr, f"resumed: {result.stderr}")
    expect("against fp32" not in result.stderr, "the error is not measured again")
    expect(provenance(path) == first, "the provenance is kept")
    expect_equal(whole, path, "killed, stopped and resumed")


def refused(arguments: list, code: int, *words: str) -> None:
    """Without mpirun."""
    result = run(PROGRAM, ["surface", *arguments], 0)
    lines = [line for line in result.stderr.splitlines() if re.search(r" (error|warning) ", line)]
    expect(result.returncode == code and len(lines) == 1, f"{arguments}: exit code {result.returncode}, {result.stderr[-1000:]}")
    for word in words:
        expect(word in lines[0], f"{arguments}: the line does not say '{word}': {lines[0]}")


def check_stop_while_measuring(folder: Path) -> None:
    """A job that is asked to stop while it measures the error leaves no file and can be started again."""
    path = folder / "early.h5"
    sections = {"model": {"architecture": "resnet20", "weights": str(folder / "resnet20.safetensors")}, "data": {"limit": 1024}}
    config = write_config(folder / "early.yaml", surface_config(folder, evaluate=BF16, **sections, output={"file": str(path)}))
    job = subprocess.Popen(command(PROGRAM, ["surface", config], 2), env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    lines = [job.stderr.readline()]
    while lines[-1] and "measuring the error" not in lines[-1]:
        lines.append(job.stderr.readline())
    job.send_signal(signal.SIGUSR1)
    rest = job.communicate(timeout=60)[1]
    expect(job.returncode == 75 and "stopped before the first point" in rest, f"exit code {job.returncode}: {lines} {rest}")
    expect(not path.exists(), "no file")


def check_refusals(folder: Path, path: Path) -> None:
    """A file goes on with its own arithmetic only; overwriting measures anew."""
    config, before = path.with_suffix(".yaml"), path.read_bytes()
    refused([config, "--set", "evaluate.precision=fp32"], 65, path.name, "another evaluate.precision", "bf16", "fp32", "overwrite")
    refused([config, "--set", "evaluate.batch=32"], 65, path.name, "another evaluate.batch", "this job has 32")
    kind = ["--set", "evaluate.evaluator=compiled", "--set", "evaluate.precision=fp32"]
    refused([config, *kind], 65, path.name, "another evaluate.evaluator", "reference", "compiled")
    expect(path.read_bytes() == before, "a refused file stays as it is")
    result = run(PROGRAM, ["surface", config, "--set", "evaluate.batch=32", "--set", "output.overwrite=true"], 1)
    expect(result.returncode == 0 and "against fp32" in result.stderr, f"overwritten: {result.stderr}")
    expect("batch 32" in provenance(path)["evaluator"], "overwritten with batches of 32")
    shown = run(PROGRAM, ["show", path], 0).stdout
    for word in ("precision_error_loss_relative", "precision_error_points", "bf16", "hdf5"):
        expect(word in shown, f"show does not mention {word}: {shown}")


def check_unlike_ranks(folder: Path) -> None:
    """Two ranks of one job that were told different things, as unlike machines would be."""
    sections = {"model": {"architecture": "resnet20", "weights": str(folder / "resnet20.safetensors")}, "run": {"device": "cpu"}}
    path = folder / "unlike.h5"
    config = write_config(folder / "unlike.yaml", surface_config(folder, **sections, data={"limit": 4}, grid={"x": [-1, 1, 2], "y": [0, 1, 1]},
                                                                 output={"file": str(path)}))

    def run_pair(setting: str):
        first = command(PROGRAM, ["surface", config], 1)
        line = first + [":", "-n", "1", PROGRAM, "surface", str(config), "--set", setting]
        return subprocess.run(line, capture_output=True, text=True, timeout=120, env=ENVIRONMENT)

    def expect_refused(setting: str, *words: str):
        result = run_pair(setting)
        lines = [line for line in result.stderr.splitlines() if " error " in line]
        expect(result.returncode == 78 and len(lines) == 1, f"unlike ranks: exit code {result.returncode}, {result.stderr[-1000:]}")
        for word in ("rank 1 on ", "rank 0 on ", "run on equal machines", *words):
            expect(word in lines[0], f"unlike ranks: the line does not say '{word}': {lines[0]}")
        expect(not path.exists(), "nothing is left behind")

    expect_refused("evaluate.convolution=direct", "0 winograd + 21 direct")
    flags = Path("/proc/cpuinfo").read_text().split()
    if "avx512f" in flags:
        expect_refused("evaluate.instruction_set=avx2", "avx512", "avx2")
    elif "avx2" in flags:
        result = run_pair("evaluate.instruction_set=avx2")
        expect(result.returncode == 0, f"avx2 asked for is the avx2 of this CPU: {result.stderr[-1000:]}")


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mlp_weights(folder / "mlp.safetensors")
        path = check_ranks(folder)
        check_refusals(folder, path)
        check_resume(folder)
        check_values(folder, "mlp", 200)
        check_values(folder, "resnet20", 6)
        check_stop_while_measuring(folder)
        check_unlike_ranks(folder)
    report_checks(at_least=61)


main()
