"""The charts of a report as plain data that `page.js` draws: curves with intervals, and the same as a table."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from accumbens.markup import table
from accumbens.report.series import Series
from accumbens.runs.chapter import Along, Plot, Quote

_ROWS = 8


class Curve(NamedTuple):
    """One curve of a chart.

    Attributes:
        key: what the legend's button switches, in all charts beside it.
        name: in the legend, the hover text and the table.
        colour: `(palette, index)` as `runs.looks` has them, or `("cell", place)`, from 0 for the first part to 1 for
            the last.
        series: the numbers.
        dash: of the line, as plotly calls it.
        wide: is drawn as the most important.
    """

    key: str
    name: str
    colour: tuple[str, float]
    series: Series
    dash: str = "solid"
    wide: bool = False


class Chart(NamedTuple):
    """One chart: curves along the training.

    Attributes:
        name: of its element in the page.
        plot: what it shows.
        curves: those with at least one point.
        along: what the curves are drawn over.
        quotes: published numbers beside them.
    """

    name: str
    plot: Plot
    curves: list[Curve]
    along: Along
    quotes: Sequence[Quote] = ()

    def document(self) -> dict[str, Any]:
        """Return what `page.js` draws."""
        end = max(curve.series.steps[-1] for curve in self.curves)
        return {
            "title": self.plot.title,
            "axis": self.plot.axis,
            "along": {
                "axis": self.along.axis,
                "point": self.along.point,
                "form": ",d" if self.along.whole else ",.5~r",  # as d3 writes it
            },
            "digits": self.plot.digits,
            "logarithmic": self.plot.logarithmic,
            "span": self.plot.span,
            "curves": [_curve(curve) for curve in self.curves],
            "quotes": [_quote(number, quote, end) for number, quote in enumerate(self.quotes)],
        }

    def alternative(self) -> str:
        """Return one sentence for those who do not see the chart."""
        ends = "; ".join(f"{curve.name}: {number(curve.series, -1, self.plot.digits)}" for curve in self.curves)
        return f"{self.plot.title} over {self.along.axis}. At the end, {ends}."

    def table(self) -> str:
        """Return the curves as a table of at most eight steps, from where most curves have begun."""
        grid = max((curve.series for curve in self.curves), key=lambda series: series.steps[-1]).thinned(_ROWS).steps
        rows = [
            [
                f"{step:,.10g}",
                *(number(curve.series, curve.series.at(step), self.plot.digits) for curve in self.curves),
            ]
            for step in grid
        ]
        caption = f"{self.plot.title}: {self.plot.axis}. Every number is the last at or before its {self.along.point}."
        return table(caption, [self.along.point, *(curve.name for curve in self.curves)], rows)


def number(series: Series, index: int | None, digits: str) -> str:
    """Return the mean at a point, with its interval if there are several seeds."""
    if index is None or not series.steps:
        return "–"
    interval = series.interval
    text = format(series.mean[index], digits)
    return text if interval is None else f"{text} ± {format(interval[index], digits)}"


def _curve(curve: Curve) -> dict[str, Any]:
    drawn = curve.series.thinned()
    interval = drawn.interval
    return {
        "key": curve.key,
        "name": curve.name,
        "colour": list(curve.colour),
        "dash": curve.dash,
        "wide": curve.wide,
        "steps": drawn.steps,
        "mean": _short(drawn.mean),
        "interval": None if interval is None else _short(interval),
        "seeds": [_short(one) for one in drawn.values] if len(drawn.values) > 1 else [],
    }


def _quote(place: int, quote: Quote, end: int | float) -> dict[str, Any]:
    points = [point for point in quote.points if point[0] <= 1.02 * end]
    return {
        "name": f"{quote.method}, {quote.source.split(',')[0]}",
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
