"""Times a point of a loss surface in PyTorch and in Orograph, on one machine in one run, with the same weights, points and images.

Needs the targets bench_evaluator and bench_peak. Exit code 1 where the losses disagree. See README.md.
"""
import argparse
import signal
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from inputs import CLASSES, FASHION, POINTS, make_model, write_inputs
from measurement import PROGRAMS, Case, Failed, measure, measure_peak
from report import COLUMNS, Series, largest_difference, report

# Images of each network: a point takes some seconds, and each of two threads has several of the compiled evaluator's batches of 64.
IMAGES = {"resnet20": 512, "resnet56": 256, "vgg9": 512, "vgg16bn": 256, "wrn56_2": 256}
AGREEMENT = 1e-5


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", metavar="NAME", help=f"default: {' '.join(IMAGES)}")
    parser.add_argument("--images", type=int, help="of every network (default: as many as take some seconds a point)")
    parser.add_argument("--points", type=int, default=len(POINTS), help="that a measurement takes in turn")
    parser.add_argument("--channels", type=int, choices=(1, 3), default=1, help="1: Fashion-MNIST, 3: random images")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--without", nargs="+", default=[], metavar="VARIANT", help="loader, resident, tuned, compile, reference, direct")
    parser.add_argument("--patience", type=float, default=60, metavar="SECONDS", help="for each measurement, while other programs run")
    parser.add_argument("--quick", action="store_true", help="one round of resnet20 and vgg9 without torch.compile, no patience")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables here too")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.patience, options.without = 1, 0, [*options.without, "compile"]
    options.networks = options.networks or (["resnet20", "vgg9"] if options.quick else list(IMAGES))
    return options


def check(options):
    """Ends the program where it cannot start."""
    for program in ("bench_evaluator", "bench_peak"):
        if not (PROGRAMS / program).exists():
            sys.exit(f"{PROGRAMS / program} is not there: build the target {program} first")
    for network in options.networks:
        try:
            make_model(network, options.channels, CLASSES)
        except (ValueError, KeyError):
            sys.exit(f"--networks: there is no '{network}'; the names are those of model.architecture")
    if options.channels == 1 and not FASHION.exists():
        sys.exit(f"{FASHION} is not there: install dataset-fashion-mnist, or use --channels 3 for random images")


def cpu():
    """Name and flags of the machine's cores."""
    lines = [line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines()]
    fields = {key.strip(): value.strip() for key, _, value in lines}
    return fields["model name"], fields["flags"].split()


def cases(network, options, has_bf16):
    for threads in options.threads:
        variants = [*COLUMNS, *(["autocast", "bf16"] if has_bf16 else [])]
        yield from (Case(network, variant, threads) for variant in variants if variant not in options.without)
        if threads > 1:
            yield Case(network, "compiled", 1, threads)


def tuned_choice(series, case):
    """Arguments that repeat what the tuned loop of an earlier round, or for torch.compile of this one, found best."""
    if case.variant not in ("tuned", "compile", "autocast"):
        return []
    source = series.get(case if case.variant != "compile" else Case(case.network, "tuned", case.threads))
    if not source or not source.batch:
        return ["--batch", "64"] if case.variant == "compile" else []
    # torch.compile does not fold batch norms into weights that may change.
    return ["--batch", str(source.batch), "--fold", "1" if case.variant == "compile" else str(source.fold)]


def describe(case, found):
    if found.failure:
        outcome = f"failed: {found.failure}"
    else:
        last = found.measurements[-1]
        outcome = f"{median(last.rates):.0f} images/s while others took {last.others:.2f} cores"
    return f"{case.network} {case.variant} {case.processes} x {case.threads}: {outcome}"


def measure_network(network, options, has_bf16, peaks, series):
    images = options.images or IMAGES.get(network, 256)
    with tempfile.TemporaryDirectory() as folder:
        write_inputs(Path(folder), network, options.channels, images, list(islice(cycle(POINTS), options.points)))
        for number in range(1, options.rounds + 1):
            for case in cases(network, options, has_bf16):
                found = series.setdefault(case, Series(images))
                if found.failure:
                    continue
                try:
                    found.add(*measure(case, Path(folder), options.channels, images, tuned_choice(series, case), options.patience))
                except Failed as failure:
                    if case.variant != "compile":
                        sys.exit(f"{case.network} {case.variant}: {failure}")
                    found.failure = str(failure)
                print(f"round {number}: {describe(case, found)}", file=sys.stderr, flush=True)
            for threads, best in peaks.items():
                now = measure_peak(threads)
                best.update({kind: max(best.get(kind, 0), rate) for kind, rate in now.items()})


def main():
    options = parse()
    check(options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # so that the measurement in hand ends too
    name, flags = cpu()
    peaks, series = {threads: {} for threads in options.threads}, {}
    start = time.time()
    for network in options.networks:
        measure_network(network, options, "avx512_bf16" in flags, peaks, series)
    title = (f"{time.strftime('%-d %B %Y, %H:%M')}, {name} ({'AVX-512' if 'avx512f' in flags else 'AVX2'}), {options.rounds} rounds in "
             f"{(time.time() - start) / 60:.0f} minutes. Rows: processes x threads.")
    text = report(series, peaks, title)
    print(text)
    if options.markdown:
        options.markdown.write_text(text)
    worst = max(largest_difference(series, network) for network in options.networks)
    if worst > AGREEMENT:
        sys.exit(f"the losses of the variants differ by {worst:.1e}, more than {AGREEMENT}")


if __name__ == "__main__":
    main()
