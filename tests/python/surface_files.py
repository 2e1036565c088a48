"""Surface files as docs/design/surface-file.md lays them out, written with h5py from known functions."""

import struct
import zlib
from pathlib import Path

import h5py
import numpy as np

LONG_NAMES = {"loss": "cross-entropy on {}", "acc": "accuracy on {}", "nll": "cross-entropy on {}"}
UNITS = {"loss": "nat", "acc": "percent", "nll": "nat"}
FIELDS = ("train_loss", "train_acc", "test_loss", "test_acc")


def bowl(x, y):
    """A lopsided bowl with its minimum 0.05 at (0.5, -0.25); no symmetry of the square leaves it as it is."""
    return 0.05 + 3 * (x - 0.5) ** 2 + 11 * (y + 0.25) ** 2 + 0.7 * x


def plane_axes(nx: int = 9, ny: int = 6) -> dict:
    return {"x": np.linspace(-1, 1, nx), "y": np.linspace(-0.5, 0.75, ny)}


def scale_name(axis: str) -> str:
    return "t" if axis == "t" else f"{axis}coordinates"


def write_surface(path: Path, axes: dict, values: dict, status=None, architecture: str = "resnet20", **attrs) -> Path:
    """values: field -> array over the axes; status: done everywhere (2 where a value is not finite) unless given."""
    shape = tuple(axis.size for axis in axes.values())
    stacked = np.stack([np.broadcast_to(values[field], shape) for field in values])
    if status is None:
        status = np.where(np.isfinite(stacked).all(axis=0), 1, 2)
    with h5py.File(path, "w", libver=("v108", "v108")) as file:
        kind = "surface" if len(axes) == 2 else "curve" if "t" in axes else "line"
        texts(
            file,
            title=f"Loss {kind} of {architecture} on fashion-mnist",
            Conventions="CF-1.8",
            axes=",".join(axes),
            fields=",".join(values),
        )
        file.attrs["orograph_format"] = np.int32(1)
        for name, value in attrs.items():
            file.attrs[name] = value
        for name, axis in axes.items():
            scale = create(file, scale_name(name), axis, np.nan)
            scale.make_scale(scale_name(name))
            texts(scale, long_name=f"coordinate along direction {name}", units="1")
        for field, array in zip(values, stacked, strict=True):
            kept = np.where(np.isin(status, (1, 2)), array, np.nan)
            split, _, what = field.partition("_")
            dataset = create(file, field, kept, np.nan)
            texts(dataset, long_name=LONG_NAMES.get(what, split).format(split), units=UNITS.get(what, "1"))
            dataset.attrs["_FillValue"] = np.nan
            attach(file, dataset, axes)
        attach(file, create(file, "status", np.asarray(status, np.uint8), 0), axes)
        attach(file, create(file, "crc32", checksums(stacked, np.asarray(status, np.uint8)), 0), axes)
        write_groups(file, axes, architecture)
    return path


def create(file: h5py.File, name: str, values: np.ndarray, fill) -> h5py.Dataset:
    """Contiguous, allocated early, filled at allocation, without time stamps."""
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    creation.set_fill_time(h5py.h5d.FILL_TIME_ALLOC)
    creation.set_fill_value(np.array(fill, values.dtype))
    creation.set_obj_track_times(False)
    dataset = file.create_dataset(name, values.shape, values.dtype, dcpl=creation)
    dataset[...] = values
    return dataset


def texts(item: h5py.HLObject, **attributes) -> None:
    """Strings of fixed length, as the program writes them."""
    for name, value in attributes.items():
        item.attrs[name] = np.bytes_(value)


def attach(file: h5py.File, dataset: h5py.Dataset, axes: dict) -> None:
    for place, name in enumerate(axes):
        dataset.dims[place].attach_scale(file[scale_name(name)])


def checksums(stacked: np.ndarray, status: np.ndarray) -> np.ndarray:
    """The CRC-32 of each computed point: its number, its values, its status."""
    crcs = np.zeros(status.size, np.uint32)
    for point, state in enumerate(status.ravel()):
        if state in (1, 2):
            record = [values.ravel()[point] for values in stacked]
            crcs[point] = zlib.crc32(struct.pack(f"<q{len(record)}dB", point, *record, state))
    return crcs.reshape(status.shape)


def write_groups(file: h5py.File, axes: dict, architecture: str) -> None:
    for seed, name in enumerate([name for name in axes if name != "t"], start=1):
        group = file.create_group(f"directions/{name}")
        texts(group, kind="random", seed=str(seed), normalize="filter", ignore="biasbn", space="parameters")
        group["conv1.weight"] = np.full((2, 1, 3, 3), seed, np.float32)
    provenance = file.create_group("provenance")
    texts(provenance, program="orograph", version="0.1.0", architecture=architecture, data="fashion-mnist")
    provenance["configuration"] = np.bytes_("job: surface\n" * 100)
    texts(provenance.create_group("fingerprints"), **{"weights": "3f2a", "direction x": "77aa"})


def write_plane(path: Path, function=bowl, nx: int = 9, ny: int = 6, status=None, **attrs) -> Path:
    """All four fields of a plane, made of one function."""
    axes = plane_axes(nx, ny)
    loss = function(axes["x"][:, None], axes["y"][None, :])
    values = {"train_loss": loss, "train_acc": 100 / (1 + loss), "test_loss": 1.1 * loss + 0.1, "test_acc": 95 / (1 + loss)}
    return write_surface(path, axes, values, status, **attrs)


def write_line(path: Path, loss=None, status=None, **attrs) -> Path:
    """All four fields of a line of 11 points."""
    x = np.linspace(-1, 1, 11)
    loss = 0.1 + x**2 * (3 + x) if loss is None else loss
    values = {"train_loss": loss, "train_acc": 100 / (1 + loss), "test_loss": loss + 0.2, "test_acc": 95 / (1 + loss)}
    return write_surface(path, {"x": x}, values, status, **attrs)


def segment_loss(t):
    """Towers over its ends, 0.4 and 0.5, in the middle."""
    return 0.4 + 0.1 * t + 30 * t * (1 - t)


def valley_loss(t):
    """A little below the same ends."""
    return 0.4 + 0.1 * t - 0.4 * t * (1 - t)


def write_curve(path: Path, kind: str = "bezier", loss=valley_loss, status=None, t=None, **attrs) -> Path:
    """All fields of a curve, made of one function of t, with the summaries of a complete one."""
    t = np.linspace(0, 1, 21) if t is None else np.asarray(t, np.float64)
    nll = loss(t)
    dl = np.where(t == t[0], 0.0, 2.5)
    values = {"train_nll": nll, "train_loss": nll + 0.1, "train_acc": 100 / (1 + nll)}
    values |= {"test_nll": nll + 0.2, "test_loss": nll + 0.3, "test_acc": 95 / (1 + nll), "norm": 30 + t, "dl": dl}
    write_surface(path, {"t": t}, values, status, **attrs)
    with h5py.File(path, "r+") as file:
        texts(file["provenance"], curve=kind)
        for field, array in values.items():
            file[field].attrs.update(min=array.min(), max=array.max(), avg=array.mean(), int=array.mean())
        file["dl"].attrs["length"] = dl.sum()
    return path


POINTS = np.array([[0.0, 0.0], [10.0, 0.0], [6.0, 5.0]])


def plane_loss(x, y):
    """A valley 0.3 deep along the Bezier curve of POINTS, whose bend is the third, and walls around it."""
    along = bezier(POINTS[[0, 2, 1]], np.linspace(0, 1, 201))
    square = (x[..., None] - along[:, 0]) ** 2 + (y[..., None] - along[:, 1]) ** 2
    return 0.3 + 0.8 * square.min(axis=-1)


def bezier(bends, t):
    """[T, 2] of three bends."""
    return np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2], axis=1) @ bends


def write_solutions(path: Path, bends=POINTS[[0, 2, 1]], nx: int = 31, ny: int = 21) -> Path:
    """A plane through POINTS; bends None: without a curve."""
    axes = {"x": np.linspace(-2, 12, nx), "y": np.linspace(-1, 6, ny)}
    loss = plane_loss(axes["x"][:, None], axes["y"][None, :])
    write_surface(path, axes, {"train_loss": loss, "test_acc": 95 / (1 + loss)})
    with h5py.File(path, "r+") as file:
        for name in ("x", "y"):
            file[f"directions/{name}"].attrs["kind"] = np.bytes_("plane")
        file["plane/points"] = POINTS
        if bends is not None:
            t = np.linspace(0, 1, 61)
            file["curve/bends"] = bends
            file["curve/samples"] = np.column_stack([t, bezier(bends[[0, len(bends) // 2, -1]], t)])
    return path


def write_li(path: Path, axes: dict, function, todo=()) -> Path:
    """As Li et al.'s program does: the points of np.meshgrid(x, y) in order, written flat into a dataset of shape (nx, ny).

    todo: numbers of points left at -1.
    """
    x, y = np.meshgrid(axes["x"], axes["y"])
    values = function(x, y).ravel()
    values[list(todo)] = -1.0
    with h5py.File(path, "w") as file:
        file["xcoordinates"], file["ycoordinates"] = axes["x"], axes["y"]
        file["dir_file"] = "directions.h5"
        for name in ("train_loss", "train_acc"):
            file[name] = values.reshape(axes["x"].size, axes["y"].size)
    return path
