"""The scale of a picture: which values it shows, linear or logarithmic, clipped where, and its contour levels.

Pictures are drawn in display units, the logarithm to base 10 of a value on a log scale and the value itself on a linear one, so that
contours are interpolated along the scale that is shown.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.colors import Normalize


@dataclass(frozen=True)
class Scale:
    """low and high in the field's unit, levels too; clips_*: values lie beyond.

    origin: a log scale is one of the excess over it, and all below low counts as low, so that no contour bends towards the minimum.
    """

    low: float
    high: float
    log: bool
    levels: tuple[float, ...]
    largest: float
    clips_low: bool
    clips_high: bool
    origin: float | None = None

    def display(self, values) -> np.ndarray:
        """Display units; infinities and what a log scale cannot show become values just beyond the ends, NaN stays."""
        values = np.asarray(values, dtype=np.float64)
        if self.origin is not None:
            values = np.maximum(values, self.low) - self.origin
        with np.errstate(divide="ignore", invalid="ignore"):
            shown = np.where(values > 0, np.log10(values), np.where(np.isnan(values), np.nan, -np.inf)) if self.log else values
        low, high = self.ends()
        beyond = 0.25 * (high - low)
        top = max(high, np.max(shown, initial=high, where=np.isfinite(shown))) + beyond
        bottom = min(low, np.min(shown, initial=low, where=np.isfinite(shown))) - beyond
        return np.where(shown == np.inf, top, np.where(shown == -np.inf, bottom, shown))

    def ends(self) -> tuple[float, float]:
        """low and high in display units."""
        if not self.log:
            return self.low, self.high
        origin = self.origin or 0.0
        return np.log10(self.low - origin), np.log10(self.high - origin)

    def norm(self) -> Normalize:
        return Normalize(*self.ends())

    def extend(self) -> str:
        """matplotlib's word for the ends at which values lie beyond the scale."""
        return {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[
            self.clips_low, self.clips_high
        ]

    def note(self) -> str:
        """For the label of the colour bar: empty, or how the scale differs from a plain one."""
        return "; ".join(filter(None, ["log scale" if self.log and self.origin is None else "", self.clip_note()]))

    def origin_note(self) -> str:
        """For the caption: empty, or what the excess is counted from."""
        return "" if self.origin is None else f"colours: log scale of the excess over {number(self.origin)}"

    def clip_note(self) -> str:
        """Where values are cut off; empty where none are."""
        parts = []
        if self.clips_high:
            top = "infinity" if np.isinf(self.largest) else number(self.largest, 2)
            parts.append(f"clipped at {number(self.high)}, largest {top}")
        if self.clips_low:
            parts.append(f"clipped below {number(self.low if self.origin is None else self.origin)}")
        return "; ".join(parts)


def number(value: float, digits: int = 3) -> str:
    """Short, without the + and zeros of an exponent."""
    mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa
