"""Two groups beside one another, paired by seed where a seed is the same experiment in both but for one choice."""

from collections.abc import Mapping
from typing import NamedTuple

from accumbens import stats
from accumbens.comparison.groups import Group, by_seed
from accumbens.comparison.scores import RunScores
from accumbens.credit.config import FitConfig
from accumbens.runs.find import AGENTS, FITS, Kind, differences

PAIRED: dict[Kind, str] = {
    AGENTS: "twins, which differ in credit only; their seeds were resampled together",
    FITS: "seed by seed the same data, the same batches and the same initial network; they were resampled together",
}
"""When seeds are paired."""


class Pair(NamedTuple):
    """Two groups in the tasks that both have.

    Attributes:
        x: name of the one.
        y: name of the other.
        improvement: probability that a run of `x` beats one of `y`.
        difference: interquartile mean of `x` minus that of `y`.
        paired: seeds were resampled in pairs; see `PAIRED`.
    """

    x: str
    y: str
    improvement: stats.Interval
    difference: stats.Interval
    paired: bool


def pair(x: Group, y: Group, less_is_better: bool) -> Pair:
    """Compare two groups that have the same tasks.

    Args:
        x: the one.
        y: the other.
        less_is_better: the smaller score is the better one.
    """
    paired = all(_are_paired(by_seed(x.runs, task), by_seed(y.runs, task)) for task in x.scores)
    more, less = (y, x) if less_is_better else (x, y)
    improvement = stats.probability_of_improvement(more.scores, less.scores, paired=paired)
    return Pair(x.name, y.name, improvement, stats.difference(x.scores, y.scores, paired=paired), paired)


def _are_paired(x: Mapping[int, tuple[RunScores, float]], y: Mapping[int, tuple[RunScores, float]]) -> bool:
    """Whether they have the same seeds, and each of them is paired."""
    return x.keys() == y.keys() and all(_is_paired(seed, x[seed][0], y[seed][0]) for seed in x)


def _is_paired(seed: int, x: RunScores, y: RunScores) -> bool:
    if not isinstance(x.config, FitConfig) or not isinstance(y.config, FitConfig):
        return differences(x.config, y.config) == ["credit"]
    if x.beginning is None or y.beginning is None:
        return False
    losses = x.beginning.losses.get(seed)
    return (
        losses is not None
        and losses == y.beginning.losses.get(seed)
        and x.beginning.digest == y.beginning.digest
        and _batches(x.config) == _batches(y.config)
    )


def _batches(config: FitConfig) -> tuple[object, ...]:
    """What the mini-batches of a fit depend on besides its seed and its data."""
    return config.task_settings, config.rule_settings.batch_size
