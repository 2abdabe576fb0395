"""The picture of one fit: how well it predicts, and what every layer's update and units are like."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from accumbens.credit.columns import called, other_tests
from accumbens.runs.pictures import save_figure
from accumbens.runs.tables import read_table


class _Panel(NamedTuple):
    """One of the panels of layers; `bounds` are what its numbers lie between, if anything is known of that."""

    title: str
    axis: str
    bounds: tuple[float, float] | None = None


_RIGHT_ANGLE = (0, 90)  # what points further away makes the axis longer
_PANELS = {
    "angle": _Panel("Angle with the exact gradient", "angle (°)", _RIGHT_ANGLE),
    "sign_agreement": _Panel("Sign agreement with the exact gradient", "fraction of parameters", (0, 1)),
    "update_norm": _Panel("Norm of the update", "norm"),
    "entropy": _Panel("Entropy of a unit's choice", "entropy (nats)", (0, math.log(2))),
    "sparsity": _Panel("Active units", "fraction of units", (0, 1)),
}
_SPLITS = {"train": ("training", "0.6"), "valid": ("validation", "#d04a00"), "test": ("test", "#0072b2")}


def draw_fit(metrics: Path, picture: Path, title: str) -> None:
    """Draw the scores of every split and the diagnostics of every layer over epochs, mean and range over seeds."""
    rows = read_table(metrics)
    steps = sorted({int(row["step"]) for row in rows})
    epochs = sorted({float(row["epoch"]) for row in rows})
    seeds = sorted({int(row["seed"]) for row in rows})
    at = {(int(row["step"]), int(row["seed"])): row for row in rows}

    def values(column: str) -> np.ndarray:
        return np.array([[float(at[step, seed][column]) for step in steps] for seed in seeds])

    columns = list(rows[0])
    score = "accuracy" if "test_accuracy" in columns else "loss"
    figure = Figure(figsize=(10.5, 6), layout="constrained")
    first, *panels = figure.subplots(2, 3).flat
    for split, (name, colour) in _SPLITS.items():
        if f"{split}_{score}" in columns:
            _draw(first, epochs, values(f"{split}_{score}"), colour, name)
    others = other_tests(columns, score)
    for (name, column), colour in zip(others.items(), _shades("plasma", len(others)), strict=True):
        _draw(first, epochs, values(column), colour, f"test {called(name)}", "--")
    classifies = score == "accuracy"
    scored = _Panel("Accuracy", "fraction correct", (0, 1)) if classifies else _Panel("Loss", "mean squared error")
    _finish(first, scored)
    num_layers = sum(column.startswith("angle_") for column in columns)
    names = [*(f"layer {number}" for number in range(1, num_layers)), "output layer"]
    colours = _shades("viridis", num_layers)
    for axes, (name, panel) in zip(panels, _PANELS.items(), strict=True):
        for number, (layer, colour) in enumerate(zip(names, colours, strict=False), start=1):
            if f"{name}_{number}" in columns:
                _draw(axes, epochs, values(f"{name}_{number}"), colour, layer)
        _finish(axes, panel)
    spread = f"{len(seeds)} seeds, mean and range" if len(seeds) > 1 else "1 seed"
    figure.suptitle(f"{title}, {spread}", fontsize=12)
    save_figure(figure, picture, dpi=120)


def _shades(name: str, count: int) -> np.ndarray:
    """As many colours of a map, none of them close to white."""
    return colormaps[name](np.linspace(0.1, 0.9, count))


def _draw(axes: Axes, epochs: Sequence[float], values: np.ndarray, colour: object, label: str, line: str = "-") -> None:
    axes.plot(epochs, values.mean(axis=0), color=colour, ls=line, lw=1.4, label=label)
    if len(values) > 1:
        axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.18, lw=0)


def _finish(axes: Axes, panel: _Panel) -> None:
    axes.set(xlabel="epochs", ylabel=panel.axis)
    axes.set_title(panel.title, fontsize=10)
    axes.grid(alpha=0.25)
    if panel.bounds == _RIGHT_ANGLE:
        axes.yaxis.set_major_locator(MultipleLocator(30))
    if panel.bounds:
        low, high = panel.bounds
        air = 0.03 * (high - low)  # a line at the bound is seen whole
        bottom, top = axes.get_ylim() if axes.has_data() else panel.bounds
        axes.set_ylim(min(low - air, bottom), max(high + air, top))
    if axes.has_data():
        axes.legend(frameon=False, fontsize=8)
