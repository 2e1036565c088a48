"""What is drawn: orientation, common scales, gaps; read back from matplotlib's objects."""

import numpy as np
import orograph
import pytest
from matplotlib.colors import to_rgba
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D
from orograph.choosing import ScaleRequest, choose_scale
from orograph.figure import line_figure, plane_figure
from orograph.style import ACCURACY_COLOUR, LOSS_COLOUR
from orograph.surface import face_colours
from surface_files import bowl, write_line, write_plane, write_surface

LINEAR = ScaleRequest(log=False, clip="none")


def panels(figure: Figure) -> list:
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def contour_sets(axes, filled: bool) -> list[QuadContourSet]:
    return [item for item in axes.collections if isinstance(item, QuadContourSet) and item.filled == filled]


def make_figure(kind, paths, request=LINEAR, field="train_loss"):
    return plane_figure(kind, [orograph.open(path) for path in paths], paths, field, request)


@pytest.mark.parametrize("kind", ["contour", "filled"])
def test_contour_lines_lie_where_the_function_has_their_level(tmp_path, kind):
    figure = make_figure(kind, [write_plane(tmp_path / "plane.h5", nx=81, ny=41)])
    (lines,) = contour_sets(panels(figure)[0], filled=False)
    compared = 0
    for level, path in zip(lines.levels, lines.get_paths(), strict=True):
        x, y = path.vertices[:, 0], path.vertices[:, 1]
        np.testing.assert_allclose(bowl(x, y), level, atol=0.02)
        compared += x.size
    assert compared > 300


def test_log_contours_are_labelled_in_the_field_s_unit(tmp_path):
    figure = make_figure("contour", [write_plane(tmp_path / "plane.h5", lambda x, y: 10 ** (2 * x + y), nx=41, ny=21)], ScaleRequest())
    axes = panels(figure)[0]
    (lines,) = contour_sets(axes, filled=False)
    for level, path in zip(lines.levels, lines.get_paths(), strict=True):
        x, y = path.vertices[:, 0], path.vertices[:, 1]
        np.testing.assert_allclose(2 * x + y, level, atol=1e-9)
    texts = {text.get_text() for text in axes.texts}
    assert {"0.1", "1", "10"} <= texts


def test_colours_of_the_fill_lie_where_the_function_has_their_value(tmp_path):
    figure = make_figure("filled", [write_plane(tmp_path / "plane.h5", nx=81, ny=41)])
    (bands,) = contour_sets(panels(figure)[0], filled=True)
    checked = 0
    for low, high, path in zip(bands.levels[:-1], bands.levels[1:], bands.get_paths()[1:], strict=False):
        for x, y in path.vertices:
            assert low - 0.02 <= bowl(x, y) <= high + 0.02
            checked += 1
    assert checked > 1000


@pytest.fixture
def plotted(monkeypatch):
    """What goes to plot_surface: (x, y, heights) of each call."""
    calls, draw = [], Axes3D.plot_surface
    monkeypatch.setattr(Axes3D, "plot_surface", lambda axes, x, y, z, **look: (calls.append((x, y, z)), draw(axes, x, y, z, **look))[1])
    return calls


def test_heights_of_the_surface_are_the_function(tmp_path, plotted):
    make_figure("surface", [write_plane(tmp_path / "plane.h5")])
    ((x, y, z),) = plotted
    np.testing.assert_allclose(z, bowl(x, y), rtol=1e-12)
    assert z.shape == (9, 6) and (np.ptp(x), np.ptp(y)) == (2, 1.25)


def test_faces_are_shaded_by_the_slope_along_both_axes():
    x, y = np.meshgrid(np.linspace(0, 1, 6), np.linspace(0, 1, 9), indexing="ij")
    scale = choose_scale([x], ScaleRequest())
    along_x = face_colours(x, scale)
    assert along_x.shape == (5, 8, 3)
    assert np.ptp(along_x.mean(axis=(1, 2))) > 0.1 and np.allclose(along_x, along_x[:, :1])
    along_y = face_colours(y, scale)
    assert np.ptp(along_y.mean(axis=(0, 2))) > 0.1 and np.allclose(along_y, along_y[:1])


@pytest.mark.parametrize("kind", ["contour", "filled", "surface"])
def test_several_files_share_one_scale(tmp_path, kind):
    paths = [write_plane(tmp_path / "a.h5"), write_plane(tmp_path / "b.h5", lambda x, y: 3 * bowl(x, y), architecture="resnet20_noshort")]
    figure = make_figure(kind, paths)
    left, right = panels(figure)
    assert [left.get_title(), right.get_title()] == ["resnet20", "resnet20_noshort"]
    values = np.stack([orograph.open(path).train_loss.values for path in paths])
    ends = (values.min(), values.max())
    sets = [
        item
        for axes in (left, right)
        for item in axes.collections
        if isinstance(item, QuadContourSet) and item.get_cmap().name in ("viridis", "orograph_lines")
    ]
    assert len(sets) == 2 and {(item.norm.vmin, item.norm.vmax) for item in sets} == {ends}
    if kind == "surface":
        assert left.get_zlim() == right.get_zlim() and left.get_zlim()[1] == pytest.approx(ends[1])
    else:
        left_lines, right_lines = (set(contour_sets(axes, filled=False)[0].levels) for axes in (left, right))
        assert left_lines < right_lines, "the higher surface crosses more of the common levels"
    assert len(figure.axes) == 3, "one colour bar"
    assert figure.axes[-1].get_ylim() == pytest.approx(ends)


def test_points_without_a_value_stay_blank_and_are_said(tmp_path):
    status = np.ones((9, 6), int)
    status[6:, 4:] = 0
    status[0, 0] = 3
    path = write_plane(tmp_path / "plane.h5", status=status)
    figure = make_figure("filled", [path])
    axes = panels(figure)[0]
    (bands,) = contour_sets(axes, filled=True)
    x, y = np.linspace(-1, 1, 9), np.linspace(-0.5, 0.75, 6)
    missing = (status != 1).astype(int)
    checked = 0
    for i in range(8):
        for j in range(5):
            centre = ((x[i] + x[i + 1]) / 2, (y[j] + y[j + 1]) / 2)
            corners = missing[i : i + 2, j : j + 2].sum()
            if corners != 1:
                assert any(path.contains_point(centre) for path in bands.get_paths()) == (corners == 0), (i, j)
                checked += 1
    assert checked == 38
    assert any(patch.get_hatch() for patch in axes.patches)
    assert figure._supxlabel.get_text() == "6 of 54 points not computed, 1 of 54 points failed (hatched)"


def test_surface_leaves_out_points_without_a_value(tmp_path, plotted):
    status = np.ones((9, 6), int)
    status[6:, 4:] = 0
    figure = make_figure("surface", [write_plane(tmp_path / "plane.h5", status=status)])
    ((_, _, z),) = plotted
    np.testing.assert_array_equal(np.isnan(z), status == 0)
    assert "6 of 54 points not computed (left out)" in figure._supxlabel.get_text()


def test_infinite_values_are_at_the_end_of_the_scale(tmp_path):
    def wall(x, y):
        return np.where((x > 0.6) & (y > 0.4), np.inf, bowl(x, y))

    figure = make_figure("filled", [write_plane(tmp_path / "plane.h5", wall)])
    assert "values infinite (at the end of the scale)" in figure._supxlabel.get_text()
    assert "largest infinity" in figure.axes[-1].get_ylabel()


def test_axes_name_their_directions(tmp_path):
    axes = panels(make_figure("contour", [write_plane(tmp_path / "plane.h5")]))[0]
    assert axes.get_xlabel() == "x (direction 1: random, filter-normalised)"
    assert axes.get_ylabel() == "y (direction 2: random, filter-normalised)"
    assert axes.get_aspect() == 1 and axes.get_title() == "Loss surface of resnet20 on fashion-mnist"
    assert (axes.get_xlim(), axes.get_ylim()) == ((-1, 1), (-0.5, 0.75))
    assert any(line.get_xydata().tolist() == [[0, 0]] for line in axes.lines), "the centre is marked"


def test_line_has_two_axes(tmp_path):
    path = write_line(tmp_path / "line.h5")
    line = orograph.open(path)
    figure = line_figure([line], [path], ["train_loss", "train_acc", "test_loss", "test_acc"], ScaleRequest(log=False))
    left, right = figure.axes
    curves = {curve.get_label(): curve for axes in (left, right) for curve in axes.lines if not curve.get_label().startswith("_")}
    looks = {
        "train loss": (left, "train_loss", LOSS_COLOUR, "-"),
        "test loss": (left, "test_loss", LOSS_COLOUR, "--"),
        "train accuracy": (right, "train_acc", ACCURACY_COLOUR, "-"),
        "test accuracy": (right, "test_acc", ACCURACY_COLOUR, "--"),
    }
    assert set(curves) == set(looks)
    for label, (axes, field, colour, style) in looks.items():
        assert curves[label].axes is axes and curves[label].get_linestyle() == style
        assert to_rgba(curves[label].get_color()) == to_rgba(colour)
        np.testing.assert_array_equal(curves[label].get_xydata(), np.stack([line.x.values, line[field].values], axis=1))
    assert right.get_ylim() == (0, 102) and right.get_ylabel() == "accuracy (%)" and left.get_ylabel() == "cross-entropy (nat)"


def test_line_scale_and_gaps(tmp_path):
    status = np.ones(11, int)
    status[4:6] = 0
    loss = np.geomspace(0.01, 90, 11)
    loss[10] = np.inf
    status[10] = 2
    path = write_line(tmp_path / "line.h5", loss, status)
    figure = line_figure([orograph.open(path)], [path], ["train_loss"], ScaleRequest(clip="none"))
    (axes,) = figure.axes
    assert axes.get_yscale() == "log"
    assert figure._supxlabel.get_text() == "2 of 11 points not computed (hatched); 1 of 11 values infinite (triangles)"
    (strip,) = [patch for patch in axes.patches if patch.get_hatch()]
    assert (strip.get_x(), strip.get_x() + strip.get_width()) == pytest.approx((-0.4, 0.2))
    triangles = [mark.get_xdata().tolist() for mark in axes.lines if mark.get_marker() == "^"]
    assert triangles == [[1.0]]


def test_lines_share_one_scale(tmp_path):
    paths = [write_line(tmp_path / "a.h5"), write_line(tmp_path / "b.h5", np.linspace(1, 9, 11))]
    figure = line_figure([orograph.open(path) for path in paths], paths, ["train_loss", "train_acc"], ScaleRequest(log=False))
    left = [axes for axes in figure.axes if axes.get_ylabel().startswith("cross-entropy")]
    assert len(left) == 2 and left[0].get_ylim() == left[1].get_ylim()


def test_constant_field_is_drawn(tmp_path):
    axes = {"x": np.linspace(-1, 1, 4), "y": np.linspace(-1, 1, 3)}
    path = write_surface(tmp_path / "flat.h5", axes, {"train_loss": np.full((4, 3), 2.3)})
    for kind in ("contour", "filled", "surface"):
        assert panels(make_figure(kind, [path]))


def test_a_narrow_plane_is_stretched_and_says_so(tmp_path):
    axes = {"x": np.linspace(0, 40, 9), "y": np.linspace(0, 5, 6)}
    values = {"train_loss": bowl(axes["x"][:, None], axes["y"][None, :])}
    figure = make_figure("filled", [write_surface(tmp_path / "narrow.h5", axes, values)])
    assert panels(figure)[0].get_aspect() == pytest.approx(0.6 * 40 / 5)
    assert "y is drawn 4.8 times as long as x" in figure._supxlabel.get_text()


@pytest.mark.parametrize("size", [1e20, 1e-9, 1.0])
def test_numbers_at_axes_are_whole(tmp_path, size):
    """No factor beside the axis; labels are the ticks' places to a twentieth of their distance."""
    axes = {"x": np.linspace(-1, 1, 9) * size, "y": np.linspace(-0.5, 0.75, 6) * size}
    plane = write_surface(tmp_path / "plane.h5", axes, {"train_loss": bowl(*np.meshgrid(*axes.values(), indexing="ij"))})
    line = write_surface(tmp_path / "line.h5", {"x": axes["x"]}, {"train_loss": (np.linspace(1, 2, 9) + 1e-7) * size})
    figures = [make_figure("contour", [plane]), make_figure("surface", [plane])]
    figures.append(line_figure([orograph.open(line)], [line], ["train_loss"], LINEAR))
    compared = 0
    for axis in (axis for figure in figures for axes in panels(figure) for axis in (axes.xaxis, axes.yaxis)):
        places = axis.get_majorticklocs()
        labels = axis.get_major_formatter().format_ticks(places)
        assert axis.get_major_formatter().get_offset() == ""
        for label, place in zip(labels, places, strict=True):
            assert float(label.replace("\N{MINUS SIGN}", "-")) == pytest.approx(place, abs=0.05 * (places[1] - places[0]))
            compared += 1
    assert compared > 20
