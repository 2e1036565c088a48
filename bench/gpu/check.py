"""Tests and times everything on one device within a time limit; called by bench/gpu_check.sh.

Exit code 1 where a test fails, a program fails or losses disagree.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from inputs import write_inputs  # noqa: E402

TESTS = ("gpu_cuda_kernels_test", "gpu_device_test", "gpu_fold_test", "gpu_magnitude_test", "gpu_losses_test", "gpu_perturb_test",
         "evaluate_cuda_test")
SUMMARIES = ("[  PASSED  ]", "[  SKIPPED ]", "[  FAILED  ]")
PRECISIONS = ("fp32", "tf32", "bf16")
AGREEMENT = {"fp32": 1e-5, "tf32": 2e-2, "bf16": 1e-1}  # of a loss, against our fp32


class Check:
    def __init__(self, options):
        self.options = options
        self.end = time.monotonic() + options.limit
        self.failures = []
        self.peaks = {}
        self.losses = {}  # network -> losses of compiled fp32
        self.rates = {}  # (network, variant, precision) -> images/s
        self.flops, self.traffic = {}, {}  # network -> of an image: operations, numbers read and written

    def left(self):
        return self.end - time.monotonic()

    def run(self, command, limit=None):
        """What a program prints on stdout; None where it fails or takes too long."""
        limit = max(1, min(limit or self.left(), self.left()))
        try:
            done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=limit, check=False)
        except subprocess.TimeoutExpired as late:
            self.fail(f"{command[0]} took more than {limit:.0f} s")
            return late.stdout.decode() if isinstance(late.stdout, bytes) else late.stdout
        if done.returncode != 0:
            words = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
            self.fail(f"{' '.join(str(part) for part in command)}: exit code {done.returncode}: {' | '.join(words[-4:])}")
        return done.stdout

    def fail(self, message):
        self.failures.append(message)
        print(f"FAILED {message}", flush=True)

    def program(self, name, *arguments):
        return [self.options.programs / name, *arguments]

    def bench_gpu(self, folder, network, precision, *arguments):
        return self.program("bench_gpu", folder, "--network", network, "--precision", precision, "--device", self.options.device, "--batch",
                            self.options.batch, *arguments)

    def test(self):
        for name in TESTS:
            arguments = []
            if name == "evaluate_cuda_test":
                arguments = ["--gtest_filter=*_cuda" if self.options.device == "cuda" else "--gtest_filter=*/mlp_cpu"]
            output = self.run(self.program(name, "--gtest_brief=1", *arguments), 150) or ""
            failed = [line for line in output.splitlines() if "FAILED" in line or ": Failure" in line]
            summary = [" ".join(line.split()) for line in output.splitlines() if line.startswith(SUMMARIES)]
            print(f"test {name}: {'; '.join(summary)}", flush=True)
            for line in failed[:10]:
                print(f"    {line.strip()}", flush=True)

    def measure_peaks(self):
        small = [] if self.options.device == "cuda" else ["--size", "256", "--bytes", str(1 << 24)]
        output = self.run([sys.executable, HERE / "peaks.py", "--device", self.options.device, *small], 60)
        if output:
            self.peaks = json.loads(output)
            gemm = ", ".join(f"{precision} {self.peaks[precision] / 1e3:.2f}" for precision in PRECISIONS)
            print(f"{self.peaks['device']}, torch {self.peaks['torch']}: copy {self.peaks['copy']:.0f} GB/s, GEMM {gemm} TFLOP/s",
                  flush=True)

    def note(self, network, variant, precision, images_s, losses, extra=""):
        self.rates[network, variant, precision] = images_s
        expected = self.losses.setdefault(network, losses)
        difference = max(abs(a - b) / abs(b) for a, b in zip(losses, expected, strict=True))
        gflops = images_s * self.flops.get(network, 0) / 1e9
        share = ""
        if self.peaks:
            size = 2 if precision == "bf16" else 4
            moved = images_s * self.traffic.get(network, 0) * size / 1e9  # GB/s, where each step moves its values once
            share = f", {100 * gflops / self.peaks[precision]:.1f} % of GEMM, {100 * moved / self.peaks['copy']:.1f} % of copy"
        print(f"{network:9} {variant:13} {precision} {images_s:11,.0f} images/s {gflops:9,.0f} GFLOP/s{share}, loss within "
              f"{difference:.1e}{extra}", flush=True)
        if difference > AGREEMENT[precision]:
            self.fail(f"{network} {variant} {precision}: losses {losses} instead of {expected}")

    def measure_ours(self, folder, network):
        for evaluator, precision in [("compiled", precision) for precision in PRECISIONS] + [("reference", "fp32")]:
            output = self.run(self.bench_gpu(folder, network, precision, "--evaluator", evaluator, "--points", self.options.points), 90)
            if not output:
                continue
            result = json.loads(output)
            self.flops[network], self.traffic[network] = 2 * result["multiply_adds"], result["traffic"]
            self.note(network, evaluator, precision, result["images"] / min(result["times_s"]), result["losses"],
                      f", first point {result['first_s']:.2f} s, {result['identity']}")

    def measure_loops(self, folder, network, variants, precisions, limit):
        sizes = [] if self.options.device == "cuda" else ["--batches", "16", "32", "--rounds", "1"]
        output = self.run([sys.executable, HERE / "loops.py", folder, "--network", network, "--device", self.options.device, "--variants",
                           *variants, "--precisions", *precisions, *sizes], limit) or ""
        for line in output.splitlines():
            result = json.loads(line)
            self.note(network, result["variant"], result["precision"], result["images"] / result["seconds"], result["losses"],
                      f", batch {result['batch']}")

    def estimate(self, network, side):
        for precision in PRECISIONS:
            rate = self.rates.get((network, "compiled", precision))
            if rate:
                seconds = side * side * self.options.images / rate
                print(f"surface of {network}, {side}x{side} points, {self.options.images} images, {precision}: {seconds:.1f} s estimated",
                      flush=True)

    def measure_surface(self, folder, network, side, precision, limit):
        output = self.run(self.bench_gpu(folder, network, precision, "--grid", side, "--limit", limit), limit + 60)
        if output:
            result = json.loads(output)
            whole = result["seconds"] * result["points"] / max(1, result["done"])
            print(f"surface of {network}, {precision}: {result['done']} of {result['points']} points in {result['seconds']:.1f} s, "
                  f"the whole {whole:.1f} s, {result['non_finite']} non-finite", flush=True)

    def ratios(self):
        for (network, variant, precision), rate in self.rates.items():
            if variant != "compiled":
                continue
            others = {"eager": self.rates.get((network, "eager", precision)),
                      "tuned": max((self.rates.get((network, name, precision)) or 0 for name in ("tuned", "compiled loop")), default=0),
                      "reference": self.rates.get((network, "reference", "fp32"))}
            ratios = [f"{rate / other:.1f} x {name}" for name, other in others.items() if other]
            print(f"{network:9} compiled {precision}: {', '.join(ratios)}", flush=True)


def check(options):
    check = Check(options)
    check.test()
    check.measure_peaks()
    with tempfile.TemporaryDirectory() as scratch:
        folders = {network: Path(scratch) / network for network in options.networks}
        for network, folder in folders.items():
            folder.mkdir()
            write_inputs(folder, network, 3, options.images)
            check.measure_ours(folder, network)
        last = options.surface
        check.estimate(last, options.side)
        for network, folder in folders.items():
            check.measure_loops(folder, network, ["eager", "tuned"], PRECISIONS, 90)
        check.measure_surface(folders[last], last, options.side, "bf16", min(70, check.left() / 2))
        for network, folder in folders.items():
            for precision in ("bf16", "tf32"):
                if check.left() > options.compile_s:
                    check.measure_loops(folder, network, ["compiled loop"], [precision], options.compile_s)
    check.ratios()
    for failure in check.failures:
        print(f"FAILED {failure}")
    return 1 if check.failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--networks", nargs="+", default=["resnet20", "resnet56", "vgg9"])
    parser.add_argument("--images", type=int, default=50000)
    parser.add_argument("--points", type=int, default=6)
    parser.add_argument("--batch", type=int, default=0, help="of our evaluators; 0: their choice")
    parser.add_argument("--surface", default="resnet56", help="network of the surface")
    parser.add_argument("--side", type=int, default=51)
    parser.add_argument("--limit", type=float, default=520, help="seconds for everything")
    parser.add_argument("--compile-s", type=float, default=60, help="seconds left that a torch.compile needs")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", str(min(8, os.cpu_count() or 1)))
    sys.exit(check(options))


if __name__ == "__main__":
    main()
