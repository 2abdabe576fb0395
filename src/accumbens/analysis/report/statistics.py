"""Tables of robust statistics, of one environment and across all; see `accumbens.analysis.stats`."""

from collections.abc import Sequence

import numpy as np

from accumbens.analysis import stats
from accumbens.analysis.report import series
from accumbens.analysis.report.data import Run
from accumbens.analysis.report.markup import Markup, table, tag


def statistics_table(runs: Sequence[Run]) -> Markup:
    """Return interquartile mean, mean and, of twins, the probability that one beats the other; empty for single seeds.

    Args:
        runs: of one environment.
    """
    scores = {run.label: _final(run) for run in runs}
    rows = []
    for run in runs:
        mine = scores[run.label]
        if mine.size < 2:
            continue
        summary = stats.summarise({run.config.env: mine}, target=None)
        values = " ".join(f"{value:.1f}" for value in mine)
        row = [run.label, str(mine.size), values, _interval(summary.iqm), _interval(summary.mean)]
        rows.append([*row, _against_twin(run, runs)])
    if not rows:
        return Markup("")
    caption = (
        "Final return with 95 % bootstrap intervals over seeds. Against its twin: the probability that a seed of the "
        "run beats one of its twin, resampled in pairs where both have the same seeds."
    )
    if min(int(row[1]) for row in rows) < stats.FEW_SEEDS:
        caption += f" Fewer than {stats.FEW_SEEDS} seeds: these intervals are too narrow, and claims rest on little."
    heads = ["run", "seeds", "final return of each", "interquartile mean", "mean", "against its twin"]
    return Markup(tag("h3", "Statistics") + table(caption, heads, rows))


def across_environments(runs: Sequence[Run]) -> Markup:
    """Return the probability that one agent beats another, over all environments that every agent was run in.

    It needs no common scale of returns. Empty with fewer than two agents, environments or seeds.

    Args:
        runs: of all environments; an agent is known by its label.
    """
    envs = list(dict.fromkeys(run.config.env for run in runs))
    scores: dict[str, dict[str, np.ndarray]] = {}
    for run in runs:
        mine = _final(run)
        if mine.size > 1:
            scores.setdefault(run.label, {})[run.config.env] = mine
    everywhere = {label: found for label, found in scores.items() if len(found) == len(envs)}
    if len(envs) < 2 or len(everywhere) < 2:
        return Markup("")
    rows = [
        [mine, *(_interval(_beats(everywhere, mine, other), ".2f") if other != mine else "–" for other in everywhere)]
        for mine in everywhere
    ]
    caption = (
        f"Probability that a seed of the row's agent has a higher final return than one of the column's, mean over "
        f"{len(envs)} environments, with a 95 % stratified bootstrap interval; 0.5 is no difference"
    )
    if min(values.size for found in everywhere.values() for values in found.values()) < stats.FEW_SEEDS:
        caption += f". Fewer than {stats.FEW_SEEDS} seeds: the intervals are too narrow"
    return table(caption, ["", *everywhere], rows)


def _beats(scores: dict[str, dict[str, np.ndarray]], mine: str, other: str) -> stats.Interval:
    return stats.probability_of_improvement(scores[mine], scores[other])


def _final(run: Run) -> np.ndarray:
    values = series.training_return(run)
    return values.values[:, -1] if values.steps else np.zeros(0)


def _against_twin(run: Run, runs: Sequence[Run]) -> str:
    for other in runs:
        if other.family == run.family and other.label != run.label:
            mine, others = _final(run), _final(other)
            if others.size < 2 or run.steps != other.steps:
                return "–"
            paired = run.config.seed_list() == other.config.seed_list()
            env = run.config.env
            return _interval(stats.probability_of_improvement({env: mine}, {env: others}, paired=paired), ".2f")
    return "–"


def _interval(interval: stats.Interval, digits: str = ".1f") -> str:
    return f"{interval.point:{digits}} [{interval.low:{digits}}, {interval.high:{digits}}]"
