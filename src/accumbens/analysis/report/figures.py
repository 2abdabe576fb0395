"""The charts of a report as plain data that `page.js` draws: curves with intervals, and the same as a table."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from accumbens.analysis.published import TABLES, Published
from accumbens.analysis.report import series
from accumbens.analysis.report.data import Run
from accumbens.analysis.report.markup import table
from accumbens.analysis.report.series import Series

COLOURS = 7
"""Colours of the palette in `style.css`; more families than that begin again, with dots on their lines."""

DASHES = {"local": "solid", "backprop": "dash"}
"""Twins share a colour; the credit is the dash."""

PER_CELL = {
    "td_error": ("TD error", "Mean size of every cell's TD error, |δ|", True),
    "loss": ("Loss", "Mean loss of every cell", True),
    "value": ("Value", "Mean value of the actions taken, as every cell predicts it", False),
    "gradient_norm": ("Gradient norm", "Norm of every cell's gradient, before clipping", True),
}
"""Title, axis, and whether it is never negative, so that a logarithm makes sense."""

OTHERS = {
    "critic_loss": ("Loss of the critics", "Mean loss of both critics", True),
    "actor_loss": ("Loss of the actor", "Mean loss of the actor", False),
    "entropy_coefficient": ("Entropy coefficient", "Weight of the policy's entropy, α", True),
}

COMPARABLE = {
    "AD": ("ad_pqn", "ad_dqn", "ad_dqn_released"),
    "AD-QR": ("ad_qr_pqn", "ad_qrdqn", "ad_qrdqn_released"),
    "ARQ": ("arq_pqn", "arq", "arq_released"),
    "DQN": ("dqn", "dqn_conv", "pqn", "pqn_conv"),
    "CleanRL DQN": ("dqn", "pqn"),
    "SAC": ("sac",),
}
"""The presets that a published number stands beside: the same method, not always the same learner, size or steps."""

_BASELINES = ("DQN", "CleanRL DQN", "SAC")  # trained by backpropagation; the others' numbers are of local credit
_TABLES = ("ad-minatar", "ad-dmc", "ad-classic", "arq-minatar", "arq-dmc")
_ROWS = 8


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
    """One chart: curves over environment steps.

    Attributes:
        name: of its element in the page.
        title: above it.
        axis: what the numbers are.
        curves: those with at least one point.
        quotes: published numbers beside them.
        logarithmic: can be drawn over a logarithmic axis.
        digits: format of the numbers, as Python and d3 write it.
    """

    name: str
    title: str
    axis: str
    curves: list[Curve]
    quotes: Sequence[Published] = ()
    logarithmic: bool = False
    digits: str = ".1f"

    def document(self) -> dict[str, Any]:
        """Return what `page.js` draws."""
        end = max(curve.series.steps[-1] for curve in self.curves)
        return {
            "axis": self.axis,
            "digits": self.digits,
            "logarithmic": self.logarithmic,
            "curves": [_curve(curve) for curve in self.curves],
            "quotes": [_quote(number, quote, end) for number, quote in enumerate(self.quotes)],
        }

    def alternative(self) -> str:
        """Return one sentence for those who do not see the chart."""
        ends = "; ".join(f"{curve.name}: {number(curve.series, -1, self.digits)}" for curve in self.curves)
        return f"{self.title} over environment steps. At the end, {ends}."

    def table(self) -> str:
        """Return the curves as a table of at most eight steps, from where most curves have begun."""
        grid = max((curve.series for curve in self.curves), key=lambda series: series.steps[-1]).thinned(_ROWS).steps
        rows = [
            [f"{step:,}", *(number(curve.series, curve.series.at(step), self.digits) for curve in self.curves)]
            for step in grid
        ]
        caption = f"{self.title}: {self.axis}. Every number is the last at or before its step."
        return table(caption, ["step", *(curve.name for curve in self.curves)], rows)


def number(series: Series, index: int | None, digits: str) -> str:
    """Return the mean at a point, with its interval if there are several seeds."""
    if index is None or not series.steps:
        return "–"
    interval = series.interval
    text = format(series.mean[index], digits)
    return text if interval is None else f"{text} ± {format(interval[index], digits)}"


def comparable(run: Run, quote: Published) -> bool:
    """Return whether a published number is of the method that a run trains."""
    credit = "backprop" if quote.agent in _BASELINES else "local"
    return run.config.algo in COMPARABLE.get(quote.agent, ()) and run.config.settings.credit == credit


def published(env: str) -> list[Published]:
    """Return what the papers' main tables and figures report of an environment."""
    return [quote for name in _TABLES for quote in TABLES[name] if quote.env == env]


def overview(runs: Sequence[Run], prefix: str, families: Sequence[str]) -> list[Chart]:
    """Return the charts that compare the runs of one environment.

    Args:
        runs: of that environment.
        prefix: of the names of the charts.
        families: of all runs of the report, in order: their place is their colour.
    """
    quotes = [q for q in published(runs[0].config.env) if any(comparable(run, q) for run in runs)]
    training = Chart(f"{prefix}-training", "Training return", "mean return of the last 100 episodes", [], quotes)
    greedy = Chart(f"{prefix}-greedy", "Greedy evaluation", "mean return of the full network, greedy", [])
    for place, run in enumerate(runs):
        family = families.index(run.family)
        look: dict[str, Any] = {
            "key": f"{prefix}-run-{place}",
            "name": run.label,
            "colour": ("run", family % COLOURS),
            "dash": DASHES[run.config.settings.credit],
            "marked": family >= COLOURS,
        }
        for chart, values in ((training, series.training_return(run)), (greedy, series.greedy_return(run))):
            if values.steps:
                chart.curves.append(Curve(series=values, **look))
    return [chart for chart in (training, greedy) if chart.curves]


def cell_by_cell(run: Run, prefix: str) -> list[Chart]:
    """Return the charts of one run: every prefix of its cells evaluated, and what every cell learned from."""
    charts: list[Chart] = []
    found = series.prefixes(run)
    if len(found) > 1:
        values = [series.greedy_return(run, cells) for cells in found]
        names = [_prefix_name(cells, found[-1]) for cells in found]
        charts.append(
            Chart(
                f"{prefix}-prefixes",
                "Return of every prefix of cells",
                "mean return, greedy",
                _cells(prefix, names, values),
            )
        )
    for name, columns in series.cell_columns(run).items():
        title, axis, positive = PER_CELL[name]
        names = [f"cell {column.rpartition('_')[2]}" for column in columns]
        values = [series.learning(run, column) for column in columns]
        curves = _cells(prefix, names, values)
        charts.append(Chart(f"{prefix}-{name}", title, axis, curves, logarithmic=positive, digits=".3g"))
    for column in series.other_columns(run):
        title, axis, positive = OTHERS[column]
        curves = _cells(prefix, [title], [series.learning(run, column)])
        charts.append(Chart(f"{prefix}-{column}", title, axis, curves, logarithmic=positive, digits=".3g"))
    return [chart for chart in charts if chart.curves]


def _cells(prefix: str, names: list[str], values: list[Series]) -> list[Curve]:
    last = len(names) - 1
    return [
        Curve(
            key=f"{prefix}-cell-{place}",
            name=name,
            colour=("cell", place / last if last else 1.0),
            series=one,
            wide=place == last,
        )
        for place, (name, one) in enumerate(zip(names, values, strict=True))
        if one.steps
    ]


def _prefix_name(cells: int, most: int) -> str:
    if cells == most:
        return "full network"
    return "cell 1" if cells == 1 else f"cells 1 to {cells}"


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


def _quote(place: int, quote: Published, end: int) -> dict[str, Any]:
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
