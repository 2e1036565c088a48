"""orograph.open against the functions that the files were made of."""

import subprocess
import sys

import h5py
import numpy as np
import orograph
import pytest
from surface_files import FIELDS, bowl, plane_axes, write_li, write_line, write_plane, write_surface


def test_plane_holds_the_function_at_every_point(tmp_path):
    surface = orograph.open(write_plane(tmp_path / "plane.h5", nx=9, ny=6))
    assert surface.train_loss.dims == ("x", "y") and surface.train_loss.shape == (9, 6)
    compared = 0
    for x in np.linspace(-1, 1, 9):
        for y in np.linspace(-0.5, 0.75, 6):
            assert float(surface.train_loss.sel(x=x, y=y)) == pytest.approx(bowl(x, y), rel=1e-15)
            compared += 1
    assert compared == 54
    assert set(surface.data_vars) == {*FIELDS, "status"}
    assert np.issubdtype(surface.status.dtype, np.integer) and (surface.status == 1).all()


def test_attributes(tmp_path):
    surface = orograph.open(str(write_plane(tmp_path / "plane.h5")))
    assert surface.train_loss.attrs == {"long_name": "cross-entropy on train", "units": "nat"}
    assert surface.test_acc.attrs["units"] == "percent"
    assert surface.x.attrs["long_name"] == "coordinate along direction x"
    assert surface.attrs["title"] == "Loss surface of resnet20 on fashion-mnist"
    assert surface.attrs["orograph_format"] == 1
    assert surface.attrs["provenance_architecture"] == "resnet20"
    assert surface.attrs["provenance_configuration"] == "job: surface\n" * 100
    assert surface.attrs["fingerprint_direction_x"] == "77aa"
    assert (surface.attrs["direction_x_seed"], surface.attrs["direction_y_seed"]) == ("1", "2")
    assert surface.attrs["direction_y_normalize"] == "filter"


def test_line_has_x_only(tmp_path):
    line = orograph.open(write_line(tmp_path / "line.h5"))
    assert dict(line.sizes) == {"x": 11}
    np.testing.assert_array_equal(line.train_loss, 0.1 + line.x.values**2 * (3 + line.x.values))


def test_points_that_are_not_done_are_nan(tmp_path):
    status = np.ones((9, 6), int)
    status[2, 5], status[7, 0] = 0, 3
    path = write_plane(tmp_path / "plane.h5", status=status)
    with h5py.File(path, "r+") as file:
        file["train_loss"][2, 5] = 12.5  # a value written, its status not yet
        file["test_loss"][7, 0] = -1.0
    surface = orograph.open(path)
    for field in FIELDS:
        assert np.array_equal(np.isnan(surface[field].values), (status == 0) | (status == 3)), field
    assert int(surface.status[2, 5]) == 0 and int(surface.status[7, 0]) == 3
    assert not (surface.to_array() == -1).any()


def test_infinite_zero_and_negative_results_are_kept(tmp_path):
    values = np.full((9, 6), 2.0)
    values[0, 0], values[8, 5], values[3, 2], values[4, 1], values[5, 5] = np.inf, -np.inf, 0.0, -1.0, np.nan
    surface = orograph.open(write_surface(tmp_path / "odd.h5", plane_axes(), {"train_loss": values}))
    np.testing.assert_array_equal(surface.train_loss.values, values)
    assert int((surface.status == 2).sum()) == 3


WRITER = """
import sys, h5py
with h5py.File(sys.argv[1], "r+", locking=True) as file:
    file["train_loss"][1, 2], file["status"][1, 2] = 3.5, 1
    file.flush()
    print("written", flush=True)
    sys.stdin.read()
"""


def test_file_that_is_being_written(tmp_path):
    path = write_plane(tmp_path / "plane.h5", status=np.zeros((9, 6), int))
    with subprocess.Popen([sys.executable, "-c", WRITER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "written\n"
        surface = orograph.open(path)
        assert writer.poll() is None
        writer.stdin.close()
    assert float(surface.train_loss[1, 2]) == 3.5 and int(surface.train_loss.notnull().sum()) == 1


@pytest.mark.parametrize(("nx", "ny"), [(7, 7), (5, 8), (8, 3)])
def test_li_file_in_our_order(tmp_path, nx, ny):
    axes = plane_axes(nx, ny)
    surface = orograph.open(write_li(tmp_path / "li.h5", axes, bowl, todo=[3, nx]))  # points (x_3, y_0) and (x_0, y_1)
    expected = bowl(axes["x"][:, None], axes["y"][None, :])
    expected[3, 0] = expected[0, 1] = np.nan
    np.testing.assert_allclose(surface.train_loss.values, expected, rtol=1e-15)
    assert int(surface.status.sum()) == nx * ny - 2 and int(surface.status[3, 0]) == 0
    assert surface.train_loss.attrs["units"] == "nat"


def test_li_file_of_the_other_shape(tmp_path):
    """[j, i] with shape (ny, nx), as our exporter writes it."""
    axes = plane_axes(5, 8)
    with h5py.File(tmp_path / "li.h5", "w") as file:
        file["xcoordinates"], file["ycoordinates"] = axes["x"], axes["y"]
        file["train_loss"] = bowl(axes["x"][None, :], axes["y"][:, None])
    surface = orograph.open(tmp_path / "li.h5", li=True)
    np.testing.assert_array_equal(surface.train_loss.values, bowl(axes["x"][:, None], axes["y"][None, :]))


def make_folder(path):
    path.mkdir()


def make_text(path):
    path.write_text("not a surface")


def make_short(path):
    path.write_bytes(write_plane(path).read_bytes()[:700])


def make_foreign(path):
    with h5py.File(path, "w") as file:
        file["data"] = np.arange(3)


def make_newer(path):
    write_plane(path, orograph_format=2)


def make_misshapen(path):
    with h5py.File(write_plane(path), "r+") as file:
        del file["test_loss"]
        file["test_loss"] = np.zeros((6, 9))


def make_fieldless(path):
    with h5py.File(write_plane(path), "r+") as file:
        del file["train_acc"]


def make_placeless(path):
    with h5py.File(write_plane(path), "r+") as file:
        file["xcoordinates"][3] = np.nan


def make_linked(path):
    with h5py.File(write_plane(path), "r+") as file:
        del file["train_acc"]
        file["train_acc"] = h5py.ExternalLink("/etc/passwd", "/data")


def make_huge(path):
    with h5py.File(write_plane(path), "r+") as file:
        del file["train_acc"]
        file.create_dataset("train_acc", (1 << 40,), np.float64, chunks=(1024,))


@pytest.mark.parametrize(
    ("make", "code", "word"),
    [
        (lambda path: None, 66, "no such file"),
        (make_folder, 66, "is a folder"),
        (make_text, 65, "not an HDF5 file"),
        (make_short, 65, "not an HDF5 file"),
        (make_foreign, 65, "not a surface file"),
        (make_newer, 65, "format 2"),
        (make_misshapen, 65, "test_loss has shape (6, 9), the axes give (9, 6)"),
        (make_fieldless, 65, "no dataset train_acc"),
        (make_placeless, 65, "xcoordinates is not a row of finite coordinates"),
        (make_linked, 65, "no dataset train_acc"),
        (make_huge, 65, "more than the file has"),
    ],
)
def test_files_that_cannot_be_opened(tmp_path, make, code, word):
    path = tmp_path / "surface.h5"
    make(path)
    with pytest.raises(orograph.OrographError) as caught:
        orograph.open(path)
    assert caught.value.exit_code == code
    assert word in str(caught.value) and "surface.h5" in str(caught.value) and "\n" not in str(caught.value)


def test_li_is_refused_where_it_cannot_be(tmp_path):
    li, ours = write_li(tmp_path / "li.h5", plane_axes(), bowl), write_plane(tmp_path / "ours.h5")
    for path, wish in ((li, False), (ours, True)):
        with pytest.raises(orograph.OrographError) as caught:
            orograph.open(path, li=wish)
        assert caught.value.exit_code == 65


@pytest.mark.parametrize("mode", ["r", "r+"])
@pytest.mark.parametrize("locking", [None, True, False, "best-effort"])
def test_a_file_that_this_program_has_open_is_whole(tmp_path, mode, locking):
    path = write_plane(tmp_path / "plane.h5")
    with h5py.File(path, mode, locking=locking):
        assert dict(orograph.open(path).sizes) == {"x": 9, "y": 6}
