"""The picture of one run of a team: how well it plays, and what it learned from."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from accumbens.runs.pictures import save_figure
from accumbens.runs.tables import read_table

_LOSSES = {
    "learning_loss": ("while learning", "#0072b2"),
    "valid_loss": ("of episodes held out", "#d04a00"),
    "td_loss": ("TD", "#d04a00"),
    "conservative_loss": ("conservative", "#439f26"),
}
_OF_TEACHER = {
    "kl_loss": ("divergence from it (nats)", "#439f26"),
    "relation_loss": ("relation of features", "#d66aa2"),
}

Values = Callable[[str], np.ndarray]
"""A column of the table: `[seeds, steps]`."""


def draw_team(metrics: Path, picture: Path, title: str, before: int = 0) -> None:
    """Draw returns, what was won and losses; of students, what a teacher told them. Mean and range over seeds.

    Args:
        metrics: `metrics.csv` of the run.
        picture: to write.
        title: above all.
        before: updates of a teacher before the team's own; they are shaded if this run did them.
    """
    rows = read_table(metrics)
    steps = sorted({int(row["step"]) for row in rows})
    seeds = sorted({int(row["seed"]) for row in rows})
    at = {(int(row["step"]), int(row["seed"])): row for row in rows}

    def values(column: str) -> np.ndarray:
        return np.array([[float(at[step, seed][column]) for step in steps] for seed in seeds])

    columns = list(rows[0])
    angles = [name for name in columns if name.startswith("angle_")]
    wins = not np.isnan(values("won")).all()
    figure = Figure(figsize=(3.6 * (2 + wins + 2 * bool(angles)), 3.4), layout="constrained")
    panels = iter(figure.subplots(1, 2 + wins + 2 * bool(angles)))
    first: Axes = next(panels)
    _draw(first, steps, values("mean_return"), "#0072b2", "")
    first.set(title="Return of an agent, greedy", ylabel="return")
    if wins:
        _won(next(panels), steps, values)
    _losses(next(panels), steps, values, {name: look for name, look in _LOSSES.items() if name in columns})
    if angles:
        told: Axes = next(panels)
        for name, (label, colour) in _OF_TEACHER.items():
            _draw(told, steps, values(name), colour, label)
        told.set(title="Loss towards the teacher", yscale="log")
        told.yaxis.set_major_formatter(_round)
        told.yaxis.set_minor_formatter(_round)
        _angles(next(panels), steps, values, angles)
    for axes in figure.axes:
        axes.set_xlabel("updates")
        axes.grid(alpha=0.25)
        if steps[0] < before:  # otherwise the run began from a teacher's
            label = "the teacher learns" if axes is first else None
            axes.axvspan(0, before, color="0.5", alpha=0.12, linewidth=0, label=label)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8)
    spread = f"{len(seeds)} seeds, mean and range" if len(seeds) > 1 else "1 seed"
    figure.suptitle(f"{title}, {spread}", fontsize=12)
    save_figure(figure, picture, dpi=110)


def _round(value: float, _: object) -> str:
    """Numbers of a logarithmic axis, only those that begin with 1, 2 or 5: others would lie on one another."""
    return f"{value:g}" if f"{value:e}"[0] in "125" else ""


def _won(axes: Axes, steps: list[int], values: Values) -> None:
    _draw(axes, steps, 100 * values("won"), "#0072b2", "")
    axes.set(title="Episodes won", ylabel="%", ylim=(-3, 103))


def _losses(axes: Axes, steps: list[int], values: Values, looks: Mapping[str, tuple[str, str]]) -> None:
    for name, (label, colour) in looks.items():
        _draw(axes, steps, values(name), colour, label)
    axes.set(title="Loss of actions (nats)" if "valid_loss" in looks else "Losses")


def _angles(axes: Axes, steps: list[int], values: Values, names: list[str]) -> None:
    colours = colormaps["viridis"](np.linspace(0.1, 0.9, len(names)))
    for number, (name, colour) in enumerate(zip(names, colours, strict=True), start=1):
        _draw(axes, steps, values(name), colour, f"agent {number}" if len(names) > 1 else "")
    axes.axhline(90, color="0.6", linewidth=0.8)
    axes.set(title="Angle with the teacher's direction", ylabel="angle (°)")


def _draw(axes: Axes, steps: list[int], values: np.ndarray, colour: object, label: str) -> None:
    known = ~np.isnan(values).any(axis=0)
    if not known.any():
        return
    at, some = np.array(steps)[known], values[:, known]
    axes.plot(at, some.mean(axis=0), color=colour, lw=1.4, marker="" if known.sum() > 1 else ".", label=label or None)
    if len(values) > 1:
        axes.fill_between(at, some.min(axis=0), some.max(axis=0), color=colour, alpha=0.18, linewidth=0)
