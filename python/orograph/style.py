"""Fonts, colours and line styles, one place for all pictures: legible at the width of a paper's column, colour-blind safe."""

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.patches import Rectangle

FILL = "viridis"
LOSS_COLOUR, ACCURACY_COLOUR = "#1b55a6", "#c1272d"
SPLIT_STYLES = {"train": "-", "test": "--"}
# Okabe and Ito 2008, "Color Universal Design", without the yellow, which white paper swallows.
SERIES_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")
SERIES_STYLES = ("-", "--", "-.", ":")

SETTINGS = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "axes.linewidth": 0.7,
    "lines.linewidth": 1.6,
    "hatch.linewidth": 0.5,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "contour.negative_linestyle": "solid",
}


def line_colours() -> Colormap:
    """The fill's colours without the light end, which white paper swallows."""
    return ListedColormap(matplotlib.colormaps[FILL](range(0, 200)), name="orograph_lines")


def hatch_behind(axes: Axes) -> None:
    """A hatched ground that shows wherever nothing is drawn over it."""
    axes.add_patch(
        Rectangle((0, 0), 1, 1, transform=axes.transAxes, facecolor="0.92", edgecolor="0.6", hatch="////", linewidth=0, zorder=-1)
    )


def hatch_between(axes: Axes, left: float, right: float) -> None:
    """A hatched strip over a part of the x axis, in data units."""
    axes.axvspan(left, right, facecolor="0.92", edgecolor="0.6", hatch="////", linewidth=0, zorder=-1)
