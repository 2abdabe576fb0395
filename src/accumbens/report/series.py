"""Curves of a run: a number per seed along the training, with mean and 95 % interval over seeds."""

import math
import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats

from accumbens.report.data import Run
from accumbens.runs.tables import Rows
from accumbens.training.metrics import PER_CELL

POINTS = 200
"""Most points of a drawn curve."""


class Series(NamedTuple):
    """A number along the training.

    Attributes:
        steps: environment steps, updates or epochs, in ascending order.
        values: one row per seed; all finite.
    """

    steps: list[int] | list[float]
    values: Float[np.ndarray, "seeds steps"]

    @property
    def mean(self) -> Float[np.ndarray, " steps"]:
        """Mean over seeds."""
        return self.values.mean(axis=0)

    @property
    def interval(self) -> Float[np.ndarray, " steps"] | None:
        """Half of the 95 % t-interval over seeds; None with one seed."""
        count = len(self.values)
        if count < 2:
            return None
        deviation = self.values.std(axis=0, ddof=1)
        return float(stats.t.ppf(0.975, count - 1)) * deviation / math.sqrt(count)

    def thinned(self, points: int = POINTS) -> "Series":
        """Return at most that many points, the first and the last among them, evenly spread."""
        if len(self.steps) <= points:
            return self
        kept = np.unique(np.linspace(0, len(self.steps) - 1, points).round().astype(int))
        return self._replace(steps=[self.steps[index] for index in kept], values=self.values[:, kept])

    def at(self, step: int | float) -> int | None:
        """Return the index of the last point at or before a step; None before the first, or well after the last."""
        index = int(np.searchsorted(self.steps, step, side="right")) - 1
        gap = max(np.diff(self.steps), default=0)
        return None if index < 0 or step > self.steps[-1] + gap else index


def read(
    rows: Rows,
    value: Callable[[dict[str, str]], float],
    along: Callable[[dict[str, str]], int | float] = lambda row: int(row["step"]),
) -> Series:
    """Return the series of a number of every row, where it is finite for every seed.

    A mean over fewer seeds would not be one of the same thing.

    Args:
        rows: of a table.
        value: the number.
        along: where on the axis a row is.
    """
    seeds = sorted({int(row["seed"]) for row in rows})
    at: dict[int | float, dict[int, float]] = {}
    for row in rows:
        number = value(row)
        if math.isfinite(number):
            at.setdefault(along(row), {})[int(row["seed"])] = number
    steps = sorted(step for step, found in at.items() if len(found) == len(seeds))
    values = np.array([[at[step][seed] for step in steps] for seed in seeds], dtype=float)
    return Series(steps, values.reshape(len(seeds), len(steps)))


def training_return(run: Run) -> Series:
    """Return the mean return of the last 100 training episodes."""
    return read(run.training, lambda row: float(row["mean_return"]))


def greedy_return(run: Run, cells: int | None = None) -> Series:
    """Return the mean greedy return of a prefix of cells, of the full network without a number."""
    most = max((int(row["cells"]) for row in run.evaluations), default=0)
    rows = [row for row in run.evaluations if int(row["cells"]) == (most if cells is None else cells)]
    return read(rows, lambda row: float(row["mean_return"]))


def prefixes(run: Run) -> list[int]:
    """Return the prefixes of cells that were evaluated: 1, 2, … up to the full network."""
    return sorted({int(row["cells"]) for row in run.evaluations})


def learning(run: Run, column: str) -> Series:
    """Return a column of the learning metrics, from the first update on."""
    return read(run.training, lambda row: float(row[column]) if float(row["updates"]) > 0 else math.nan)


def cell_columns(run: Run) -> dict[str, list[str]]:
    """Return the columns of every per-cell metric, such as `td_error`, from the first cell upward; none for SAC."""
    there = run.training[0] if run.training else {}
    columns = {name: [column for column in there if re.fullmatch(rf"{name}_\d+", column)] for name in PER_CELL}
    return {name: found for name, found in columns.items() if found}


def other_columns(run: Run) -> list[str]:
    """Return the learning metrics that are not per cell: the losses and the entropy coefficient of SAC."""
    there = run.training[0] if run.training else {}
    return [name for name in ("critic_loss", "actor_loss", "entropy_coefficient") if name in there]
