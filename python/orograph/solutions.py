"""Solutions, bends and the curve between them, drawn over a plane (Garipov et al. 2018, figure 1)."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

SAME_PLACE = 1e-3
SYMBOLS = {"solution": "o", "bend": "D"}
NAME_POINTS = 12
HALO = [withStroke(linewidth=2.5, foreground="white")]


@dataclass(frozen=True)
class Mark:
    """kind: solution or bend; place: [x, y]."""

    kind: str
    name: str
    place: np.ndarray


def draw_solutions(axes: Axes, surface: xr.Dataset) -> None:
    """The curve as a line, solutions as circles, bends as diamonds, each with its name on the outer side."""
    if "sample" in surface.dims:
        axes.plot(surface.curve_x, surface.curve_y, color="black", linewidth=1.6, path_effects=HALO, zorder=4)
    marks = marks_of(surface)
    middle = np.mean([mark.place[0] for mark in marks])
    for mark in marks:
        axes.plot(*mark.place, SYMBOLS[mark.kind], markersize=6, color="white", markeredgecolor="black", markeredgewidth=1.2, zorder=5)
        offset = (np.copysign(NAME_POINTS, mark.place[0] - middle), 0)
        axes.annotate(
            mark.name, mark.place, offset, textcoords="offset points", ha="center", va="center", path_effects=HALO, annotation_clip=True
        )


def marks_of(surface: xr.Dataset) -> list[Mark]:
    """The plane's solutions, and the bends between the curve's ends. A third solution that is a bend is named as the bend."""
    solutions, bends = places(surface, "solution"), inner_bends(surface)
    if any(same(surface, solutions[2], bend) for bend in bends):
        solutions = solutions[:2]
    marks = [Mark("solution", f"$\\hat{{w}}_{number}$", place) for number, place in enumerate(solutions, start=1)]
    names = ["$\\theta$"] if len(bends) == 1 else [f"$\\theta_{{{number}}}$" for number in range(1, len(bends) + 1)]
    return marks + [Mark("bend", name, place) for name, place in zip(names, bends, strict=True)]


def occupied(surface: xr.Dataset) -> list[np.ndarray]:
    """[x, y] of all that is drawn over the contours, which their labels have to keep clear of; empty for planes without solutions."""
    if "solution" not in surface.dims:
        return []
    marks = [mark.place for mark in marks_of(surface)]
    beside = 0.05 * np.ptp(surface.x.values)
    return [*places(surface, "curve"), *marks, *(place + (side, 0) for place in marks for side in (-beside, beside))]


def inner_bends(surface: xr.Dataset) -> np.ndarray:
    """The bends between the curve's ends, [bend, 2]."""
    return places(surface, "bend")[1:-1]


def places(surface: xr.Dataset, name: str) -> np.ndarray:
    """[n, 2]; n = 0 where the file has none of the name."""
    if f"{name}_x" not in surface.coords:
        return np.empty((0, 2))
    return np.stack([surface[f"{name}_x"].values, surface[f"{name}_y"].values], axis=1)


def same(surface: xr.Dataset, place: np.ndarray, other: np.ndarray) -> bool:
    """Whether two places cannot be told apart in the picture."""
    return float(np.linalg.norm(place - other)) < SAME_PLACE * max(np.ptp(surface.x.values), np.ptp(surface.y.values))


def solutions_caption(surfaces: list[xr.Dataset]) -> str:
    """What the markers are; empty for planes without solutions."""
    kinds = {mark.kind for surface in surfaces if "solution" in surface.dims for mark in marks_of(surface)}
    words = [word for kind, word in (("solution", "circles: solutions"), ("bend", "diamonds: bends")) if kind in kinds]
    if any("sample" in surface.dims for surface in surfaces):
        words.append("line: curve, projected onto the plane" if any(map(leaves_plane, surfaces)) else "line: curve")
    return "; ".join(words)


def leaves_plane(surface: xr.Dataset) -> bool:
    """Whether the curve has a bend that is none of the points that the plane goes through."""
    return any(not any(same(surface, bend, solution) for solution in places(surface, "solution")) for bend in places(surface, "bend"))
