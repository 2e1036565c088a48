"""The command line of orograph-plot."""

import argparse
import sys
from pathlib import Path

from .choosing import ScaleRequest
from .errors import ExitCode, OrographError

FORMATS = ("png", "pdf", "svg")
PLANE_KINDS = ("contour", "filled", "surface")
KINDS = (*PLANE_KINDS, "line", "curve", "all")

EXAMPLES = """examples:
  orograph-plot surface.h5                                        filled contours, beside the file
  orograph-plot surface.h5 --kind all --out pictures/ --format png,pdf
  orograph-plot a.h5 b.h5 --kind surface --out both.pdf           side by side on one scale
  orograph-plot surface.h5 --clip 90% --field test_loss
  orograph-plot bezier.h5 polychain.h5 segment.h5 --out curves.pdf   train loss and test error along all three
  orograph-plot bezier.h5 segment.h5 --field train_nll,test_nll      other datasets, one panel each
  orograph-plot plane.h5 --kind contour --field test_error           with the solutions, bends and curve that it holds"""


class Parser(argparse.ArgumentParser):
    """Ends with one line and exit code 64 where argparse would print the usage and end with 2."""

    def error(self, message: str):
        raise OrographError(ExitCode.USAGE, f"{message} (orograph-plot --help)")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """OrographError(USAGE) for anything that is wrong with the words themselves."""
    parser = Parser(
        prog="orograph-plot",
        description="Draws surface files of Orograph.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="surface files; several are drawn side by side on one scale, curves in one figure",
    )
    parser.add_argument("--kind", choices=KINDS, help="what to draw (default: filled for a plane, line for a line, curve for a curve)")
    parser.add_argument(
        "--field",
        help="which dataset (default: train_loss; a line shows all losses and accuracies, a curve train_loss,test_error; a curve takes "
        "several with commas); planes and curves also have train_error and test_error, 100 - accuracy",
    )
    parser.add_argument("--out", type=Path, help="a picture's name, or a folder (default: the folder of the first FILE)")
    parser.add_argument(
        "--format", type=formats, default=[], help="png, pdf, svg, or several with commas (default: the ending of --out, else png)"
    )
    parser.add_argument(
        "--vmin", type=float, help="lower end of the scale (curves: of the first panel and those of its unit; --vmax and --clip too)"
    )
    parser.add_argument("--vmax", type=float, help="upper end of the scale")
    parser.add_argument("--levels", type=levels, help="number of contour lines (default: round values)")
    parser.add_argument(
        "--log",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="log scale or not (default: log for a wide range; a plane through solutions: log of the excess over the least value); "
        "--linear is --no-log",
    )
    parser.add_argument("--linear", dest="log", action="store_false", default=None, help=argparse.SUPPRESS)
    parser.add_argument(
        "--clip", type=clip, help="upper end of the scale as a percentile (95%%), a value, or none (default: outliers are clipped)"
    )
    parser.add_argument("--dpi", type=dpi, default=200, help="resolution of png (default: 200)")
    parser.add_argument("--title", help="above the figure")
    return parser.parse_args(sys.argv[1:] if arguments is None else arguments)


def scale_request(options: argparse.Namespace) -> ScaleRequest:
    return ScaleRequest(options.vmin, options.vmax, options.levels, options.log, options.clip)


def formats(text: str) -> list[str]:
    words = text.split(",")
    if unknown := [word for word in words if word not in FORMATS]:
        raise argparse.ArgumentTypeError(f"unknown format '{unknown[0]}', use {', '.join(FORMATS)}")
    return words


def levels(text: str) -> int:
    return whole(text, 1, 200)


def dpi(text: str) -> int:
    return whole(text, 20, 2400)


def whole(text: str, least: int, most: int) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least} to {most}")
    return int(text)


def clip(text: str) -> str:
    try:
        value = 0.0 if text == "none" else float(text.removesuffix("%"))
    except ValueError:
        value = float("nan")
    if value != value or (text.endswith("%") and not 0 < value <= 100):
        raise argparse.ArgumentTypeError(f"'{text}' is neither a percentile such as 95%, nor a value, nor none")
    return text


def picture_paths(options: argparse.Namespace, kind: str, field: str, only_kind: bool) -> list[Path]:
    """One path a format. --out names a picture (with -KIND added where several kinds are drawn), or a folder for STEM-FIELD-KIND."""
    out = options.out
    names_picture = out is not None and not out.is_dir() and out.suffix[1:] in FORMATS
    if names_picture:
        wanted = options.format or [out.suffix[1:]]
        base = out.with_suffix("") if only_kind else out.with_name(f"{out.stem}-{kind}")
    else:
        if out is not None and out.suffix and not out.is_dir():
            raise OrographError(
                ExitCode.USAGE,
                f"--out {out}: a picture's ending is {', '.join(FORMATS)}; an existing folder, or a name without ending, is a folder",
            )
        wanted = options.format or ["png"]
        stems = "-".join(file.stem for file in options.files)
        base = (out if out is not None else options.files[0].parent) / f"{stems}-{field}{'' if kind == field else '-' + kind}"
    return [base.with_name(f"{base.name}.{ending}") for ending in wanted]
