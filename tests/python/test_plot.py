"""The command line, from outside and through main."""

import os
import subprocess
import sys

import numpy as np
import pytest
from orograph.plot import main
from surface_files import bowl, plane_axes, segment_loss, write_curve, write_li, write_line, write_plane, write_solutions, write_surface

STARTS = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}


def is_picture(path) -> bool:
    content = path.read_bytes()
    return content.startswith(STARTS[path.suffix[1:]]) and len(content) > 5000


def test_program_draws_every_kind_in_every_format(tmp_path):
    write_plane(tmp_path / "plane.h5")
    command = [sys.executable, "-m", "orograph.plot", "plane.h5", "--kind", "all", "--out", "pictures", "--format", "png,pdf"]
    environment = {**os.environ, "MPLBACKEND": "TkAgg"}
    environment.pop("DISPLAY", None)
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, timeout=100)
    assert result.returncode == 0, result.stderr
    expected = [f"pictures/plane-train_loss-{kind}.{ending}" for kind in ("contour", "filled", "surface") for ending in ("png", "pdf")]
    assert result.stdout.splitlines() == expected and result.stderr == ""
    assert all(is_picture(tmp_path / name) for name in expected)
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == sorted(name.split("/")[1] for name in expected)


@pytest.mark.parametrize(
    ("arguments", "pictures"),
    [
        (["plane.h5"], ["plane-train_loss-filled.png"]),
        (["plane.h5", "--field", "test_acc", "--format", "svg"], ["plane-test_acc-filled.svg"]),
        (["plane.h5", "--kind", "contour", "--out", "new/a.pdf"], ["new/a.pdf"]),
        (["plane.h5", "--out", "a.png", "--format", "pdf"], ["a.pdf"]),
        (["plane.h5", "li.h5", "--kind", "surface", "--out", "both.png"], ["both.png"]),
        (
            ["plane.h5", "--log", "--vmin", "0.1", "--vmax", "9", "--levels", "5", "--dpi", "60", "--title", "A title"],
            ["plane-train_loss-filled.png"],
        ),
        (["plane.h5", "--linear", "--clip", "90%"], ["plane-train_loss-filled.png"]),
        (["line.h5"], ["line-line.png"]),
        (["line.h5", "--kind", "all", "--field", "train_acc", "--out", "."], ["line-train_acc-line.png"]),
        (["curve.h5", "segment.h5"], ["curve-segment-curve.png"]),
        (["curve.h5", "--field", "train_nll,dl", "--format", "pdf"], ["curve-train_nll-dl-curve.pdf"]),
        (["list.h5", "--kind", "curve", "--field", "norm", "--out", "norm.svg"], ["norm.svg"]),
        (["plane.h5", "--field", "test_error"], ["plane-test_error-filled.png"]),
        (["three.h5", "--kind", "all"], [f"three-train_loss-{kind}.png" for kind in ("contour", "filled", "surface")]),
    ],
)
def test_pictures_are_where_they_are_said_to_be(tmp_path, monkeypatch, capsys, arguments, pictures):
    monkeypatch.chdir(tmp_path)
    write_plane(tmp_path / "plane.h5"), write_line(tmp_path / "line.h5"), write_li(tmp_path / "li.h5", plane_axes(), bowl)
    write_solutions(tmp_path / "three.h5"), write_curves(tmp_path)
    before = set(tmp_path.rglob("*"))
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines() == pictures
    made = {path for path in tmp_path.rglob("*") if path not in before and path.is_file()}
    assert made == {tmp_path / name for name in pictures} and all(map(is_picture, made))


def write_curves(folder):
    write_curve(folder / "curve.h5"), write_curve(folder / "segment.h5", "segment", segment_loss)
    write_curve(folder / "list.h5", "checkpoints", t=range(5))


def test_incomplete_file_is_drawn_with_a_warning(tmp_path, capsys):
    status = np.ones((9, 6), int)
    status[8] = 0
    assert main([str(write_plane(tmp_path / "plane.h5", status=status))]) == 0
    said = capsys.readouterr()
    assert "6 of 54 points not computed" in said.err and said.err.count("\n") == 1 and said.out.count("\n") == 1


def make_inputs(folder):
    write_plane(folder / "plane.h5")
    write_line(folder / "line.h5")
    write_plane(folder / "empty.h5", status=np.zeros((9, 6), int))
    write_surface(folder / "nan.h5", plane_axes(), {"train_loss": np.full((9, 6), np.nan)})
    write_surface(folder / "thin.h5", plane_axes(5, 1), {"train_loss": np.ones((5, 1))})
    write_curves(folder)
    (folder / "text.h5").write_text("text")
    (folder / "blocked").write_text("a file where a folder is wanted")


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        ([], 64, "FILE"),
        (["plane.h5", "--kind", "pie"], 64, "contour"),
        (["plane.h5", "--field", "loss"], 64, "train_loss, train_acc, test_loss, test_acc"),
        (["line.h5", "--kind", "surface"], 64, "is a line"),
        (["plane.h5", "--kind", "line"], 64, "is a plane"),
        (["plane.h5", "--kind", "curve"], 64, "is a plane"),
        (["plane.h5", "--field", "train_loss,train_acc"], 64, "--field train_loss,train_acc"),
        (["curve.h5", "--kind", "line"], 64, "use --kind curve"),
        (["curve.h5", "--field", "train_loss,loss"], 64, "--field loss"),
        (["curve.h5", "plane.h5"], 64, "curve.h5 is a curve and plane.h5 a plane"),
        (["line.h5", "curve.h5"], 64, "line.h5 is a line and curve.h5 a curve"),
        (["curve.h5", "list.h5"], 64, "list.h5 a list of checkpoints"),
        (["plane.h5", "line.h5"], 64, "one at a time"),
        (["plane.h5", "--format", "gif"], 64, "unknown format 'gif'"),
        (["plane.h5", "--out", "a.gif"], 64, "a.gif"),
        (["plane.h5", "--levels", "0"], 64, "--levels"),
        (["plane.h5", "--clip", "much"], 64, "--clip"),
        (["plane.h5", "--clip", "0%"], 64, "--clip"),
        (["plane.h5", "--vmin", "9", "--vmax", "1"], 64, "empty"),
        (["plane.h5", "--log", "--vmin", "-1"], 64, "--linear"),
        (["nowhere.h5"], 66, "nowhere.h5"),
        (["text.h5"], 65, "text.h5"),
        (["empty.h5"], 65, "none of its 54 points"),
        (["nan.h5"], 65, "NaN"),
        (["thin.h5"], 65, "5 x 1"),
        (["plane.h5", "--out", "blocked/a.png"], 73, "blocked/a.png"),
        (["plane.h5", "--out", "/proc/a.png"], 73, "/proc/a.png"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_and_a_code(tmp_path, monkeypatch, capsys, arguments, code, word):
    monkeypatch.chdir(tmp_path)
    make_inputs(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(arguments) == code
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and word in said.err
    assert sorted(tmp_path.rglob("*")) == before


def test_exit_code_reaches_the_shell(tmp_path):
    result = subprocess.run([sys.executable, "-m", "orograph.plot", "nowhere.h5"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert result.returncode == 66 and result.stderr.count("\n") == 1 and "Traceback" not in result.stderr


def test_earlier_picture_survives_a_full_disk(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_plane(tmp_path / "plane.h5")
    (tmp_path / "a.png").write_bytes(b"earlier")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    assert main(["plane.h5", "--out", "a.png"]) == 74
    assert (tmp_path / "a.png").read_bytes() == b"earlier" and "No space left" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "plane.h5"]
