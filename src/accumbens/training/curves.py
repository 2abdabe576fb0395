"""The learning curve of one run as a picture."""

from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from accumbens.runs.tables import read_table


def draw_curve(metrics: Path, evaluations: Path, picture: Path, title: str) -> None:
    """Draw training return per seed, and the greedy evaluation of every prefix of cells, over environment steps."""
    # Not pyplot, which would choose a window system for the whole process.
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    training = read_table(metrics)
    for seed in sorted({row["seed"] for row in training}, key=int):
        rows = [row for row in training if row["seed"] == seed and row["mean_return"] != "nan"]
        label = "training, mean of 100 episodes" if seed == training[0]["seed"] else None
        axes.plot(*_columns(rows, "step", "mean_return"), color="black", alpha=0.6, lw=1.2, label=label)
    evaluated = read_table(evaluations)
    prefixes = sorted({int(row["cells"]) for row in evaluated})
    colours = colormaps["viridis"](np.linspace(0.15, 0.85, max(len(prefixes), 1)))
    for cells, colour in zip(prefixes, colours, strict=False):
        rows = [row for row in evaluated if int(row["cells"]) == cells]
        steps = sorted({int(row["step"]) for row in rows})
        means = [np.mean([float(row["mean_return"]) for row in rows if int(row["step"]) == step]) for step in steps]
        label = "greedy, full network" if cells == prefixes[-1] else f"greedy, cells 1 to {cells}"
        axes.plot(steps, means, "o-", color=colour, ms=4, lw=1, label=label)
    axes.set(xlabel="environment steps", ylabel="return", title=title)
    axes.grid(alpha=0.25)
    if axes.has_data():
        axes.legend(frameon=False, fontsize=8)
    figure.savefig(picture, dpi=130)


def _columns(rows: list[dict[str, str]], *names: str) -> list[list[float]]:
    return [[float(row[name]) for row in rows] for name in names]
