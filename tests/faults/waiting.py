"""What a job does while it waits: idle ranks leave their cores alone, one that hangs ends the job, a file `halt` stops it, its log is plain lines.

usage: waiting.py PROGRAM FAIL_IO        FAIL_IO: the library of fail_io.cpp
"""
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "app"))
from kill_campaign import Job  # noqa: E402
from program import datasets, expect, mlp_weights, points_done, report_checks, surface_config, write_config  # noqa: E402

PROGRAM, FAIL_IO = (str(Path(argument).resolve()) for argument in sys.argv[1:3])
RANKS = 3
POINTS = 31 * 21
FAILED = 3


def cpu_s(pid: int) -> float:
    """Of all threads of a process, so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rank_of(pid: int) -> int:
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return next(int(item.split(b"=")[1]) for item in environment if item.startswith(b"OMPI_COMM_WORLD_RANK="))


def signal_ranks(job: Job, number: int) -> None:
    for pid in job.ranks():
        os.kill(pid, number)


class Surfaces:
    """Jobs of one surface in `folder`."""

    def __init__(self, folder: Path):
        self.folder, self.file = folder, folder / "out" / "surface.h5"
        mlp_weights(folder / "mlp.safetensors")
        self.config = write_config(folder / "surface.yaml", surface_config(
            folder, data={"limit": 500}, grid={"x": [-1, 1, 31], "y": [-1, 1, 21]}, output={"file": str(self.file)},
            run={"threads": 1, "progress": "lines", "progress_s": 0.1}))

    def start(self, *settings: str, **environment: str) -> Job:
        words = (word for setting in settings for word in ("--set", setting))
        return Job(PROGRAM, ["surface", self.config, *words], RANKS, self.folder, **environment)

    def finish(self, *settings: str) -> Job:
        job = self.start(*settings)
        job.wait_for(lambda: False)
        expect(job.process.returncode == 0, f"{settings}: ends with {job.process.returncode}: {job.text()}")
        return job

    def start_hanging(self, rank: int, *settings: str) -> Job:
        """A job of which one rank never returns from one of its writes to the file, as on a file system that has gone."""
        hang = {"FAIL_FOLDER": str(self.file), "FAIL_CALL": "pwrite", "FAIL_AT": "60", "FAIL_ERRNO": "0", "FAIL_RANK": str(rank)}
        return self.start(*settings, LD_PRELOAD=FAIL_IO, **hang)


def idle_ranks(surfaces: Surfaces) -> None:
    """A rank that hangs, without a limit of time: the others finish what they have and wait."""
    job = surfaces.start_hanging(RANKS - 1, "run.lease_timeout_s=0")
    done = 0
    while done == 0 or points_done(surfaces.file) > done:
        expect(job.running(), f"the job waits: {job.text()}")
        done = points_done(surfaces.file)
        time.sleep(1.5)
    waiting = sorted(job.ranks(), key=rank_of)[:-1]
    before = [cpu_s(pid) for pid in waiting]
    start = time.monotonic()
    time.sleep(3)
    shares = [(cpu_s(pid) - used) / (time.monotonic() - start) for pid, used in zip(waiting, before)]
    print("of a core, while waiting:", ", ".join(f"rank {rank}: {100 * share:.1f} %" for rank, share in enumerate(shares)))
    expect(job.running() and POINTS - 100 < done < POINTS, f"all but the points of the rank that hangs: {done}")
    expect(max(shares) < 0.1, f"a waiting rank takes {100 * max(shares):.0f} % of a core")
    job.end()
    surfaces.file.unlink()


def hung_rank(surfaces: Surfaces, reference: dict) -> None:
    """Ended with the code of a job that goes on; tried again, given up, computed on request."""
    for retries, verdict in ((1, "will be tried again"), (0, "given up (status 3)")):
        job = surfaces.start_hanging(RANKS - 1, "run.lease_timeout_s=1", f"run.lease_retries={retries}")
        job.wait_for(lambda: False)
        errors = [line for line in job.text().splitlines() if "did not finish point" in line]
        expect(job.process.returncode == 75, f"a rank that hangs ends the job with {job.process.returncode}: {job.text()}")
        expect(len(errors) == 1 and f"rank {RANKS - 1} did not" in errors[0] and verdict in errors[0], f"one line says why: {errors}")
        expect(job.wait_until_gone(), "all ranks have left")
    expect((datasets(surfaces.file)["status"] == FAILED).sum() == 1, "the point is given up")
    text = surfaces.finish().text()
    expect("1 points were given up (status 3)" in text, f"the end says so: {text[-400:]}")
    values = datasets(surfaces.file)
    expect((values["status"] == FAILED).sum() == 1 and (values["status"] == 1).sum() == POINTS - 1, "all but one are done")
    surfaces.finish("run.retry_failed=true")
    expect(not surfaces.file.with_name("surface.h5.hung").exists(), "nothing is left of it")
    again = datasets(surfaces.file)
    expect(all(again[name].tobytes() == reference[name].tobytes() for name in reference), "the same bits as undisturbed")
    surfaces.file.unlink()


def hung_master(surfaces: Surfaces) -> None:
    """Rank 0 watches the others; where it hangs itself the job ends, too."""
    job = surfaces.start_hanging(0, "run.lease_timeout_s=1")
    job.wait_for(lambda: False)
    errors = [line for line in job.text().splitlines() if " error " in line]
    expect(job.process.returncode == 75, f"a master that hangs ends the job with {job.process.returncode}: {job.text()}")
    expect(len(errors) == 1 and "rank 0 did not come back from writing" in errors[0], f"one line says why: {errors}")
    expect(job.wait_until_gone(), "all ranks have left")


def suspended(surfaces: Surfaces, reference: dict) -> None:
    """For longer than the limit of time, as Slurm suspends jobs: nobody hangs. Goes on with what the hung master left."""
    before = points_done(surfaces.file)
    job = surfaces.start("run.lease_timeout_s=2")
    job.wait_for(lambda: points_done(surfaces.file) > before + 20, pause_s=0.01)
    signal_ranks(job, signal.SIGSTOP)
    time.sleep(4)
    signal_ranks(job, signal.SIGCONT)
    job.wait_for(lambda: False)
    expect(job.process.returncode == 0, f"a suspended job ends with {job.process.returncode}: {job.text()}")
    values = datasets(surfaces.file)
    expect(all(values[name].tobytes() == reference[name].tobytes() for name in reference), "the same bits as undisturbed")
    surfaces.file.unlink()


def halted(surfaces: Surfaces, reference: dict) -> None:
    """By a file `halt` beside the surface, which does not keep the next run from going on."""
    job = surfaces.start()
    job.wait_for(lambda: points_done(surfaces.file) > 20, pause_s=0.01)
    (surfaces.file.parent / "halt").touch()
    job.wait_for(lambda: False)
    done = points_done(surfaces.file)
    expect(job.process.returncode == 75 and 20 < done < POINTS, f"halt: {job.process.returncode}, {done} points: {job.text()}")
    text = surfaces.finish().text()
    values = datasets(surfaces.file)
    expect(all(values[name].tobytes() == reference[name].tobytes() for name in reference), "the same bits as undisturbed")
    resumed_log(text, done)


def resumed_log(text: str, done_before: int) -> None:
    """Plain lines; rate and time left count what this run does, not what was in the file."""
    expect("\r" not in text, "a log has no carriage returns")
    lines = re.findall(r"(\d+)/\d+ points, [\d.]+ %, ([\d.]+) points/s, (?:took )?(?:(\d+) min )?([\d.]+) s", text)
    expect(len(lines) >= 3, f"progress lines: {text}")
    took = float(lines[-1][3]) + 60 * float(lines[-1][2] or 0)
    for count, rate, minutes, seconds in lines[1:-1]:
        left_s = (POINTS - int(count)) / float(rate)
        expect(abs(float(seconds) + 60 * float(minutes or 0) - left_s) < 1.1 + 0.1 * left_s, f"{seconds} s left, {left_s} by its own rate")
    rate = (POINTS - done_before) / took
    expect(0.5 < float(lines[-1][1]) / rate < 2, f"the rate is {lines[-1][1]}, {rate} by the clock")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        surfaces = Surfaces(Path(name))
        surfaces.finish()
        reference = datasets(surfaces.file)
        surfaces.file.unlink()
        idle_ranks(surfaces)
        hung_rank(surfaces, reference)
        hung_master(surfaces)
        suspended(surfaces, reference)
        halted(surfaces, reference)
    report_checks(25)


main()
