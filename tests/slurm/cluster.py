"""A one-node Slurm of its own for the tests: own folder, key, sockets and ports, beside whatever else runs on the machine.

with Cluster(os.environ) as cluster:
    cluster.run("sbatch", "-W", "job.sbatch")

Needs root and the packages slurm-wlm and munge, no systemd and no cgroups. The node claims 16 CPUs and 4 GPUs whatever the machine has, and binds
no task; with binds=True it has the machine's CPUs and binds tasks to them.
Nothing is left: the daemons are killed by the kernel when this process ends, however it ends, and what a killed run has left is swept up
by the next one. Everything that belongs to a cluster knows its slurm.conf by the environment.
"""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAMS = ("munged", "munge", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "scancel", "squeue", "sinfo", "setpriv")
CPUS, GPUS = 16, 4
# Character devices that are everywhere stand for GPUs: Slurm only counts them.
GPU_FILES = ("/dev/zero", "/dev/full", "/dev/null", "/dev/random")

CONFIGURATION = """\
ClusterName=orograph
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin={task_plugin}
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
GresTypes=gpu
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=100000
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ReturnToService=2
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=1024 Gres=gpu:fake:{gpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""


def why_not() -> str:
    """What hinders a cluster here; empty where nothing does."""
    missing = [program for program in PROGRAMS if not shutil.which(program, path=SEARCH_PATH)]
    if missing:
        return f"missing: {' '.join(missing)} (apt-get install slurm-wlm munge)"
    return "" if os.geteuid() == 0 else "Slurm's daemons need root"


SEARCH_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


class Cluster:
    def __init__(self, environment: dict, binds: bool = False):
        sweep_up()
        self.task_plugin, self.cpus = ("task/affinity", os.cpu_count()) if binds else ("task/none", CPUS)
        self.folder = Path(tempfile.mkdtemp(prefix=f"orograph-slurm-{os.getpid()}-"))
        self.folder.chmod(0o755)  # munged wants its socket to be reachable by all
        self.environment = dict(environment, PATH=SEARCH_PATH, SLURM_CONF=str(self.folder / "slurm.conf"))
        self.daemons = []

    def __enter__(self) -> "Cluster":
        try:
            self._configure()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        for daemon in reversed(self.daemons):
            daemon.kill()
            daemon.wait()
        kill_all_of(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *command, timeout: float = 120, **options) -> subprocess.CompletedProcess:
        """A command with this cluster's Slurm; it must not take longer than `timeout`."""
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=timeout, env=self.environment, **options)

    def logs(self) -> str:
        """The ends of the daemons' logs, for a failure's message."""
        return "\n".join(f"{log.name}: {log.read_text()[-3000:]}" for log in sorted(self.folder.glob("*.log")))

    def _configure(self) -> None:
        controller_port, node_port = free_ports(2)
        host = socket.gethostname().split(".")[0]
        text = CONFIGURATION.format(folder=self.folder, host=host, controller_port=controller_port, node_port=node_port, cpus=self.cpus,
                                    gpus=GPUS, task_plugin=self.task_plugin)
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "gres.conf").write_text("".join(f"Name=gpu Type=fake File={file}\n" for file in GPU_FILES[:GPUS]))
        # Slurm 22.05 cannot do without a cgroup plugin; at a place that does not exist it stays idle.
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nCgroupMountpoint=/nonexistent\n")
        # By default PMIx keeps its files in /tmp by the numbers of user and job, which another Slurm has too.
        (self.folder / "mpi.conf").write_text(f"PMIxCliTmpDirBase={self.folder}/pmix\n")
        for name in ("state", "spool", "pmix"):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(os.urandom(128))

    def _start(self) -> None:
        own = {name: self.folder / f"munge.{name}" for name in ("socket", "log", "seed", "pid")}
        self._daemon("munged", "--foreground", "--force", f"--key-file={self.folder}/munge.key", f"--socket={own['socket']}",
                     f"--log-file={own['log']}", f"--seed-file={own['seed']}", f"--pid-file={own['pid']}")
        self._wait_for("munge", "--no-input", f"--socket={own['socket']}")
        self._daemon("slurmctld", "-D")
        self._daemon("slurmd", "-D")
        self._wait_for("sinfo", "--noheader", "--format=%T", answer="idle")

    def _daemon(self, *command) -> None:
        """In the foreground; the kernel kills it with this process."""
        output = open(self.folder / f"{command[0]}-output.log", "w")
        self.daemons.append(subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command], stdin=subprocess.DEVNULL, stdout=output,
                                             stderr=output, env=self.environment))
        output.close()

    def _wait_for(self, *command, answer: str = "", patience_s: float = 60) -> None:
        deadline = time.monotonic() + patience_s
        while True:
            result = self.run(*command)
            if result.returncode == 0 and answer in result.stdout:
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]}: {result.stdout}{result.stderr}\n{self.logs()}")
            time.sleep(0.1)


def free_ports(count: int) -> list:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def kill_all_of(folder: Path) -> None:
    """Kills the processes of the cluster in `folder`, its jobs included: all that carry its slurm.conf in their environment."""
    mark = f"SLURM_CONF={folder}/slurm.conf".encode()
    for _ in range(50):
        left = [process for process in Path("/proc").glob("[0-9]*") if int(process.name) != os.getpid() and carries(process, mark)]
        if not left:
            return
        for process in left:
            try:
                os.kill(int(process.name), signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.1)


def carries(process: Path, mark: bytes) -> bool:
    try:
        return mark in (process / "environ").read_bytes().split(b"\0")
    except OSError:  # it has ended, or is a zombie
        return False


def sweep_up() -> None:
    """Removes what killed runs have left."""
    for folder in Path(tempfile.gettempdir()).glob("orograph-slurm-*-*"):
        if not Path("/proc", folder.name.split("-")[2]).exists():
            kill_all_of(folder)
            shutil.rmtree(folder, ignore_errors=True)
