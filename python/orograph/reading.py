"""Surface files as xarray Datasets (docs/design/surface-file.md)."""

from pathlib import Path

import h5py
import numpy as np
import xarray as xr

from .errors import ExitCode, OrographError
from .hdf5 import attributes, is_dataset, open_file, plain, read_numbers
from .li import read_li
from .places import read_solutions

FORMAT = 1
DONE, NON_FINITE = 1, 2
MEANINGS = "pending done non_finite failed"


def open_surface(path, li: bool | None = None) -> xr.Dataset:
    """Reads a surface file whole and closes it; a job may be writing it meanwhile.

    Dimensions x, y (a line: x, a curve: t) with the coordinates of the grid; one float64 variable a field with `long_name` and `units`,
    and of a complete curve `min`, `max`, `avg`, `int`; NaN where a point is pending or failed; `status` (0 pending, 1 done, 2 done with a
    non-finite value, 3 failed). A plane through three solutions has their places too: see read_solutions. Attributes: `title`, and
    `provenance_*`, `fingerprint_*`, `direction_x_*`, `direction_y_*` from the groups of these names.
    li: True for a file of Li et al.'s program, False to refuse one; by default it is recognised.
    OrographError: the file is missing, not HDF5, cut short, or of another kind.
    """
    path = Path(path)
    with open_file(path) as file:
        ours = "orograph_format" in file.attrs
        if li and ours:
            raise OrographError(ExitCode.DATA, f"{path} is Orograph's own surface file, not one of Li et al.'s program; open it without li")
        if li or (li is None and not ours and is_dataset(file, "xcoordinates")):
            return read_li(file)
        if not ours:
            raise OrographError(ExitCode.DATA, f"{path} is not a surface file: it has no attribute orograph_format")
        return read_orograph(file)


def read_orograph(file: h5py.File) -> xr.Dataset:
    """Status before values: a point that is done when its status is read has its values in the file already."""
    version = plain(file.attrs["orograph_format"])
    if version != FORMAT:
        raise OrographError(ExitCode.DATA, f"{file.filename} has surface format {version}, this package reads {FORMAT}; update orograph")
    dims = dims_of(file)
    names = {dim: "t" if dim == "t" else f"{dim}coordinates" for dim in dims}
    axes = {dim: read_axis(file, names[dim]) for dim in dims}
    shape = tuple(axis.size for axis in axes.values())
    status = shaped(file, "status", np.int8, shape)
    computed = (status == DONE) | (status == NON_FINITE)
    surface = xr.Dataset(coords={dim: (dim, axis, attributes(file[names[dim]])) for dim, axis in axes.items()})
    for field in fields_of(file):
        values = shaped(file, field, np.float64, shape)
        surface[field] = (dims, np.where(computed, values, np.nan), attributes(file[field]))
    surface["status"] = (dims, status, {"long_name": "state of the point", "flag_values": [0, 1, 2, 3], "flag_meanings": MEANINGS})
    surface.attrs = attributes(file) | flattened(file)
    return surface.assign_coords(read_solutions(file)) if "y" in dims else surface


def dims_of(file: h5py.File) -> tuple[str, ...]:
    """x and y of a plane, x of a line, t of a curve."""
    if is_dataset(file, "t"):
        return ("t",)
    return ("x", "y") if "ycoordinates" in file else ("x",)


def read_axis(file: h5py.File, name: str) -> np.ndarray:
    """The grid's coordinates, all finite."""
    axis = read_numbers(file, name, np.float64)
    if axis.ndim != 1 or not np.isfinite(axis).all():
        raise OrographError(ExitCode.DATA, f"{file.filename}: dataset {name} is not a row of finite coordinates")
    return axis


def fields_of(file: h5py.File) -> list[str]:
    """The names in the root attribute `fields`."""
    names = plain(file.attrs.get("fields", ""))
    if not isinstance(names, str) or not names:
        raise OrographError(ExitCode.DATA, f"{file.filename}: the attribute fields, which names the datasets, is missing")
    return names.split(",")


def shaped(file: h5py.File, name: str, dtype: type, shape: tuple) -> np.ndarray:
    """A dataset that has one value a grid point."""
    values = read_numbers(file, name, dtype)
    if values.shape != shape:
        raise OrographError(ExitCode.DATA, f"{file.filename}: dataset {name} has shape {values.shape}, the axes give {shape}")
    return values


def flattened(file: h5py.File) -> dict:
    """Provenance, fingerprints and directions as attributes with a prefix."""
    groups = {
        "provenance": "provenance",
        "provenance/fingerprints": "fingerprint",
        "directions/x": "direction_x",
        "directions/y": "direction_y",
    }
    found = {}
    for path, prefix in groups.items():
        if isinstance(group := file.get(path), h5py.Group):
            found |= {f"{prefix}_{name.replace(' ', '_')}": value for name, value in attributes(group).items()}
    return found | long_texts(file)


def long_texts(file: h5py.File) -> dict:
    """What is too long for an attribute, such as the configuration: string datasets in /provenance."""
    group = file.get("provenance")
    if not isinstance(group, h5py.Group):
        return {}
    names = [name for name in group if is_dataset(group, name) and h5py.check_string_dtype(group[name].dtype)]
    return {f"provenance_{name}": plain(np.asarray(group[name][()])) for name in names}
