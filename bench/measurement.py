"""Runs one measurement in processes of its own and tells how much other programs disturbed it."""
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).parent
PROGRAMS = BENCH.parent / "build" / "release"
# Keeps activation buffers in the heap, as tune_malloc() does: a Python process can be told so by its environment only.
TUNED_MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": "2147483647", "MALLOC_TOP_PAD_": str(1 << 28)}
ORDERLY = 0.1  # of a core, that other programs may take
PYTORCH = ("loader", "resident", "tuned", "compile", "autocast")


@dataclass(frozen=True)
class Case:
    """What is measured; `processes` of it run side by side, each on all images."""

    network: str
    variant: str  # curve: compiled, recalibrated; curve_plain, curve_tuned: PyTorch's; loader, resident, tuned, compile, autocast; reference, compiled, direct (compiled without Winograd), bf16 (compiled)
    threads: int
    processes: int = 1


RECALIBRATION_BATCH = 128


def command(case, folder, channels, images, choice):
    common = [str(folder), "--network", case.network, "--channels", str(channels), "--threads", str(case.threads)]
    if case.variant.startswith("curve_"):
        return [sys.executable, str(BENCH / "pytorch_curve.py"), *common, "--variant", case.variant.removeprefix("curve_")]
    if case.variant in PYTORCH:
        return [sys.executable, str(BENCH / "pytorch_loops.py"), *common, "--variant", case.variant, *choice]
    line = [str(PROGRAMS / "bench_evaluator"), *common, "--evaluator", "reference" if case.variant == "reference" else "compiled"]
    if case.variant == "reference":
        line += ["--batch", str(min(128, images // case.threads))]  # enough that each thread has one
    if case.variant == "curve":
        line += ["--recalibrate", str(RECALIBRATION_BATCH)]
    if case.variant == "direct":
        line += ["--convolution", "direct"]
    if case.variant == "bf16":
        line += ["--precision", "bf16"]
    return line


def busy_s():
    """Time that the machine's cores have worked since it started."""
    user, nice, system, _, _, interrupt, soft = map(int, open("/proc/stat").readline().split()[1:8])
    return (user + nice + system + interrupt + soft) / os.sysconf("SC_CLK_TCK")


def own_s(children):
    """CPU time of the children, which may have ended but were not waited for."""
    ticks = 0
    for child in children:
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A child ended without a result; the message is its last words."""


def read_line(child):
    line = child.stdout.readline()
    if line:
        return line
    child.errors.seek(0)
    raise Failed((child.errors.read().strip() or f"exit code {child.wait()}").splitlines()[-1])


def start_child(line, environment):
    errors = tempfile.TemporaryFile("w+")  # not a pipe, which would block a child that says much
    child = subprocess.Popen(line, text=True, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
    child.errors = errors
    return child


def run_once(case, line):
    """Starts all processes, lets them go together when each is ready. Results and the share of a core that others took."""
    environment = os.environ | {"OMP_NUM_THREADS": str(case.threads)}
    environment |= TUNED_MALLOC if case.variant in ("tuned", "compile", "autocast", "curve_tuned") else {}
    children = [start_child(line, environment) for _ in range(case.processes)]
    try:
        for child in children:
            read_line(child)
        start, busy, own = time.monotonic(), busy_s(), own_s(children)
        for child in children:
            child.stdin.write("go\n")
            child.stdin.flush()
        results = [json.loads(read_line(child)) for child in children]
        others = (busy_s() - busy - own_s(children) + own) / (time.monotonic() - start)
        return results, others
    finally:
        for child in children:
            child.kill()
            child.wait()


def wait_for_quiet(patience_s):
    """Returns when the cores idled for a second, or the patience has gone."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        start, busy = time.monotonic(), busy_s()
        time.sleep(1)
        if busy_s() - busy <= ORDERLY * (time.monotonic() - start):
            return


def measure(case, folder, channels, images, choice, patience_s):
    """Runs until other programs disturb little, or until the patience has gone: the last run's results and what others took of a core."""
    line = command(case, folder, channels, images, choice)
    end = time.monotonic() + patience_s
    while True:
        wait_for_quiet(end - time.monotonic())
        results, others = run_once(case, line)
        if others <= ORDERLY or time.monotonic() > end:
            return results, others


def measure_peak(threads):
    """GFLOP/s of the matrix product and of a direct convolution, {"gemm", "convolution"}."""
    return json.loads(subprocess.check_output([str(PROGRAMS / "bench_peak"), str(threads)], text=True))
