"""What kind of quantity a field is, and the error made of an accuracy."""

import xarray as xr


def is_accuracy(surface: xr.Dataset, field: str) -> bool:
    return surface[field].attrs.get("units") == "percent" and not field.endswith("_error")


def with_errors(surface: xr.Dataset) -> xr.Dataset:
    """Adds SPLIT_error = 100 - SPLIT_acc, in percent, for each accuracy."""
    errors = {}
    for field in surface.data_vars:
        split, _, what = field.rpartition("_")
        if what == "acc" and split:
            errors[f"{split}_error"] = (100 - surface[field]).assign_attrs(long_name=f"error on {split}", units="percent")
    return surface.assign(errors)
