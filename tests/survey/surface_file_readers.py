"""Opens a surface file that the C++ code wrote with the readers people have - h5py, xarray where it has an HDF5 engine, h5dump, and for
the .xmf VTK where it is installed - and compares what they see with the formulas of synthetic_surface.hpp.

Usage: surface_file_readers.py SURFACE_WRITER"""
import importlib.util
import math
import shutil
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path

import h5py
import numpy as np

NX, NY = 7, 5
FIELDS = ["train_loss", "train_acc", "test_loss", "test_acc"]
UNITS = ["nat", "percent", "nat", "percent"]


def status_of(point):
    return {5: 2, 6: 2, 7: 3}.get(point % 13, 1)


def value_of(point, field):
    if point % 13 == 7 or (point % 13 == 5 and field == 0):
        return math.nan
    if point % 13 == 6 and field == 0:
        return math.inf
    return (field + 1) * (point - 11.5) / 7.0


def expected(field, shape):
    return np.array([value_of(point, field) for point in range(NX * NY)]).reshape(shape)


def bits(array):
    """NaN compares as NaN, whatever its payload: Python's and C++'s need not agree on it."""
    return np.where(np.isnan(array), np.nan, array)


def expected_crc(point):
    record = [value_of(point, field) for field in range(len(FIELDS))]
    quiet_nan = struct.pack("<Q", 0x7FF8000000000000)
    packed = b"".join(quiet_nan if math.isnan(value) else struct.pack("<d", value) for value in record)
    return zlib.crc32(struct.pack("<q", point) + packed + struct.pack("<B", status_of(point)))


def check_h5py(path, shape):
    axes = ["xcoordinates", "ycoordinates"][: len(shape)]
    with h5py.File(path, "r") as file:
        assert file.attrs["Conventions"] == b"CF-1.8" and file.attrs["title"] == b"Loss surface of a test"
        assert file.attrs["orograph_format"] == 1 and file.attrs["fields"].decode().split(",") == FIELDS
        assert file.attrs["axes"].decode().split(",") == ["x", "y"][: len(shape)]
        np.testing.assert_allclose(file["xcoordinates"], np.linspace(-1, 1, shape[0]), rtol=1e-15)
        for number, name in enumerate(FIELDS):
            dataset = file[name]
            assert dataset.shape == shape and dataset.dtype == np.dtype("<f8")
            np.testing.assert_array_equal(bits(dataset[...]), bits(expected(number, shape)))
            assert dataset.attrs["units"].decode() == UNITS[number] and math.isnan(dataset.attrs["_FillValue"])
            assert [dimension[0].name for dimension in dataset.dims] == ["/" + axis for axis in axes]
        np.testing.assert_array_equal(file["status"][...].ravel(), [status_of(point) for point in range(NX * NY)])
        np.testing.assert_array_equal(file["crc32"][...].ravel(), [expected_crc(point) for point in range(NX * NY)])
        direction = file["directions/x"]
        assert direction.attrs["normalize"] == b"filter" and direction.attrs["seed"] == b"17"
        np.testing.assert_array_equal(direction["conv1.weight"][...].ravel(), np.float32([0.5, -1, 2, 0.25, 3, -4.5]))
        assert file["provenance/fingerprints"].attrs["data"] == b"44556677"
        assert file["provenance/configuration"][()].decode().startswith("job: surface\n###")
        assert file["provenance"].attrs["ranks"] == b"2"
    return len(FIELDS) * NX * NY


def check_xarray(path, shape):
    if importlib.util.find_spec("h5netcdf") is None:
        return 0
    import xarray

    with xarray.open_dataset(path, engine="h5netcdf") as dataset:
        assert dataset.attrs["title"] == "Loss surface of a test", dataset.attrs
        for number, name in enumerate(FIELDS):
            assert dataset[name].dims == ("xcoordinates", "ycoordinates")[: len(shape)]
            np.testing.assert_array_equal(bits(dataset[name].values), bits(expected(number, shape)))
            assert dataset[name].attrs["units"] == UNITS[number]
    return len(FIELDS) * NX * NY


def check_h5dump(path, shape):
    if shutil.which("h5dump") is None:
        return 0
    header = subprocess.run(["h5dump", "-H", path], check=True, capture_output=True, text=True).stdout
    assert "H5T_IEEE_F64LE" in header and "DIMENSION_LIST" in header
    command = ["h5dump", "-m", "%.17g", "-d", "/test_acc", "-y", "-w", "1", "-A", "0", path]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    data = text[text.index("DATA {") + 6 : text.rindex("}")].split("}")[0]
    values = np.array([float(word.strip(",")) for word in data.split()])
    np.testing.assert_array_equal(bits(values.reshape(shape)), bits(expected(3, shape)))
    return values.size


def check_xmf(path, shape):
    grid = ElementTree.parse(path.with_suffix(".xmf")).getroot().find("Domain/Grid")
    mesh = [int(word) for word in grid.find("Topology").get("Dimensions").split()]
    assert mesh == list(shape) + [1] * (3 - len(shape))
    points = np.array(grid.find("Geometry/DataItem").text.split(), dtype=float).reshape(*shape, 3)
    compared = 0
    with h5py.File(path, "r") as file:
        coordinates = [file[name][...] for name in ("xcoordinates", "ycoordinates")[: len(shape)]]
        for axis, values in enumerate(np.meshgrid(*coordinates, indexing="ij")):
            np.testing.assert_array_equal(points[..., axis], values)
        for attribute in grid.findall("Attribute"):
            item = attribute.find("DataItem")
            name, inside = item.text.split(":")
            assert name == path.name and inside == "/" + attribute.get("Name")
            assert [int(word) for word in item.get("Dimensions").split()] == list(file[inside].shape)
            compared += 1
    assert compared == len(FIELDS) + 1
    return compared + check_vtk(path.with_suffix(".xmf"), shape)


def check_vtk(path, shape):
    if importlib.util.find_spec("vtkmodules") is None:
        return 0
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOXdmf2 import vtkXdmfReader

    reader = vtkXdmfReader()
    reader.SetFileName(str(path))
    reader.Update()
    values = vtk_to_numpy(reader.GetOutputDataObject(0).GetPointData().GetArray("test_acc"))
    np.testing.assert_array_equal(bits(values.reshape(shape)), bits(expected(3, shape)))
    return values.size


def main():
    writer = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        for name, shape in (("plane", (NX, NY)), ("line", (NX * NY,))):
            path = Path(folder) / f"{name} & <1>.h5"
            subprocess.run([writer, path, str(shape[0]), str(shape[1] if len(shape) > 1 else 0), "--xmf"], check=True)
            counts = {check.__name__: check(path, shape) for check in (check_h5py, check_xarray, check_h5dump, check_xmf)}
            assert counts["check_h5py"] == 140 and counts["check_xmf"] >= 5
            print(name, counts)


main()
