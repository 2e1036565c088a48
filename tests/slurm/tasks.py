"""The program as a task of a Slurm that binds tasks to cores: with and without pmix, in a shell of a step, under mpirun; whose cores it takes.

usage: tasks.py PROGRAM
"""
import os
import re
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "app")]
from cluster import Cluster, why_not  # noqa: E402
from program import ENVIRONMENT, expect, mlp_weights, points_done, report_checks, surface_config, write_config  # noqa: E402

PROGRAM = str(Path(sys.argv[1]).resolve())
SKIPPED = 77  # SKIP_RETURN_CODE of this test


class Starts:
    def __init__(self, cluster: Cluster, config: Path):
        self.cluster, self.config = cluster, config

    def __call__(self, line: str, code: int = 0):
        """A shell's line in which `orograph` and `CONFIG` stand for those of this test."""
        words = line.replace("orograph", PROGRAM).replace("CONFIG", str(self.config))
        result = self.cluster.run("bash", "-c", words)
        expect(result.returncode == code, f"{line}: {result.returncode}, expected {code}: {result.stdout} {result.stderr}\n{self.cluster.logs()}")
        return result

    def check(self, launch: str, cores: list, warning: str = "") -> str:
        """What `check` says of the cores of each rank, and the one warning; returns all that it logs."""
        result = self(f"{launch} orograph check CONFIG")
        found = re.findall(r"(ranks? [\d,-]+) on \S+ (?:has|share) cores? ([\d,-]+)", result.stdout)
        expect(found == cores, f"{launch}: {result.stdout}")
        warnings = [line for line in result.stderr.splitlines() if " warning " in line]
        expect(len(warnings) == (1 if warning else 0) and all(warning in line for line in warnings), f"{launch}: {result.stderr}")
        return result.stderr


def check_cores(starts: Starts, last: int) -> None:
    every = f"0-{last}"
    granted = starts.check("srun -n1", [("rank 0", "0")])
    expect(f"Slurm granted one core of the {last + 1} of " in granted and "--cpus-per-task=N" in granted, granted)
    log = starts.check(f"OMP_PROC_BIND=true srun -n1 -c{last + 1}", [("rank 0", every)])
    expect("granted" not in log, log)
    starts.check("srun --mpi=pmix -n2 -c1", [("rank 0", "0"), ("rank 1", "1")])
    starts.check("salloc -n2 srun -n1 --cpu-bind=map_cpu:1", [("rank 0", "1")],
                 "bound by srun (SLURM_CPU_BIND=quiet,map_cpu:1); start srun with --cpus-per-task=2")
    starts.check("salloc -n2 srun --mpi=pmix -n2 --cpu-bind=map_cpu:0,0", [("ranks 0-1", "0")], "share core 0 while 1 core idles, bound by srun")
    starts.check("salloc -n1 -c2 mpirun -n 1", [("rank 0", "0")], "bound by mpirun's default")
    starts.check("salloc -n1 -c2", [("rank 0", every)])


def check_ranks(starts: Starts, file: Path) -> None:
    """One task is a rank, with any plugin or none; several are joined by pmix, and nothing is written where they are not."""
    for number, line in enumerate(("srun -n1 orograph surface CONFIG", "srun -n1 --mpi=pmi2 orograph surface CONFIG",
                                   "srun -n1 --mpi=pmix sh -c 'orograph surface CONFIG && orograph surface CONFIG'",
                                   "srun -n1 mpirun -n 2 --oversubscribe orograph surface CONFIG", "srun -n2 --mpi=pmix orograph surface CONFIG")):
        result = starts(line)
        expect(f"{1 if number < 3 else 2} ranks x " in result.stderr and points_done(file) == 15, f"{line}: {result.stderr}")
        file.unlink()
    for plugin in ("none", "pmi2"):
        result = starts(f"srun -n2 --mpi={plugin} orograph surface CONFIG", 69)
        own = [line for line in result.stderr.splitlines() if not line.startswith("srun:")]
        expect(len(own) == 1 and "Slurm started 2 tasks" in own[0] and "srun --mpi=pmix" in own[0], f"{plugin}: {result.stderr}")
        expect(not file.exists(), "a file of tasks that are no ranks")
    result = starts("srun -n2 orograph check CONFIG")
    expect(result.stdout.count("is valid") == 1 and result.stderr.count(" warning ") == 1 and "srun --mpi=pmix" in result.stderr, result.stderr)
    result = starts("srun -n2 sh -c 'unset SLURM_STEP_ID; exec orograph surface CONFIG --set output.file=$SLURM_PROCID.h5'")
    expect(all(points_done(file.parent / f"{task}.h5") == 15 for task in (0, 1)), result.stderr)


def main() -> None:
    reason = why_not()
    if reason and os.geteuid() != 0:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    expect(not reason, reason)
    with tempfile.TemporaryDirectory(prefix="orograph-tasks-") as name, Cluster(ENVIRONMENT, binds=True) as cluster:
        folder = Path(name)
        os.chdir(folder)
        mlp_weights(folder / "mlp.safetensors")
        starts = Starts(cluster, write_config(folder / "surface.yaml", surface_config(folder, run={"threads": 0})))
        expect("lenet5" in starts("srun -n1 orograph show architectures").stdout, "show in a step")
        check_cores(starts, os.cpu_count() - 1)
        check_ranks(starts, folder / "surface.h5")
    report_checks(46)


main()
