"""The same surface at 1, 2, 3 and 4 ranks, with shards, threads, an idle master, and stopped half-way: every dataset bitwise equal.

usage: ranks.py PROGRAM
"""
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from program import ENVIRONMENT, command, datasets, mlp_weights, points_done, run, surface_config, write_config  # noqa: E402

PROGRAM = sys.argv[1]
SETTINGS = [  # ranks, keys of run
    (1, {"threads": 2}),
    (2, {}),
    (2, {"shards": 2}),
    (3, {}),
    (3, {"shards": 3, "threads": 2}),
    (3, {"master_works": False}),
    (3, {"master_works": False, "shards": 2}),
    (4, {}),
    (4, {"shards": 2}),
]


def differences(reference: dict, path: Path) -> list:
    other = datasets(path)
    if reference.keys() != other.keys():
        return [f"datasets {sorted(other)} instead of {sorted(reference)}"]
    return [name for name in reference if reference[name].tobytes() != other[name].tobytes()]


def stopped_and_resumed(config: Path, path: Path) -> str:
    """SIGUSR1 to mpirun until the run is complete; says what went wrong."""
    stops = 0
    for _ in range(50):
        before = points_done(path)
        job = subprocess.Popen(command(PROGRAM, ["surface", config], 3), env=ENVIRONMENT, stderr=subprocess.DEVNULL)
        if stops < 2:
            while job.poll() is None and points_done(path) <= before + 20:
                time.sleep(0.02)
            job.send_signal(signal.SIGUSR1)
        code = job.wait(120)
        if code == 0:
            return "" if stops else "was never stopped"
        if code != 75:
            return f"exit code {code} after SIGUSR1, expected 75"
        stops += 1
    return "never complete"


def main():
    faults, compared = [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mlp_weights(folder / "mlp.safetensors")
        grid = {"x": [-1, 1, 7], "y": [-0.5, 1, 4]}
        reference_path = folder / "reference.h5"
        config = write_config(folder / "reference.yaml", surface_config(folder, grid=grid, output={"file": str(reference_path)}))
        assert run(PROGRAM, ["surface", config], 0).returncode == 0
        reference = datasets(reference_path)
        assert reference["status"].shape == (7, 4) and (reference["status"] == 1).all()
        assert len(np.unique(reference["train_loss"])) > 20
        for number, (ranks, keys) in enumerate(SETTINGS):
            path = folder / f"{number}.h5"
            config = write_config(folder / f"{number}.yaml", surface_config(folder, grid=grid, output={"file": str(path)}, run=keys))
            result = run(PROGRAM, ["surface", config], ranks)
            found = differences(reference, path) if result.returncode == 0 else [f"exit code {result.returncode}: {result.stderr[-1000:]}"]
            compared += 1
            print(f"{'FAIL' if found else 'ok  '} {ranks} ranks {keys} {found}")
            faults += found

        big = {"x": [-1, 1, 40], "y": [-1, 1, 30]}
        paths = [folder / "whole.h5", folder / "stopped.h5"]
        configs = [write_config(path.with_suffix(".yaml"), surface_config(folder, grid=big, output={"file": str(path)})) for path in paths]
        assert run(PROGRAM, ["surface", configs[0]], 2).returncode == 0
        fault = stopped_and_resumed(configs[1], paths[1])
        found = [fault] if fault else differences(datasets(paths[0]), paths[1])
        compared += 1
        print(f"{'FAIL' if found else 'ok  '} 3 ranks stopped twice and resumed {found}")
        faults += found
    print(f"{compared} files compared, {len(faults)} faults")
    sys.exit(1 if faults or compared != len(SETTINGS) + 1 else 0)


main()
