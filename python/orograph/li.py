"""Surface files of Li et al.'s own program (github.com/tomgoldstein/loss-landscape), as imported by `orograph.open`."""

from collections.abc import Iterable

import h5py
import numpy as np
import xarray as xr

from .errors import ExitCode, OrographError
from .hdf5 import is_dataset, read_numbers

FIELDS = {
    "train_loss": ("loss on train", "nat"),
    "train_acc": ("accuracy on train", "percent"),
    "test_loss": ("loss on test", "nat"),
    "test_acc": ("accuracy on test", "percent"),
}
NOT_COMPUTED = -1.0


def read_li(file: h5py.File) -> xr.Dataset:
    """Their datasets as [i, j] = f(x_i, y_j), their -1 as NaN.

    Their program numbers the points of the plane with x fastest, point j * nx + i at (x_i, y_j), and stores them in that order whatever
    shape the dataset has: [j, i] on a square grid, scrambled on another one. Reading them in that order undoes both.
    """
    dims = ("x", "y") if is_dataset(file, "ycoordinates") else ("x",)
    axes = {dim: read_numbers(file, f"{dim}coordinates", np.float64) for dim in dims}
    names = [name for name in FIELDS if is_dataset(file, name)]
    if not names:
        raise OrographError(ExitCode.DATA, f"{file.filename} is not a surface file: it has none of {', '.join(FIELDS)}")
    surface = xr.Dataset(coords=axes)
    raw = {name: in_our_order(file, name, [axis.size for axis in axes.values()]) for name in names}
    for name, values in raw.items():
        long_name, units = FIELDS[name]
        surface[name] = (dims, np.where(values == NOT_COMPUTED, np.nan, values), {"long_name": long_name, "units": units})
    surface["status"] = (dims, status_of(raw.values()), {"long_name": "state of the point"})
    surface.attrs["title"] = "Loss surface of Li et al.'s program"
    return surface


def in_our_order(file: h5py.File, name: str, sizes: list[int]) -> np.ndarray:
    """One field, shape [nx, ny] or [nx]."""
    values = read_numbers(file, name, np.float64)
    if values.size != np.prod(sizes):
        raise OrographError(
            ExitCode.DATA, f"{file.filename}: dataset {name} has {values.size} values, the axes give {np.prod(sizes)} points"
        )
    return values.reshape(sizes[::-1]).T


def status_of(fields: Iterable[np.ndarray]) -> np.ndarray:
    """0 where a field is not computed, 2 where one is infinite or NaN, else 1; as in our files."""
    values = np.stack(list(fields))
    missing = (values == NOT_COMPUTED).any(axis=0)
    finite = np.isfinite(values).all(axis=0)
    return np.where(missing, 0, np.where(finite, 1, 2)).astype(np.int8)
