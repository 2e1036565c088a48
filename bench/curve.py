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


def difference(results):
    """The largest between variants' losses at a point, relative."""
    losses = zip(*(found[0][0]["losses"] for found in results.values()), strict=True)
    return max(max(values) / min(values) - 1 for values in losses)


def main():
    options = parse()
    rows, worst = [], {}
    for network in options.networks:
        results = measure_network(network, options)
        rows += [row(network, threads, results) for threads in options.threads]
        worst[network] = difference(results)
    print(table(["network, threads", *(f"{name}, s a point (of it recalibration)" for name in VARIANTS.values()), "plain / ours",
                 "tuned / ours", "CPU time, plain / ours", "CPU time, tuned / ours"], rows))
    for network, found in worst.items():
        print(f"- {network}: losses differ by {found:.1e}.")
    return 0 if max(worst.values()) < AGREEMENT else 1


if __name__ == "__main__":
    sys.exit(main())
