"""The scale of a plane through solutions: logarithmic in the excess over the smallest value, so that the valley between them shows.

Garipov et al. 2018, figure 1: the levels crowd above the minimum. Their program's lowest level is exp(-5) above it.
"""

import numpy as np

from .choosing import ScaleRequest, checked_range, chosen_high
from .errors import ExitCode, OrographError
from .points import finite, known
from .scales import Scale, number

LEAST_EXCESS = {"nat": float(np.exp(-5)), "percent": 0.1}
LEVELS = 7


def choose_valley_scale(arrays: list[np.ndarray], request: ScaleRequest, unit: str) -> Scale:
    """One scale for all arrays. request.low is the value that the excess is counted from; unit: of the values.

    OrographError: nothing finite, an empty range.
    """
    values = finite(arrays)
    if values.size == 0:
        raise OrographError(ExitCode.DATA, "no finite value to draw")
    origin = float(values.min()) if request.low is None else request.low
    origin, high = checked_range(origin, chosen_high(values, origin, True, request, True), False, request)
    span = high - origin
    low = origin + min(LEAST_EXCESS.get(unit, span / 1000), span / 100)
    largest = float(known(arrays).max())
    return Scale(low, high, True, valley_levels(low, high, origin, request.levels), largest, values.min() < origin, largest > high, origin)


def valley_levels(low: float, high: float, origin: float, count: int | None) -> tuple[float, ...]:
    """At equal distances on the scale, as the short numbers that label them."""
    exact = np.geomspace(low - origin, high - origin, (count or LEVELS) + 2)[1:-1] + origin
    return tuple(level for level in dict.fromkeys(float(number(level)) for level in exact) if low < level < high)
