"""The words on a picture: axes, panels, colour bar, caption."""

from pathlib import PurePath

import xarray as xr

from .points import count_points

NORMALIZATIONS = {
    "filter": "filter-normalised",
    "layer": "layer-normalised",
    "weight": "weight-scaled",
    "dfilter": "unit filters",
    "dlayer": "unit layers",
    "none": "not normalised",
}
SOURCES = {"towards": "towards", "file": "from", "plane": "plane through"}
NUMBERS = {"x": 1, "y": 2}


def axis_label(surface: xr.Dataset, axis: str) -> str:
    """Such as: x (direction 1: random, filter-normalised), as far as the file says it."""
    if "solution" in surface.dims:
        return {"x": "distance along $\\hat{w}_2 - \\hat{w}_1$", "y": "distance across"}[axis]
    words = direction_words(surface.attrs, axis)
    return f"{axis} (direction {NUMBERS[axis]}{': ' + words if words else ''})"


def directions_label(surfaces: list[xr.Dataset]) -> str:
    """What axis_label says of both directions, for pictures with little room at the axes; empty where surfaces differ or do not say it."""
    words = {tuple(direction_words(surface.attrs, axis) for axis in NUMBERS) for surface in surfaces}
    first = words.pop()
    return f"direction 1: {first[0]}; direction 2: {first[1]}" if not words and all(first) else ""


def direction_words(attrs: dict, axis: str) -> str:
    """The kind of a direction, its normalisation or where it comes from."""
    kind = attrs.get(f"direction_{axis}_kind", "")
    source = PurePath(str(attrs.get(f"direction_{axis}_source", ""))).name
    if kind == "random":
        normalize = attrs.get(f"direction_{axis}_normalize")
        return f"random, {NORMALIZATIONS.get(normalize, normalize)}" if normalize else "random"
    if kind in SOURCES and source:
        return f"{SOURCES[kind]} {source}"
    return kind


def field_label(surface: xr.Dataset, field: str) -> str:
    """Such as: cross-entropy on test (nat). A field without a long name goes by its own."""
    attrs = surface[field].attrs
    units = {"percent": "%", "1": ""}.get(attrs.get("units", ""), attrs.get("units", ""))
    return f"{attrs.get('long_name', field)}{f' ({units})' if units else ''}"


def panel_titles(surfaces: list[xr.Dataset], paths: list) -> list[str]:
    """One surface: its title. Several: their networks where these differ, else their files' names."""
    if len(surfaces) == 1:
        return [surfaces[0].attrs.get("title", PurePath(paths[0]).stem)]
    networks = [surface.attrs.get("provenance_architecture") for surface in surfaces]
    if None not in networks and len(set(networks)) == len(networks):
        return networks
    return [PurePath(path).stem for path in paths]


def common_title(surfaces: list[xr.Dataset]) -> str:
    """Above several panels: the data set, where all have the same."""
    sets = {surface.attrs.get("provenance_data") for surface in surfaces}
    return f"Loss {'surfaces' if 'y' in surfaces[0].dims else 'lines'} on {sets.pop()}" if len(sets) == 1 and None not in sets else ""


def caption(surfaces: list[xr.Dataset], titles: list[str], fields: list[str], blank: str, infinite: str) -> str:
    """What the picture cannot show by itself: points without a value, one line a panel; empty where there are none."""
    lines = []
    for surface, title in zip(surfaces, titles, strict=True):
        remarks = (count_points(surface, field).remarks(blank, infinite) for field in fields)
        said = list(dict.fromkeys(remark for field_remarks in remarks for remark in field_remarks))
        lines += [f"{title}: {'; '.join(said)}" if len(surfaces) > 1 else "; ".join(said)] if said else []
    return "\n".join(lines)
