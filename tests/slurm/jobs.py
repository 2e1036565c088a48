"""The job files as a user submits them, unchanged, in a Slurm of the test's own: run to the end, warned and requeued, cancelled, as an array,
through srun and through mpirun, each rank with a GPU of its own.

usage: jobs.py PROGRAM SHOW_DEVICE
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

PROGRAM, SHOW_DEVICE = (str(Path(argument).resolve()) for argument in sys.argv[1:3])
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
                                        env={**cluster.environment, "OROGRAPH": PROGRAM, **environment})
        self.id = self.process.stdout.readline().strip()

    def wait(self, timeout: float = 90) -> int:
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            sys.exit(f"FAIL: job {self.id} does not end\n{self.log()}\n{self.cluster.run('scontrol', 'show', 'job', self.id).stdout}")

    def end(self) -> str:
        """The state in which the job ends, requeues included, of which `sbatch -W` may take the first for the end."""
        wait_until(lambda: self.property("JobState") in ENDS, f"the end of job {self.id}", self, 120)
        return self.property("JobState")

    def start_again(self) -> None:
        """Slurm lets a requeued job wait for two minutes; this ends its waiting."""
        wait_until(lambda: self.property("Reason") == "BeginTime", "the requeue", self)
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


def wait_until(condition, what: str, job: Submission, patience_s: float = 60) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"FAIL: waited for {what}\n{job.log()}")
        time.sleep(0.05)


def surface(folder: Path, name: str, **sections) -> tuple:
    """A surface of some seconds: its configuration and its file."""
    sections = {"grid": {"x": [-1, 1, 25], "y": [-1, 1, 15]}, "data": {"limit": 3000}, **sections}
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
    wait_until(lambda: points_done(file) > 20, "the first points", job)
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
    wait_until(lambda: points_done(file) > 20, "the first points", job)
    job.signal()
    expect(job.wait() != 0, "a cancelled job fails")
    expect(job.end() == "CANCELLED", "the end of a cancelled job")
    expect(job.property("Restarts") == "0", "a cancelled job is not requeued")
    done = points_done(file)
    expect(20 < done < 375, f"points of a cancelled job: {done}")
    again = Submission(cluster, folder, "surface", config)
    expect(again.wait() == 0 and "going on with" in again.log(), again.log())
    expect(equal(file, undisturbed), "a surface that was cancelled and submitted again")


def check_mpirun(cluster: Cluster, folder: Path, undisturbed: dict) -> None:
    """The same where srun cannot start MPI programs by itself."""
    srun = folder / "bin" / "srun"
    srun.parent.mkdir()
    srun.write_text("#!/bin/sh\n[ \"$*\" != --mpi=list ] || exec echo MPI plugin types are... none\nexec /usr/bin/srun \"$@\"\n")
    srun.chmod(0o755)
    check_requeued(cluster, folder, undisturbed, PATH=f"{srun.parent}:{cluster.environment['PATH']}")


def check_array(cluster: Cluster, folder: Path, undisturbed: dict) -> None:
    """Three surfaces at once; the last element, whose number is the array's too, comes back alone."""
    configs, files = zip(*(surface(folder, name) for name in "abc"))
    small = ["--array=0-2", "--ntasks-per-node=1"]
    job = Submission(cluster, folder, "surface", *configs, options=small)
    wait_until(lambda: all(points_done(file) > 5 for file in files), "the first points of three surfaces", job)
    job.id += "_2"
    job.signal("--signal=USR1", "--batch")
    job.start_again()
    states = {job.id: job.end()}
    for element in "01":
        job.id = job.id[:-1] + element
        states[job.id] = job.end()
        expect(job.property("Restarts") == "0", f"{job.id} is left alone")
    expect(set(states.values()) == {"COMPLETED"} and len(states) == 3, f"{states} {job.log()}")
    for file in files:
        expect(equal(file, undisturbed), f"{file.name} of an array")


def check_trainings(cluster: Cluster, folder: Path) -> None:
    """A training and a sweep, warned and requeued, against the same run by hand."""
    for name, epochs in (("train", 60), ("sweep", 12)):
        outcomes = []
        for where in ("undisturbed", "requeued"):
            target = folder / f"{name}-{where}"
            config = {
                "job": name,
                "model": {"architecture": "mlp"},
                "data": {"set": "fashion-mnist", "limit": 1000},
                "train": {"epochs": epochs, "batch": 32, "lr": 0.01, "augment": {"crop": 0, "flip": False}},
                "output": {"folder": str(target)},
                "run": {"threads": 1, "progress": "none"},
            }
            if name == "sweep":
                config["over"] = {"model.seed": [1, 2, 3, 4, 5, 6]}
            path = write_config(folder / f"{name}.yaml", config)
            if where == "undisturbed":
                result = run(PROGRAM, [name, path], 1 if name == "train" else 2)
                expect(result.returncode == 0, result.stderr)
            else:
                job = Submission(cluster, folder, name, path)
                wait_until(lambda: list(target.rglob("resume.safetensors")), f"the first epoch of a {name}", job)
                job.signal("--signal=USR1", "--batch")
                job.start_again()
                expect(job.end() == "COMPLETED" and "stopped early" in job.log(), job.log())
            outcomes.append({file.relative_to(target): file.read_bytes() for file in target.rglob("final.safetensors")})
        expect(len(outcomes[0]) == (1 if name == "train" else 6) and outcomes[0] == outcomes[1], f"weights of a requeued {name}")


def check_devices(cluster: Cluster, folder: Path) -> None:
    """Each rank of a node takes another GPU, however Slurm hands them out and whatever starts the ranks."""
    starts = {
        "srun, all see all": "srun --mpi=pmix --gpus-per-node=4 -n 4",
        "srun, a GPU a task": "srun --mpi=pmix --gpus-per-task=1 -n 4",
        "mpirun": "mpirun --bind-to none -n 4",
    }
    for name, start in starts.items():
        script = folder / "devices.sh"
        script.write_text(f"#!/bin/bash\n{start} {SHOW_DEVICE}\n")
        result = cluster.run("sbatch", "-W", "--ntasks=4", "--gpus-per-node=4", f"--output={folder}/devices.log", script)
        log = (folder / "devices.log").read_text()
        expect(result.returncode == 0, f"{name}: {result.stderr} {log}")
        expect(sorted(line.split()[-1] for line in log.splitlines() if line.startswith("rank ")) == list("0123"), f"{name}: {log}")


def check_warned_early(cluster: Cluster, folder: Path) -> None:
    """Before the program listens to signals, when its first one ends it."""
    deaf = folder / "deaf"
    deaf.write_text("#!/bin/sh\necho begun\nexec sleep 300\n")
    deaf.chmod(0o755)
    for name, count in (("surface", 1), ("sweep", 1), ("train", 1), ("curve", 3)):
        (folder / "x.yaml").write_text("job: surface\n")
        job = Submission(cluster, folder, name, *["x.yaml"] * count, OROGRAPH=str(deaf))
        wait_until(lambda: "begun" in job.log(), "the start", job)
        job.signal("--signal=USR1", "--batch")
        wait_until(lambda: job.property("Restarts") == "1", f"the requeue of a {name} that was warned early", job)
        job.signal()
        expect(job.end() == "CANCELLED", job.log())
        for log in folder.glob("orograph-*.log"):
            log.unlink()


def check_missing_program(cluster: Cluster, folder: Path) -> None:
    for name, count in (("surface", 1), ("sweep", 1), ("train", 1), ("curve", 3)):
        job = Submission(cluster, folder, name, *["x.yaml"] * count, OROGRAPH="build/nowhere")
        expect(job.wait() == 66 and "no program build/nowhere" in job.log(), job.log())


def main() -> None:
    reason = why_not()
    if reason and os.geteuid() != 0:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    expect(not reason, reason)
    with tempfile.TemporaryDirectory(prefix="orograph-jobs-") as name, Cluster(ENVIRONMENT) as cluster:
        folder = Path(name)
        config, file = surface(fresh(folder, "undisturbed"), "surface")
        result = run(PROGRAM, ["surface", config], 2)
        expect(result.returncode == 0, result.stderr)
        undisturbed = datasets(file)
        check_completes(cluster, fresh(folder, "completes"), undisturbed)
        check_requeued(cluster, fresh(folder, "requeued"), undisturbed)
        check_cancelled(cluster, fresh(folder, "cancelled"), undisturbed)
        check_mpirun(cluster, fresh(folder, "mpirun"), undisturbed)
        check_array(cluster, fresh(folder, "array"), undisturbed)
        check_trainings(cluster, fresh(folder, "trainings"))
        check_devices(cluster, fresh(folder, "devices"))
        check_warned_early(cluster, fresh(folder, "early"))
        check_missing_program(cluster, fresh(folder, "missing"))
    report_checks(49)


main()
