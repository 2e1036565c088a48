"""orograph-plot: draws surface files and prints the path of each picture."""

import sys

import xarray as xr
from matplotlib.figure import Figure

from .curve import curve_figure, is_checkpoints
from .errors import ExitCode, OrographError
from .fields import with_errors
from .figure import line_figure, plane_figure, save
from .options import PLANE_KINDS, parse, picture_paths, scale_request
from .points import count_points
from .reading import open_surface


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code. stdout: the pictures' paths, one a line; stderr: warnings and the one error line."""
    try:
        draw(parse(arguments))
    except OrographError as error:
        print(f"orograph-plot: error: {error}", file=sys.stderr)
        return int(error.exit_code)
    return int(ExitCode.DONE)


def draw(options) -> None:
    surfaces = [open_surface(file) for file in options.files]
    nature = check_alike(surfaces, options.files)
    kinds = chosen_kinds(options, nature)
    if nature != "line":
        surfaces = [with_errors(surface) for surface in surfaces]
    fields = chosen_fields(options, surfaces, nature)
    for surface, file in zip(surfaces, options.files, strict=True):
        check_drawable(surface, file, fields, nature == "plane")
    for kind in kinds:
        figure = make_figure(kind, surfaces, fields, options)
        name = (options.field or "").replace(",", "-") or (fields[0] if len(fields) == 1 else kind)
        for path in picture_paths(options, kind, name, len(kinds) == 1):
            save(figure, path, options.dpi)
            print(path, flush=True)


def make_figure(kind: str, surfaces: list[xr.Dataset], fields: list[str], options) -> Figure:
    request = scale_request(options)
    if kind == "line":
        return line_figure(surfaces, options.files, fields, request, options.title)
    if kind == "curve":
        return curve_figure(surfaces, options.files, fields, request, options.title)
    return plane_figure(kind, surfaces, options.files, fields[0], request, options.title)


def nature_of(surface: xr.Dataset) -> str:
    """plane, line, curve, or list of checkpoints."""
    if "t" in surface.dims:
        return "list of checkpoints" if is_checkpoints(surface) else "curve"
    return "plane" if "y" in surface.dims else "line"


def check_alike(surfaces: list[xr.Dataset], files: list) -> str:
    """What all of them are."""
    natures = [nature_of(surface) for surface in surfaces]
    for nature, file in zip(natures, files, strict=True):
        if nature != natures[0]:
            raise OrographError(ExitCode.USAGE, f"{files[0]} is a {natures[0]} and {file} a {nature}; draw them one at a time")
    return natures[0]


def chosen_kinds(options, nature: str) -> list[str]:
    """Those asked for, or the default of what the files are."""
    possible = PLANE_KINDS if nature == "plane" else ("line",) if nature == "line" else ("curve",)
    if options.kind == "all":
        return list(possible)
    if options.kind is None:
        return ["filled"] if nature == "plane" else list(possible)
    if options.kind not in possible:
        raise OrographError(
            ExitCode.USAGE, f"{options.files[0]} is a {nature}, --kind {options.kind} does not draw it; use --kind {', '.join(possible)}"
        )
    return [options.kind]


def chosen_fields(options, surfaces: list[xr.Dataset], nature: str) -> list[str]:
    """A plane shows one field, a curve one a panel, a line all that every file has, unless one is asked for."""
    common = [name for name in surfaces[0].data_vars if name != "status" and all(name in surface for surface in surfaces)]
    if not common:
        raise OrographError(ExitCode.DATA, f"{', '.join(map(str, options.files))}: no field in common")
    if options.field is None:
        return default_fields(common, nature)
    asked = options.field.split(",") if "t" in surfaces[0].dims else [options.field]
    if unknown := [field for field in asked if field not in common]:
        raise OrographError(ExitCode.USAGE, f"--field {unknown[0]}: {', '.join(map(str, options.files))} has {', '.join(common)}")
    return list(dict.fromkeys(asked))


def default_fields(common: list[str], nature: str) -> list[str]:
    if nature == "line":
        return common
    loss = [name for name in ("train_loss", "test_loss") if name in common][:1]
    error = [name for name in ("test_error", "train_error") if name in common][:1]
    return (loss if nature == "plane" else loss + error) or common[:1]


def check_drawable(surface: xr.Dataset, file, fields: list[str], plane: bool) -> None:
    """Refuses what would be an empty picture, and warns of gaps."""
    count = count_points(surface, fields[0])
    least = 2 if plane else 1
    if min(surface.sizes[dim] for dim in surface[fields[0]].dims) < least:
        raise OrographError(
            ExitCode.DATA,
            f"{file} has {' x '.join(str(size) for size in surface[fields[0]].shape)} points; a picture needs at least {least} an axis",
        )
    if count.pending + count.failed == count.total:
        raise OrographError(ExitCode.DATA, f"{file}: none of its {count.total} points is computed yet; start its job, or wait for it")
    if all(int(surface[field].notnull().sum()) == 0 for field in fields):
        raise OrographError(
            ExitCode.DATA, f"{file}: {', '.join(fields)} is not a number (NaN) at every computed point; nothing can be drawn"
        )
    if count.incomplete():
        print(f"orograph-plot: warning: {file}: {count.incomplete()}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
