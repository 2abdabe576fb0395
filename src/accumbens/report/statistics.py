"""Tables of robust statistics, of one place and across all; see `accumbens.stats`."""

from collections.abc import Sequence

import numpy as np

from accumbens import stats
from accumbens.markup import Markup, table, tag
from accumbens.report.data import Run
from accumbens.report.series import read
from accumbens.runs.chapter import Score

_AGAINST_TWIN = (
    "against its twin",
    "Against its twin: the probability that a seed of the run beats one of its twin, resampled in pairs where both "
    "have the same seeds.",
)
_AGAINST_FIRST = (
    "against the first",
    "Against the first: the probability that a seed of the run beats one of the first run of this table.",
)
"""Head of the column that sets every run against one of the others, and what is in it."""


def statistics_table(runs: Sequence[Run]) -> Markup:
    """Return interquartile mean, mean and the probability that one run beats another; empty for single seeds.

    Args:
        runs: in one place.
    """
    score, twins = runs[0].chapter.score(runs), runs[0].chapter.has_twins
    head, explanation = _AGAINST_TWIN if twins else _AGAINST_FIRST if len(runs) > 1 else ("", "")
    several = [run for run in runs if _of(run, score).size > 1]
    rows = []
    for run in several:
        mine = _of(run, score)
        summary = stats.summarise({run.place: mine}, target=None)
        values = " ".join(format(value, score.form) for value in mine)
        row = [run.label, str(mine.size), values, _text(summary.iqm, score.form), _text(summary.mean, score.form)]
        rows.append([*row, _beats(run, several, score)] if head else row)
    if not rows:
        return Markup("")
    name = score.name[0].upper() + score.name[1:]
    caption = f"{name} with 95 % bootstrap intervals over seeds. {explanation}".rstrip()
    if min(int(row[1]) for row in rows) < stats.FEW_SEEDS:
        caption += f" Fewer than {stats.FEW_SEEDS} seeds: these intervals are too narrow, and claims rest on little."
    heads = ["run", "seeds", f"{score.name} of each", "interquartile mean", "mean", *([head] if head else [])]
    return Markup(tag("h3", "Statistics") + table(caption, heads, rows))


def _beats(run: Run, runs: Sequence[Run], score: Score) -> str:
    other = _other(run, runs)
    if other is None:
        return "–"
    paired = run.chapter.has_twins and run.config.seed_list() == other.config.seed_list()
    mine, others = ({run.place: _goodness(one, score)} for one in (run, other))
    return _text(stats.probability_of_improvement(mine, others, paired=paired), ".2f")


def _other(run: Run, runs: Sequence[Run]) -> Run | None:
    """The run that a run is set against: its twin, if that is as long, or the first."""
    if not run.chapter.has_twins:
        return None if run is runs[0] else runs[0]
    twins = (other for other in runs if other.family == run.family and other.label != run.label)
    twin = next(twins, None)
    return None if twin is None or twin.steps != run.steps else twin


def across_places(places: Sequence[Sequence[Run]]) -> Markup:
    """Return the probability that one method beats another, over all places that every method was run in.

    It needs no common scale of scores. Empty with fewer than two methods, places or seeds.

    Args:
        places: the runs of one kind, by place; a method is known by its label.
    """
    found: dict[str, dict[str, np.ndarray]] = {}
    scores = [runs[0].chapter.score(runs) for runs in places]
    for runs, score in zip(places, scores, strict=True):
        for run in runs:
            mine = _goodness(run, score)
            if mine.size > 1:
                found.setdefault(run.label, {})[run.place] = mine
    everywhere = {label: own for label, own in found.items() if len(own) == len(places)}
    if len(places) < 2 or len(everywhere) < 2:
        return Markup("")

    def cell(mine: str, other: str) -> str:
        beats = stats.probability_of_improvement
        return "–" if mine == other else _text(beats(everywhere[mine], everywhere[other]), ".2f")

    rows = [[mine, *(cell(mine, other) for other in everywhere)] for mine in everywhere]
    first = places[0][0]
    caption = (
        f"Probability that a seed of the row's {first.kind.words.name} has {first.chapter.better(scores[0])} than one "
        f"of the column's, mean over {len(places)} {first.kind.words.place}s, with a 95 % stratified bootstrap "
        "interval; 0.5 is no difference"
    )
    if min(values.size for own in everywhere.values() for values in own.values()) < stats.FEW_SEEDS:
        caption += f". Fewer than {stats.FEW_SEEDS} seeds: the intervals are too narrow"
    return table(caption, ["", *everywhere], rows)


def _of(run: Run, score: Score) -> np.ndarray:
    """The last number of every seed."""
    values = read(score.line(run), run.chapter.clock)
    return values.values[:, -1] if values.steps else np.zeros(0)


def _goodness(run: Run, score: Score) -> np.ndarray:
    """The same with a sign with which more is better."""
    return -_of(run, score) if score.less_is_better else _of(run, score)


def _text(interval: stats.Interval, form: str) -> str:
    return f"{interval.point:{form}} [{interval.low:{form}}, {interval.high:{form}}]"
