"""Chooses the scale of a picture from the values and the user's wishes."""

from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator

from .errors import ExitCode, OrographError
from .points import finite, known
from .scales import Scale, number

LOG_FROM_RATIO = 50
OUTLIER_RATIO = 10
LOG_DECADES = 4
LOG_CLIP_LEAST = 100.0


@dataclass(frozen=True)
class ScaleRequest:
    """What the user asked for; None: choose. clip: "none", "95%" (a percentile) or a value."""

    low: float | None = None
    high: float | None = None
    levels: int | None = None
    log: bool | None = None
    clip: str | None = None


def choose_scale(arrays: list[np.ndarray], request: ScaleRequest, may_log: bool = True) -> Scale:
    """One scale for all arrays. may_log: False for a field, such as accuracy, that reads best on a linear scale by default.

    Log where the largest finite value is more than LOG_FROM_RATIO times the smallest positive one. Outliers are clipped so that they leave
    the bowl its colours: see default_high.
    OrographError: nothing finite, nothing positive for a log scale, an empty range.
    """
    values = finite(arrays)
    if values.size == 0:
        raise OrographError(ExitCode.DATA, "no finite value to draw")
    positive = values[values > 0]
    log = request.log if request.log is not None else may_log and wants_log(values, positive)
    if log and positive.size == 0:
        raise OrographError(ExitCode.USAGE, "--log: no value is positive; use --linear")
    shown = positive if log else values
    low = request.low if request.low is not None else float(shown.min())
    high = chosen_high(shown, low, log, request, may_log)
    low, high = checked_range(low, high, log, request)
    everything = known(arrays)
    largest = float(everything.max())
    levels = chosen_levels(low, high, log, request.levels)
    return Scale(low, high, log, levels, largest, bool(everything.min() < low), largest > high)


def wants_log(values: np.ndarray, positive: np.ndarray) -> bool:
    return positive.size > 0 and values.min() >= 0 and values.max() > LOG_FROM_RATIO * positive.min()


def chosen_high(shown: np.ndarray, low: float, log: bool, request: ScaleRequest, may_clip: bool) -> float:
    if request.high is not None:
        return request.high
    largest = float(shown.max())
    if request.clip is None:
        return default_high(shown, low, log) if may_clip else largest
    if request.clip == "none":
        return largest
    if request.clip.endswith("%"):
        return float(np.percentile(shown, float(request.clip[:-1])))
    return min(largest, float(request.clip))


def default_high(shown: np.ndarray, low: float, log: bool) -> float:
    """The largest value, unless the top twentieth of the points lies more than OUTLIER_RATIO above the rest: then where it begins.

    A log scale also ends LOG_DECADES above the smallest value, but not below LOG_CLIP_LEAST nats, some forty times the cross-entropy of
    guessing among ten classes.
    """
    largest, most = float(shown.max()), float(np.percentile(shown, 95))
    high = most if 0 < OUTLIER_RATIO * most < largest else largest
    if log:
        high = min(high, max(low * 10**LOG_DECADES, LOG_CLIP_LEAST))
    return high if high == largest else min(largest, rounded_up(high))


def rounded_up(value: float) -> float:
    """To two significant digits."""
    unit = 10.0 ** (np.floor(np.log10(value)) - 1)
    return float(number(np.ceil(value / unit) * unit, 3))


def checked_range(low: float, high: float, log: bool, request: ScaleRequest) -> tuple[float, float]:
    """Widens a range of one value that was found; refuses one that was asked for."""
    if log and low <= 0:
        raise OrographError(ExitCode.USAGE, f"--vmin {number(low)} is not positive, as a log scale needs; use --linear")
    if high > low:
        return low, high
    if high < low or None not in (request.low, request.high):
        raise OrographError(ExitCode.USAGE, f"the range {number(low)} to {number(high)} is empty; change --vmin, --vmax or --clip")
    return (low / 1.5, high * 1.5) if log else (low - max(abs(low), 1.0) / 10, high + max(abs(high), 1.0) / 10)


def chosen_levels(low: float, high: float, log: bool, count: int | None) -> tuple[float, ...]:
    """`count` levels at equal distances on the scale, or round numbers."""
    if count is not None:
        return tuple(np.geomspace(low, high, count + 2)[1:-1] if log else np.linspace(low, high, count + 2)[1:-1])
    return tuple(level for level in (round_log_levels(low, high) if log else MaxNLocator(12).tick_values(low, high)) if low < level < high)


def round_log_levels(low: float, high: float) -> list[float]:
    """Round numbers, six a decade down to one in several, about ten in all."""
    decades = np.log10(high / low)
    if decades < 0.8:
        return list(MaxNLocator(10).tick_values(low, high))
    mantissas = (1, 1.5, 2, 3, 5, 7) if decades < 1.8 else (1, 2, 5) if decades < 3.7 else (1, 3) if decades < 6 else (1,)
    step = max(1, int(np.ceil(decades / 12)))
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    return [mantissa * 10.0**power for power in range(first, last + 1, step) for mantissa in mantissas]
