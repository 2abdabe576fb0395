"""The charts of a report as plain data that `page.js` draws: curves with intervals, and the same as a table."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from accumbens.report.markup import table
from accumbens.report.series import Series
from accumbens.training.published import Published

COLOURS = 7
"""Colours of the palette in `style.css`; more families than that begin again, with another look of their lines."""

_ROWS = 8


class Along(NamedTuple):
    """What curves are drawn over.

    Attributes:
        axis: its name.
        point: noun for one of its numbers.
        form: of its numbers, as d3 writes it.
    """

    axis: str
    point: str
    form: str

    def text(self, value: int | float) -> str:
        """Return one of its numbers as text."""
        return f"{value:,.10g}"


STEPS = Along("environment steps", "step", ",d")
UPDATES = Along("updates", "update", ",d")
EPOCHS = Along("epochs", "epoch", ",.5~r")


class Curve(NamedTuple):
    """One curve of a chart.

    Attributes:
        key: what the legend's button switches, in all charts beside it.
        name: in the legend, the hover text and the table.
        colour: `("run", index)` of the palette, or `("cell", place)`, from 0 for the first cell to 1 for the last.
        series: the numbers.
        dash: of the line, as plotly calls it.
        marked: has dots on its line.
        wide: is drawn as the most important.
    """

    key: str
    name: str
    colour: tuple[str, float]
    series: Series
    dash: str = "solid"
    marked: bool = False
    wide: bool = False


class Chart(NamedTuple):
    """One chart: curves along the training.

    Attributes:
        name: of its element in the page.
        title: above it.
        axis: what the numbers are.
        curves: those with at least one point.
        quotes: published numbers beside them.
        logarithmic: can be drawn over a logarithmic axis.
        digits: format of the numbers, as Python and d3 write it.
        along: what the curves are drawn over.
        span: numbers that the axis shows at least, where they have bounds of their own.
    """

    name: str
    title: str
    axis: str
    curves: list[Curve]
    quotes: Sequence[Published] = ()
    logarithmic: bool = False
    digits: str = ".1f"
    along: Along = STEPS
    span: tuple[float, float] | None = None

    def document(self) -> dict[str, Any]:
        """Return what `page.js` draws."""
        end = max(curve.series.steps[-1] for curve in self.curves)
        return {
            "axis": self.axis,
            "along": self.along._asdict(),
            "digits": self.digits,
            "logarithmic": self.logarithmic,
            "span": self.span,
            "curves": [_curve(curve) for curve in self.curves],
            "quotes": [_quote(number, quote, end) for number, quote in enumerate(self.quotes)],
        }

    def alternative(self) -> str:
        """Return one sentence for those who do not see the chart."""
        ends = "; ".join(f"{curve.name}: {number(curve.series, -1, self.digits)}" for curve in self.curves)
        return f"{self.title} over {self.along.axis}. At the end, {ends}."

    def table(self) -> str:
        """Return the curves as a table of at most eight steps, from where most curves have begun."""
        grid = max((curve.series for curve in self.curves), key=lambda series: series.steps[-1]).thinned(_ROWS).steps
        rows = [
            [
                self.along.text(step),
                *(number(curve.series, curve.series.at(step), self.digits) for curve in self.curves),
            ]
            for step in grid
        ]
        caption = f"{self.title}: {self.axis}. Every number is the last at or before its {self.along.point}."
        return table(caption, [self.along.point, *(curve.name for curve in self.curves)], rows)


def number(series: Series, index: int | None, digits: str) -> str:
    """Return the mean at a point, with its interval if there are several seeds."""
    if index is None or not series.steps:
        return "–"
    interval = series.interval
    text = format(series.mean[index], digits)
    return text if interval is None else f"{text} ± {format(interval[index], digits)}"


def overlaid(prefix: str, place: int, name: str, family: int) -> dict[str, Any]:
    """Return how the curve of one run looks beside those of others.

    Args:
        prefix: of the names of the charts.
        place: of the run among those of its task.
        name: of the run.
        family: number of its family among those of the report: its colour.
    """
    return {"key": f"{prefix}-run-{place}", "name": name, "colour": ("run", family % COLOURS)}


def stacked(key: str, names: Sequence[str], values: Sequence[Series], height: int | None = None) -> list[Curve]:
    """Return the curves of the cells or layers of one run that have points.

    Args:
        key: beginning of the curves' keys.
        names: of the cells or layers, from the first.
        values: of each.
        height: how many the network has, if these are fewer.
    """
    last = (height or len(names)) - 1
    return [
        Curve(
            key=f"{key}-{place}",
            name=name,
            colour=("cell", place / last if last else 1.0),
            series=one,
            wide=place == last,
        )
        for place, (name, one) in enumerate(zip(names, values, strict=True))
        if one.steps
    ]


def _curve(curve: Curve) -> dict[str, Any]:
    drawn = curve.series.thinned()
    interval = drawn.interval
    return {
        "key": curve.key,
        "name": curve.name,
        "colour": list(curve.colour),
        "dash": curve.dash,
        "marked": curve.marked,
        "wide": curve.wide,
        "steps": drawn.steps,
        "mean": _short(drawn.mean),
        "interval": None if interval is None else _short(interval),
        "seeds": [_short(one) for one in drawn.values] if len(drawn.values) > 1 else [],
    }


def _quote(place: int, quote: Published, end: int | float) -> dict[str, Any]:
    points = [point for point in quote.curve if point[0] <= 1.02 * end]
    return {
        "name": f"{quote.agent}, {quote.source.split(',')[0]}",
        "source": quote.source,
        "place": place,
        "value": quote.value,
        "steps": quote.steps,
        "points": [list(point) for point in points],
        # An end value of a training several times as long would only squeeze the curves.
        "line": quote.steps <= 1.25 * end,
    }


def _short(values: np.ndarray) -> list[float]:
    """Five significant digits: a report is a page, not an archive."""
    return [float(f"{value:.5g}") for value in values.tolist()]
