"""Curve files: what is read, and what is drawn of them, read back from matplotlib's objects."""

import h5py
import numpy as np
import orograph
import pytest
from matplotlib.colors import to_rgba
from orograph.choosing import ScaleRequest
from orograph.curve import curve_figure
from orograph.fields import with_errors
from orograph.plot import default_fields
from surface_files import segment_loss, valley_loss, write_curve

BOTH = ["train_loss", "test_error"]


def make_figure(paths, fields=BOTH, request=ScaleRequest(), title=None):
    return curve_figure([with_errors(orograph.open(path)) for path in paths], paths, fields, request, title)


def series(axes) -> dict:
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def test_curve_is_read_with_its_summaries(tmp_path):
    curve = orograph.open(write_curve(tmp_path / "curve.h5"))
    assert dict(curve.sizes) == {"t": 21} and curve.train_nll.dims == ("t",)
    np.testing.assert_array_equal(curve.t, np.linspace(0, 1, 21))
    np.testing.assert_array_equal(curve.train_nll, valley_loss(curve.t.values))
    assert set(curve.data_vars) == {
        *("train_nll", "train_loss", "train_acc", "test_nll", "test_loss", "test_acc"),
        *("norm", "dl", "status"),
    }
    assert curve.train_nll.attrs["max"] == pytest.approx(0.5) and curve.dl.attrs["length"] == pytest.approx(50)
    assert curve.attrs["provenance_curve"] == "bezier" and curve.attrs["axes"] == "t"


def test_train_loss_left_and_test_error_right(tmp_path):
    paths = [write_curve(tmp_path / "b.h5"), write_curve(tmp_path / "s.h5", "segment", lambda t: valley_loss(t) + 0.1)]
    left, right = make_figure(paths).axes
    assert left.get_ylabel() == "cross-entropy on train (nat)" and right.get_ylabel() == "error on test (%)"
    assert left.get_xlabel() == right.get_xlabel() == "$t$" and left.get_xlim() == right.get_xlim() == (0, 1)
    for axes, of in ((left, lambda curve: curve.train_loss), (right, lambda curve: 100 - curve.test_acc)):
        lines = series(axes)
        assert list(lines) == ["Bezier curve", "straight segment"]
        for line, path in zip(lines.values(), paths, strict=True):
            curve = orograph.open(path)
            np.testing.assert_array_equal(line.get_xydata(), np.stack([curve.t.values, of(curve).values], axis=1))


def test_lines_differ_in_colour_and_style(tmp_path):
    paths = [write_curve(tmp_path / f"{number}.h5") for number in range(9)]
    looks = [(to_rgba(line.get_color()), line.get_linestyle()) for line in series(make_figure(paths).axes[0]).values()]
    assert len(looks) == 9 and len(set(looks)) == 9


def test_legend_names_the_kinds_under_the_title(tmp_path):
    kinds = ("bezier", "polychain", "segment")
    (legend,) = make_figure([write_curve(tmp_path / f"{kind}.h5", kind) for kind in kinds]).legends
    assert [text.get_text() for text in legend.get_texts()] == ["Bezier curve", "polygonal chain", "straight segment", "ends"]
    assert legend.get_title().get_text() == "resnet20 on fashion-mnist"


def test_files_of_one_kind_go_by_their_names(tmp_path):
    (tmp_path / "other").mkdir()
    names = [("a.h5", "bezier"), ("b.h5", "segment"), ("c.h5", "bezier"), ("other/c.h5", "bezier")]
    paths = [write_curve(tmp_path / name, kind) for name, kind in names]
    assert list(series(make_figure(paths).axes[0])) == ["a", "straight segment", str(paths[2]), str(paths[3])]


def test_ends_are_marked(tmp_path):
    whole, part = write_curve(tmp_path / "whole.h5"), write_curve(tmp_path / "part.h5", t=np.linspace(0.5, 1, 6))
    for axes in make_figure([whole, part], ["train_loss"]).axes:
        marks = [line.get_xydata().tolist() for line in axes.lines if line.get_marker() == "o"]
        assert marks == [[[0, 0.5], [1, pytest.approx(0.6)]], [[1, pytest.approx(0.6)]]]


def test_ends_beyond_the_scale_are_not_marked(tmp_path):
    (axes,) = make_figure([write_curve(tmp_path / "c.h5")], ["train_loss"], ScaleRequest(clip="0.55")).axes
    assert [line.get_xydata().tolist() for line in axes.lines if line.get_marker() == "o"] == [[[0, 0.5]]]


def test_towering_segment_makes_the_scale_logarithmic(tmp_path):
    curve, segment = write_curve(tmp_path / "c.h5"), write_curve(tmp_path / "s.h5", "segment", segment_loss)
    assert [axes.get_yscale() for axes in make_figure([curve]).axes] == ["linear", "linear"]
    both = make_figure([curve, segment]).axes
    assert [axes.get_yscale() for axes in both] == ["log", "linear"]
    low, high = both[0].get_ylim()
    assert 0.3 < low < 0.444 and 8.05 < high < 11, "nothing is clipped"
    labels = [text.get_text() for text in both[0].get_yticklabels()]
    assert {"0.5", "1", "2", "5"} <= set(labels)
    np.testing.assert_allclose(both[0].get_yticks(), [float(label) for label in labels])


def test_clipped_tower_needs_no_log(tmp_path):
    curve, segment = write_curve(tmp_path / "c.h5"), write_curve(tmp_path / "s.h5", "segment", segment_loss)
    (axes,) = make_figure([curve, segment], ["train_loss"], ScaleRequest(clip="2")).axes
    assert axes.get_yscale() == "linear" and axes.get_ylim()[1] == pytest.approx(2, rel=0.05)


def test_the_request_s_ends_are_of_the_first_field_s_unit(tmp_path):
    request = ScaleRequest(low=0.2, high=0.5, log=False)
    figure = make_figure([write_curve(tmp_path / "c.h5")], ["train_loss", "test_error", "test_nll"], request)
    loss, error, nll = figure.axes
    assert loss.get_ylim() == nll.get_ylim() == pytest.approx((0.188, 0.512))
    assert "clipped at 0.5" in loss.get_ylabel() and 28 < error.get_ylim()[0] < 30


def test_gaps_break_the_line_and_are_said(tmp_path):
    status, loss = np.ones(21, int), valley_loss(np.linspace(0, 1, 21))
    status[4:7], loss[20], status[20] = 0, np.inf, 2
    paths = [write_curve(tmp_path / "a.h5", loss=lambda t: loss, status=status), write_curve(tmp_path / "b.h5", "segment")]
    figure = make_figure(paths, ["train_loss"])
    (axes,) = figure.axes
    drawn = series(axes)["Bezier curve"].get_ydata()
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(drawn)), [4, 5, 6, 20])
    assert [line.get_xdata().tolist() for line in axes.lines if line.get_marker() == "^"] == [[1.0], []]
    said = "Bezier curve: 3 of 21 points not computed (gap); 1 of 21 values infinite (triangles)"
    assert figure._supxlabel.get_text().replace("\n", " ") == said


def test_checkpoints_are_points_at_whole_numbers(tmp_path):
    figure = make_figure([write_curve(tmp_path / "list.h5", "checkpoints", lambda t: 1 / (1 + t), t=np.arange(8.0))])
    for axes in figure.axes:
        assert axes.get_xlabel() == "checkpoint" and axes.get_xlim() == (0, 7)
        assert all(tick == round(tick) for tick in axes.get_xticks())
        (marks,) = [line for line in axes.lines if line.get_marker() == "o"]
        np.testing.assert_array_equal(marks.get_xdata(), np.arange(8))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["checkpoints"]


def test_curve_of_training_images_alone(tmp_path):
    path = write_curve(tmp_path / "train.h5")
    with h5py.File(path, "r+") as file:
        file.attrs["fields"] = np.bytes_("train_nll,train_loss,train_acc,norm,dl")
    curve = with_errors(orograph.open(path))
    assert default_fields(list(curve.data_vars), "curve") == ["train_loss", "train_error"]
    np.testing.assert_array_equal(curve.train_error, 100 - curve.train_acc)
