"""Quantities along curves between solutions, one line a file (Garipov et al. 2018, figure 2); the same of lists of checkpoints."""

import textwrap
from dataclasses import replace
from pathlib import PurePath

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from .choosing import ScaleRequest, choose_scale
from .fields import is_accuracy
from .figure import finish, make_panels
from .labels import caption, field_label
from .line import draw_broken, set_limits
from .scales import Scale, number
from .style import SERIES_COLOURS, SERIES_STYLES, SETTINGS

NAMES = {"bezier": "Bezier curve", "polychain": "polygonal chain", "segment": "straight segment", "checkpoints": "checkpoints"}
LOG_FROM_RATIO = 10
LABEL_LETTERS = 34


def curve_figure(curves: list[xr.Dataset], paths: list, fields: list[str], request: ScaleRequest, title: str | None = None) -> Figure:
    """One panel a field, side by side; all files in each. The request's ends hold for fields of the first one's unit."""
    first = curves[0]
    scales = [panel_scale(curves, field, request if unit(first, field) == unit(first, fields[0]) else others(request)) for field in fields]
    names = series_names(curves, paths)
    with matplotlib.rc_context(SETTINGS):
        figure, panels = make_panels(len(fields), 2.6, "constrained")
        for panel, field, scale in zip(panels, fields, scales, strict=True):
            lines = draw_panel(panel, curves, names, field, scale)
        add_legend(figure, lines, is_checkpoints(first), curves_title(curves) if title is None else title)
        finish(figure, curves, "", caption(curves, names, fields, "gap", "triangles"))
    return figure


def unit(curve: xr.Dataset, field: str) -> str | None:
    return curve[field].attrs.get("units")


def others(request: ScaleRequest) -> ScaleRequest:
    """For fields of another unit than the one that the request's ends are in."""
    return ScaleRequest(levels=request.levels, log=request.log)


def panel_scale(curves: list[xr.Dataset], field: str, request: ScaleRequest) -> Scale:
    """Log where one curve towers over another; whole unless asked otherwise."""
    arrays = [curve[field].values for curve in curves]
    request = replace(request, clip=request.clip or "none")
    linear = choose_scale(arrays, replace(request, log=bool(request.log)))
    towers = 0 < LOG_FROM_RATIO * linear.low < linear.high
    if request.log is None and towers and not is_accuracy(curves[0], field):
        return choose_scale(arrays, replace(request, log=True))
    return linear


def series_names(curves: list[xr.Dataset], paths: list) -> list[str]:
    """The kinds; files of one kind by their stems, and where these are equal too by their paths."""
    names = [kind_name(curve, path) for curve, path in zip(curves, paths, strict=True)]
    for known_by in (lambda path: PurePath(path).stem, str):
        names = [known_by(path) if names.count(name) > 1 else name for name, path in zip(names, paths, strict=True)]
    return names


def kind_name(curve: xr.Dataset, path) -> str:
    kind = curve.attrs.get("provenance_curve")
    return NAMES.get(kind, kind or PurePath(path).stem)


def is_checkpoints(curve: xr.Dataset) -> bool:
    """Whether t only numbers checkpoints."""
    return curve.attrs.get("provenance_curve") == "checkpoints"


def draw_panel(axes: Axes, curves: list[xr.Dataset], names: list[str], field: str, scale: Scale) -> list[Line2D]:
    """The lines, one a file."""
    lines = []
    for place, (curve, name) in enumerate(zip(curves, names, strict=True)):
        colour, style = SERIES_COLOURS[place % len(SERIES_COLOURS)], SERIES_STYLES[place % len(SERIES_STYLES)]
        lines.append(draw_broken(axes, curve.t.values, curve[field].values, linestyle=style, color=colour, label=name))
        mark_points(axes, curve, field, scale, colour)
    set_limits(axes, scale)
    if scale.log:
        axes.set_yticks(scale.levels, [number(level) for level in scale.levels])
        axes.minorticks_off()
    label_axes(axes, curves, field, scale)
    return lines


def mark_points(axes: Axes, curve: xr.Dataset, field: str, scale: Scale, colour: str) -> None:
    """Circles, whole ones at the frame: at the ends of a curve, at every checkpoint of a list, where the scale shows them."""
    marked = (curve[field].values >= scale.low) & (curve[field].values <= scale.high)
    if not is_checkpoints(curve):
        marked &= np.isin(curve.t.values, (0, 1))
    t, values = curve.t.values[marked], curve[field].values[marked]
    axes.plot(t, values, "o", color=colour, markeredgecolor="white", markersize=5, clip_on=False, zorder=4)


def label_axes(axes: Axes, curves: list[xr.Dataset], field: str, scale: Scale) -> None:
    starts, stops = zip(*((curve.t.values.min(), curve.t.values.max()) for curve in curves), strict=True)
    if min(starts) < max(stops):
        axes.set_xlim(min(starts), max(stops))
    if is_checkpoints(curves[0]):
        axes.set_xlabel("checkpoint")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        axes.set_xlabel("$t$")
    axes.set_ylabel("\n".join(filter(None, [textwrap.fill(field_label(curves[0], field), LABEL_LETTERS), scale.clip_note()])))


def add_legend(figure: Figure, lines: list[Line2D], checkpoints: bool, title: str) -> None:
    """Above the panels, under the title, which is a part of it so that they take each other's place into account."""
    ends = Line2D([], [], linestyle="none", marker="o", color="0.4", markeredgecolor="white", markersize=5, label="ends")
    handles = lines if checkpoints else [*lines, ends]
    columns = min(len(handles), 4)
    figure.legend(
        handles=handles, loc="outside upper center", ncols=columns, frameon=False, handlelength=2.4, title=title, title_fontsize=11
    )


def curves_title(curves: list[xr.Dataset]) -> str:
    """One file: its title. Several: network and data, where all have the same."""
    if len(curves) == 1:
        return curves[0].attrs.get("title", "")
    made_of = {(curve.attrs.get("provenance_architecture"), curve.attrs.get("provenance_data")) for curve in curves}
    network, data = made_of.pop()
    return f"{network} on {data}" if not made_of and network and data else ""
