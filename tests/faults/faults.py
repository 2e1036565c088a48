"""Jobs whose n-th call on a file below their output folder fails with ENOSPC or EIO, for n = 1, 2, ... until none is left.

usage: faults.py PROGRAM FAIL_IO_LIBRARY [--full]

Each time: one line with an error and exit code 73 or 74, nothing half-written left, every point that was in the file still there with the reference's bits, and
the same command without faults ends with the reference's files. Without --full some of the n are left out.
"""
import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "app"))
from kill_targets import CurveTarget, SurfaceTarget, TrainTarget, files_of  # noqa: E402
from program import ENVIRONMENT, command, expect, report_checks  # noqa: E402

PROGRAM, LIBRARY = sys.argv[1:3]
FULL = "--full" in sys.argv
CALLS_AT_MOST = 400
DEADLINE_S = 60  # for a job of a second
OMPIO_LINE = "mca_fbtl_posix"  # OpenMPI's own words, before ours
# A lock says who holds it for other people's messages only; HDF5 tries whether a new file is there already; OpenMPI tries whether a file can be locked.
HARMLESS = (".lock", ".locktest", "open PLACE/.points.h5.creating")


def with_keys(base, name: str, **sections):
    """A smaller job of the same kind."""

    class Smaller(base):
        images = 20

        def config_of(self, folder: Path) -> dict:
            config = super().config_of(folder)
            for section, keys in sections.items():
                config[section] = config.get(section, {}) | keys
            return config

    Smaller.__name__ = name
    return Smaller


Surface = with_keys(SurfaceTarget, "surface", grid={"x": [-1, 1, 3], "y": [-1, 1, 2]})
Curve = with_keys(CurveTarget, "curve", grid={"t": [0, 1, 4]})
Train = with_keys(TrainTarget, "train", train={"epochs": 3, "milestones": [2]})


def run(target, output: Path, ranks: int, **environment) -> subprocess.CompletedProcess:
    line = command(PROGRAM, target.arguments(output) + ["--set", "run.progress=none"], ranks)
    process = subprocess.Popen(
        line, env=ENVIRONMENT | {"OMP_NUM_THREADS": "1"} | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        out, err = process.communicate(timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        expect(False, f"{line} hangs with {environment}")
    return subprocess.CompletedProcess(line, process.returncode, out, err)


def expect_nothing_half_written(target, what: str) -> None:
    left = [name for name in files_of(target.output) if ".tmp-" in name or ".creating" in name or name.endswith(".lock")]
    expect(not left, f"{what}: {left} is left")


def expect_points_kept(target, before, what: str) -> None:
    """What is done in a surface file is right; what was done before still is."""
    if not isinstance(target, SurfaceTarget):
        return
    path = target.output / target.points_file
    expect(path.exists() or before is None, f"{what}: the file is gone")
    if not path.exists():
        return
    bits = target.read(path)
    done = np.isin(bits["status"], (1, 2))
    wrong = [name for name in bits if (bits[name][done] != target.bits[name][done]).any()]
    expect(not wrong, f"{what}: {wrong} of points that are done are wrong")
    expect(before is None or done[before].all(), f"{what}: points are lost")


def same_outcome(target) -> str:
    """The name of what differs from the undisturbed run, or nothing."""
    found, expected = files_of(target.output), files_of(target.reference)
    if found.keys() != expected.keys():
        return str(sorted(found.keys() ^ expected.keys()))
    if isinstance(target, SurfaceTarget):
        bits = target.read(target.output / target.points_file)
        return ", ".join(name for name in bits if (bits[name] != target.bits[name]).any())
    return ", ".join(name for name in expected if found[name] != expected[name] and not name.startswith("resume"))


class Trials:
    """One kind of job at one number of ranks."""

    def __init__(self, target, ranks: int, prepare=None):
        self.target, self.ranks, self.prepare = target, ranks, prepare
        self.log = target.folder / "fault.log"

    def one(self, number: int, error: int, **environment) -> str:
        """Makes the call fail; what it was, or nothing where the job makes fewer calls."""
        target = self.target
        target.clear()
        before = self.prepare(target) if self.prepare else None
        self.log.unlink(missing_ok=True)
        fault = {"LD_PRELOAD": LIBRARY, "FAIL_FOLDER": str(target.output), "FAIL_AT": str(number), "FAIL_ERRNO": str(error), "FAIL_LOG": str(self.log)}
        result = run(target, target.output, self.ranks, **fault, **environment)
        failed = self.log.read_text().split("\n")[0] if self.log.exists() else ""
        failed = failed.replace(str(target.output), "PLACE")
        what = f"{type(target).__name__}, {self.ranks} ranks, {errno.errorcode[error]}, {failed}"
        self.check(result, failed, before, what)
        return failed

    def check(self, result, failed: str, before, what: str) -> None:
        target = self.target
        if result.returncode == 0:
            harmless = not failed or any(part in failed for part in HARMLESS)
            expect(harmless, f"{what}: the program says that all is well; {same_outcome(target) or 'nothing'} differs")
        else:
            lines = [line for line in result.stderr.splitlines() if " error " in line and not line.startswith(OMPIO_LINE)]
            expect(result.returncode in (73, 74), f"{what}: exit code {result.returncode}: {result.stderr[-2000:]}")
            expect(len(lines) == 1, f"{what}: {len(lines)} lines with an error: {result.stderr[-2000:]}")
            if self.ranks < 2:
                expect_nothing_half_written(target, what)
            expect_points_kept(target, before, what)
            again = run(target, target.output, self.ranks)
            expect(again.returncode == 0, f"{what}: the same command again ends with {again.returncode}: {again.stderr[-2000:]}")
        expect(not same_outcome(target), f"{what}: at the end {same_outcome(target)} differs")

    def all(self, error: int, every: int, stride: int, **environment) -> None:
        """The first `every` calls, then each `stride`-th, as far as there are calls."""
        begun = run(self.target, self.target.reference, self.ranks)
        expect(begun.returncode == 0, f"the undisturbed run: {begun.stderr[-2000:]}")
        self.target.read_reference()
        fired = []
        numbers = range(1, CALLS_AT_MOST) if FULL else [*range(1, every + 1), *range(every + stride, CALLS_AT_MOST, stride)]
        for number in numbers:
            failed = self.one(number, error, **environment)
            if not failed:
                break
            fired.append(failed)
        expect(0 < len(fired) < len(numbers), "some calls fail, and the last number is larger than that of all calls")
        print(f"{type(self.target).__name__}, {self.ranks} ranks, {errno.errorcode[error]}: {len(fired)} calls failed", flush=True)


def half_done(target):
    """A file with the first points of the reference, as a stopped run leaves it; which they are."""
    shutil.copy(target.reference / target.points_file, target.output)
    with h5py.File(target.output / target.points_file, "r+") as file:
        status = file["status"][...]
        status.ravel()[3:] = 0
        file["status"][...] = status
        return np.isin(status.ravel(), (1, 2))


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        cases = (
            (Surface, 0, None, errno.ENOSPC, 8, 14, {}),
            (Surface, 0, half_done, errno.EIO, 0, 9, {}),
            (Train, 0, None, errno.ENOSPC, 0, 21, {}),
            (Curve, 0, None, errno.EIO, 0, 16, {}),
            (Surface, 2, None, errno.EIO, 0, 8, {"FAIL_RANK": "1"}),
        )
        for number, (kind, ranks, prepare, error, every, stride, environment) in enumerate(cases):
            folder = Path(name) / str(number)
            folder.mkdir()
            Trials(kind(folder), ranks, prepare).all(error, every, stride, **environment)
    report_checks(at_least=60)


main()
