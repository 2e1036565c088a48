"""Runs every kept and every generated input through the fuzz targets of a build without a fuzzer.

usage: replay_corpus.py FOLDER_OF_PROGRAMS TARGET...
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from make_seeds import make

CORPUS = Path(__file__).parent / "corpus"
HDF5_CRASHES = Path(__file__).parent / "hdf5_crashes"  # inputs on which HDF5 1.10.8 itself crashes, or for which it wants all memory that there is
MALFORMED = 65
MOST_KIB = 3 << 20
ENVIRONMENT = dict(os.environ, OMP_NUM_THREADS="1")


def replay(program: Path, places: list) -> int:
    """How many inputs were run; ends the test where one ends the program."""
    result = subprocess.run([program, *places], capture_output=True, text=True, timeout=60, env=ENVIRONMENT)
    lines = result.stdout.splitlines()
    if result.returncode != 0:
        sys.exit(f"FAIL: {program.name} ended with {result.returncode} at {lines[-1:]}: {result.stderr[-1000:]}")
    return int(lines[-1].split()[0])


def check_crash(program: Path, path: Path) -> None:
    """Where HDF5 crashes, the program says of which file in one line and ends as with other bad inputs; a newer HDF5 may read or refuse it. In
    any case it does not fill the machine."""
    process = subprocess.Popen([program, path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    said = len(errors.splitlines()) == 1 and " error " in errors and "is damaged" in errors
    if code != 0 and not (code == MALFORMED and said):
        sys.exit(f"FAIL: {program.name} ended with {code} at {path}: {errors[-1000:]}")
    if usage.ru_maxrss > MOST_KIB:
        sys.exit(f"FAIL: {program.name} took {usage.ru_maxrss} KiB for the {path.stat().st_size} bytes of {path}")


def main() -> None:
    programs, targets = Path(sys.argv[1]), sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        seeds = Path(folder, "seeds")
        make(seeds)
        for target in targets:
            places = [place for place in (seeds / target, CORPUS / target) if place.is_dir()]
            files = sum(len(list(place.iterdir())) for place in places)
            count = replay(programs / f"fuzz_{target}", places)
            print(f"{target}: {count} inputs")
            if count != files or count < 2:
                sys.exit(f"FAIL: {target}: {count} inputs were run, and there are {files}")
    crashes = [path for path in sorted(HDF5_CRASHES.rglob("*")) if path.is_file()]
    for path in crashes:
        check_crash(programs / f"fuzz_{path.parent.name}", path)
    print(f"HDF5's crashes: {len(crashes)} inputs")


if __name__ == "__main__":
    main()
