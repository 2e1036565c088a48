"""Numbers along axes, each whole: the common factor that matplotlib takes out of all ticks (1e20) would lie over the axis' label."""

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import AutoLocator, ScalarFormatter

from .scales import number

FEWEST_DIGITS, MOST_DIGITS = 3, 17
LONG_LABELS = 4  # how many of them have room side by side


class WholeNumbers(ScalarFormatter):
    """Labels as matplotlib's, but where it would take out a factor or an offset: there each number is whole, with digits that tell it apart."""

    def format_ticks(self, values) -> list[str]:
        labels = super().format_ticks(values)
        if not self.takes_out():
            return labels
        values = [0.0 if abs(value) < 1e-9 * max(map(abs, values)) else value for value in values]  # the ticks' step is rounded
        for digits in range(FEWEST_DIGITS, MOST_DIGITS):
            labels = [number(value, digits) for value in values]
            if all(is_near(float(label), value, values) for label, value in zip(labels, values, strict=True)):
                break
        return [label.replace("-", "\N{MINUS SIGN}") for label in labels]

    def takes_out(self) -> bool:
        """Whether matplotlib would take a factor or an offset out of the labels that were asked for last."""
        return bool(super().get_offset())

    def get_offset(self) -> str:
        return ""


def is_near(label: float, value: float, values) -> bool:
    """Whether a label is its value to a hundredth of the ticks' distance."""
    return abs(label - value) <= 0.01 * (max(values) - min(values)) / max(len(values) - 1, 1)


def number_whole(figure: Figure) -> None:
    """Gives whole numbers to every linear axis of the figure that has matplotlib's own labels."""
    for axes in figure.axes:
        for name in axes._axis_names:
            axis = getattr(axes, f"{name}axis")
            if type(axis.get_major_formatter()) is ScalarFormatter:
                axis.set_major_formatter(WholeNumbers())
                leave_room(axis, name)


def leave_room(axis: Axis, name: str) -> None:
    """Takes fewer ticks on a horizontal axis whose labels are long."""
    formatter = axis.get_major_formatter()
    formatter.format_ticks(axis.get_majorticklocs())
    if name == "x" and formatter.takes_out() and isinstance(axis.get_major_locator(), AutoLocator):
        axis.get_major_locator().set_params(nbins=LONG_LABELS)
