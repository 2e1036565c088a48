"""The job files as a user submits them, unchanged, in a Slurm of the test's own: run to the end, warned and requeued, cancelled, as an array,
through srun and through mpirun, each rank with a GPU of its own.

usage: jobs.py PROGRAM
"""
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "app")]
from cluster import Cluster, why_not  # noqa: E402
from program import ENVIRONMENT, datasets, expect, mlp_weights, points_done, report_checks, run, surface_config, write_config  # noqa: E402

PROGRAM = str(Path(sys.argv[1]).resolve())
SKIPPED = 77  # SKIP_RETURN_CODE of this test
JOBS = Path(__file__).parents[2] / "jobs"
ENDS = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")
OUTPUTS = ("train_loss", "train_acc", "test_loss", "test_acc", "status", "crc32")


class Submission:
    """`sbatch -W` of a job file, with the folder's files and logs."""

    def __init__(self, cluster: Cluster, folder: Path, job: str, *configs, options=(), **environment):
        line = ["sbatch", "-W", "--parsable", *options, JOBS / f"{job}.sbatch", *configs]
        self.cluster, self.folder = cluster, folder
        self.process = subprocess.Popen([str(word) for word in line], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        env=dict(cluster.environment, OROGRAPH=PROGRAM, **environment))
        self.id = self.process.stdout.readline().strip()

    def wait(self, timeout: float = 90) -> int:
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            sys.exit(f"FAIL: job {self.id} does not end\n{self.log()}\n{self.cluster.run('scontrol', 'show', 'job', self.id).stdout}")

    def end(self) -> str:
        """The state in which the job ends, requeues included, of which `sbatch -W` may take the first for the end."""
        wait_until(lambda: self.property("JobState") in ENDS, f"the end of job {self.id}", 90)
        return self.property("JobState")

    def start_again(self) -> None:
        """Slurm lets a requeued job wait for two minutes; this ends its waiting."""
        wait_until(lambda: self.property("Reason") == "BeginTime", "the requeue")
        time.sleep(3)  # a node refuses a job that was taken from it within this second
        result = self.cluster.run("scontrol", "update", f"JobId={self.id}", "StartTime=now")
        expect(result.returncode == 0, result.stderr)

    def log(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.glob("orograph-*.log")))

    def property(self, name: str) -> str:
        words = self.cluster.run("scontrol", "show", "job", self.id).stdout.split()
        return next((word.split("=", 1)[1] for word in words if word.startswith(name + "=")), "")

    def signal(self, *options) -> None:
        result = self.cluster.run("scancel", *options, self.id)
        expect(result.returncode == 0, result.stderr)


def wait_until(condition, what: str, patience_s: float = 60) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"FAIL: waited for {what}")
        time.sleep(0.05)


def surface(folder: Path, name: str, **sections) -> tuple:
    """A surface of some seconds: its configuration and its file."""
    sections = {"grid": {"x": [-1, 1, 25], "y": [-1, 1, 15]}, "data": {"limit": 800}, **sections}
    config = surface_config(folder, **sections)
    config["output"]["file"] = str(folder / f"{name}.h5")
    return write_config(folder / f"{name}.yaml", config), folder / f"{name}.h5"


def equal(path: Path, undisturbed: dict) -> bool:
    found = datasets(path)
    return all(found[name].tobytes() == undisturbed[name].tobytes() for name in OUTPUTS)


def fresh(folder: Path, name: str) -> Path:
    target = folder / name
    target.mkdir()
    mlp_weights(target / "mlp.safetensors")
    return target


def check_completes(cluster: Cluster, folder: Path, undisturbed: dict) -> None:
    config, file = surface(folder, "surface")
    job = Submission(cluster, folder, "surface", config)
    expect(job.wait() == 0, job.log())
    expect(equal(file, undisturbed), "a surface drawn under Slurm")
    expect(", 4 ranks x " in job.log(), job.log())


def check_requeued(cluster: Cluster, folder: Path, undisturbed: dict, **environment) -> None:
    """The warning in the middle: saved, requeued under the same id, completed."""
    config, file = surface(folder, "surface")
    job = Submission(cluster, folder, "surface", config, **environment)
    wait_until(lambda: points_done(file) > 20, "the first points")
    job.signal("--signal=USR1", "--batch")
    job.start_again()
    state = job.end()
    log = job.log()
    expect(state == "COMPLETED", f"{state} {log}\n{cluster.logs()}")
    expect("stopped early" in log and "going on with" in log, log)
    expect(job.property("Restarts") == "1", "requeued once")
    expect(equal(file, undisturbed), "a surface that was requeued")


def check_cancelled(cluster: Cluster, folder: Path, undisturbed: dict) -> None:
    """A cancelled job stays away, and leaves a file that the next one goes on with."""
    config, file = surface(folder, "surface")
    job = Submission(cluster, folder, "surface", config)
    wait_until(lambda: points_done(file) > 20, "the first points")
    job.signal()
    expect(job.wait() != 0, "a cancelled job fails")
    expect(job.end() == "CANCELLED", "the end of a cancelled job")
    expect(job.property("Restarts") == "0", "a cancelled job is not requeued")
    done = points_done(file)
    expect(20 < done < 375, f"points of a cancelled job: {done}")
    again = Submission(cluster, folder, "surface", config)
    expect(again.wait() == 0 and "going on with" in again.log(), again.log())
    expect(equal(file, undisturbed), "a surface that was cancelled and submitted again")


def main() -> None:
    reason = why_not()
    if reason and os.geteuid() != 0:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    expect(not reason, reason)
    with tempfile.TemporaryDirectory() as name, Cluster(ENVIRONMENT) as cluster:
        folder = Path(name)
        config, file = surface(fresh(folder, "undisturbed"), "surface")
        result = run(PROGRAM, ["surface", config], 2)
        expect(result.returncode == 0, result.stderr)
        undisturbed = datasets(file)
        check_completes(cluster, fresh(folder, "completes"), undisturbed)
        check_requeued(cluster, fresh(folder, "requeued"), undisturbed)
        check_cancelled(cluster, fresh(folder, "cancelled"), undisturbed)
    report_checks()


main()
