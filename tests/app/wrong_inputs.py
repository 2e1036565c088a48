"""The wrong inputs a user makes first: each gives one clear line and the right exit code, at 1 and 3 ranks, without a hang, and leaves nothing behind.

usage: wrong_inputs.py PROGRAM
"""
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from mounts import own_mounts  # noqa: E402
from program import ENVIRONMENT, command, mlp_weights, run, surface_config, write_config  # noqa: E402
from wrong_weights import wrong_weights  # noqa: E402

PROGRAM = sys.argv[1]
CPU_FLAGS = Path("/proc/cpuinfo").read_text().split()
DATA = "/usr/share/datasets/fashion-mnist"


@dataclass
class Case:
    name: str
    code: int
    says: list  # words that the line must hold
    config: dict = None
    arguments: list = field(default_factory=list)
    prefix: str = ""


def truncated_data(folder: Path) -> Path:
    """A data folder whose training images end early."""
    broken = folder / "truncated-data"
    broken.mkdir()
    for name in os.listdir(DATA):
        content = Path(DATA, name).read_bytes()
        (broken / name).write_bytes(content[: len(content) // 2] if name.startswith("train-images") else content)
    return broken


def array_cases(folder: Path, made):
    """Data sets of the user's own."""
    def own(name: str, side: int = 32, largest: int = 9, **more) -> dict:
        path = folder / name
        with h5py.File(path, "w") as file:
            file["images"] = np.zeros((70, 1, side, side), np.uint8)
            file["labels"] = np.arange(70) % (largest + 1)
        return made(data={"set": "arrays", "files": {"train": str(path), "test": str(path)}, **more})

    yield Case("label outside the classes", 65, ["labels.h5", "image 10 has label 10", "10 classes"], own("labels.h5", largest=10, classes=10))
    yield Case("more classes than the weights", 65, ["mlp.safetensors", "11 classes", "fc3.weight"], own("classes.h5", largest=10))
    yield Case("images of another size", 65, ["side.h5", "64x64", "32x32"], own("side.h5", side=64))
    yield Case("missing arrays", 66, ["data.files.train", "nowhere.h5"], made(data={"set": "arrays", "files": {"train": "nowhere.h5", "test": "nowhere.h5"}}))
    yield Case("arrays without a test split", 78, ["data.files.test"], own("lone.h5", files={"train": str(folder / "lone.h5")}))
    yield Case("more labels than all to corrupt", 78, ["data.corrupt.fraction", "at most 1"], made(data={"corrupt": {"fraction": 1.5}}))


def cases(folder: Path):
    weights = folder / "mlp.safetensors"
    mlp_weights(weights)
    whole = weights.read_bytes()
    (folder / "short.safetensors").write_bytes(whole[:-1000])
    mlp_weights(folder / "wide.safetensors", hidden=300)
    other = folder / "other.h5"
    assert run(PROGRAM, ["surface", write_config(folder / "other.yaml", surface_config(folder, output={"file": str(other)}))]).returncode == 0
    made = lambda **sections: surface_config(folder, **sections)  # noqa: E731
    yield Case("unknown key", 78, ["evaluate.presicion", "precision"], made(evaluate={"presicion": "fp32"}))
    yield Case("misspelt architecture", 78, ["resnet2O", "resnet20"], made(model={"architecture": "resnet2O"}))
    yield Case("weights of another architecture", 65, ["mlp.safetensors", "conv1.weight"], made(model={"architecture": "resnet20"}))
    yield Case("weights of another width", 65, ["wide.safetensors", "fc1.weight", "300"], made(model={"weights": str(folder / "wide.safetensors")}))
    yield Case("truncated weights", 65, ["short.safetensors"], made(model={"weights": str(folder / "short.safetensors")}))
    for what, path, words in wrong_weights(folder, weights):
        yield Case(what, 65, words, made(model={"weights": str(path)}))
    yield Case("missing weights", 66, ["nowhere.safetensors"], made(model={"weights": str(folder / "nowhere.safetensors")}))
    yield Case("missing data", 66, ["nowhere", "data.folder"], made(data={"folder": str(folder / "nowhere")}))
    yield Case("truncated data", 65, ["train-images"], made(data={"folder": str(truncated_data(folder))}))
    yield from array_cases(folder, made)
    lone_y = made()
    del lone_y["grid"]["x"]
    yield Case("y range without x", 78, ["grid", "without x"], lone_y)
    yield Case("zero points", 78, ["grid.x", "0 points"], made(grid={"x": [-1, 1, 0]}))
    yield Case("NaN range", 78, ["grid.x", "NaN"], made(grid={"x": [float("nan"), 1, 5]}))
    sealed = folder / "sealed"
    sealed.mkdir()
    yield Case("read-only folder", 73, ["sealed"], made(output={"file": str(sealed / "surface.h5")}), prefix=f"mount -t tmpfs -o ro tmpfs {sealed}")
    yield Case("existing file of another configuration", 65, ["other.h5", "overwrite"], made(output={"file": str(other)}, data={"limit": 32}))
    full = folder / "full"
    full.mkdir()
    yield Case("full disk", 74, ["full", "space"], made(output={"file": str(full / "surface.h5")}), prefix=f"mount -t tmpfs -o size=64k tmpfs {full}")
    yield Case("no GPU where one is asked for", 69, ["CUDA device", "run.device"], made(run={"device": "cuda"}))
    yield Case("TF32 on a CPU", 69, ["tf32", "only GPUs", "precision: fp32"], made(evaluate={"precision": "tf32"}))
    yield Case("unknown precision", 78, ["evaluate.precision", "fp16", "bf16"], made(evaluate={"precision": "fp16"}))
    narrow = {"precision": "bf16", "instruction_set": "avx2"}
    yield Case("bf16 without its instructions", 78, ["bf16", "avx512_bf16", "instruction_set"], made(evaluate=narrow, run={"device": "cpu"}))
    if "avx512_bf16" not in CPU_FLAGS:
        says = ["bf16", "avx512_bf16", "precision: fp32", "evaluator: reference"]
        yield Case("bf16 on a CPU that lacks it", 69, says, made(evaluate={"precision": "bf16"}))
    if "avx512f" not in CPU_FLAGS:
        says = ["rank 0", "evaluate.instruction_set is avx512", "set evaluate.instruction_set: avx2"]
        yield Case("instructions that the CPU lacks", 69, says, made(evaluate={"instruction_set": "avx512"}))
    idle = {"evaluator": "reference", "instruction_set": "avx2"}
    yield Case("instruction set of the reference", 78, ["evaluate.instruction_set", "reference", "auto"], made(evaluate=idle))
    idle = {"evaluator": "reference", "convolution": "direct"}
    yield Case("convolution of the reference", 78, ["evaluate.convolution", "reference", "auto"], made(evaluate=idle))
    yield Case("bad --set", 64, ["--set", "nonsense"], made(), ["--set", "nonsense"])
    yield Case("unknown key in --set", 64, ["--set", "grid.z"], made(), ["--set", "grid.z=[0, 1, 2]"])
    yield Case("bad value in --set", 64, ["--set", "run.threads", "many"], made(), ["--set", "run.threads=many"])
    yield Case("not YAML", 78, ["bad.yaml", "YAML"])
    yield Case("missing configuration", 66, ["nowhere.yaml"], arguments=["nowhere.yaml"])


def our_lines(result) -> list:
    """The error lines of our logger, without mpirun's own words."""
    return [line for line in result.stderr.splitlines() if re.match(r"\d{4}-\d\d-\d\d \S+ error ", line)]


def check(case: Case, config: Path, ranks: int, folder: Path) -> list:
    if case.prefix and not own_mounts():
        print(f"skipped: {case.name} needs the right to mount")
        return []
    before = sorted(path for path in folder.rglob("*"))
    arguments = ["surface"] + ([config] if case.arguments[:1] != ["nowhere.yaml"] else []) + case.arguments
    result = run(PROGRAM, arguments, ranks, case.prefix, CUDA_VISIBLE_DEVICES="" if case.code == 69 else os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    lines = our_lines(result)
    faults = []
    if result.returncode != case.code:
        faults.append(f"exit code {result.returncode}, expected {case.code}")
    if len(lines) != 1:
        faults.append(f"{len(lines)} error lines, expected one")
    for word in case.says:
        if not any(word in line for line in lines):
            faults.append(f"the line does not say '{word}'")
    left = [path for path in folder.rglob("*") if path not in before]
    if left:
        faults.append(f"left behind: {left}")
    print(f"{'ok  ' if not faults else 'FAIL'} {ranks} ranks  {case.name}: {lines[0] if lines else result.stderr[-2000:]}")
    return [f"{case.name} at {ranks} ranks: {fault}" for fault in faults]


def second_job(folder: Path, ranks: int) -> list:
    """A job on a file that another one holds is refused; the first goes on unharmed."""
    config = write_config(folder / "busy.yaml", surface_config(folder, grid={"x": [-1, 1, 400], "y": [-1, 1, 400]}, output={"file": str(folder / "busy.h5")}))
    first = subprocess.Popen(command(PROGRAM, ["surface", config], 1), env=ENVIRONMENT, stderr=subprocess.DEVNULL)
    for _ in range(300):
        if (folder / "busy.h5").exists():
            break
        time.sleep(0.1)
    result = run(PROGRAM, ["surface", config], ranks)
    lines = our_lines(result)
    alive = first.poll() is None
    first.terminate()
    first.wait(30)
    good = alive and result.returncode == 73 and len(lines) == 1 and "busy.h5" in lines[0]
    print(f"{'ok  ' if good else 'FAIL'} {ranks} ranks  second job on the same file: {lines[0] if lines else result.stderr[-2000:]}")
    (folder / "busy.h5").unlink(missing_ok=True)
    return [] if good else [f"second job at {ranks} ranks: exit code {result.returncode}, {len(lines)} lines, first alive: {alive}"]


def main():
    faults, checked = [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case in cases(folder):
            config = folder / "case.yaml"
            if case.name == "not YAML":
                config = folder / "bad.yaml"
                config.write_text("grid: {x: [1, 2\n")
            elif case.config:
                write_config(config, case.config)
            for ranks in (1, 3):
                faults += check(case, config, ranks, folder)
                checked += 1
        for ranks in (1, 3):
            faults += second_job(folder, ranks)
            checked += 1
    print(f"{checked} runs checked, {len(faults)} faults")
    print("\n".join(faults))
    sys.exit(1 if faults or checked < 40 else 0)


main()
