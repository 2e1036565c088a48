"""A surface over several hosts: the same bits as on one rank, an output folder that they do not share, a host that loses power in the middle of it.

usage: several_hosts.py PROGRAM        Hosts are namespaces (virtual_hosts.py), MPI's messages between them go through TCP. Needs root.
"""
import collections
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from program import expect, mlp_weights, points_done, report_checks, run, surface_config, write_config  # noqa: E402
from virtual_hosts import Network, NotAllowed  # noqa: E402

PROGRAM = str(Path(sys.argv[1]).resolve())
SKIPPED = 77  # SKIP_RETURN_CODE of this test
POINTS = 60 * 60


def contents(path: Path) -> dict:
    """Every attribute and every dataset's bytes by place, but for HDF5's references and what says when, where to and by how many ranks."""
    ignored = {"created", "ranks", "configuration", "DIMENSION_LIST", "REFERENCE_LIST"}
    found = {}

    def add(name, item):
        attributes = {key: np.asarray(value).tobytes() for key, value in item.attrs.items() if key not in ignored}
        found[name] = attributes, item[()].tobytes() if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu" else None

    with h5py.File(path, "r") as file:
        add("/", file)
        file.visititems(add)
    return found


def wait(job, limit_s: float = 90) -> tuple:
    """Exit code, lines."""
    text, _ = job.communicate(timeout=limit_s)
    return job.returncode, text.splitlines()


def wait_for_points(job, path: Path, more_than: int) -> int:
    while points_done(path) <= more_than:
        if job.poll() is not None:
            sys.exit(f"FAIL: the job ended by itself: {job.communicate()[0]}")
        time.sleep(0.05)
    return points_done(path)


class Test:
    def __init__(self, network: Network, folder: Path):
        self.network, self.folder = network, folder
        self.output = folder / "output"
        self.output.mkdir()
        mlp_weights(folder / "mlp.safetensors")
        expect(run(PROGRAM, ["surface", self.config("reference")], 0).returncode == 0, "the reference")
        self.reference = contents(self.output / "reference.h5")
        expect(len(self.reference) > 20, f"{len(self.reference)} items")

    def config(self, name: str) -> Path:
        """Slow enough that much is missing when the blackout is noticed."""
        sections = {"grid": {"x": [-1, 1, 60], "y": [-1, 1, 60]}, "data": {"limit": 256}, "output": {"file": str(self.output / f"{name}.h5")}}
        return write_config(self.folder / f"{name}.yaml", surface_config(self.folder, **sections))

    def start(self, hosts: str, name: str):
        return self.network.mpirun(hosts, PROGRAM, "surface", str(self.config(name)))

    def expect_reference(self, name: str) -> None:
        found = contents(self.output / f"{name}.h5")
        differences = [place for place in self.reference.keys() | found.keys() if self.reference.get(place) != found.get(place)]
        expect(not differences, f"{name}: {differences} differ from one rank's")

    def ranks_are_where_they_should_be(self) -> None:
        code, lines = wait(self.network.mpirun("a:2,b:2", "hostname"))
        expect(code == 0 and collections.Counter(lines) == {"a": 2, "b": 2}, f"{code} {lines}")

    def undisturbed(self) -> None:
        before = {name: self.network.received_bytes(name) for name in "ab"}
        code, lines = wait(self.start("a:2,b:2", "whole"))
        expect(code == 0 and f"{POINTS} points, 4 ranks" in lines[0], f"{code} {lines}")
        for name in "ab":
            received = self.network.received_bytes(name) - before[name]
            expect(received > 20_000, f"{name} received {received} bytes")  # its daemon alone: less than 10,000
        self.expect_reference("whole")

    def folder_of_its_own(self) -> None:
        self.network.start("b", f"mount -t tmpfs tmpfs {self.output}")
        code, lines = wait(self.start("a:2,b:2", "apart"))
        errors = [line for line in lines if " error " in line]
        expect(code == 73 and len(errors) == 1, f"{code} {lines}")
        expect(re.search(rf"{self.output} of rank [23] on b is not the one of rank 0", errors[0]), errors[0])
        expect(not list(self.output.glob("*apart*")), f"left behind: {list(self.output.iterdir())}")

    def blackout(self, hosts: str, name: str, missing: int) -> int:
        """Of b in the middle of a surface, `missing` points before its end; how many points are in the file then. Where others want the cores, this test may
        notice the middle too late: then once more."""
        path = self.output / f"{name}.h5"
        for _ in range(4):
            path.unlink(missing_ok=True)
            self.network.start("b")
            job = self.start(hosts, name)
            wait_for_points(job, path, 100)
            self.network.power_off("b")
            code, lines = wait(job)
            done = points_done(path)
            if done <= POINTS - missing:
                break
        expect(code not in (0, 70), f"{code} {lines}")
        expect(100 < done <= POINTS - missing, f"{done} points after the blackout of b among {hosts}")
        return done

    def finish(self, hosts: str, name: str, done: int) -> None:
        code, lines = wait(self.start(hosts, name))
        expect(code == 0 and f"complete, {POINTS - done} of {POINTS} points computed" in lines[-1], f"{code} {lines}")
        self.expect_reference(name)
        left = sorted(item.name for item in self.output.iterdir() if name in item.name)
        expect(left == [f"{name}.h5", f"{name}.xmf"], f"in the folder: {left}")

    def blackout_of_workers(self) -> None:
        """Rank 0 leases the points that are left to the ranks that are left, until mpirun ends the job."""
        done = self.blackout("a:2,b:2", "workers", 1)
        self.finish("a:2,c:2", "workers", done)

    def blackout_of_the_master(self) -> None:
        """Then a warning that time is up, and the rest over three hosts."""
        done = self.blackout("b:2,a:2", "master", 500)
        path = self.output / "master.h5"
        job = self.start("a:2,c:2", "master")
        more = wait_for_points(job, path, done + 50)
        job.send_signal(signal.SIGUSR1)
        code, lines = wait(job)
        expect(code == 75 and any("going on" in line for line in lines), f"{code} {lines}")
        self.network.start("b")
        expect(more <= points_done(path) < POINTS, f"{more} points before the warning, {points_done(path)} after it")
        self.finish("b:1,c:1,a:2", "master", points_done(path))


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        try:
            with Network(Path(name)) as network:
                for host in "abc":
                    network.start(host)
                test = Test(network, Path(name))
                test.ranks_are_where_they_should_be()
                test.undisturbed()
                test.folder_of_its_own()
                test.blackout_of_workers()
                test.blackout_of_the_master()
        except NotAllowed as reason:
            print(f"skipped: no hosts can be made here: {reason}")
            sys.exit(SKIPPED)
    report_checks(15)


main()
