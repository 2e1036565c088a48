"""Contour lines and filled contours of a plane."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.contour import QuadContourSet

from .labels import axis_label
from .scales import Scale, number
from .solutions import draw_solutions, occupied
from .style import FILL, hatch_behind, line_colours

BANDS = 64


def draw_contour(axes: Axes, surface: xr.Dataset, field: str, scale: Scale) -> ScalarMappable:
    """Labelled contour lines, coloured by their level. Returns what the colour bar belongs to."""
    colours = line_colours()
    prepare(axes, surface)
    draw_blank(axes, surface, field)
    draw_lines(axes, surface, field, scale, cmap=colours, norm=scale.norm(), linewidths=1.1)
    mark(axes, surface, "black")
    return ScalarMappable(scale.norm(), colours)


def draw_filled(axes: Axes, surface: xr.Dataset, field: str, scale: Scale) -> ScalarMappable:
    """Colours that change in BANDS steps, and labelled contour lines on them. Points without a value stay hatched."""
    prepare(axes, surface)
    hatch_behind(axes)
    low, high = scale.ends()
    x, y, values = on_mesh(surface, field, scale)
    bands = axes.contourf(x, y, values, levels=np.linspace(low, high, BANDS + 1), cmap=FILL, norm=scale.norm(), extend="both")
    bands.set_edgecolor("face")
    bands.set_linewidth(0.2)
    draw_lines(axes, surface, field, scale, colors="white", linewidths=0.6, alpha=0.9)
    mark(axes, surface, "white")
    return ScalarMappable(scale.norm(), FILL)


def on_mesh(surface: xr.Dataset, field: str, scale: Scale) -> tuple[np.ndarray, np.ndarray, np.ma.MaskedArray]:
    """x, y and the field in display units, each [nx, ny], NaN masked."""
    x, y = np.meshgrid(surface.x.values, surface.y.values, indexing="ij")
    return x, y, np.ma.masked_invalid(scale.display(surface[field].transpose("x", "y").values))


def draw_lines(axes: Axes, surface: xr.Dataset, field: str, scale: Scale, **look) -> None:
    """The scale's levels, with labels in the field's own unit; none where the field jumps to infinity."""
    levels = scale.display(scale.levels)
    x, y, values = on_mesh(surface, field, scale)
    values = np.ma.masked_where(np.isinf(surface[field].transpose("x", "y").values), values)
    crossed = [level for level in levels if values.min() < level < values.max()]
    if not crossed:
        return
    lines = axes.contour(x, y, values, levels=crossed, **look)
    texts = {shown: number(level) for shown, level in zip(levels, scale.levels, strict=True)}
    look = {"fmt": lambda shown: texts[shown], "fontsize": 7, "inline_spacing": 3}
    if taken := occupied(surface):
        label_around(axes, lines, taken, look)
        return
    for text in axes.clabel(lines, **look):
        if not inside(axes, text.get_position()):
            text.set_visible(False)


def label_around(axes: Axes, lines: QuadContourSet, taken: list, look: dict) -> None:
    """Labels where nothing else is drawn; lines without one stay whole. taken: [x, y] of all else."""
    found, free = list(axes.clabel(lines, inline=False, **look)), []
    for text in found:
        position = text.get_position()
        if inside(axes, position) and not crowded(axes, position, [*taken, *free]):
            free.append(position)
        text.remove()
    if free:
        axes.clabel(lines, manual=free, **look)


def inside(axes: Axes, position: tuple[float, float]) -> bool:
    """Whether a label there has room within the frame."""
    across, up = axes.transLimits.transform(position)
    return 0.04 < across < 0.96 and 0.03 < up < 0.97


def crowded(axes: Axes, position: tuple[float, float], taken: list) -> bool:
    """Whether a label there would lie on something else."""
    return any(np.linalg.norm(np.subtract(position, place)) < 0.06 * np.ptp(axes.get_xlim()) for place in taken)


def draw_blank(axes: Axes, surface: xr.Dataset, field: str) -> None:
    """Hatches what has no value and leaves the rest white."""
    missing = np.isnan(surface[field].transpose("x", "y").values)
    if not missing.any():
        return
    hatch_behind(axes)
    x, y = np.meshgrid(surface.x.values, surface.y.values, indexing="ij")
    axes.contourf(x, y, np.ma.masked_array(np.zeros(missing.shape), missing), levels=[-1, 1], colors="white")


def stretch(surface: xr.Dataset) -> float:
    """How many times as long y is drawn as x: 1, unless the plane is so narrow that nothing would be seen."""
    ratio = float(np.ptp(surface.y.values) / np.ptp(surface.x.values))
    if 0.25 <= ratio <= 4:
        return 1.0
    return 0.6 / ratio if ratio < 1 else 1.6 / ratio


def prepare(axes: Axes, surface: xr.Dataset) -> None:
    """Limits, aspect, labels."""
    axes.set_xlim(surface.x.values.min(), surface.x.values.max())
    axes.set_ylim(surface.y.values.min(), surface.y.values.max())
    axes.set_aspect(stretch(surface))
    axes.set_xlabel(axis_label(surface, "x"))
    axes.set_ylabel(axis_label(surface, "y"))


def mark(axes: Axes, surface: xr.Dataset, colour: str) -> None:
    """The solutions and the curve of a plane through them; else a small cross where the weights themselves are."""
    if "solution" in surface.dims:
        draw_solutions(axes, surface)
    elif all(surface[axis].values.min() <= 0 <= surface[axis].values.max() for axis in ("x", "y")):
        axes.plot(0, 0, marker="+", markersize=6, markeredgewidth=0.9, color=colour, linestyle="none", zorder=3)
