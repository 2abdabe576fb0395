"""Successive halving: all points for a short while, the better ones on from where they stand, and so on.

Reference: Jamieson and Talwalkar (2016), "Non-stochastic best arm identification and hyperparameter optimization",
AISTATS; Li et al. (2018), "Hyperband", JMLR 18.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

R = TypeVar("R")


class Rung(NamedTuple):
    """A part of their length to which some points go.

    Attributes:
        points: how many.
        until: the part of a whole run, whose schedules they have.
    """

    points: int
    until: float


def rungs(count: int, eta: int) -> list[Rung]:
    """Return the rungs of `count` points, of which one of `eta` goes on each time until fewer than `eta` are left."""
    number = 1
    while count // eta**number:
        number += 1
    return [Rung(count // eta**index, 1.0 / eta ** (number - 1 - index)) for index in range(number)]


def better_first(
    runs: Sequence[R], scores: Sequence[float], failed: Callable[[R], bool], less_is_better: bool
) -> list[R]:
    """Return runs in the order of their scores; what has no number comes behind, what failed last.

    Args:
        runs: in the order that decides between equal scores.
        scores: of each.
        failed: whether one failed.
        less_is_better: the smallest score comes first.
    """

    def key(index: int) -> tuple[int, float]:
        score = scores[index]
        if failed(runs[index]):
            return 2, 0.0
        return (1, 0.0) if math.isnan(score) else (0, score if less_is_better else -score)

    return [runs[index] for index in sorted(range(len(runs)), key=key)]


class Level(NamedTuple):
    """What is known of a rung.

    Attributes:
        rung: which.
        runs: that go to it, the better first if all are there.
        decided: all are there.
    """

    rung: Rung
    runs: list
    decided: bool


def levels(
    runs: Sequence[R],
    ladder: Sequence[Rung],
    score: Callable[[R, float], float | None],
    failed: Callable[[R], bool],
    less_is_better: bool,
) -> list[Level]:
    """Return who goes to which rung, as far as that is decided.

    Args:
        runs: all points.
        ladder: the rungs.
        score: of a run at a part of its length; None if it is not there yet.
        failed: whether a run failed: it is the worst, and does not go on.
        less_is_better: the smallest score is the best.
    """
    found: list[Level] = []
    here = list(runs)
    for index, rung in enumerate(ladder):
        scores = [math.nan if failed(run) else score(run, rung.until) for run in here]
        known = [number for number in scores if number is not None]
        if len(known) < len(here):
            return [*found, Level(rung, here, decided=False)]
        ranked = better_first(here, known, failed, less_is_better)
        found.append(Level(rung, ranked, decided=True))
        if index + 1 < len(ladder):
            here = [run for run in ranked if not failed(run)][: ladder[index + 1].points]
    return found
