"""Two groups beside one another, paired by seed where a seed is the same experiment in both but for one choice."""

from typing import NamedTuple

from accumbens import stats
from accumbens.comparison.groups import Group, by_seed


class Pair(NamedTuple):
    """Two groups in the places that both have.

    Attributes:
        x: name of the one.
        y: name of the other.
        improvement: probability that a run of `x` beats one of `y`.
        difference: interquartile mean of `x` minus that of `y`.
        paired: seeds were resampled in pairs; see `Comparing.is_paired`.
    """

    x: str
    y: str
    improvement: stats.Interval
    difference: stats.Interval
    paired: bool


def pair(x: Group, y: Group, less_is_better: bool) -> Pair:
    """Compare two groups that have the same places.

    Args:
        x: the one.
        y: the other.
        less_is_better: the smaller score is the better one.
    """
    paired = all(_are_paired(x, y, place) for place in x.scores)
    more, less = (y, x) if less_is_better else (x, y)
    improvement = stats.probability_of_improvement(more.scores, less.scores, paired=paired)
    return Pair(x.name, y.name, improvement, stats.difference(x.scores, y.scores, paired=paired), paired)


def _are_paired(x: Group, y: Group, place: str) -> bool:
    """Whether they have the same seeds there, and each of them is paired."""
    mine, others = by_seed(x.runs, place), by_seed(y.runs, place)
    return mine.keys() == others.keys() and all(
        run.kind.comparing.is_paired(run, others[seed][0], seed) for seed, (run, _) in mine.items()
    )
