"""How the program is started: alone, by mpirun, as a task of Slurm, with OpenMP's variables; which cores each rank has, where MPI is needed.

usage: launch.py PROGRAM
"""
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from program import ENVIRONMENT, datasets, expect, mlp_weights, report_checks, run, surface_config, write_config  # noqa: E402

PROGRAM = sys.argv[1]
ALL = sorted(os.sched_getaffinity(0))
CORES = ALL[:2]
README = Path(__file__).parents[2] / "README.md"
ON_CORES = ["taskset", "-c", ",".join(map(str, CORES))]  # whatever the machine has
NO_MPI = {"OMPI_MCA_btl": "none"}  # with which MPI_Init fails


def step_of_slurm(tasks: int, task: int = 0, **more) -> dict:
    """What srun without an MPI plugin tells its tasks."""
    return {"SLURM_JOB_ID": "1", "SLURM_STEP_ID": "0", "SLURM_NTASKS": str(tasks), "SLURM_STEP_NUM_TASKS": str(tasks),
            "SLURM_PROCID": str(task), "SLURM_NODELIST": os.uname().nodename, "SLURM_JOB_NODELIST": os.uname().nodename, **more}


def start(line: list, code: int = 0, **environment) -> subprocess.CompletedProcess:
    result = subprocess.run([str(word) for word in line], capture_output=True, text=True, timeout=120, env={**ENVIRONMENT, **environment})
    expect(result.returncode == code, f"{line} {environment}: {result.returncode}, expected {code}: {result.stderr[-1500:]}")
    return result


def start_alone(*arguments, code: int = 0, **environment) -> subprocess.CompletedProcess:
    return start([PROGRAM, *arguments], code, **environment)


def threads_of(result: subprocess.CompletedProcess) -> int:
    return int(re.search(r"(\d+) threads a rank", result.stdout)[1])


def warnings_of(result: subprocess.CompletedProcess) -> list:
    return [line.split(" warning ", 1)[1] for line in result.stderr.splitlines() if " warning " in line]


def check_openmp_variables(config: Path, folder: Path) -> None:
    """None of them takes a core away, from the count or from a thread."""
    first, last = CORES
    for variables in ({"OMP_PROC_BIND": "true"}, {"OMP_PROC_BIND": "close", "OMP_PLACES": f"{{{first}}}"}, {"OMP_PLACES": "cores"},
                      {"GOMP_CPU_AFFINITY": f"{last}"}, {"KMP_AFFINITY": "compact", "OMP_THREAD_LIMIT": "1"}, {"OMP_NUM_THREADS": "1"}):
        result = start([*ON_CORES, PROGRAM, "check", config], **variables)
        expect(threads_of(result) == 2 and not warnings_of(result), f"{variables}: {result.stdout} {result.stderr}")
        expect(re.search(rf"cores +rank 0 on \S+ has cores {first}[-,]{last} of", result.stdout), result.stdout)
        named = [f"{name}={value}" in result.stdout for name, value in variables.items()]
        expect(all(named) != ("OMP_NUM_THREADS" in variables), f"the variables that are not followed: {result.stdout}")
    # One core for all that the variables say, where a mask gives no more.
    result = start(["taskset", "-c", first, PROGRAM, "check", config], OMP_PROC_BIND="true")
    expect(threads_of(result) == 1 and "OMP_PROC_BIND=true" in warnings_of(result)[0], f"{result.stdout} {result.stderr}")

    long = write_config(folder / "long.yaml", surface_config(folder, grid={"x": [-1, 1, 3000], "y": [-1, 1, 300]}, run={"threads": 0},
                                                             output={"file": str(folder / "long.h5")}))
    job = subprocess.Popen([*ON_CORES, PROGRAM, "surface", long], env={**ENVIRONMENT, "OMP_PROC_BIND": "close"}, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not (folder / "long.h5").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        masks = [sorted(os.sched_getaffinity(int(thread.name))) for thread in Path(f"/proc/{job.pid}/task").iterdir()]
        expect(len(masks) >= 3 and all(mask == CORES for mask in masks), f"cores of the threads: {masks}")
    finally:
        job.kill()
        job.wait()


def threads_per_core() -> int:
    siblings = Path("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list").read_text()
    first, *last = map(int, re.findall(r"\d+", siblings))
    return 1 if not last else last[0] - first + 1 if "-" in siblings else 1 + len(last)


def check_bindings(config: Path) -> None:
    """What mpirun gives each rank, what is made of it, and one warning where it leaves cores idle."""
    one = threads_per_core()
    some_idle = len(ALL) > 2 * one
    bound = "mpirun --bind-to core (OMPI_MCA_hwloc_base_binding_policy); start mpirun with --bind-to none"
    by_default = "mpirun's default; start mpirun with --bind-to none"
    shared = f"ranks 0-1 on {os.uname().nodename} share core {ALL[-1]} while"
    oversubscribe = ["mpirun", "--quiet", "--oversubscribe"]
    cases = [  # start, threads of rank 0, what the warning says, lines of cores
        (["mpirun", "-n", "1"], one, by_default, 1),
        (["mpirun", "-n", "1", "--bind-to", "core"], one, bound, 1),
        (["mpirun", "-n", "1", "--bind-to", "none"], len(ALL), "", 1),
        (["mpirun", "-n", "1", "--map-by", "slot:PE=2"], 2 * one, "", 1),
        (["mpirun", "-n", "2"], one, by_default if some_idle else "", 2),
        ([*oversubscribe, "-n", "2", "--bind-to", "none"], len(ALL) // 2, "", 1),
        ([*oversubscribe, "-n", "2", "--cpu-set", "0"], 1, "mpirun --cpu-set 0 (OMPI_MCA_hwloc_base_cpu_set)", 1),
        (["taskset", "-c", ALL[-1], *oversubscribe, "-n", "2", "--bind-to", "none"], 1, shared, 1),
    ]
    for line, threads, words, lines in cases:
        result = start([*line, PROGRAM, "check", config])
        warnings = warnings_of(result)
        expect(threads_of(result) == threads, f"{line}: {result.stdout}")
        expect(len(warnings) == (1 if words else 0) and all(words in warning for warning in warnings), f"{line}: {warnings}")
        expect(len(re.findall(r"ranks? [\d,-]+ on \S+ (?:has|share) cores? ", result.stdout)) == lines, f"{line}: {result.stdout}")
    more = one + 1
    result = start(["mpirun", "-n", "1", "--bind-to", "core", PROGRAM, "check", config, "--set", f"run.threads={more}"])
    warnings = warnings_of(result)
    expect(threads_of(result) == more and len(warnings) == 1 and f"run.threads is {more}, but rank 0" in warnings[0], result.stderr)
    result = start([*ON_CORES, PROGRAM, "check", config, "--set", "run.threads=1"])
    expect(threads_of(result) == 1 and not warnings_of(result), result.stderr)


def check_without_mpi(config: Path, folder: Path) -> None:
    """Where MPI cannot start, or where one process needs none, everything works, jobs too; with the same bits as under mpirun."""
    file = folder / "surface.h5"
    undisturbed = None
    pmi2 = {"PMI_RANK": "0", "PMI_SIZE": "1", "PMI_FD": "11"}
    for environment in (NO_MPI, step_of_slurm(1), step_of_slurm(1, **pmi2), step_of_slurm(4, SLURM_STEP_NUM_TASKS="1")):
        result = start_alone("surface", config, **environment)
        expect("1 ranks x" in result.stderr, result.stderr)
        values = {name: value.tobytes() for name, value in datasets(file).items()}
        undisturbed = undisturbed or values
        expect(values == undisturbed and len(values) >= 8, f"{environment}: another surface")
        file.rename(folder / "done.h5")
    expect(run(PROGRAM, ["surface", config], 2).returncode == 0, "two ranks")
    expect({name: value.tobytes() for name, value in datasets(file).items()} == undisturbed, "two ranks compute another surface")

    for environment in (step_of_slurm(1, **NO_MPI), step_of_slurm(2, task=1)):
        for arguments, word in ((["--help"], "Examples"), (["--version"], "orograph 0."), (["show", "architectures"], "lenet5"),
                                (["show", file], "train_loss"), (["verify", file], "15 checksums fit"),
                                (["export", file, "--to", "csv"], ".csv"), (["surface", "--dump-default"], "job: surface")):
            expect(word in start_alone(*arguments, **environment).stdout, f"{arguments} {environment}")
        start_alone("show", folder / "nowhere.h5", code=66, **environment)
    expect("the configuration is valid" in start_alone("check", config, **step_of_slurm(1, **NO_MPI)).stdout, "check")
    start_alone("conquer", code=64, **step_of_slurm(1, **NO_MPI))


def check_unjoined(config: Path, folder: Path) -> None:
    """Several tasks that Slurm starts without PMIx: task 0 says so, nobody computes."""
    for path in folder.glob("*.h5"):
        path.unlink()
    for more in ({}, {"PMI_RANK": "0", "PMI_SIZE": "2", "PMI_FD": "11", "SLURM_MPI_TYPE": "pmi2"}):
        for job in ("surface",) if more else ("surface", "line", "train", "sweep", "curve"):
            lines = start_alone(job, config, code=69, **step_of_slurm(2, **more)).stderr.splitlines()
            named = [word in lines[0] for word in ("Slurm started 2 tasks", "srun --mpi=pmix", "unset SLURM_STEP_ID")]
            expect(len(lines) == 1 and all(named), lines)
        result = start_alone("surface", config, code=69, **{**step_of_slurm(2, task=1), **more, **({"PMI_RANK": "1"} if more else {})})
        expect(not result.stdout and not result.stderr, f"task 1: {result.stdout} {result.stderr}")
        result = start_alone("check", config, **step_of_slurm(2, **more))
        expect("is valid" in result.stdout and len(warnings_of(result)) == 1 and "srun --mpi=pmix" in result.stderr, result.stderr)
        expect(not start_alone("check", config, **step_of_slurm(2, task=1)).stdout, "check of task 1")
    expect(not list(folder.glob("*.h5")), "nothing is written")


def check_closed_descriptors(folder: Path) -> None:
    """A file that the program opens gets none of their numbers, or what is logged would be written into it."""
    for closed in ("2>&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
        file = folder / "closed.h5"
        file.unlink(missing_ok=True)
        config = write_config(folder / "closed.yaml", surface_config(folder, grid={"x": [-1, 1, 3], "y": [-1, 1, 2]}, output={"file": str(file)}))
        start(["bash", "-c", f'exec "$0" surface "$1" {closed}', PROGRAM, config])
        whole = file.read_bytes()
        start(["bash", "-c", f'exec "$0" surface "$1" --set evaluate.loss=mse {closed}', PROGRAM, config], code=65)
        expect(file.read_bytes() == whole, f"{closed}: a refused job changed the file")
        start_alone("verify", file)


def check_mpirun(config: Path) -> None:
    """One voice and one exit code, of rank 0, also where MPI is not started."""
    for arguments, code, words in ((["--version"], 0, "orograph 0."), (["show", "architectures"], 0, "lenet5"),
                                   (["conquer"], 64, "subcommand"), (["surface"], 64, "name a configuration file"), (["show", "nowhere.h5"], 66, "nowhere.h5"),
                                   (["surface", "nowhere.yaml"], 66, "nowhere.yaml")):
        result = run(PROGRAM, arguments, 2)
        text = result.stdout + result.stderr
        expect(result.returncode == code and text.count(words) == 1, f"{arguments} on 2 ranks: {result.returncode} {text}")
    result = run(PROGRAM, ["check", config, "--set", "run.shards=2"], 2)
    expect(result.returncode == 0 and "on 2 ranks" in result.stdout and result.stdout.count("is valid") == 1, result.stdout)


def check_readme() -> None:
    """The line that people copy, as root and on few cores, with what the lines around it say."""
    text = README.read_text()
    line = re.search(r"^ +(mpirun .*) build/release/orograph surface mine.yaml", text, re.M)[1]
    words = line.split()
    missing = [option for option in ("--allow-run-as-root", "--oversubscribe") if option not in line]
    expect(all(option in text for option in missing), f"README does not say to add {missing}")
    environment = {name: value for name, value in ENVIRONMENT.items() if not name.startswith("OMPI_ALLOW")}
    copied = [words[0], *missing, *words[1:], PROGRAM, "show", "architectures"]
    result = subprocess.run(copied, capture_output=True, text=True, env=environment)
    expect(result.returncode == 0 and result.stdout.count("lenet5 ") == 1, f"{line}: {result.stderr}")
    for image in (README.parent / "docker").glob("Dockerfile.*"):
        expect(all(f"{name}=1" in image.read_text() for name in ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM")), image)


def main() -> None:
    expect(len(CORES) == 2, "this test needs two cores")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mlp_weights(folder / "mlp.safetensors")
        config = write_config(folder / "surface.yaml", surface_config(folder, run={"threads": 0}))
        check_openmp_variables(config, folder)
        check_bindings(config)
        check_without_mpi(config, folder)
        check_unjoined(config, folder)
        check_closed_descriptors(folder)
        check_mpirun(config)
        check_readme()
    report_checks(120)


main()
