"""Tables of robust statistics, of one task and across all; see `accumbens.stats`."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from accumbens import stats
from accumbens.report.data import Run
from accumbens.report.markup import Markup, table, tag
from accumbens.report.series import Series


class Score(NamedTuple):
    """The number that runs are judged by.

    Attributes:
        name: of the number.
        series: the number of every seed along the training; the last counts.
        form: how it is written, as Python's `format` takes it.
        less_is_better: of two runs, that with the smaller number is the better one.
    """

    name: str
    series: Callable[[Run], Series]
    form: str = ".1f"
    less_is_better: bool = False

    def of(self, run: Run) -> np.ndarray:
        """Return the last number of every seed."""
        values = self.series(run)
        return values.values[:, -1] if values.steps else np.zeros(0)

    def goodness(self, run: Run) -> np.ndarray:
        """Return the same with a sign with which more is better."""
        return -self.of(run) if self.less_is_better else self.of(run)


class Against(NamedTuple):
    """A column that sets every run against one of the others.

    Attributes:
        head: of the column.
        explanation: what is in it.
        other: the run that a run is set against; None for none.
        paired: whether the seeds of the two are resampled together.
    """

    head: str
    explanation: str
    other: Callable[[Run, Sequence[Run]], Run | None]
    paired: Callable[[Run, Run], bool]


def _twin(run: Run, runs: Sequence[Run]) -> Run | None:
    twins = (other for other in runs if other.family == run.family and other.label != run.label)
    twin = next(twins, None)
    return None if twin is None or twin.steps != run.steps else twin


def _first(run: Run, runs: Sequence[Run]) -> Run | None:
    return None if run is runs[0] else runs[0]


against_twin = Against(
    "against its twin",
    "Against its twin: the probability that a seed of the run beats one of its twin, resampled in pairs where both "
    "have the same seeds.",
    _twin,
    lambda run, other: run.config.seed_list() == other.config.seed_list(),
)
against_first = Against(
    "against the first",
    "Against the first: the probability that a seed of the run beats one of the first run of this table.",
    _first,
    lambda run, other: False,
)


def statistics_table(runs: Sequence[Run], score: Score, against: Against | None) -> Markup:
    """Return interquartile mean, mean and the probability that one run beats another; empty for single seeds.

    Args:
        runs: of one task.
        score: what they are judged by.
        against: the last column; None for none.
    """
    several = [run for run in runs if score.of(run).size > 1]
    rows = []
    for run in several:
        mine = score.of(run)
        summary = stats.summarise({run.task: mine}, target=None)
        values = " ".join(format(value, score.form) for value in mine)
        row = [run.label, str(mine.size), values, _text(summary.iqm, score.form), _text(summary.mean, score.form)]
        rows.append(row if against is None else [*row, _beats(run, several, score, against)])
    if not rows:
        return Markup("")
    name = score.name[0].upper() + score.name[1:]
    caption = f"{name} with 95 % bootstrap intervals over seeds." + (f" {against.explanation}" if against else "")
    if min(int(row[1]) for row in rows) < stats.FEW_SEEDS:
        caption += f" Fewer than {stats.FEW_SEEDS} seeds: these intervals are too narrow, and claims rest on little."
    heads = [
        "run",
        "seeds",
        f"{score.name} of each",
        "interquartile mean",
        "mean",
        *([against.head] if against else []),
    ]
    return Markup(tag("h3", "Statistics") + table(caption, heads, rows))


def _beats(run: Run, runs: Sequence[Run], score: Score, against: Against) -> str:
    other = against.other(run, runs)
    if other is None:
        return "–"
    mine, others = ({run.task: score.goodness(one)} for one in (run, other))
    return _text(stats.probability_of_improvement(mine, others, paired=against.paired(run, other)), ".2f")


def across_tasks(runs: Sequence[Run], score: Callable[[Run], Score], better: str, tasks: str) -> Markup:
    """Return the probability that one method beats another, over all tasks that every method was run on.

    It needs no common scale of scores. Empty with fewer than two methods, tasks or seeds.

    Args:
        runs: of all tasks; a method is known by its label.
        score: what a run is judged by; the same for all runs of a task.
        better: what it is to beat another.
        tasks: noun for several tasks.
    """
    names = list(dict.fromkeys(run.task for run in runs))
    found: dict[str, dict[str, np.ndarray]] = {}
    for run in runs:
        mine = score(run).goodness(run)
        if mine.size > 1:
            found.setdefault(run.label, {})[run.task] = mine
    everywhere = {label: scores for label, scores in found.items() if len(scores) == len(names)}
    if len(names) < 2 or len(everywhere) < 2:
        return Markup("")

    def cell(mine: str, other: str) -> str:
        beats = stats.probability_of_improvement
        return "–" if mine == other else _text(beats(everywhere[mine], everywhere[other]), ".2f")

    rows = [[mine, *(cell(mine, other) for other in everywhere)] for mine in everywhere]
    caption = (
        f"Probability that a seed of the row's {runs[0].kind.name} has {better} than one of the column's, mean over "
        f"{len(names)} {tasks}, with a 95 % stratified bootstrap interval; 0.5 is no difference"
    )
    if min(values.size for scores in everywhere.values() for values in scores.values()) < stats.FEW_SEEDS:
        caption += f". Fewer than {stats.FEW_SEEDS} seeds: the intervals are too narrow"
    return table(caption, ["", *everywhere], rows)


def _text(interval: stats.Interval, form: str) -> str:
    return f"{interval.point:{form}} [{interval.low:{form}}, {interval.high:{form}}]"
