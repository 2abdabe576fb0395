"""Curves of a run: a number per seed along the training, with mean and 95 % interval over seeds."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from accumbens.runs.chapter import Along, Line
from accumbens.stats import t_quantile

POINTS = 200
"""Most points of a drawn curve."""


class Series(NamedTuple):
    """A number along the training.

    Attributes:
        steps: where on the axis, in ascending order.
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
        return t_quantile(count) * deviation / math.sqrt(count)

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


def read(line: Line, along: Along) -> Series:
    """Return a line where its number is finite for every seed.

    A mean over fewer seeds would not be one of the same thing.
    """
    seeds = sorted({int(row["seed"]) for row in line.rows})
    at: dict[int | float, dict[int, float]] = {}
    for row in line.rows:
        number = line.value(row)
        if math.isfinite(number):
            at.setdefault(along.of(row), {})[int(row["seed"])] = number
    steps = sorted(step for step, found in at.items() if len(found) == len(seeds))
    values = np.array([[at[step][seed] for step in steps] for seed in seeds], dtype=float)
    return Series(steps, values.reshape(len(seeds), len(steps)))
