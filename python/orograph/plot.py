"""orograph-plot: draws surface files and prints the path of each picture."""

import sys

import xarray as xr

from .errors import ExitCode, OrographError
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
    plane = check_alike(surfaces, options.files)
    kinds = chosen_kinds(options, plane)
    fields = chosen_fields(options, surfaces, plane)
    for surface, file in zip(surfaces, options.files, strict=True):
        check_drawable(surface, file, fields, plane)
    request = scale_request(options)
    for kind in kinds:
        if kind == "line":
            figure = line_figure(surfaces, options.files, fields, request, options.title)
        else:
            figure = plane_figure(kind, surfaces, options.files, fields[0], request, options.title)
        name = fields[0] if len(fields) == 1 else kind
        for path in picture_paths(options, kind, name, len(kinds) == 1):
            save(figure, path, options.dpi)
            print(path, flush=True)


def check_alike(surfaces: list[xr.Dataset], files: list) -> bool:
    """Whether they are planes; all of them or none."""
    planes = ["y" in surface.dims for surface in surfaces]
    if len(set(planes)) > 1:
        raise OrographError(
            ExitCode.USAGE, f"{files[planes.index(True)]} is a plane and {files[planes.index(False)]} a line; draw them one at a time"
        )
    return planes[0]


def chosen_kinds(options, plane: bool) -> list[str]:
    file = options.files[0]
    if options.kind == "line" and plane:
        raise OrographError(ExitCode.USAGE, f"{file} is a plane; use --kind {', '.join(PLANE_KINDS)} or all")
    if options.kind in PLANE_KINDS and not plane:
        raise OrographError(ExitCode.USAGE, f"{file} is a line; --kind {options.kind} needs a plane, use --kind line")
    if options.kind in (None, "all"):
        return ["line"] if not plane else ["filled"] if options.kind is None else list(PLANE_KINDS)
    return [options.kind]


def chosen_fields(options, surfaces: list[xr.Dataset], plane: bool) -> list[str]:
    """A plane shows one field; a line all that every file has, unless one is asked for."""
    common = [name for name in surfaces[0].data_vars if name != "status" and all(name in surface for surface in surfaces)]
    if options.field is None:
        if not common:
            raise OrographError(ExitCode.DATA, f"{', '.join(map(str, options.files))}: no field in common")
        return common if not plane else ["train_loss"] if "train_loss" in common else common[:1]
    if options.field not in common:
        raise OrographError(ExitCode.USAGE, f"--field {options.field}: {', '.join(map(str, options.files))} has {', '.join(common)}")
    return [options.field]


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
