"""Kills a job with SIGKILL again and again, and checks that nothing is lost or torn and that the end is bitwise what an undisturbed run leaves.

usage: kill_campaign.py PROGRAM [--job surface|curve|sweep|train] [--kills N] [--seed S] [--ranks R]

One rank, all ranks or mpirun itself is killed at these instants, in turn: while the file is written under its temporary name, just after it got its own, while
points are computed, while a run goes on with the file, after SIGUSR1, and at the end. After each kill the surface file, where there is one, must open in h5py and h5dump,
hold every point that was ever seen or reported as done with the reference's bits, and the next run must not compute it again, and lose no more than the points
in flight; a training run must have a whole resume state that is not older than the one seen before.
"""
import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from kill_targets import TARGETS  # noqa: E402
from program import ENVIRONMENT  # noqa: E402

DEADLINE_S = 300  # for anything that should take seconds: beyond it the job hangs
VICTIMS = ("one rank", "all ranks", "mpirun")
INSTANTS = ("creating", "running", "created", "resuming", "draining", "running", "finishing")
FRESH = ("creating", "created")  # begin without a file


class Job:
    """One run of the program under mpirun, in a session of its own."""

    def __init__(self, program: str, arguments: list, ranks: int, scratch: Path, **more_environment: str):
        line = ["mpirun", "-n", str(ranks), "--oversubscribe", "--bind-to", "none", program, *map(str, arguments)]
        environment = dict(ENVIRONMENT, OMP_NUM_THREADS="1", TMPDIR=str(scratch), OMPI_MCA_btl_vader_backing_directory=str(scratch), **more_environment)
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

    def kill(self, victim: str, ranks: list, chance: random.Random) -> bool:
        """SIGKILLs `victim`, of `ranks` found before, as finding them takes longer than some instants; False where it had ended already."""
        targets = {"mpirun": [self.process.pid], "all ranks": ranks, "one rank": [chance.choice(ranks)] if ranks else []}[victim]
        return sum([send_kill(pid) for pid in targets]) > 0

    def wait_until_gone(self, limit_s: float = 20) -> bool:
        """True where every process of the session ended by itself within the limit; what is left is killed."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if not self.running() and not self.members():
                return True
            time.sleep(0.05)
        self.end()
        return False

    def end(self):
        for pid in self.members():
            send_kill(pid)
        self.process.wait()

    def wait_for(self, condition, pause_s: float = 0.0005):
        """Until `condition` holds or the job has ended."""
        end = time.monotonic() + DEADLINE_S
        while self.running() and not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"the job hangs:\n{self.text()}")
            time.sleep(pause_s)

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def progress(self) -> list:
        """The counts of its progress lines: what was in the file, and was reported."""
        return [int(count) for count in re.findall(r"(\d+)/\d+ (?:points|runs)", self.text())]

    def leased(self) -> list:
        """First and last points of the leases it gave."""
        return [tuple(map(int, found)) for found in re.findall(r"lease for rank \d+: points (\d+) to (\d+)\n", self.text())]

    def computed(self) -> int:
        """As its last line says; -1 where it does not."""
        found = re.findall(r"(\d+) of \d+ points computed", self.text())
        return int(found[-1]) if found else -1


def send_kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


class Campaign:
    def __init__(self, options, folder: Path):
        self.options = options
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self.chance = random.Random(options.seed)
        self.target = TARGETS[options.job](folder, options.ranks)
        self.faults, self.leftovers, self.finished = [], 0, 0
        self.counts = Counter()

    def run(self):
        begin = time.monotonic()
        job = self.start(self.target.reference)
        job.wait_for(self.target.reference_begun, 0.005)
        working = time.monotonic()
        if job.process.wait(DEADLINE_S) != 0:
            sys.exit(f"the undisturbed run failed:\n{job.text()}")
        self.working_s = time.monotonic() - working
        print(f"undisturbed: {self.target.read_reference()}, {time.monotonic() - begin:.2f} s, of which {self.working_s:.2f} s with the file", flush=True)
        print(f"{'kill':>4}  {'victim':9}  {'when':9}  {'in the file':>14}  {'reported':>8}  {'gone':4}  result", flush=True)
        tries = 0
        while self.kills() < self.options.kills:
            tries += 1
            if tries > 10 * self.options.kills:
                return self.fault("the job ends before it can be killed; use a longer one")
            self.kill_once(VICTIMS[self.kills() % len(VICTIMS)], INSTANTS[self.kills() % len(INSTANTS)])
        self.check_end(self.start(self.target.output))

    def kills(self) -> int:
        return sum(self.counts.values())

    def start(self, output: Path) -> Job:
        self.job = Job(self.options.program, self.target.arguments(output), self.options.ranks, self.scratch)
        return self.job

    def fault(self, text: str):
        self.faults.append(text)
        print(f"FAULT: {text}", flush=True)

    def wait_for_instant(self, job: Job, instant: str) -> list:
        """Waits for the instant; the job's ranks."""
        target, chance = self.target, self.chance
        job.wait_for(target.locked, 0.002)
        ranks = job.ranks()
        if instant == "creating":
            job.wait_for(target.temporary)
            time.sleep(chance.choice((0, chance.uniform(0, 0.004))))
        elif instant == "created":
            job.wait_for(target.begun)
        elif instant == "resuming":
            time.sleep(chance.uniform(0, 0.02))
        elif instant == "finishing":
            job.wait_for(target.finishing, 0.001)
        else:
            job.wait_for(lambda: target.begun() and (job.progress() or not target.reports), 0.005)
            time.sleep(chance.uniform(0, 0.6 * self.working_s))
            if instant == "draining" and job.running():
                job.process.send_signal(signal.SIGUSR1)
                time.sleep(chance.uniform(0, 0.03))
        return ranks

    def kill_once(self, victim: str, instant: str):
        if instant in FRESH:
            self.target.clear()
        job = self.start(self.target.output)
        ranks = self.wait_for_instant(job, instant)
        if not (job.running() and job.kill(victim, ranks, self.chance)):
            self.check_end(job)
            return self.target.clear()
        self.counts[instant, victim] += 1
        gone = job.wait_until_gone()
        self.leftovers += not gone
        before = len(self.faults)
        reported = job.progress()
        found = self.target.check_after_kill(reported, job.leased(), self.fault)
        result = "ok" if len(self.faults) == before else "FAULT"
        last = reported[-1] if reported else 0
        print(f"{self.kills():>4}  {victim:9}  {instant:9}  {found:>14}  {last:>8}  {'yes' if gone else 'no':4}  {result}", flush=True)

    def check_end(self, job: Job):
        """A run that was not killed: complete or drained; complete ones leave the reference's bits and nothing beside."""
        try:
            code = job.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            return self.fault(f"a run that nobody killed hangs: {job.text()[-2000:]}")
        if code in (75, 128 + signal.SIGUSR1):  # drained; or the signal met a rank that was still loading its libraries, before main
            self.target.check_after_kill(job.progress(), job.leased(), self.fault)
            return self.check_end(self.start(self.target.output))
        if code != 0:
            return self.fault(f"a run that nobody killed ended with {code}: {job.text()[-2000:]}")
        self.target.check_end(job.computed(), self.fault)
        self.finished += 1

    def print_table(self):
        print(f"\n{'instant':10}" + "".join(f"{victim:>11}" for victim in VICTIMS))
        for instant in dict.fromkeys(INSTANTS):
            print(f"{instant:10}" + "".join(f"{self.counts[instant, victim]:>11}" for victim in VICTIMS))
        print(
            f"{self.options.job}: {self.kills()} kills, {self.finished} runs finished, {self.target.compared} values compared, "
            f"{self.leftovers} jobs that did not end by themselves, {len(self.faults)} faults"
        )
        if self.target.in_flight:
            lost = self.target.in_flight
            print(f"points leased and not in the file at a kill, begun or not: {sum(lost) / len(lost):.1f} in the mean, at most {max(lost)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--job", choices=sorted(TARGETS), default="surface")
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
    campaign.print_table()
    return 1 if campaign.faults or campaign.target.compared == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
