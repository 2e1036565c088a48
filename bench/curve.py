"""Times a point of a curve in PyTorch and in Orograph: its weights, batch norm recalibrated on train images, losses on train and test.

Needs the target bench_evaluator. Exit code 1 where the losses disagree. See README.md.
"""
import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

from inputs import write_inputs
from measurement import Case, measure
from report import ORDERLY, table

VARIANTS = {"curve_plain": "PyTorch, plain", "curve_tuned": "PyTorch, tuned", "curve": "Orograph"}
AGREEMENT = 1e-5


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", metavar="NAME", default=["resnet20"])
    parser.add_argument("--images", type=int, default=5000, help="of train and of test")
    parser.add_argument("--channels", type=int, choices=(1, 3), default=1, help="1: Fashion-MNIST, 3: random images")
    parser.add_argument("--points", type=float, nargs="+", metavar="T", default=[0.25, 0.5])
    parser.add_argument("--threads", type=int, nargs="+", default=[2])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--without", nargs="+", default=[], choices=VARIANTS)
    parser.add_argument("--patience", type=float, default=60, metavar="SECONDS", help="for each measurement, while other programs run")
    return parser.parse_args()


def coordinates(t):
    """Of a Bezier curve with the bends centre, centre + x, centre + y in their plane."""
    return 2 * t * (1 - t), t * t


def measure_network(network, options):
    """{(variant, threads): [(result, cores that others took)]}"""
    results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_inputs(folder, network, options.channels, options.images, [coordinates(t) for t in options.points], options.images)
        for _ in range(options.rounds):
            for threads in options.threads:
                for variant in (variant for variant in VARIANTS if variant not in options.without):
                    (result,), others = measure(Case(network, variant, threads), folder, options.channels, options.images, [],
                                                options.patience)
                    results.setdefault((variant, threads), []).append((result, others))
    return results


def seconds(found, key):
    return median(value for result, _ in found for value in result[key])


def row(network, threads, results):
    of = {variant: results.get((variant, threads)) for variant in VARIANTS}
    stars = {variant: "*" if found and max(others for _, others in found) > ORDERLY else "" for variant, found in of.items()}

    def cell(variant):
        found = of[variant]
        return f"{seconds(found, 'times_s'):.2f} ({seconds(found, 'set_ups_s'):.2f}){stars[variant]}" if found else "-"

    def ratio(variant, key):
        return f"{seconds(of[variant], key) / seconds(of['curve'], key):.2f}" if of[variant] and of["curve"] else "-"

    return [f"{network}, {threads}", *(cell(variant) for variant in VARIANTS),
            *(ratio(variant, key) for key in ("times_s", "cpu_s") for variant in ("curve_plain", "curve_tuned"))]


def difference(results, variant):
    """The largest between the losses of `variant` and the plain loop's at a point, relative; 0 where one was not measured."""
    found = {name: runs[0][0]["losses"] for (name, _), runs in results.items()}
    if variant not in found or "curve_plain" not in found:
        return 0.0
    return max(abs(ours / theirs - 1) for ours, theirs in zip(found[variant], found["curve_plain"], strict=True))


def main():
    options = parse()
    rows, worst, notes = [], {}, []
    for network in options.networks:
        results = measure_network(network, options)
        rows += [row(network, threads, results) for threads in options.threads]
        worst[network] = difference(results, "curve")
        notes.append(f"- {network}: losses differ from the plain loop's by {worst[network]:.1e}, the tuned loop's by "
                     f"{difference(results, 'curve_tuned'):.1e}.")
    print(table(["network, threads", *(f"{name}, s a point (of it recalibration)" for name in VARIANTS.values()), "plain / ours",
                 "tuned / ours", "CPU time, plain / ours", "CPU time, tuned / ours"], rows))
    print("\n".join(notes))
    return 0 if max(worst.values()) < AGREEMENT else 1


if __name__ == "__main__":
    sys.exit(main())
