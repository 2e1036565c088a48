"""Loss and accuracy along a line: loss on the left axis, accuracy on the right, train solid, test dashed (Li et al. 2018, figure 2)."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .fields import is_accuracy
from .labels import axis_label, field_label
from .scales import Scale
from .style import ACCURACY_COLOUR, LOSS_COLOUR, SPLIT_STYLES, hatch_between


@dataclass(frozen=True)
class LinePanel:
    """left: the axis of losses; right: of accuracies. None where no field belongs to it."""

    left: Axes | None
    right: Axes | None


def draw_line(axes: Axes, surface: xr.Dataset, fields: list[str], scale: Scale | None) -> LinePanel:
    """scale: of the losses, None where `fields` holds accuracies only. Accuracies go from 0 to 100."""
    losses = [field for field in fields if not is_accuracy(surface, field)]
    accuracies = [field for field in fields if is_accuracy(surface, field)]
    left = axes if losses else None
    right = (axes.twinx() if losses else axes) if accuracies else None
    curves = []
    if left:
        curves += [draw_curve(left, surface, field, LOSS_COLOUR) for field in losses]
        set_loss_axis(left, surface, losses, scale)
    if right:
        curves += [draw_curve(right, surface, field, ACCURACY_COLOUR) for field in accuracies]
        set_accuracy_axis(right, surface, accuracies)
    axes.set_xlabel(axis_label(surface, "x"))
    axes.set_xlim(surface.x.values.min(), surface.x.values.max())
    axes.axvline(0, color="0.75", linewidth=0.7, zorder=0)
    for start, end in gaps(surface, fields):
        hatch_between(axes, start, end)
    axes.legend(
        handles=curves, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=len(curves), frameon=False, handlelength=2, columnspacing=1.2
    )
    return LinePanel(left, right)


def draw_curve(axes: Axes, surface: xr.Dataset, field: str, colour: str) -> Line2D:
    style = SPLIT_STYLES.get(field.partition("_")[0], "-")
    label = field.replace("_", " ").replace(" acc", " accuracy")
    return draw_broken(axes, surface.x.values, surface[field].values, linestyle=style, color=colour, label=label)


def draw_broken(axes: Axes, x: np.ndarray, values: np.ndarray, **look) -> Line2D:
    """A line that breaks at points without a value; infinite ones are triangles at the edge they left by."""
    (line,) = axes.plot(x, np.where(np.isfinite(values), values, np.nan), **look)
    known = np.pad(np.isfinite(values), 1)
    alone = known[1:-1] & ~known[:-2] & ~known[2:]
    axes.plot(x[alone], values[alone], ".", color=look["color"])
    for sign, marker, edge in ((np.inf, "^", 0.98), (-np.inf, "v", 0.02)):
        gone = x[values == sign]
        (marks,) = axes.plot(
            gone, np.full(gone.size, edge), marker, color=look["color"], markersize=4, transform=axes.get_xaxis_transform(), clip_on=False
        )
        marks.set_in_layout(False)
    return line


def set_loss_axis(axes: Axes, surface: xr.Dataset, losses: list[str], scale: Scale) -> None:
    set_limits(axes, scale)
    name = (
        field_label(surface, losses[0])
        if len(losses) == 1
        else field_label(surface, losses[0]).replace(" on train", "").replace(" on test", "")
    )
    colour_axis(axes, "\n".join(filter(None, [name, scale.clip_note()])), LOSS_COLOUR)


def set_limits(axes: Axes, scale: Scale) -> None:
    """The ends of the scale with a little air."""
    low, high = scale.ends()
    air = 0.04 * (high - low)
    if scale.log:
        axes.set_yscale("log")
        axes.set_ylim(10 ** (low - air), 10 ** (high + air))
    else:
        axes.set_ylim(low - air, high + air)


def set_accuracy_axis(axes: Axes, surface: xr.Dataset, accuracies: list[str]) -> None:
    axes.set_ylim(0, 102)
    colour_axis(axes, field_label(surface, accuracies[0]) if len(accuracies) == 1 else "accuracy (%)", ACCURACY_COLOUR)


def colour_axis(axes: Axes, name: str, colour: str) -> None:
    axes.set_ylabel(name, color=colour)
    axes.tick_params(axis="y", colors=colour)


def gaps(surface: xr.Dataset, fields: list[str]) -> list[tuple[float, float]]:
    """The parts of the x axis, from computed neighbour to computed neighbour, in which points have no value in any field."""
    x = surface.x.values
    missing = np.all([np.isnan(surface[field].values) for field in fields], axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], missing, [False])).astype(int)))
    return [(x[max(start - 1, 0)], x[min(end, x.size - 1)]) for start, end in zip(edges[::2], edges[1::2], strict=True)]
