"""Which points of a field can be drawn, and what to say about the others."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

PENDING, FAILED = 0, 3


@dataclass(frozen=True)
class PointCount:
    """Points of one field by what became of them."""

    total: int
    pending: int
    failed: int
    infinite: int
    not_a_number: int

    def incomplete(self) -> str:
        """For a warning; empty where every point is computed."""
        parts = []
        if self.pending:
            parts.append(f"{self.pending} of {self.total} points not computed")
        if self.failed:
            parts.append(f"{self.failed} of {self.total} points failed")
        return ", ".join(parts)

    def remarks(self, blank: str, infinite: str) -> list[str]:
        """For the picture; `blank` and `infinite` say how points without a value and infinite ones are drawn."""
        parts = [f"{self.incomplete()} ({blank})"] if self.incomplete() else []
        if self.not_a_number:
            parts.append(f"{self.not_a_number} of {self.total} values not a number ({blank})")
        if self.infinite:
            parts.append(f"{self.infinite} of {self.total} values infinite ({infinite})")
        return parts


def count_points(surface: xr.Dataset, field: str) -> PointCount:
    """Counts one field. A NaN of a computed point is a result, not a gap."""
    values, status = surface[field].values, surface["status"].values
    pending, failed = status == PENDING, status == FAILED
    return PointCount(
        total=values.size,
        pending=int(pending.sum()),
        failed=int(failed.sum()),
        infinite=int(np.isinf(values).sum()),
        not_a_number=int((np.isnan(values) & ~pending & ~failed).sum()),
    )


def known(arrays: list[np.ndarray]) -> np.ndarray:
    """All values of several arrays that are numbers, infinite ones too, flat."""
    flat = np.concatenate([array.ravel() for array in arrays])
    return flat[~np.isnan(flat)]


def finite(arrays: list[np.ndarray]) -> np.ndarray:
    """All finite values of several arrays, flat."""
    flat = known(arrays)
    return flat[np.isfinite(flat)]
