"""The places of solutions, and of a curve between them, in the plane through three solutions (docs/design/surface-file.md)."""

import h5py
import numpy as np

from .errors import ExitCode, OrographError
from .hdf5 import full_name, own_group, read_numbers


def read_solutions(file: h5py.File) -> dict:
    """For a Dataset's coords, in the plane's own x and y; empty where the file has no group `plane`; the curve only where there is one.

    solution_x, solution_y [solution = 3]: the centre, x's and y's weights; bend_x, bend_y [bend]: the points that span the curve, its ends
    first and last; curve_t, curve_x, curve_y [sample]: the curve itself. What lies outside the plane is projected onto it.
    OrographError: a dataset is missing, of another shape, or not finite.
    """
    plane, curve = own_group(file, "plane"), own_group(file, "curve")
    if plane is None:
        return {}
    coords = columns(places(plane, "points", 2, 3, 3), "solution", "solution", "xy")
    if curve is not None:
        coords |= columns(places(curve, "bends", 2, 2), "bend", "bend", "xy")
        coords |= columns(places(curve, "samples", 3, 2), "sample", "curve", "txy")
    return coords


def columns(table: np.ndarray, dim: str, name: str, letters: str) -> dict:
    """NAME_LETTER -> (dim, column)."""
    return {f"{name}_{letter}": (dim, column) for letter, column in zip(letters, table.T, strict=True)}


def places(group: h5py.Group, name: str, width: int, least: int, most: int | None = None) -> np.ndarray:
    """float64 [least to most, width]."""
    table = read_numbers(group, name, np.float64)
    where = f"{group.file.filename}: dataset {full_name(group, name)}"
    rows = table.shape[0] if table.ndim else 0
    if table.shape != (rows, width) or rows < least or (most is not None and rows > most):
        wanted = f"({least if most == least else 'n'}, {width})"
        raise OrographError(ExitCode.DATA, f"{where} has shape {table.shape}, it should be {wanted}")
    if not np.isfinite(table).all():
        raise OrographError(ExitCode.DATA, f"{where} has a value that is not finite")
    return table
