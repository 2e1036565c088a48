"""Hosts with kernels in common and nothing else: each has a network, a host name, processes and mounts of its own (namespaces), and all hang on one
switch, on which `login` starts jobs with mpirun. OpenMPI starts its daemons there through an agent of ours instead of ssh.
"""
import itertools
import subprocess
from pathlib import Path

from mounts import own_mounts
from program import ENVIRONMENT

NETWORK = "10.77.0"
AGENT = """#!/bin/sh
host=$1
shift
pid=$(cat {folder}/$host.pid) || exit 1
exec nsenter --target=$pid --net --uts --mount --root --wd --pid=/proc/$pid/ns/pid_for_children sh -c "$*"
"""


class NotAllowed(Exception):
    """This machine lets us make no hosts."""


def shell(*words: str) -> str:
    try:
        result = subprocess.run(words, capture_output=True, text=True, timeout=30)
    except FileNotFoundError as missing:
        raise NotAllowed(f"{missing.filename} is not installed") from None
    if result.returncode != 0:
        raise NotAllowed(f"{' '.join(words)}: {result.stderr.strip()}")
    return result.stdout


class Host:
    """Its processes are those of one namespace, whose first process lives as long as this object's pipe: they end with the test, however that ends."""

    def __init__(self, name: str, at_start: str = "true"):
        if not own_mounts():
            raise NotAllowed("no mounts of one's own")
        isolation = [*own_mounts(), "--net", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
        script = f"hostname {name} && ip link set lo up && mount -t tmpfs tmpfs /dev/shm && {at_start} && echo up && exec cat"
        self.name = name
        self.process = subprocess.Popen([*isolation, "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "up\n":
            raise NotAllowed(f"no host {name}: {self.process.communicate()[1].strip()}")

    def run(self, *words: str) -> str:
        return shell("nsenter", f"--target={self.process.pid}", "--net", "--uts", *words)

    def kill(self) -> None:
        self.process.kill()  # and with it all that runs there
        self.process.communicate()


class Network:
    """A context. Error: NotAllowed."""

    def __init__(self, folder: Path):
        self.folder, self.hosts, self.numbers = folder, {}, itertools.count(1)
        self.agent = folder / "agent"
        self.agent.write_text(AGENT.format(folder=folder))
        self.agent.chmod(0o755)

    def __enter__(self):
        try:
            self.login = Host("login")
            # a hardware address of its own: else the lowest one among the ports', and where a host goes the others write to one that is gone
            self.login.run("ip", "link", "add", "switch", "address", "02:00:00:00:00:01", "type", "bridge")
            self.login.run("ip", "address", "add", f"{NETWORK}.{next(self.numbers)}/24", "dev", "switch")
            self.login.run("ip", "link", "set", "switch", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        for host in [*self.hosts.values(), *([self.login] if hasattr(self, "login") else [])]:
            host.kill()

    def start(self, name: str, at_start: str = "true") -> None:
        """A host of this name, in place of one that was there before; `at_start` is a shell fragment that runs first, among its mounts."""
        if name in self.hosts:
            self.hosts.pop(name).kill()
        host = self.hosts[name] = Host(name, at_start)
        number = next(self.numbers)
        self.login.run("ip", "link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", str(host.process.pid))
        self.login.run("ip", "link", "set", f"port{number}", "master", "switch", "up")
        host.run("ip", "address", "add", f"{NETWORK}.{number}/24", "dev", "eth0")
        host.run("ip", "link", "set", "eth0", "up")
        (self.folder / f"{name}.pid").write_text(str(host.process.pid))

    def power_off(self, name: str) -> None:
        """As a blackout does it: the others hear nothing more of it, not even that its connections have ended."""
        host = self.hosts.pop(name)
        host.run("ip", "link", "set", "eth0", "down")
        host.kill()

    def received_bytes(self, name: str) -> int:
        return int(self.hosts[name].run("cat", "/proc/net/dev").partition("eth0:")[2].split()[0])

    def mpirun(self, hosts: str, *words: str) -> subprocess.Popen:
        """Of the login node; hosts: "a:2,b:2"."""
        options = {"plm_rsh_agent": str(self.agent), "plm_rsh_no_tree_spawn": "1", "oob_tcp_if_include": f"{NETWORK}.0/24",
                   "btl": "tcp,vader,self", "btl_tcp_if_include": f"{NETWORK}.0/24",
                   # a host that is silent is given up after some seconds, not after OpenMPI's eight minutes
                   "oob_tcp_keepalive_time": "1", "oob_tcp_keepalive_intvl": "1", "oob_tcp_keepalive_probes": "3"}
        chosen = [word for key, value in options.items() for word in ("--mca", key, value)]
        line = ["mpirun", "--quiet", "--bind-to", "none", *chosen, "--host", hosts, *words]
        return subprocess.Popen(["nsenter", f"--target={self.login.process.pid}", "--net", "--uts", *line], env=ENVIRONMENT,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
