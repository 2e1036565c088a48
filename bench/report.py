"""Turns measured series into tables that are readable as they are and as Markdown."""
from dataclasses import dataclass, field
from statistics import median

from measurement import ORDERLY, Case

COLUMNS = {"loader": "loader (a)", "resident": "resident (a')", "tuned": "tuned (b)", "compile": "torch.compile (b2)",
           "reference": "Reference (c)", "direct": "Compiled, direct", "compiled": "Compiled (d)"}


@dataclass
class Measurement:
    """Of one case in one round: a value a point."""

    rates: list  # images a second, all processes together
    point_s: list  # of the first process, like the rest
    set_up_s: list
    others: float  # cores that other programs took


@dataclass
class Series:
    """All measurements of one case."""

    images: int = 0
    measurements: list = field(default_factory=list)
    losses: list = field(default_factory=list)  # a point
    multiply_adds: int = 0
    batch: int = 0  # of a tuned loop
    fold: int = 1
    failure: str = ""

    def add(self, results, others):
        first = results[0]
        rates = [sum(self.images / time for time in times) for times in zip(*(result["times_s"] for result in results), strict=True)]
        self.measurements.append(Measurement(rates, first["times_s"], first.get("set_ups_s", []), others))
        self.losses = first["losses"]
        self.multiply_adds = first.get("multiply_adds", 0)
        self.batch, self.fold = first.get("batch", 0), first.get("fold", 1)

    @property
    def kept(self):
        """Those that were not disturbed; where there are none, the least disturbed one."""
        return [one for one in self.measurements if one.others <= ORDERLY] or [min(self.measurements, key=lambda one: one.others)]

    def all(self, name):
        return [value for one in self.kept for value in getattr(one, name)]

    @property
    def rate(self):
        return median(self.all("rates")) if self.measurements else None

    @property
    def others(self):
        return max(one.others for one in self.kept) if self.measurements else 0

    @property
    def spread(self):
        rates = self.all("rates")
        return max(rates) / min(rates) - 1

    def gflops(self):
        return 2e-9 * self.multiply_adds * self.rate

    def set_up_share(self, images):
        """Of a point of so many images."""
        set_up = median(self.all("set_up_s"))
        return set_up / (set_up + images * (median(self.all("point_s")) - set_up) / self.images)


def table(header, rows):
    cells = [header, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = ["| " + " | ".join(text.ljust(width) if column == 0 else text.rjust(width)
                               for column, (text, width) in enumerate(zip(row, widths, strict=True))) + " |" for row in cells]
    rule = "|" + "|".join("-" * (width + 2) if column == 0 else "-" * (width + 1) + ":" for column, width in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def number(found):
    """A series' rate, with a star where other programs disturbed it."""
    return "-" if not found or found.rate is None else f"{found.rate:.0f}{'*' if found.others > ORDERLY else ''}"


def ratio(over, under):
    """Of the rates of two series, with a star where one was disturbed."""
    if not over or not under or over.rate is None or under.rate is None:
        return "-"
    return f"{over.rate / under.rate:.2f}{'*' if max(over.others, under.others) > ORDERLY else ''}"


def layout(case):
    return f"{case.processes} x {case.threads}"


def rates_table(series):
    rows = []
    for case in (case for case in series if case.variant == "compiled"):
        of = {variant: series.get(Case(case.network, variant, case.threads, case.processes)) for variant in COLUMNS}
        rows.append([f"{case.network}, {layout(case)}", *(number(found) for found in of.values()),
                     *(ratio(of["compiled"], of[name]) for name in ("loader", "tuned", "compile"))])
    return table(["images/s", *COLUMNS.values(), "d/a", "d/b", "d/b2"], rows)


def compiled_row(series, case, peak):
    found, tuned = series[case], series.get(Case(case.network, "tuned", case.threads, case.processes))
    set_up_ms = 1e3 * median(found.all("set_up_s"))
    return [f"{case.network}, {layout(case)}",
            f"{found.gflops():.0f}",
            f"{100 * found.gflops() / peak['gemm']:.0f}",
            f"{100 * found.gflops() / peak['convolution']:.0f}",
            ratio(found, series.get(Case(case.network, "compiled", 1))),
            f"{set_up_ms:.1f}",
            f"{100 * found.set_up_share(1000):.1f}",
            f"{100 * found.spread:.0f}",
            f"{100 * tuned.spread:.0f}" if tuned else "-",
            f"{found.others:.2f}"]


def compiled_table(series, peaks):
    rows = [compiled_row(series, case, peaks[case.processes * case.threads]) for case in series if case.variant == "compiled"]
    return table(["Compiled", "GFLOP/s", "% of GEMM", "% of conv.", "x one thread", "set-up ms", "% of 1,000 images", "spread %",
                  "spread of b %", "cores others took"], rows)


def bf16_table(series):
    rows = []
    for case, found in series.items():
        if case.variant != "bf16":
            continue
        exact = series[Case(case.network, "compiled", case.threads, case.processes)]
        autocast = series[Case(case.network, "autocast", case.threads, case.processes)]
        error = max(abs(ours / theirs - 1) for ours, theirs in zip(found.losses, exact.losses, strict=True))
        rows.append([f"{case.network}, {layout(case)}", number(autocast), number(found), ratio(found, autocast),
                     ratio(found, exact), f"{error:.1e}"])
    return table(["bf16, images/s", "autocast", "Compiled", "ratio", "x fp32", "loss differs by"], rows) if rows else ""


def largest_difference(series, network):
    """Between any two fp32 variants' losses at a point, relative."""
    points = zip(*(found.losses for case, found in series.items()
                   if case.network == network and found.losses and case.variant not in ("autocast", "bf16")), strict=True)
    return max(max(losses) / min(losses) - 1 for losses in points)


def notes(series, peaks):
    lines = [f"Peak of {threads} thread{'s' if threads > 1 else ''}: matrix product {peak['gemm']:.0f}, direct convolution "
             f"{peak['convolution']:.0f} GFLOP/s." for threads, peak in peaks.items()]
    for network in dict.fromkeys(case.network for case in series):
        losses = next(found.losses for case, found in series.items() if case.network == network and case.variant == "compiled")
        lines.append(f"{network}: losses {', '.join(f'{loss:.7g}' for loss in dict.fromkeys(losses))}; the fp32 variants differ by "
                     f"{largest_difference(series, network):.1e}.")
    for case, found in series.items():
        if case.variant == "tuned" and found.batch:
            lines.append(f"{case.network}, {layout(case)}: the tuned loop chose batch {found.batch}, batch norms "
                         f"{'folded' if found.fold else 'as they are'}.")
        if found.failure:
            lines.append(f"{case.network}, {layout(case)}: {case.variant} failed: {found.failure}")
    disturbed = sum(found.others > ORDERLY for found in series.values())
    lines.append(f"{disturbed} of {len(series)} cases were disturbed (*): other programs took more than {ORDERLY} of a core.")
    return lines


def report(series, peaks, title):
    bf16 = bf16_table(series)
    return "\n\n".join([title, rates_table(series), compiled_table(series, peaks), *([bf16] if bf16 else []),
                        "\n".join(f"- {line}" for line in notes(series, peaks))]) + "\n"
