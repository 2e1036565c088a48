"""The shaded 3-D surface of a plane, with its contour lines on the floor."""

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LightSource
from mpl_toolkits.mplot3d import Axes3D

from .contour import on_mesh
from .scales import Scale, number
from .style import FILL

FLOOR_DEPTH = 0.35
LIGHT = LightSource(azdeg=300, altdeg=50)


def draw_surface(axes: Axes3D, surface: xr.Dataset, field: str, scale: Scale) -> ScalarMappable:
    """Values beyond the scale are cut to its ends; faces next to a point without a value are left out."""
    low, high = scale.ends()
    x, y, values = on_mesh(surface, field, scale)
    heights = np.clip(values, low, high).filled(np.nan)
    axes.plot_surface(x, y, heights, facecolors=face_colours(heights, scale), rstride=1, cstride=1, linewidth=0.25, shade=False)
    draw_floor(axes, x, y, np.ma.masked_invalid(heights), scale)
    label(axes, scale)
    axes.view_init(elev=28, azim=-58)
    axes.set_box_aspect((1, float(np.clip(np.ptp(y) / np.ptp(x), 0.4, 2.5)), 0.75), zoom=1.0)
    return ScalarMappable(scale.norm(), FILL)


def face_colours(heights: np.ndarray, scale: Scale) -> np.ndarray:
    """RGB [nx-1, ny-1, 3] of each face: the colour of its mean height, shaded by its slope in a unit box."""
    low, high = scale.ends()
    means = (heights[:-1, :-1] + heights[1:, :-1] + heights[:-1, 1:] + heights[1:, 1:]) / 4
    levels = np.nan_to_num((means - low) / (high - low))
    colours = matplotlib.colormaps[FILL](levels)[..., :3]
    if min(levels.shape) < 2:
        return colours
    nx, ny = levels.shape
    shaded = LIGHT.shade_rgb(colours.swapaxes(0, 1), levels.T, blend_mode="soft", dx=1 / nx, dy=1 / ny)
    return shaded.swapaxes(0, 1)


def draw_floor(axes: Axes3D, x: np.ndarray, y: np.ndarray, heights: np.ma.MaskedArray, scale: Scale) -> None:
    low, high = scale.ends()
    crossed = [level for level in scale.display(scale.levels) if heights.min() < level < heights.max()]
    floor = low - FLOOR_DEPTH * (high - low)
    if crossed:
        axes.contour(x, y, heights, levels=crossed, cmap=FILL, norm=scale.norm(), offset=floor, linewidths=0.8)
    axes.set_zlim(floor, high)


def label(axes: Axes3D, scale: Scale) -> None:
    """Few ticks on white walls; the meaning of z is on the colour bar."""
    axes.set_xlabel("x (direction 1)", labelpad=0)
    axes.set_ylabel("y (direction 2)", labelpad=0)
    every = max(1, -(-len(scale.levels) // 5))
    shown = scale.levels[::every]
    axes.set_zticks(scale.display(shown), [number(level) for level in shown])
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((1, 1, 1, 0))
        axis._axinfo["grid"].update(color=(0.85, 0.85, 0.85, 1), linewidth=0.4)
    axes.tick_params(labelsize=7, pad=1)
    axes.locator_params(axis="x", nbins=5)
    axes.locator_params(axis="y", nbins=5)
