"""The figure of an experiment of fits: a panel per task or setting, a curve per rule and variant."""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from accumbens.experiments.fit_tables import Quote, read_evaluations
from accumbens.experiments.panels import FEW_SEEDS, draw_grid, looks
from accumbens.stats import estimate

_LEAST_WIDTH = 7.4
_QUOTED = (0, (1, 2))
_TICKS = {
    2.5: [1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, *range(5, 10)],
    12.0: [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0],
    math.inf: [1.0, 2.0, 5.0],
}
"""Ticks within a decade, where the highest value is at most that many times the lowest."""


class FitCurve(NamedTuple):
    """Test scores of one run, lower is better.

    Attributes:
        panel: title of the panel.
        label: of the run within it, such as `coagent/co-g`; it has one look in all panels.
        updates: where it was evaluated.
        epochs: the same in passes through the data.
        values: test error in % if `errors`, otherwise test loss.
        errors: whether the task is one of classification.
        published: what it stands beside.
    """

    panel: str
    label: str
    updates: list[int]
    epochs: list[float]
    values: Float[np.ndarray, "seeds evaluations"]
    errors: bool
    published: Quote | None


def read_fit_curve(metrics: Path, panel: str, label: str, published: Quote | None) -> FitCurve:
    """Read the curve of a run from its `metrics.csv`."""
    rows = read_evaluations(metrics)
    seeds = list(dict.fromkeys(row["seed"] for row in rows))
    first = [row for row in rows if row["seed"] == seeds[0]]
    errors = "test_accuracy" in rows[0]
    column = "test_accuracy" if errors else "test_loss"
    values = np.array([[float(row[column]) for row in rows if row["seed"] == seed] for seed in seeds])
    steps, epochs = [int(row["step"]) for row in first], [float(row["epoch"]) for row in first]
    return FitCurve(panel, label, steps, epochs, 100 * (1 - values) if errors else values, errors, published)


def draw_fits(title: str, curves: Sequence[FitCurve], pictures: Sequence[Path]) -> None:
    """Draw mean and 95 % t-interval over seeds along training, and published end values as lines.

    Args:
        title: of the figure.
        curves: of all panels, in their order.
        pictures: files to write; their endings say the format.
    """
    styles = looks([curve.label for curve in curves])

    def draw(axes: Axes, panel: str) -> None:
        _draw_panel(axes, panel, [curve for curve in curves if curve.panel == panel], styles)

    panels = {panel: partial(draw, panel=panel) for panel in dict.fromkeys(curve.panel for curve in curves)}
    draw_grid(f"{title}\n{caption([len(curve.values) for curve in curves])}", panels, pictures, _LEAST_WIDTH)


def caption(seeds: Sequence[int]) -> str:
    """Say what the curves are means of."""
    if not seeds:
        return "nothing was run yet"
    fewest, most = min(seeds), max(seeds)
    count = f"{most} seed{'s' if most > 1 else ''}" if fewest == most else f"{fewest} to {most} seeds"
    text = f"test examples; {count}" + (", mean and 95 % t-interval" if most > 1 else "")
    return text + (f" (fewer than {FEW_SEEDS}: rough)" if fewest < FEW_SEEDS else "")


def _draw_panel(axes: Axes, panel: str, curves: Sequence[FitCurve], styles: dict[str, dict[str, Any]]) -> None:
    streams = all(curve.epochs[-1] <= 1 for curve in curves)
    for curve in curves:
        x = curve.updates if streams else curve.epochs
        axes.plot(x, curve.values.mean(axis=0), lw=1.5, label=curve.label, **styles[curve.label])
    for curve in curves:
        if curve.published is not None:
            colour, label = styles[curve.label]["color"], f"published: {curve.published.source}"
            axes.axhline(curve.published.test_error, color=colour, ls=_QUOTED, lw=1.2)
            axes.plot([], [], color="0.35", ls=_QUOTED, lw=1.2, label=label)
    axes.set_yscale("log", nonpositive="clip")
    for curve in curves:
        if len(curve.values) > 1:
            x = curve.updates if streams else curve.epochs
            mean, interval = np.array([estimate(column) for column in curve.values.T.tolist()]).T
            axes.fill_between(x, mean - interval, mean + interval, color=styles[curve.label]["color"], alpha=0.15, lw=0)
    errors = curves[0].errors
    label = "test accuracy (%)" if errors else "test loss (mean squared error)"
    axes.set(title=panel, xlabel="updates" if streams else "epochs", ylabel=label, ylim=_limits(curves))
    _mark(axes, errors)
    if streams:
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(lambda updates, _: f"{updates / 1000:g} k" if updates else "0")
    axes.grid(alpha=0.25, which="both")


def _limits(curves: Sequence[FitCurve]) -> tuple[float, float]:
    """The range of all lines after the first update; what was before, or the interval of two seeds, can dwarf them."""
    lines = [curve.values.mean(axis=0)[1:] for curve in curves]
    quotes = [curve.published.test_error for curve in curves if curve.published is not None]
    values = np.concatenate([*lines, np.array(quotes)])
    positive = values[np.isfinite(values) & (values > 0)]
    low, high = (positive.min(), positive.max()) if positive.size else (1.0, 100.0)
    margin = max(1.02, (high / low) ** 0.05)
    return float(low / margin), float(high * margin)


def _mark(axes: Axes, errors: bool) -> None:
    """Ticks on a logarithmic scale of any width; of errors, which are drawn upside down, the accuracies."""
    low, high = axes.get_ylim()
    ticks = next(ticks for most, ticks in _TICKS.items() if high / low <= most)
    axes.yaxis.set_major_locator(LogLocator(subs=ticks))
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 - value if errors else value:.4g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_locator(LogLocator(subs=[]))
    if errors:
        axes.set_ylim(high, low)
