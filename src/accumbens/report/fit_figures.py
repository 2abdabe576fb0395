"""The charts of fits: their scores beside one another, and what every layer's update and units are like."""

import math
import re
from collections.abc import Callable, Sequence

from accumbens.report import series
from accumbens.report.charts import COLOURS, EPOCHS, UPDATES, Along, Chart, Curve, overlaid, stacked
from accumbens.report.data import Run, fit_of
from accumbens.report.series import Series

SPLITS = {"test": "Test", "valid": "Validation", "train": "Training"}

OVERVIEW = {
    "test_accuracy": "Test accuracy",
    "train_accuracy": "Training accuracy",
    "test_loss": "Test loss",
    "learning_loss": "Loss while learning",
}
"""Columns of `metrics.csv` that runs are laid over one another by, and the titles of their charts."""

DASHES = ("solid", "dash", "dot", "longdash", "dashdot")
"""Of the lines of the first runs, which have all colours, of those after them, and so on."""

PER_LAYER = {
    "angle": ("Angle", "angle with the exact gradient, in degrees", (0.0, 90.0)),
    "sign_agreement": ("Sign agreement", "part of the signs that are those of the exact gradient", (0.0, 1.0)),
    "update_norm": ("Update norm", "norm of the step that the optimiser takes", None),
    "entropy": ("Entropy", "entropy of a unit's choice, in nats", (0.0, math.log(2))),
    "sparsity": ("Sparsity", "part of the units that are active", (0.0, 1.0)),
}
"""Of what every layer has: title, axis, and what the axis shows at least; a logarithm makes sense of the others."""


def classifies(run: Run) -> bool:
    """Return whether the task is one of classification, as far as the run's table says."""
    return bool(run.training) and "test_accuracy" in run.training[0]


def along_of(runs: Sequence[Run]) -> Along:
    """Return what curves are drawn over: epochs, or updates where no run passes through its data twice."""
    return UPDATES if all(fit_of(run).epochs == 1 for run in runs) else EPOCHS


def column(run: Run, name: str, along: Along = EPOCHS) -> Series:
    """Return a column of the run's table, accuracies in percent; empty if it has none."""
    if not run.training or name not in run.training[0]:
        return series.read([], lambda row: math.nan)
    factor = 100.0 if name.endswith("_accuracy") else 1.0
    place: Callable[[dict[str, str]], int | float] = (
        (lambda row: int(row["step"])) if along is UPDATES else (lambda row: float(row["epoch"]))
    )
    return series.read(run.training, lambda row: factor * float(row[name]), place)


def overview(runs: Sequence[Run], prefix: str, families: Sequence[str]) -> list[Chart]:
    """Return the charts that compare the fits of one task.

    Args:
        runs: of that task.
        prefix: of the names of the charts.
        families: of all fits of the report, in order: their place is their colour.
    """
    along, loss = along_of(runs), "mean squared error"
    if any(classifies(run) for run in runs):
        loss = "cross-entropy in nats"
    charts = []
    for name, title in OVERVIEW.items():
        accuracy = name.endswith("_accuracy")
        axis = "correctly classified, in %" if accuracy else loss
        curves = []
        for place, run in enumerate(runs):
            values = column(run, name, along)
            if values.steps:
                family = families.index(run.family)
                look = overlaid(prefix, place, run.label, family)
                curves.append(Curve(series=values, dash=DASHES[family // COLOURS % len(DASHES)], **look))
        form = ".2f" if accuracy else ".4g"
        charts.append(Chart(f"{prefix}-{name}", title, axis, curves, (), not accuracy, form, along))
    return [chart for chart in charts if chart.curves]


def layers(run: Run, name: str) -> list[str]:
    """Return the columns of what every layer has, such as `angle`, from the first layer on."""
    there = run.training[0] if run.training else {}
    return [found for found in there if re.fullmatch(rf"{name}_\d+", found)]


def layer_names(count: int) -> list[str]:
    """Return the names of the layers of a network that has so many."""
    return [*(f"layer {number}" for number in range(1, count)), "output layer"]


def layer_by_layer(run: Run, prefix: str) -> list[Chart]:
    """Return the charts of one fit: every layer's update beside the exact gradient, and what its units do.

    Entropies are left out where no unit draws.
    """
    along, height = along_of([run]), len(layers(run, "angle"))
    charts = []
    for name, (title, axis, span) in PER_LAYER.items():
        values = [column(run, found, along) for found in layers(run, name)]
        if name == "entropy" and not any(one.values.any() for one in values):
            continue
        curves = stacked(f"{prefix}-layer", layer_names(height)[: len(values)], values, height)
        charts.append(Chart(f"{prefix}-{name}", title, axis, curves, (), span is None, ".3g", along, span))
    return [chart for chart in charts if chart.curves]
