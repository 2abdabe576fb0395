"""How fits are experimented with: test accuracy or loss, and what the layers' updates were like."""

import itertools
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from accumbens.credit.kind import FITS, score_text
from accumbens.credit.tasks.registry import folder_name
from accumbens.credit.tasks.sources import VARIABLE
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.runs.experimenting import Begun, Curve, Experimenting, Panel, Quote, Row, scores, seconds_of, significant

SPLITS = ("test", "valid", "train")
LAYERWISE = ("angle", "sign_agreement", "update_norm", "entropy", "sparsity")
COLUMNS = (
    *("task", "rule", "variant", "seeds", "updates", "epochs"),
    *(f"{split}_{score}{what}" for score in ("accuracy", "loss") for split in SPLITS for what in ("", "_interval")),
    *("test_accuracy_per_seed", "test_loss_per_seed", "over_training", "over_training_interval"),
    *(f"{name}_per_layer" for name in LAYERWISE),
    *("seconds", "published_test_error", "published_source", "commit"),
)
_ACCURACY, _LOSS = "test accuracy (%)", "test loss (mean squared error)"
_TICKS = {
    2.5: [1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, *range(5, 10)],
    12.0: [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0],
    math.inf: [1.0, 2.0, 5.0],
}
"""Ticks within a decade, where the highest value is at most that many times the lowest."""


class Beside(NamedTuple):
    """What the results stand beside.

    Attributes:
        test_error: of the runs that a paper reports, in %, by `task/rule/variant`.
        source: the paper.
    """

    test_error: Mapping[str, float]
    source: str


class FitExperiments(Experimenting):
    """Experiments with fits."""

    published: Mapping[str, Any] = MappingProxyType({"source": str, "test_error": dict[str, float]})
    progress = "epoch"
    data_variable = VARIABLE

    def __init__(self) -> None:
        """Take the columns of the table, and add evaluations to the numbers of a run."""
        super().__init__(FITS)
        self.numbers = (*self.numbers, "evaluations")
        self.caption = "test examples"
        self.columns = COLUMNS

    def beside(self, published: Mapping[str, Any], places: Sequence[str], pairs: Sequence[tuple[str, str]]) -> Beside:
        """Return the published test errors."""
        errors, source = published.get("test_error", {}), published.get("source", "")
        tasks = dict.fromkeys(map(folder_name, places))
        known = ["/".join((task, *pair)) for task, pair in itertools.product(tasks, pairs)]
        for label in errors:
            if label not in known:
                raise UnknownNameError("task, rule and variant", label, known)
        if errors and not source:
            raise AccumbensError("published.source is missing or empty")
        return Beside(errors, source)

    def rows(self, panel: Panel, beside: Beside) -> list[Row]:
        """Return a line for every run; layers are listed from the first, means over seeds."""
        return [self._run(panel, run, beside) for run in panel.runs]

    def _run(self, panel: Panel, run: Begun, beside: Beside) -> Row:
        score, there = score_of(run), run.rows[-1]
        over = over_training(run)
        values: dict[str, Any] = {"epochs": significant(run.last("epoch")[0]), **scores("over_training", over)}
        for column in (name for name in COLUMNS if name in there and name.endswith(("_accuracy", "_loss"))):
            values |= scores(column, run.last(column))
        for column in ("test_accuracy", "test_loss"):
            if column in there:
                values[f"{column}_per_seed"] = _list(run.last(column))
        for name in LAYERWISE:
            layers = [float(np.mean(run.last(column))) for column in there if column.startswith(f"{name}_")]
            values[f"{name}_per_layer"] = _list(layers) if layers else None
        train = run.last(f"train_{score}") if f"train_{score}" in there else []
        cells = [score_text(seeds, score) for seeds in (run.last(f"test_{score}"), over, train)]
        cells += [self.length_of(run), seconds_of(run)]
        error = beside.test_error.get(f"{panel.place}/{run.name}")
        if error is None:
            return self.row(panel, run, values, cells)
        values |= {"published_test_error": error, "published_source": beside.source}
        return self.row(panel, run, values, cells, quote=f"{100 - error:.2f}", source=beside.source)

    def headings(self, rows: Sequence[Row]) -> Sequence[str]:
        """Return what the terminal writes above the cells."""
        scored = _scored(rows)
        return f"test {scored}", "over training", f"train {scored}", "epochs", "seconds"

    def note(self, rows: Sequence[Row], rough: str) -> str:
        """Return what the numbers in the terminal are."""
        over = f"over training: mean over all updates of the test {_scored(rows)}"
        return f"{super().note(rows, rough)}; {over}"

    def curves(self, panel: Panel, beside: Beside) -> list[Curve]:
        """Return test errors in %, or losses, over epochs; over updates if no run of the panel sees anything twice."""
        streams = all(run.last("epoch")[0] <= 1 for run in panel.runs)
        over, column = ("updates", "step") if streams else ("epochs", "epoch")
        curves = []
        for run in panel.runs:
            x, values = run.curve(f"test_{score_of(run)}", column)
            error = beside.test_error.get(f"{panel.place}/{run.name}")
            quotes = [] if error is None else [Quote(error, f"published: {beside.source}")]
            classifies = score_of(run) == "accuracy"
            of, values = (_ACCURACY, 100 * (1 - values)) if classifies else (_LOSS, values)
            curves.append(Curve(panel.title, run.label, x, values, over, of, quotes))
        return curves

    def scale(self, axes: Any, curves: Sequence[Curve]) -> None:
        """Draw on a logarithmic scale of any width; errors upside down, with accuracies at the ticks."""
        errors, (low, high) = curves[0].of == _ACCURACY, _limits(curves)
        axes.set_yscale("log", nonpositive="clip")
        axes.set_ylim((high, low) if errors else (low, high))
        ticks = next(ticks for most, ticks in _TICKS.items() if high / low <= most)
        axes.yaxis.set_major_locator(LogLocator(subs=ticks))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 - value if errors else value:.4g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_minor_locator(LogLocator(subs=[]))
        if curves[0].over == "updates":
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.xaxis.set_major_formatter(lambda updates, _: f"{updates / 1000:g} k" if updates else "0")


def score_of(run: Begun) -> str:
    """Return what a task is scored by: accuracy, or loss in regression."""
    return "accuracy" if "test_accuracy" in run.rows[-1] else "loss"


def over_training(run: Begun) -> list[float]:
    """Return the mean test score over all updates of every seed: its curve is straight between evaluations."""
    steps, values = run.every("step")[0], run.every(f"test_{score_of(run)}")
    return (np.trapezoid(values, steps, axis=1) / (steps[-1] - steps[0])).tolist()


def _scored(rows: Sequence[Row]) -> str:
    names = dict.fromkeys("accuracy %" if row.values["test_accuracy"] is not None else "loss" for row in rows)
    return " or ".join(sorted(names)) or "accuracy %"


def _limits(curves: Sequence[Curve]) -> tuple[float, float]:
    """The range of all lines after the first update; what was before, or the interval of two seeds, can dwarf them."""
    lines = [curve.values.mean(axis=0)[1:] for curve in curves]
    quotes = [quote.value for curve in curves for quote in curve.quotes]
    values = np.concatenate([*lines, np.array(quotes)])
    positive = values[np.isfinite(values) & (values > 0)]
    low, high = (positive.min(), positive.max()) if positive.size else (1.0, 100.0)
    margin = max(1.02, (high / low) ** 0.05)
    return float(low / margin), float(high * margin)


def _list(values: Sequence[float]) -> str:
    return " ".join(f"{value:.5g}" for value in values)


EXPERIMENTING = FitExperiments()
