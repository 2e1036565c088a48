"""A curve at 1, 2 and 3 ranks, in shards, stopped and killed: every dataset and every attribute of it bitwise the same.

usage: curve_runs.py PROGRAM
"""

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py

sys.path.insert(0, str(Path(__file__).parent))
from curve_oracle import write_points  # noqa: E402
from program import ENVIRONMENT, command, expect, points_done, report_checks, run, write_config  # noqa: E402

PROGRAM = sys.argv[1]
POINTS = 13
SUMMARY = ("min", "max", "avg", "int", "length")


def curve_config(folder: Path, name: str, **run_keys) -> Path:
    paths = [str(folder / f"point-{number}.safetensors") for number in range(3)]
    config = {
        "job": "curve",
        "model": {"architecture": "resnet20"},
        "data": {"set": "fashion-mnist", "limit": 96},
        "curve": {"kind": "bezier", "ends": paths[:2], "bends": paths[2:], "weight_decay": 5e-4},
        "grid": {"t": [0, 1, POINTS]},
        "evaluate": {"recalibrate": {"batch": 32, "limit": 70}},
        "output": {"file": str(folder / f"{name}.h5")},
        "run": {"threads": 1, "progress": "none"} | run_keys,
    }
    return write_config(folder / f"{name}.yaml", config)


def contents(path: Path) -> dict:
    """The bytes of every dataset and of every attribute that is no reference."""
    with h5py.File(path) as file:
        items = {name: item for name, item in file.items() if isinstance(item, h5py.Dataset)}
        found = {name: item[()].tobytes() for name, item in items.items()}
        for name, item in items.items():
            keys = [key for key in item.attrs if key not in ("DIMENSION_LIST", "REFERENCE_LIST")]
            found |= {f"{name}.{key}": item.attrs[key].tobytes() for key in keys}
        return found


def started(config: Path, ranks: int) -> subprocess.Popen:
    return subprocess.Popen(command(PROGRAM, ["curve", config], ranks), env=ENVIRONMENT, stderr=subprocess.DEVNULL)


def wait_for_points(job: subprocess.Popen, path: Path, count: int) -> None:
    for _ in range(6000):
        if job.poll() is not None or points_done(path) >= count:
            return
        time.sleep(0.01)


def check_interruptions(folder: Path, reference: dict) -> None:
    """SIGUSR1 at two ranks, then SIGKILL of the one rank that goes on, then to the end at two."""
    config, path = curve_config(folder, "stopped"), folder / "stopped.h5"
    job = started(config, 2)
    wait_for_points(job, path, 2)
    job.send_signal(signal.SIGUSR1)
    expect(job.wait(120) == 75, "exit code after SIGUSR1")
    done = points_done(path)
    expect(2 <= done < POINTS, f"stopped with {done} points")
    expect("train_loss.min" not in contents(path), "no summary of a part of the curve")
    job = started(config, 0)
    wait_for_points(job, path, done + 2)
    job.kill()
    job.wait(60)
    expect(done + 2 <= points_done(path) < POINTS, f"killed with {points_done(path)} points")
    result = run(PROGRAM, ["curve", config], 2)
    expect(result.returncode == 0 and contents(path) == reference, f"stopped, killed and resumed: {result.stderr[-1000:]}")


def check_missing_summary(folder: Path, reference: dict) -> None:
    """A complete file that was killed before its summary gets it again, whatever was left beside; one that has it is left alone."""
    config, path = curve_config(folder, "late"), folder / "late.h5"
    shutil.copy(folder / "reference.h5", path)
    with h5py.File(path, "r+") as file:
        for item in file.values():
            for key in SUMMARY:
                if isinstance(item, h5py.Dataset) and key in item.attrs:
                    del item.attrs[key]
    expect("dl.length" not in contents(path), "the summary was taken out")
    (folder / ".late.h5.creating").write_bytes(b"torn")
    for _ in range(2):
        result = run(PROGRAM, ["curve", config], 0)
        expect(result.returncode == 0 and "complete, 0 of" in result.stderr, f"a complete curve: {result.stderr[-1000:]}")
        expect(contents(path) == reference, "the summary is there again")
        expect(not list(folder.glob(".late*")) and not list(folder.glob("*.lock")), "nothing is left beside")
    before = path.read_bytes(), path.stat().st_ino
    run(PROGRAM, ["curve", config], 0)
    expect((path.read_bytes(), path.stat().st_ino) == before, "a complete curve is left alone")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_points(folder, 3)
        result = run(PROGRAM, ["curve", curve_config(folder, "reference")], 0)
        expect(result.returncode == 0, f"the reference: {result.stderr[-2000:]}")
        reference = contents(folder / "reference.h5")
        expect("train_loss.int" in reference and "dl.length" in reference, "the summary")
        settings = ((2, {}), (3, {}), (2, {"shards": 2}), (3, {"master_works": False, "shards": 2, "threads": 2}))
        for number, (ranks, keys) in enumerate(settings):
            result = run(PROGRAM, ["curve", curve_config(folder, str(number), **keys)], ranks)
            expect(result.returncode == 0, f"{ranks} ranks {keys}: {result.stderr[-2000:]}")
            found = contents(folder / f"{number}.h5")
            expect(found == reference, f"{ranks} ranks {keys}: {[name for name in found if found[name] != reference.get(name)]}")
        check_interruptions(folder, reference)
        check_missing_summary(folder, reference)
    report_checks(at_least=22)


main()
