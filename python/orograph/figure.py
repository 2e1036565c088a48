"""Figures: one panel a surface on a common scale, titles, colour bar, caption; and how they are saved."""

import errno
import os
import textwrap
from pathlib import Path

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from .choosing import ScaleRequest, choose_scale
from .contour import draw_contour, draw_filled, stretch
from .errors import ExitCode, OrographError
from .fields import is_accuracy
from .labels import caption, common_title, directions_label, field_label, panel_titles
from .line import draw_line
from .scales import Scale, number
from .solutions import solutions_caption
from .style import SETTINGS
from .surface import draw_surface
from .ticks import number_whole
from .valley import choose_valley_scale

PLANE_PAINTERS = {"contour": draw_contour, "filled": draw_filled, "surface": draw_surface}
MOST_COLUMNS = 3
PANEL_INCHES = 3.4
CAPTION_LETTERS_PER_INCH = 15
LABEL_LETTERS_PER_INCH = 13


def plane_figure(kind: str, surfaces: list[xr.Dataset], paths: list, field: str, request: ScaleRequest, title: str | None = None) -> Figure:
    """Planes side by side, all on one scale.

    kind: contour, filled or surface. Not thread-safe: matplotlib's settings are changed meanwhile.
    """
    scale = plane_scale(kind, surfaces, field, request)
    titles = panel_titles(surfaces, paths)
    with matplotlib.rc_context(SETTINGS):
        figure, panels = make_panels(
            len(surfaces), panel_height(kind, surfaces), "compressed", projection="3d" if kind == "surface" else None
        )
        for panel, surface, above in zip(panels, surfaces, titles, strict=True):
            mappable = PLANE_PAINTERS[kind](panel, surface, field, scale)
            panel.set_title(above, y=0.95 if kind == "surface" else None)
        if kind != "surface" and len(set(map(axes_words, surfaces))) == 1:
            for panel in panels:
                panel.label_outer()
        add_colour_bar(figure, panels, mappable, scale, bar_name(kind, surfaces, field), 0.65 if kind == "surface" else 1.0)
        blank = "left out" if kind == "surface" else "hatched"
        notes = [
            directions_label(surfaces) if kind == "surface" else solutions_caption(surfaces),
            "" if kind == "surface" else stretch_note(surfaces),
            scale.origin_note(),
            caption(surfaces, titles, [field], blank, "at the end of the scale"),
        ]
        finish(figure, surfaces, title, "\n".join(filter(None, notes)))
    return figure


def stretch_note(surfaces: list[xr.Dataset]) -> str:
    """For the caption: empty where all planes are drawn to one scale."""
    factors = [stretch(surface) for surface in surfaces]
    return "" if set(factors) == {1.0} else f"y is drawn {', '.join(number(factor, 2) for factor in factors)} times as long as x"


def bar_name(kind: str, surfaces: list[xr.Dataset], field: str) -> str:
    """The field's label; broken where the bar may be low, as planes through solutions often are."""
    label = field_label(surfaces[0], field)
    if kind == "surface" or "solution" not in surfaces[0].dims:
        return label
    return textwrap.fill(label, int(LABEL_LETTERS_PER_INCH * panel_height(kind, surfaces)))


def plane_scale(kind: str, surfaces: list[xr.Dataset], field: str, request: ScaleRequest) -> Scale:
    """Flat pictures of planes through solutions get the valley's scale, unless the user or the field wants another one."""
    arrays = [surface[field].values for surface in surfaces]
    accuracy = is_accuracy(surfaces[0], field)
    flat = kind != "surface" and all("solution" in surface.dims for surface in surfaces)
    if flat and request.log is None and not accuracy:
        return choose_valley_scale(arrays, request, surfaces[0][field].attrs.get("units", ""))
    return choose_scale(arrays, request, not accuracy)


def line_figure(surfaces: list[xr.Dataset], paths: list, fields: list[str], request: ScaleRequest, title: str | None = None) -> Figure:
    """Lines side by side, all losses on one scale."""
    losses = [surface[field].values for surface in surfaces for field in fields if not is_accuracy(surface, field)]
    if not any(np.isfinite(surface[field].values).any() for surface in surfaces for field in fields):
        raise OrographError(ExitCode.DATA, "no finite value to draw")
    scale = choose_scale(losses, request) if losses else None
    titles = panel_titles(surfaces, paths)
    with matplotlib.rc_context(SETTINGS):
        figure, panels = make_panels(len(surfaces), 2.6, "constrained", width=4.4)
        for panel, surface, name in zip(panels, surfaces, titles, strict=True):
            draw_line(panel, surface, fields, scale)
            panel.set_title(name)
        finish(figure, surfaces, title, caption(surfaces, titles, fields, "hatched", "triangles"))
    return figure


def make_panels(count: int, height: float, layout: str, width: float = PANEL_INCHES, projection: str | None = None) -> tuple[Figure, list]:
    """A figure with `count` axes, row by row."""
    columns = min(count, MOST_COLUMNS)
    rows = -(-count // columns)
    figure = Figure(figsize=(columns * width + 0.9, rows * (height + 0.7)), layout=layout)
    return figure, [figure.add_subplot(rows, columns, place, projection=projection) for place in range(1, count + 1)]


def panel_height(kind: str, surfaces: list[xr.Dataset]) -> float:
    """Of the tallest plane, within reason."""
    if kind == "surface":
        return PANEL_INCHES * 0.85
    ratios = [stretch(surface) * np.ptp(surface.y.values) / np.ptp(surface.x.values) for surface in surfaces]
    return PANEL_INCHES * float(np.clip(max(ratios), 0.3, 2.0))


def axes_words(surface: xr.Dataset) -> tuple:
    """Equal where two planes have the same axes, so that inner labels can go."""
    return tuple(surface.attrs.get(f"direction_{axis}_{key}") for axis in ("x", "y") for key in ("kind", "normalize")) + tuple(
        float(end) for axis in ("x", "y") for end in (surface[axis].min(), surface[axis].max())
    )


def add_colour_bar(figure: Figure, panels: list, mappable: ScalarMappable, scale: Scale, name: str, shrink: float) -> None:
    """One bar for all panels, ticks at the contour levels; its label tells a log or clipped scale."""
    mappable.set_array([])
    bar = figure.colorbar(mappable, ax=panels, extend=scale.extend(), shrink=shrink, aspect=25, pad=0.04 if shrink < 1 else 0.02)
    ticks = scale.levels[:: max(1, -(-len(scale.levels) // 14))]
    bar.set_ticks(scale.display(ticks), labels=[number(tick) for tick in ticks])
    bar.ax.minorticks_off()
    note = scale.note()
    bar.set_label(f"{name}\n{note}" if note else name)


def finish(figure: Figure, surfaces: list[xr.Dataset], title: str | None, note: str) -> None:
    """Gives a drawn figure its title, its caption, and whole numbers at the axes."""
    number_whole(figure)
    above = title if title is not None else common_title(surfaces) if len(surfaces) > 1 else ""
    if above:
        figure.suptitle(above, fontsize=11)
    if note:
        width = int(CAPTION_LETTERS_PER_INCH * figure.get_figwidth())
        figure.supxlabel("\n".join(textwrap.fill(line, width) for line in note.split("\n")), fontsize=7.5, color="0.25")


def save(figure: Figure, path: Path, dpi: int) -> None:
    """Writes beside and renames, so that no half picture is left and no earlier one is lost. The format is that of the ending."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            figure.savefig(beside, format=path.suffix[1:], dpi=dpi, bbox_inches="tight", pad_inches=0.05)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)
        raise OrographError(ExitCode.IO if full else ExitCode.CANNOT_CREATE, f"cannot write {path}: {error.strerror}") from None
