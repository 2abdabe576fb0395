"""The learning curve of one run as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from accumbens.runs.looks import Look
from accumbens.runs.pictures import save_figure
from accumbens.runs.tables import read_table

_TRAINING = "0.45"
_PALEST = 0.3  # of the run's colour in that of the first cell
_MOST_PREFIXES = 8  # that a legend has room for


def draw_curve(metrics: Path, evaluations: Path, picture: Path, title: str, look: Look) -> None:
    """Draw training return per seed, and the greedy evaluation of prefixes of cells, over environment steps.

    Of many cells, eight prefixes are drawn, the whole network among them.

    Args:
        metrics: the run's `metrics.csv`.
        evaluations: its `evaluations.csv`.
        picture: the file to write.
        title: of the picture.
        look: of the run: the full network has its colour, and shorter prefixes paler ones.
    """
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    training = read_table(metrics)
    seeds = sorted({row["seed"] for row in training}, key=int)
    for seed in seeds:
        rows = [row for row in training if row["seed"] == seed and row["mean_return"] != "nan"]
        label = "training, mean of the last 100 episodes" + (", each seed" if len(seeds) > 1 else "")
        axes.plot(
            *_columns(rows, "step", "mean_return"), color=_TRAINING, lw=1, label=label if seed == seeds[0] else None
        )
    evaluated = read_table(evaluations)
    prefixes = sorted({int(row["cells"]) for row in evaluated})
    if len(prefixes) > _MOST_PREFIXES:
        prefixes = [prefixes[i] for i in np.linspace(0, len(prefixes) - 1, _MOST_PREFIXES).round().astype(int)]
    for cells, share in zip(prefixes, np.linspace(1, _PALEST, len(prefixes))[::-1], strict=True):
        rows = [row for row in evaluated if int(row["cells"]) == cells]
        steps = sorted({int(row["step"]) for row in rows})
        means = [np.mean([float(row["mean_return"]) for row in rows if int(row["step"]) == step]) for step in steps]
        colour, full = 1 - share * (1 - np.array(to_rgb(look.colour))), cells == prefixes[-1]
        label = "full network" if full else "cell 1" if cells == 1 else f"cells 1 to {cells}"
        axes.plot(steps, means, "o-", color=colour, ms=4, lw=2 if full else 1.2, label=f"greedy, {label}")
    axes.set(xlabel="environment steps", ylabel="return of an episode", title=title)
    axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.grid(alpha=0.25)
    if axes.has_data():
        axes.legend(frameon=False, fontsize=9)
    save_figure(figure, picture, dpi=130)


def _columns(rows: Sequence[Mapping[str, str]], *names: str) -> list[list[float]]:
    return [[float(row[name]) for row in rows] for name in names]
