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


@dataclass(frozen=True)
class Case:
    """What is measured; `processes` of it run side by side, each on all images."""

    network: str
    variant: str  # loader, resident, tuned, compile, autocast; reference, compiled, compiled-bf16
    threads: int
    processes: int = 1


def command(case, folder, channels, images, choice):
    common = [str(folder), "--network", case.network, "--channels", str(channels), "--threads", str(case.threads)]
    evaluator, _, precision = case.variant.partition("-")
    if evaluator not in ("reference", "compiled"):
        return [sys.executable, str(BENCH / "pytorch_loops.py"), *common, "--variant", case.variant, *choice]
    # Enough batches that each thread has one.
    batch = min(128, images // case.threads) if evaluator == "reference" else 0
    return [str(PROGRAMS / "bench_evaluator"), *common, "--evaluator", evaluator, "--precision", precision or "fp32", "--batch", str(batch)]


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
    environment |= TUNED_MALLOC if case.variant in ("tuned", "compile", "autocast") else {}
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


def measure(case, folder, channels, images, choice, retries):
    """The least disturbed of up to 1 + retries runs."""
    line = command(case, folder, channels, images, choice)
    best = None
    for _ in range(1 + retries):
        results, others = run_once(case, line)
        if best is None or others < best[1]:
            best = results, others
        if others <= ORDERLY:
            break
    return best


def measure_peak(threads):
    """GFLOP/s of the matrix product and of a direct convolution, {"gemm", "convolution"}."""
    return json.loads(subprocess.check_output([str(PROGRAMS / "bench_peak"), str(threads)], text=True))
