"""The jobs that kill_campaign.py kills: how each is started, at what it can be seen where it stands, and what must hold after a kill and at the end."""
import os
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
from program import mlp_weights, write_config
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

CLASSES = 10
IN_HAND = 2 * 32  # points that a rank holds at most: a lease, and those of 10 ms, which are fewer here (src/survey/leader.cpp)


def write_images(path: Path, count: int) -> None:
    """A data set that is read in no time, so that nearly all of a run can be hit."""
    chance = np.random.default_rng(3)
    images = chance.integers(0, 256, (count, 1, 32, 32), dtype=np.uint8)
    save_file({"images": images, "labels": chance.integers(0, CLASSES, count)}, path)


def files_of(folder: Path) -> dict:
    """The contents of every file of a run, by its path in `folder`."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class Target:
    """A job whose output lies in a folder of its own, `<folder>/killed` for the runs that are killed, `<folder>/reference` for the undisturbed one."""

    command = ""
    points_file = ""  # the surface file in the output's folder
    lock = ""
    reports = True  # progress in lines that count what is in the file
    images = 200

    def __init__(self, folder: Path, ranks: int = 3):
        self.folder, self.ranks = folder, ranks
        self.output, self.reference = folder / "killed", folder / "reference"
        self.compared = 0
        self.seen = None
        self.in_flight = []  # after each kill, the points that were leased and are not in the file
        write_images(folder / "images.safetensors", self.images)
        for seed in range(3):
            mlp_weights(folder / f"mlp-{seed}.safetensors", seed)
        self.config = write_config(folder / "job.yaml", self.config_of(folder) | {"data": self.data()})
        for path in (self.output, self.reference):
            path.mkdir()

    def data(self) -> dict:
        images = str(self.folder / "images.safetensors")
        return {"set": "arrays", "files": {"train": images, "test": images}, "classes": CLASSES}

    def config_of(self, folder: Path) -> dict:
        raise NotImplementedError

    def arguments(self, output: Path) -> list:
        settings = self.place(output) | {"run.threads": 1, "run.progress": "lines", "run.progress_s": 0.1, "run.log": "debug"}
        return [self.command, self.config] + [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]

    def clear(self) -> None:
        shutil.rmtree(self.output)
        self.output.mkdir()
        self.seen = None

    def locked(self) -> bool:
        return (self.output / self.lock).exists()

    def names(self, part: str) -> list:
        return [name for name in os.listdir(self.output) if part in name]


class SurfaceTarget(Target):
    """Points in a surface file."""

    command, points_file, lock = "surface", "points.h5", "points.h5.lock"

    def config_of(self, folder: Path) -> dict:
        return {"job": "surface", "model": {"architecture": "mlp", "weights": str(folder / "mlp-0.safetensors")}, "grid": {"x": [-1, 1, 40], "y": [-1, 1, 25]}}

    def place(self, output: Path) -> dict:
        return {"output.file": output / self.points_file}

    def begun(self) -> bool:
        return (self.output / self.points_file).exists()

    def reference_begun(self) -> bool:
        return (self.reference / self.points_file).exists()

    def temporary(self) -> bool:
        return self.begun() or bool(self.names(".creating"))

    def finishing(self) -> bool:
        return bool(self.names(".xmf"))

    def read_reference(self) -> str:
        self.bits = self.read(self.reference / self.points_file)
        self.complete = np.isin(self.bits["status"], (1, 2))
        if not self.complete.all():
            raise SystemExit("the undisturbed run left points undone")
        return f"{self.complete.size} points, {len(self.bits)} datasets"

    @staticmethod
    def read(path: Path) -> dict:
        """The datasets that points fill, flat, as unsigned integers, so that they compare bitwise."""
        with h5py.File(path, "r") as file:
            status = file["status"][...].ravel()  # first: the program writes it last
            fields = file.attrs["fields"]
            names = (fields.decode() if isinstance(fields, bytes) else fields).split(",")
            bits = {name: file[name][...].ravel().view(np.uint64) for name in names}
            return bits | {"crc32": file["crc32"][...].ravel(), "status": status}

    def compare(self, bits: dict, where: np.ndarray, fault) -> None:
        for name, values in self.bits.items():
            wrong = int((values[where] != bits[name][where]).sum())
            if wrong:
                fault(f"{name} differs at {wrong} points")
        self.compared += int(where.sum()) * len(self.bits)

    def check_after_kill(self, reported: list, leased: list, fault) -> str:
        """What is in the file, for the table. `reported`: counts of points; `leased`: the ranges of points of the run's leases, both as its log says."""
        path = self.output / self.points_file
        if not path.exists():
            if reported or self.seen is not None:
                fault("the file is gone")
            return "no file"
        dump = subprocess.run(["h5dump", "-H", path], capture_output=True, text=True)
        if dump.returncode != 0:
            fault(f"h5dump -H fails: {dump.stderr.strip()}")
        try:
            bits = self.read(path)
        except (OSError, KeyError) as error:
            fault(f"h5py cannot read the file: {error}")
            return "unreadable"
        done = np.isin(bits["status"], (1, 2))
        self.compare(bits, done, fault)
        self.check_counts(done, reported, fault)
        self.check_leases(done, leased, fault)
        self.seen = done
        return f"{int(done.sum())}/{done.size}"

    def check_counts(self, done: np.ndarray, reported: list, fault) -> None:
        if reported and done.sum() < max(reported):
            fault(f"{max(reported)} were reported, {done.sum()} are in the file")
        if self.seen is None:
            return
        if (self.seen & ~done).any():
            fault(f"{int((self.seen & ~done).sum())} that were done are not any more")
        if reported and min(reported) < self.seen.sum():
            fault(f"{self.seen.sum()} were in the file, but the run went on from {min(reported)}")

    def check_leases(self, done: np.ndarray, leased: list, fault) -> None:
        """What was in the file is not leased again; of what is leased, no more is lost than the ranks hold at once."""
        points = np.zeros(done.size, bool)
        for first, last in leased:
            if points[first : last + 1].any():
                fault(f"points {first} to {last} are leased twice")
            points[first : last + 1] = True
        if self.seen is not None and (points & self.seen).any():
            fault(f"{int((points & self.seen).sum())} points that were in the file are computed again")
        lost = int((points & ~done).sum())
        if lost > self.ranks * IN_HAND:
            fault(f"{lost} points were in flight")
        self.in_flight.append(lost)

    def check_end(self, computed: int, fault) -> None:
        missing = int((~self.seen).sum()) if self.seen is not None else self.complete.size
        if computed >= 0 and computed != missing:
            fault(f"{missing} points were missing, but the run computed {computed}")
        self.compare(self.read(self.output / self.points_file), self.complete, fault)
        left = sorted(set(files_of(self.output)) ^ set(files_of(self.reference)))
        if left:
            fault(f"other files than an undisturbed run leaves: {left}")
        self.seen = self.complete


class CurveTarget(SurfaceTarget):
    """A curve: its file is replaced at the end by one that has the summary, too."""

    command = "curve"

    def config_of(self, folder: Path) -> dict:
        paths = [str(folder / f"mlp-{seed}.safetensors") for seed in range(3)]
        curve = {"kind": "bezier", "ends": paths[:2], "bends": paths[2:]}
        return {"job": "curve", "model": {"architecture": "mlp"}, "curve": curve, "grid": {"t": [0, 1, 800]}}

    def finishing(self) -> bool:
        return bool(self.names(".xmf")) or bool(self.names(".creating"))

    def check_end(self, computed: int, fault) -> None:
        super().check_end(computed, fault)
        if self.summary(self.output) != self.summary(self.reference) or not self.summary(self.reference):
            fault("the summary differs")

    def summary(self, folder: Path) -> dict:
        with h5py.File(folder / self.points_file, "r") as file:
            keys = ("min", "max", "avg", "int", "length")
            return {(name, key): file[name].attrs[key].tobytes() for name in file for key in keys if key in file[name].attrs}


def run_config(job: str) -> dict:
    train = {"lr": 0.02, "batch": 20, "epochs": 6, "milestones": [4], "augment": {"crop": 0, "flip": False}}
    return {"job": job, "model": {"architecture": "mlp"}, "train": train}


class SweepTarget(SurfaceTarget):
    """Trainings as points."""

    command, points_file, lock = "sweep", "runs.h5", "runs.h5.lock"

    def config_of(self, folder: Path) -> dict:
        return run_config("sweep") | {"over": {"model.seed": [1, 2, 3, 4], "train.lr": [0.01, 0.02]}}

    def place(self, output: Path) -> dict:
        return {"output.folder": output}

    def finishing(self) -> bool:
        return bool(self.names("runs.csv"))

    def check_end(self, computed: int, fault) -> None:
        super().check_end(computed, fault)
        compare_files(self, fault)


def compare_files(target: Target, fault) -> None:
    """Weights, histories and tables, byte by byte."""
    expected, found = files_of(target.reference), files_of(target.output)
    for name in expected:
        if name.endswith((".safetensors", ".csv")) and found.get(name) != expected[name]:
            fault(f"{name} differs")
    target.compared += len(expected)


class TrainTarget(Target):
    """Resume states: next, newest and previous, the newest of which that is whole counts."""

    command, lock = "train", "train.lock"
    reports = False
    images = 300

    def config_of(self, folder: Path) -> dict:
        return run_config("train")

    def place(self, output: Path) -> dict:
        return {"output.folder": output}

    def begun(self) -> bool:
        return bool(self.names("resume."))

    def reference_begun(self) -> bool:
        return self.reference.joinpath("train.lock").exists()

    def temporary(self) -> bool:
        return bool(self.names(".tmp-")) or bool(self.names("resume.next"))

    def finishing(self) -> bool:
        return bool(self.names("final"))

    def read_reference(self) -> str:
        return f"{len(files_of(self.reference))} files"

    def steps(self) -> int:
        """Of the newest whole state; -1 where there is none."""
        best = -1
        for name in ("resume.safetensors", "resume.previous.safetensors", "resume.next.safetensors"):
            try:
                with safe_open(self.output / name, "numpy") as file:
                    best = max(best, int(file.metadata()["optimizer_steps"]))
                    self.compared += sum(np.isfinite(file.get_tensor(key)).all() for key in file.keys())
            except (FileNotFoundError, SafetensorError):
                continue
        return best

    def check_after_kill(self, reported: list, leased: list, fault) -> str:
        steps = self.steps()
        if self.seen is not None and steps < self.seen:
            fault(f"the run stood at {self.seen} steps, now at {steps}")
        for path in self.output.glob("*.safetensors"):
            try:
                safe_open(path, "numpy").__enter__().keys()
            except SafetensorError as error:
                fault(f"{path.name} is not whole: {error}")
        self.seen = steps
        return f"{steps} steps" if steps >= 0 else "no state"

    def check_end(self, computed: int, fault) -> None:
        compare_files(self, fault)
        left = sorted(set(files_of(self.output)) ^ set(files_of(self.reference)))
        if left:
            fault(f"other files than an undisturbed run leaves: {left}")


TARGETS = {"surface": SurfaceTarget, "curve": CurveTarget, "sweep": SweepTarget, "train": TrainTarget}
