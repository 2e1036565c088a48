"""`orograph sweep`: independent trainings shared out over ranks, stopped, killed and resumed; and `orograph train` on several ranks.

usage: sweep.py PROGRAM
"""
import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from program import command, ENVIRONMENT, expect, report_checks, run, write_config  # noqa: E402

PROGRAM = sys.argv[1]


def train_config(folder: Path, **keys) -> dict:
    return {
        "job": "train",
        "model": {"architecture": "mlp"},
        "data": {"set": "fashion-mnist", "limit": 600},
        "train": {"lr": 0.02, "batch": 32, "epochs": 2, "milestones": [1], "augment": {"crop": 0, "flip": False}},
        "output": {"folder": str(folder)},
        "run": {"threads": 1, "progress": "none"},
        **keys,
    }


def sweep_config(folder: Path, **keys) -> dict:
    over = {"model.seed,train.seed": [1, 2, 3], "train.optimizer": ["sgd", "adam"]}
    return {**train_config(folder), "job": "sweep", "over": over, **keys}


RUNS = [(seed, optimizer) for seed in (1, 2, 3) for optimizer in ("sgd", "adam")]


def name_of(seed, optimizer) -> str:
    return f"seed={seed},optimizer={optimizer}"


def outcome(folder: Path) -> dict:
    """What a sweep leaves: each run's weights and history, the table, the values in the surface file."""
    files = {name_of(*r): [(folder / name_of(*r) / f).read_bytes() for f in ("final.safetensors", "history.csv")] for r in RUNS}
    with h5py.File(folder / "runs.h5") as file:
        values = {name: file[name][()] for name in ("train_loss", "train_acc", "test_loss", "test_acc", "status", "seed")}
    return {"files": files, "table": (folder / "runs.csv").read_text(), "values": values}


def equal(a: dict, b: dict) -> bool:
    same = all(a["values"][name].tobytes() == b["values"][name].tobytes() for name in a["values"])
    return same and a["files"] == b["files"] and a["table"] == b["table"]


def check_against_single_trainings(folder: Path, sweep: dict) -> None:
    """Each run is the training that a user would start by hand."""
    for i, (seed, optimizer) in enumerate(RUNS):
        single = folder / f"single-{i}"
        config = train_config(single)
        config["model"]["seed"] = config["train"]["seed"] = seed
        config["train"]["optimizer"] = optimizer
        result = run(PROGRAM, ["train", write_config(folder / "single.yaml", config)], 0)
        expect(result.returncode == 0, result.stderr)
        expect((single / "final.safetensors").read_bytes() == sweep["files"][name_of(seed, optimizer)][0], f"weights of run {i}")
        last = list(csv.DictReader((single / "history.csv").open()))[-1]
        for field in ("train_loss", "train_acc", "test_loss", "test_acc"):
            expect(sweep["values"][field][i // 2, i % 2] == float(last[field]), f"{field} of run {i}")
    rows = list(csv.DictReader(sweep["table"].splitlines()))
    expect([row["run"] for row in rows] == [name_of(*r) for r in RUNS], "rows of the table")
    expect(sweep["values"]["seed"].tolist() == [1, 2, 3] and (sweep["values"]["status"] == 1).all(), "axes and status")


def check_interruptions(folder: Path, undisturbed: dict) -> None:
    """SIGUSR1 ends with 75, SIGKILL in the middle; started again the sweep goes on to the same bits."""
    target = folder / "interrupted"
    path = write_config(folder / "interrupted.yaml", sweep_config(target))
    for attempt, (number, begun) in enumerate([(signal.SIGUSR1, 1), (signal.SIGKILL, 3)]):
        process = subprocess.Popen(command(PROGRAM, ["sweep", path], 2), env=ENVIRONMENT, stderr=subprocess.PIPE, text=True,
                                   start_new_session=True)
        while process.poll() is None and len(list(target.glob("*/resume.safetensors"))) < begun:
            time.sleep(0.02)
        if number == signal.SIGKILL:
            os.killpg(process.pid, number)
            subprocess.run(["pkill", "-KILL", "-f", str(path)], check=False)
        else:
            process.send_signal(number)
        _, err = process.communicate(timeout=60)
        expect(number == signal.SIGKILL or process.returncode in (0, 75), f"attempt {attempt}: {process.returncode} {err}")
    result = run(PROGRAM, ["sweep", path], 3)
    expect(result.returncode == 0, result.stderr)
    expect(equal(outcome(target), undisturbed), "an interrupted sweep ends as an undisturbed one")


def check_diverged(folder: Path) -> None:
    config = sweep_config(folder / "diverged", over={"train.lr": [0.01, 1e30]})
    result = run(PROGRAM, ["sweep", write_config(folder / "diverged.yaml", config)], 1)
    expect(result.returncode == 0 and "lower train.lr" in result.stderr and "1 diverged" in result.stderr, result.stderr)
    with h5py.File(folder / "diverged" / "runs.h5") as file:
        expect(file["status"][()].tolist() == [1, 2] and np.isnan(file["test_acc"][1]), "a diverged run is not-a-number, status 2")
    check_resuming(folder, config)


def check_resuming(folder: Path, config: dict) -> None:
    """Another key is refused by its name; one that alters nothing is not. `config`: of a sweep that is complete."""
    for section, keys, words in (("train", {"batch": 16}, "train.batch (fingerprint 32; this job has 16)"), ("data", {"limit": 599}, "data.limit"),
                                 ("over", {"train.lr": [0.01, 1e29]}, "train.lr"), ("run", {"threads": 2, "progress_s": 3}, None)):
        changed = write_config(folder / "changed.yaml", {**config, section: {**config[section], **keys}})
        result = run(PROGRAM, ["sweep", changed], 1)
        expect(result.returncode == (65 if words else 0), f"{keys}: {result.returncode} {result.stderr}")
        expect(words is None or words in result.stderr, f"{keys}: {result.stderr}")


def check_refusals(folder: Path) -> None:
    def refused(code: int, *words, command="sweep", ranks=(1, 2), **keys) -> None:
        config = (sweep_config if command == "sweep" else train_config)(folder / "refused", **keys)
        path = write_config(folder / "refused.yaml", config)
        for count in ranks:
            result = run(PROGRAM, [command, path], count)
            lines = result.stderr.strip().splitlines()
            expect(result.returncode == code and len(lines) == 1, f"{keys}: {result.returncode} {result.stderr}")
            expect(all(word in lines[0] for word in words), f"{keys}: {lines[0]}")
        expect(not (folder / "refused").exists(), f"{keys}: something was left behind")

    refused(78, "over is empty", over={})
    refused(78, "model.sede", "seed", over={"model.sede": [1]})
    refused(78, "resnet21", over={"model.architecture": ["resnet20", "resnet21"]})
    refused(78, "twice", over={"model.seed": [1, 1]})
    refused(78, "no values", over={"model.seed": []})
    refused(78, "list", over={"model.seed": 1})


def check_team(folder: Path) -> None:
    """Several ranks train one network: other digits than one rank's, the same whenever it is done, and no other number of ranks goes on with it."""
    finals = {}
    for name, ranks in (("one", 1), ("two", 2), ("again", 2)):
        result = run(PROGRAM, ["train", write_config(folder / "team.yaml", train_config(folder / name))], ranks)
        expect(result.returncode == 0, result.stderr)
        finals[name] = (folder / name / "final.safetensors").read_bytes()
    expect(finals["two"] == finals["again"] and finals["one"] != finals["two"], "bits of a team")
    accuracies = [float(list(csv.DictReader((folder / name / "history.csv").open()))[-1]["train_acc"]) for name in ("one", "two")]
    expect(abs(accuracies[0] - accuracies[1]) < 3, f"accuracies of one and of two ranks: {accuracies}")
    result = run(PROGRAM, ["train", write_config(folder / "team.yaml", train_config(folder / "two"))], 1)
    expect(result.returncode == 65 and "number of ranks" in result.stderr, result.stderr)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sweeps = []
        for ranks in (1, 2):
            target = folder / f"sweep-{ranks}"
            result = run(PROGRAM, ["sweep", write_config(folder / "sweep.yaml", sweep_config(target))], ranks)
            expect(result.returncode == 0, result.stderr)
            sweeps.append(outcome(target))
        expect(equal(*sweeps), "1 and 2 ranks give the same bits")
        result = run(PROGRAM, ["sweep", folder / "sweep.yaml"], 2)
        expect(result.returncode == 0, "a finished sweep is finished")
        other = sweep_config(folder / "sweep-1", over={"model.seed": [1, 2]})
        result = run(PROGRAM, ["sweep", write_config(folder / "other.yaml", other)], 1)
        expect(result.returncode == 65, f"another sweep's folder: {result.returncode} {result.stderr}")
        check_against_single_trainings(folder, sweeps[0])
        check_interruptions(folder, sweeps[0])
        check_diverged(folder)
        check_refusals(folder)
        check_team(folder)
    report_checks()


main()
