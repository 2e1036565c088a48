"""Planes through three solutions: what is read, and what is drawn over their contours."""

import h5py
import numpy as np
import orograph
import pytest
from matplotlib.contour import QuadContourSet
from orograph.choosing import ScaleRequest
from orograph.fields import with_errors
from orograph.figure import plane_figure
from orograph.valley import choose_valley_scale
from surface_files import POINTS, bezier, plane_loss, write_plane, write_solutions

FIVE = np.array([[0, 0], [2, 4], [6, 5], [9, 3], [10, 0.0]])


def make_figure(kind, paths, request=ScaleRequest(), field="train_loss"):
    return plane_figure(kind, [with_errors(orograph.open(path)) for path in paths], paths, field, request)


def marks(axes) -> dict:
    """Marker -> places."""
    found = {}
    for line in axes.lines:
        if line.get_marker() not in ("None", None):
            found.setdefault(line.get_marker(), []).extend(line.get_xydata().tolist())
    return found


def names(axes) -> dict:
    """Name -> place that it is beside of."""
    return {text.get_text(): list(text.xy) for text in axes.texts if hasattr(text, "xy")}


def test_places_are_coordinates_beside_the_grid(tmp_path):
    surface = orograph.open(write_solutions(tmp_path / "plane.h5"))
    assert set(surface.data_vars) == {"train_loss", "test_acc", "status"} and surface.train_loss.dims == ("x", "y")
    np.testing.assert_array_equal(np.stack([surface.solution_x, surface.solution_y], axis=1), POINTS)
    np.testing.assert_array_equal(np.stack([surface.bend_x, surface.bend_y], axis=1), POINTS[[0, 2, 1]])
    assert surface.curve_t.dims == ("sample",)
    places = np.stack([surface.curve_x, surface.curve_y], axis=1)
    np.testing.assert_allclose(places, bezier(POINTS[[0, 2, 1]], surface.curve_t.values), rtol=1e-15)


def test_plane_without_a_curve_and_surface_without_solutions(tmp_path):
    assert "bend" not in orograph.open(write_solutions(tmp_path / "three.h5", None)).dims
    assert set(orograph.open(write_plane(tmp_path / "plane.h5")).coords) == {"x", "y"}


@pytest.mark.parametrize("kind", ["contour", "filled"])
def test_solutions_bend_and_curve_are_drawn_over_the_contours(tmp_path, kind):
    figure = make_figure(kind, [write_solutions(tmp_path / "plane.h5")])
    axes = figure.axes[0]
    assert marks(axes) == {"o": [[0, 0], [10, 0]], "D": [[6, 5]]}
    assert names(axes) == {"$\\hat{w}_1$": [0, 0], "$\\hat{w}_2$": [10, 0], "$\\theta$": [6, 5]}
    (curve,) = [line for line in axes.lines if line.get_linestyle() == "-"]
    np.testing.assert_allclose(curve.get_xydata(), bezier(POINTS[[0, 2, 1]], np.linspace(0, 1, 61)), rtol=1e-12)
    contours = [item for item in axes.collections if isinstance(item, QuadContourSet)]
    assert contours and all(item.get_zorder() < curve.get_zorder() for item in contours)
    assert axes.get_aspect() == 1 and axes.get_xlabel().startswith("distance along") and axes.get_xlim() == (-2, 12)
    assert figure._supxlabel.get_text().startswith("circles: solutions; diamonds: bends; line: curve\n")


def test_three_solutions_without_a_curve(tmp_path):
    figure = make_figure("filled", [write_solutions(tmp_path / "plane.h5", None)])
    axes = figure.axes[0]
    assert marks(axes) == {"o": POINTS.tolist()} and "$\\hat{w}_3$" in names(axes)
    assert figure._supxlabel.get_text().startswith("circles: solutions\n")


def test_curve_that_leaves_the_plane_is_said_to_be_projected(tmp_path):
    figure = make_figure("contour", [write_solutions(tmp_path / "plane.h5", FIVE)])
    assert marks(figure.axes[0]) == {"o": POINTS[:2].tolist(), "D": FIVE[1:-1].tolist()}
    assert {"$\\theta_{1}$", "$\\theta_{2}$", "$\\theta_{3}$"} <= set(names(figure.axes[0]))
    assert "line: curve, projected onto the plane" in figure._supxlabel.get_text().replace("\n", " ")


def test_solution_outside_the_grid_leaves_the_limits(tmp_path):
    path = write_solutions(tmp_path / "plane.h5")
    with h5py.File(path, "r+") as file:
        file["plane/points"][2] = file["curve/bends"][1] = (6.0, 50.0)
    assert make_figure("filled", [path]).axes[0].get_ylim() == (-1, 6)


def test_contours_of_the_valley_lie_where_the_function_has_their_level(tmp_path):
    figure = make_figure("contour", [write_solutions(tmp_path / "plane.h5", nx=141, ny=71)])
    (lines,) = [item for item in figure.axes[0].collections if isinstance(item, QuadContourSet)]
    origin, compared = plane_minimum(141, 71), 0
    for level, path in zip(lines.levels, lines.get_paths(), strict=True):
        excess = plane_loss(path.vertices[:, 0], path.vertices[:, 1]) - origin
        if level > -1:  # further in, the valley is narrower than the grid's cells
            np.testing.assert_allclose(np.log10(excess), level, atol=0.1)
            compared += excess.size
    assert compared > 500


def plane_minimum(nx, ny):
    x, y = np.meshgrid(np.linspace(-2, 12, nx), np.linspace(-1, 6, ny), indexing="ij")
    return plane_loss(x, y).min()


def test_labels_keep_clear_of_the_curve(tmp_path):
    axes = make_figure("filled", [write_solutions(tmp_path / "plane.h5")]).axes[0]
    labels = [text for text in axes.texts if not hasattr(text, "xy")]
    along = bezier(POINTS[[0, 2, 1]], np.linspace(0, 1, 61))
    distances = [np.linalg.norm(along - text.get_position(), axis=1).min() for text in labels]
    assert len(distances) >= 3 and min(distances) > 0.5


@pytest.mark.parametrize("unit", ["nat", "percent", ""])
def test_valley_has_levels_close_above_the_minimum(unit):
    values = 0.3 + np.geomspace(1e-4, 40, 300)
    scale = choose_valley_scale([values], ScaleRequest(), unit)
    lowest = {"nat": np.exp(-5), "percent": 0.1, "": 0.04}[unit]
    assert scale.log and scale.low - 0.3 == pytest.approx(lowest, rel=0.02) and len(scale.levels) >= 5
    assert sum(level < 1.3 for level in scale.levels) >= 2
    shown = scale.display(values)
    assert (np.diff(shown) >= 0).all() and shown[0] == scale.ends()[0], "what is below the lowest level counts as the lowest"


def test_valley_scale_is_clipped_where_it_is_asked(tmp_path):
    path = write_solutions(tmp_path / "plane.h5")
    figure = make_figure("filled", [path], ScaleRequest(clip="5"))
    assert figure.axes[-1].get_ylim()[1] == pytest.approx(np.log10(5 - plane_minimum(31, 21)))
    assert "clipped at 5" in figure.axes[-1].get_ylabel() and "excess over 0.3" in figure._supxlabel.get_text()
    linear = make_figure("filled", [path], ScaleRequest(log=False, clip="none"))
    assert linear.axes[-1].get_ylim()[0] == pytest.approx(plane_minimum(31, 21)) and "excess" not in linear._supxlabel.get_text()


def test_shaded_surface_keeps_the_plain_scale(tmp_path):
    figure = make_figure("surface", [write_solutions(tmp_path / "plane.h5")])
    assert figure.axes[-1].get_ylim()[0] == pytest.approx(np.log10(plane_minimum(31, 21)))
    assert "excess" not in figure._supxlabel.get_text()


def test_test_error_of_a_plane(tmp_path):
    path = write_solutions(tmp_path / "plane.h5")
    figure = make_figure("filled", [path], field="test_error")
    least = float(100 - orograph.open(path).test_acc.max())
    assert figure.axes[-1].get_ylabel().replace("\n", " ").startswith("error on test (%)")
    assert figure.axes[-1].get_ylim()[0] == pytest.approx(-1), "0.1 % above the least"
    assert f"excess over {least:.3g}" in figure._supxlabel.get_text()


def replaced(name, values):
    def change(file):
        del file[name]
        file[name] = values

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (replaced("plane/points", np.zeros((2, 2))), "dataset plane/points has shape (2, 2), it should be (3, 2)"),
        (replaced("plane/points", np.full((3, 2), np.nan)), "dataset plane/points has a value that is not finite"),
        (replaced("curve/samples", np.zeros((5, 2))), "dataset curve/samples has shape (5, 2), it should be (n, 3)"),
        (replaced("curve/bends", np.zeros(4)), "dataset curve/bends has shape (4,)"),
        (replaced("curve/bends", h5py.ExternalLink("/etc/passwd", "/data")), "no dataset curve/bends"),
    ],
)
def test_places_that_cannot_be(tmp_path, change, words):
    path = write_solutions(tmp_path / "plane.h5")
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(orograph.OrographError) as caught:
        orograph.open(path)
    assert caught.value.exit_code == 65 and words in str(caught.value) and "plane.h5" in str(caught.value)


def test_group_elsewhere_is_not_followed(tmp_path):
    path, other = write_solutions(tmp_path / "plane.h5"), write_solutions(tmp_path / "other.h5")
    with h5py.File(path, "r+") as file:
        del file["plane"]
        file["plane"] = h5py.ExternalLink(str(other), "/plane")
    assert set(orograph.open(path).coords) == {"x", "y"}
