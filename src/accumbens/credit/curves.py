"""The picture of one fit: how well it predicts, and what every layer's update and units are like."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from accumbens.runs.tables import read_table

_PANELS = {
    "angle": "angle with the exact gradient (°)",
    "sign_agreement": "sign agreement with it",
    "update_norm": "norm of the update",
    "entropy": "entropy of a unit (nats)",
    "sparsity": "fraction of active units",
}
_SPLITS = {"train": "0.6", "valid": "tab:orange", "test": "tab:blue"}


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
    # Not pyplot, which would choose a window system for the whole process.
    figure = Figure(figsize=(12, 6.4), layout="constrained")
    first, *panels = figure.subplots(2, 3).flat
    for split, colour in _SPLITS.items():
        if f"{split}_{score}" in columns:
            _draw(first, epochs, values(f"{split}_{score}"), colour, split)
    _finish(first, score if score == "accuracy" else "loss (mean squared error)")
    num_layers = sum(column.startswith("angle_") for column in columns)
    colours = colormaps["viridis"](np.linspace(0.1, 0.9, num_layers))
    for axes, (name, label) in zip(panels, _PANELS.items(), strict=True):
        layers = [column for column in columns if column.startswith(f"{name}_")]
        for number, (column, colour) in enumerate(zip(layers, colours, strict=False), start=1):
            _draw(axes, epochs, values(column), colour, f"layer {number}")
        _finish(axes, label)
    figure.suptitle(f"{title}   {len(seeds)} seed{'s' if len(seeds) > 1 else ''}, mean and range", fontsize=10)
    figure.savefig(picture, dpi=110)


def _draw(axes: Axes, epochs: Sequence[float], values: np.ndarray, colour: object, label: str) -> None:
    axes.plot(epochs, values.mean(axis=0), color=colour, lw=1.4, label=label)
    if len(values) > 1:
        axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.18, lw=0)


def _finish(axes: Axes, label: str) -> None:
    axes.set(xlabel="epochs", ylabel=label)
    axes.grid(alpha=0.25)
    if axes.has_data():
        axes.legend(frameon=False, fontsize=7)
