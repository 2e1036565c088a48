"""Checked reading of HDF5 files that may come from anywhere: hard links only, no external storage, nothing larger than the file."""

from pathlib import Path

import h5py
import numpy as np

from .errors import ExitCode, OrographError


def open_file(path: Path) -> h5py.File:
    """Opens for reading, so that a job may go on writing. OrographError: missing, unreadable, not HDF5, open here in a way that forbids it."""
    if not path.exists():
        raise OrographError(ExitCode.NO_INPUT, f"{path}: no such file")
    if path.is_dir():
        raise OrographError(ExitCode.NO_INPUT, f"{path} is a folder; name a surface file in it")
    try:
        with path.open("rb"):
            return open_beside(path)
    except PermissionError:
        raise OrographError(ExitCode.NO_INPUT, f"{path}: no permission to read it") from None
    except OSError as error:
        if "already open" in str(error) or "flag values" in str(error):
            raise OrographError(ExitCode.DATA, f"{path} is open in this program in a way that forbids reading it; close it there") from None
        raise OrographError(ExitCode.DATA, f"{path} is not an HDF5 file, or is cut short; name the .h5 file that orograph wrote") from None


def open_beside(path: Path) -> h5py.File:
    """Opens without a lock, or, where this program has the file open already, with the locking of that.

    HDF5 refuses to open a file twice in one program with unlike locking.
    """
    for locking in (False, None):
        try:
            return h5py.File(path, "r", locking=locking)
        except OSError as error:
            if "locking" not in str(error):
                raise
    return h5py.File(path, "r", locking=True)


def is_dataset(group: h5py.Group, name: str) -> bool:
    """Whether `name` is a dataset of the group itself, not a link to somewhere else."""
    return isinstance(group.get(name, getlink=True), h5py.HardLink) and isinstance(group[name], h5py.Dataset)


def own_group(file: h5py.File, name: str) -> h5py.Group | None:
    """The group of the file itself that has this name, not a link to somewhere else; None where there is none."""
    if isinstance(file.get(name, getlink=True), h5py.HardLink) and isinstance(file[name], h5py.Group):
        return file[name]
    return None


def read_numbers(group: h5py.Group, name: str, dtype: type) -> np.ndarray:
    """The dataset as an array of `dtype`. OrographError: missing, not numbers, or larger than the file that claims to hold it."""
    path = group.file.filename
    if not is_dataset(group, name):
        raise OrographError(ExitCode.DATA, f"{path} has no dataset {full_name(group, name)}; is it a surface file?")
    dataset = group[name]
    if dataset.dtype.kind not in "fiu" or dataset.external or dataset.is_virtual:
        raise OrographError(ExitCode.DATA, f"{path}: dataset {full_name(group, name)} does not hold plain numbers")
    if dataset.nbytes > Path(path).stat().st_size:
        raise OrographError(
            ExitCode.DATA, f"{path}: dataset {full_name(group, name)} claims {dataset.nbytes} bytes, more than the file has"
        )
    try:
        return dataset[()].astype(dtype)
    except OSError:
        raise OrographError(ExitCode.DATA, f"{path}: dataset {full_name(group, name)} cannot be read; is the file cut short?") from None


def full_name(group: h5py.Group, name: str) -> str:
    return f"{group.name}/{name}".lstrip("/")


def attributes(item: h5py.HLObject) -> dict:
    """Attributes as plain Python values: text, numbers. HDF5's own (dimension scales) and the fill value are left out."""
    own = ("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_FillValue")
    return {name: plain(value) for name, value in item.attrs.items() if name not in own and not name.startswith("_Netcdf4")}


def plain(value):
    """Bytes to text, one-element arrays and numpy scalars to Python's."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(()).item()
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return value.item() if isinstance(value, np.generic) else value
