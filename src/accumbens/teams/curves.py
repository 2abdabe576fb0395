"""The picture of one run of a team: how well it plays, and what it learned from."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from accumbens.runs.pictures import save_figure
from accumbens.runs.tables import read_table

_LOSSES = {
    "learning_loss": ("while learning", "#0072b2"),
    "valid_loss": ("of episodes held out", "#d04a00"),
    "kl_loss": ("divergence from the teacher", "#439f26"),
    "relation_loss": ("relation of features", "#d66aa2"),
    "td_loss": ("TD", "#d04a00"),
    "conservative_loss": ("conservative", "#439f26"),
}


def draw_team(metrics: Path, picture: Path, title: str) -> None:
    """Draw returns, losses and, of students, the angle with the teacher's direction; mean and range over seeds."""
    rows = read_table(metrics)
    steps = sorted({int(row["step"]) for row in rows})
    seeds = sorted({int(row["seed"]) for row in rows})
    at = {(int(row["step"]), int(row["seed"])): row for row in rows}

    def values(column: str) -> np.ndarray:
        return np.array([[float(at[step, seed][column]) for step in steps] for seed in seeds])

    columns = list(rows[0])
    angles = [name for name in columns if name.startswith("angle_")]
    figure = Figure(figsize=(10.5 if angles else 7.5, 3.4), layout="constrained")
    panels: Sequence[Axes] = figure.subplots(1, 3 if angles else 2)
    _draw(panels[0], steps, values("mean_return"), "#0072b2", "")
    panels[0].set(title="Return of an agent, greedy", xlabel="updates", ylabel="return")
    for name, (label, colour) in _LOSSES.items():
        if name in columns:
            _draw(panels[1], steps, values(name), colour, label)
    panels[1].set(title="Losses", xlabel="updates")
    if panels[1].lines:  # before the first update there are none
        panels[1].legend(fontsize="small")
    for number, name in enumerate(angles, start=1):
        shade = 0.15 + 0.6 * number / len(angles)
        _draw(panels[2], steps, values(name), (0.1, shade, 0.75), f"agent {number}")
    if angles:
        panels[2].axhline(90, color="0.6", linewidth=0.8)
        panels[2].set(title="Angle with what the teacher tells", xlabel="updates", ylabel="angle (°)")
        panels[2].legend(fontsize="small")
    figure.suptitle(title)
    save_figure(figure, picture, dpi=110)


def _draw(axes: Axes, x: Sequence[int], values: np.ndarray, colour: object, label: str) -> None:
    known = ~np.isnan(values).any(axis=0)
    if not known.any():
        return
    at, some = np.array(x)[known], values[:, known]
    axes.plot(at, some.mean(axis=0), color=colour, label=label or None)
    axes.fill_between(at, some.min(axis=0), some.max(axis=0), color=colour, alpha=0.2, linewidth=0)
