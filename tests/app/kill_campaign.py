"""Kills a surface job with SIGKILL again and again, and checks that nothing is lost or torn and that the end is bitwise the undisturbed file.

usage: kill_campaign.py PROGRAM [CONFIG] [--kills N] [--seed S] [--ranks R]

CONFIG should run for a few seconds; without one, a surface of a small mlp on Fashion-MNIST. One rank, all ranks or mpirun itself is killed at random
instants, while the file is being created too. After each kill the file, where there is one, must open in h5py and h5dump, hold every point that was
ever seen or reported as done, and hold it with the reference's bits.
"""
import argparse
import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from program import ENVIRONMENT, mlp_weights, surface_config, write_config  # noqa: E402

DEADLINE_S = 300  # for anything that should take seconds: beyond it the job hangs
VICTIMS = ("one rank", "all ranks", "mpirun")


@dataclass
class Contents:
    """A surface file's arrays, flat and as unsigned integers, so that they compare bitwise."""

    bits: dict
    done: np.ndarray

    @staticmethod
    def read(path: Path) -> "Contents":
        with h5py.File(path, "r") as file:
            status = file["status"][...].ravel()
            fields = [name.strip() for name in as_text(file.attrs["fields"]).split(",")]
            bits = {name: file[name][...].ravel().view(np.uint64) for name in fields}
            bits["crc32"] = file["crc32"][...].ravel()
        bits["status"] = status
        return Contents(bits, (status == 1) | (status == 2))

    def differences(self, reference: "Contents", where: np.ndarray) -> tuple:
        """(values compared, list of what differs) at the points `where`."""
        if self.bits.keys() != reference.bits.keys():
            return 0, [f"datasets are {sorted(self.bits)}, not {sorted(reference.bits)}"]
        found = []
        for name, values in self.bits.items():
            wrong = int((values[where] != reference.bits[name][where]).sum())
            if wrong:
                found.append(f"{name} differs at {wrong} points")
        return int(where.sum()) * len(self.bits), found


def as_text(value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


class Job:
    """One run of the program under mpirun, in a session of its own."""

    def __init__(self, program: str, config: Path, output: Path, ranks: int, scratch: Path):
        settings = {"output.file": output, "run.progress": "lines", "run.progress_s": 0.1}
        line = ["mpirun", "-n", str(ranks), "--oversubscribe", "--bind-to", "none", program, "surface", str(config)]
        line += [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        environment = dict(ENVIRONMENT, OMP_NUM_THREADS="1", TMPDIR=str(scratch), OMPI_MCA_btl_vader_backing_directory=str(scratch))
        self.program = os.path.realpath(program)
        self.log = scratch / "job.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(line, stdout=log, stderr=log, env=environment, start_new_session=True)

    def members(self) -> list:
        """Live processes of the session."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                state, _, _, session = entry.joinpath("stat").read_text().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(session) == self.process.pid and state != "Z":
                found.append(int(entry.name))
        return found

    def ranks(self) -> list:
        def is_rank(pid):
            try:
                return os.readlink(f"/proc/{pid}/exe") == self.program
            except OSError:
                return False

        return sorted(filter(is_rank, self.members()))

    def running(self) -> bool:
        return self.process.poll() is None

    def kill(self, victim: str, chance: random.Random) -> bool:
        """SIGKILLs `victim`; False where it had ended already."""
        ranks = self.ranks()
        targets = {"mpirun": [self.process.pid], "all ranks": ranks, "one rank": [chance.choice(ranks)] if ranks else []}[victim]
        hit = 0
        for pid in targets:
            try:
                os.kill(pid, signal.SIGKILL)
                hit += 1
            except ProcessLookupError:
                pass
        return hit > 0

    def wait_until_gone(self, limit_s: float = 20) -> bool:
        """True where every process of the session ended by itself within the limit; what is left is killed."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if not self.running() and not self.members():
                return True
            time.sleep(0.02)
        self.end()
        return False

    def end(self):
        for pid in self.members():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()

    def points_reported(self) -> int:
        counts = re.findall(r"(\d+)/\d+ points", self.log.read_text(errors="replace"))
        return int(counts[-1]) if counts else 0

    def points_computed(self) -> int:
        """As its last line says; -1 where it does not."""
        found = re.findall(r"(\d+) of \d+ points computed", self.log.read_text(errors="replace"))
        return int(found[-1]) if found else -1


class Campaign:
    def __init__(self, options, folder: Path):
        self.options = options
        self.folder = folder
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self.output = folder / "surface" / "killed.h5"
        self.output.parent.mkdir()
        self.chance = random.Random(options.seed)
        self.faults, self.compared, self.kills, self.leftovers, self.finished_files = [], 0, 0, 0, 0
        self.seen = None  # points that have been done in the present file

    def run(self):
        self.config = self.options.config or default_config(self.folder)
        self.make_reference()
        print(f"{'kill':>4}  {'victim':9}  {'when':8}  {'points':>12}  {'reported':>8}  {'gone':4}  result", flush=True)
        tries = itertools.count()
        while self.kills < self.options.kills:
            if next(tries) > 10 * self.options.kills:
                return self.fault("the job ends before it can be killed; use a longer one")
            creating = self.kills % 4 == 0
            if creating:
                self.start_afresh()
            self.kill_once(VICTIMS[self.kills % 3], creating)
        self.finish()

    def start(self, output: Path) -> Job:
        self.job = Job(self.options.program, self.config, output, self.options.ranks, self.scratch)
        return self.job

    def fault(self, text: str):
        self.faults.append(text)
        print(f"FAULT: {text}", flush=True)

    def make_reference(self):
        path = self.folder / "reference" / "reference.h5"
        path.parent.mkdir()
        job = self.start(path)
        wait_for(path.exists, job)
        begin = time.monotonic()
        if job.process.wait(DEADLINE_S) != 0:
            sys.exit(f"the undisturbed run failed:\n{job.log.read_text(errors='replace')}")
        self.surface_s = time.monotonic() - begin
        self.reference = Contents.read(path)
        if not self.reference.done.all():
            sys.exit("the undisturbed run left points undone")
        print(f"undisturbed: {self.reference.done.size} points in {self.surface_s:.2f} s, {len(self.reference.bits)} datasets", flush=True)

    def start_afresh(self):
        shutil.rmtree(self.output.parent)
        self.output.parent.mkdir()
        self.seen = None

    def kill_once(self, victim: str, creating: bool):
        job = self.start(self.output)
        if creating:
            wait_for(lambda: self.output.exists() or any(self.output.parent.glob(".*creating*")), job)
            time.sleep(self.chance.uniform(0, 0.004))
        else:
            wait_for(lambda: self.output.exists() and job.points_reported() > 0, job)
            time.sleep(self.chance.uniform(0, 0.4 * self.surface_s))
        if not (job.running() and job.kill(victim, self.chance)):
            return self.check_end_and_start_afresh(job)
        self.kills += 1
        gone = job.wait_until_gone()
        self.leftovers += not gone
        before = len(self.faults)
        points = self.check_after_kill(job.points_reported())
        result = "ok" if len(self.faults) == before else "FAULT"
        when = "creating" if creating else "running"
        print(f"{self.kills:>4}  {victim:9}  {when:8}  {points:>12}  {job.points_reported():>8}  {'yes' if gone else 'no':4}  {result}", flush=True)

    def check_after_kill(self, reported: int) -> str:
        """What is in the file, for the table."""
        if not self.output.exists():
            if reported or self.seen is not None:
                self.fault("the file is gone")
            return "no file"
        dump = subprocess.run(["h5dump", "-H", self.output], capture_output=True, text=True)
        if dump.returncode != 0:
            self.fault(f"h5dump -H fails: {dump.stderr.strip()}")
        try:
            contents = Contents.read(self.output)
        except (OSError, KeyError) as error:
            self.fault(f"h5py cannot read the file: {error}")
            return "unreadable"
        compared, differences = contents.differences(self.reference, contents.done)
        self.compared += compared
        for difference in differences:
            self.fault(difference)
        if contents.done.sum() < reported:
            self.fault(f"{reported} points were reported, {contents.done.sum()} are in the file")
        if self.seen is not None and (self.seen & ~contents.done).any():
            self.fault(f"{int((self.seen & ~contents.done).sum())} points that were done are not any more")
        self.seen = contents.done
        return f"{int(contents.done.sum())}/{contents.done.size}"

    def finish(self):
        """Goes on to the end, with what is missing only."""
        missing = int((~self.seen).sum()) if self.seen is not None else self.reference.done.size
        job = self.start(self.output)
        code = job.process.wait(DEADLINE_S)
        if code == 0 and job.points_computed() != missing:
            self.fault(f"{missing} points were missing, but the last run computed {job.points_computed()}")
        self.check_end(job)

    def check_end_and_start_afresh(self, job: Job):
        self.check_end(job)
        self.start_afresh()

    def check_end(self, job: Job):
        """A run that was not killed: complete, all bits equal, nothing left beside the file."""
        code = job.process.wait(DEADLINE_S)
        if code != 0:
            return self.fault(f"a run that nobody killed ended with {code}: {job.log.read_text(errors='replace')[-2000:]}")
        contents = Contents.read(self.output)
        compared, differences = contents.differences(self.reference, np.ones_like(self.reference.done))
        self.compared += compared
        for difference in differences:
            self.fault(f"at the end {difference}")
        for path in self.output.parent.glob(".*creating*"):
            self.fault(f"{path.name} is left behind")
        self.finished_files += 1


def wait_for(condition, job: Job):
    """Until `condition` holds or the job has ended."""
    end = time.monotonic() + DEADLINE_S
    while job.running() and not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"the job hangs:\n{job.log.read_text(errors='replace')}")
        time.sleep(0.0005)


def default_config(folder: Path) -> Path:
    mlp_weights(folder / "mlp.safetensors")
    config = surface_config(folder, data={"limit": 200}, grid={"x": [-1, 1, 40], "y": [-1, 1, 25]})
    return write_config(folder / "campaign.yaml", config)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("config", nargs="?", type=Path)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ranks", type=int, default=3)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="orograph-kills-"))
    campaign = Campaign(options, folder)
    try:
        campaign.run()
    finally:
        campaign.job.end()
        shutil.rmtree(folder, ignore_errors=True)
    print(
        f"{campaign.kills} kills, {campaign.finished_files} files finished, {campaign.compared} values compared, "
        f"{campaign.leftovers} jobs that did not end by themselves, {len(campaign.faults)} faults"
    )
    return 1 if campaign.faults or campaign.compared == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
