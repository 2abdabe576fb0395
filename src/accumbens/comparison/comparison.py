"""What the statistics say of each group of runs and of each pair of groups."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from accumbens import stats
from accumbens.comparison import notes as remarks
from accumbens.comparison.groups import Group, grouped, scores_of
from accumbens.comparison.pairs import Pair, pair
from accumbens.comparison.scale import require_compared, scales_for
from accumbens.runs.comparing import Metric, RunScores, Scale
from accumbens.runs.kind import Kind


class Comparison(NamedTuple):
    """Everything that is to be shown.

    Attributes:
        kind: of the runs.
        metric: what the scores are, before they were put on a scale.
        by: what makes a group.
        groups: in the order in which their runs were met.
        alone: by place, the groups that have runs there with the statistics of that place, scores as they are; empty if
            there is a single place.
        pairs: of all groups that share places.
        scales: by place; empty for scores as they are.
        notes: what a reader must know.
    """

    kind: Kind[Any]
    metric: Metric
    by: Sequence[str]
    groups: list[Group]
    alone: dict[str, list[Group]]
    pairs: list[Pair]
    scales: dict[str, Scale]
    notes: list[str]

    @property
    def less_is_better(self) -> bool:
        """Whether the smaller score is the better one; on a scale, more is always better."""
        return self.metric.less_is_better and not self.scales

    @property
    def factor(self) -> float:
        """By what scores are multiplied to be shown."""
        return self.metric.factor if not self.scales else 1.0

    @property
    def form(self) -> str:
        """How a number that is shown is written, as Python's `format` takes it."""
        return ".2f" if self.scales else self.metric.form


def compare(
    runs: Sequence[RunScores], by: Sequence[str] | None = None, given: Mapping[str, Scale] | None = None
) -> Comparison:
    """Group runs and compare the groups.

    Args:
        runs: with their scores, all of one kind.
        by: `run`, or settings; None takes what is usual for their kind.
        given: scales that the user chose.

    Raises:
        UnknownNameError: `by` names no setting, or a scale is of a place that no run has and nobody knows.
        AccumbensError: a seed would count twice in a group, or a place has no scale.
    """
    kind, metric = runs[0].kind, runs[0].metric
    by = kind.comparing.by if by is None else by
    members = grouped(runs, by)
    notes = [
        note
        for name, group in members.items()
        for note in [*remarks.mixed(name, group), *remarks.chosen_by(name, group)]
    ]
    places = {name: list(dict.fromkeys(run.place for run in group)) for name, group in members.items()}
    shared = [place for place in next(iter(places.values())) if all(place in others for others in places.values())]
    used = {name: shared or places[name] for name in members}
    notes += remarks.left_out(places, used)
    if not shared:
        word = kind.words.place
        notes.append(f"no {word} is common to all groups: their statistics are of different {word}s")
    compared = list(dict.fromkeys(place for names in used.values() for place in names))
    notes += require_compared(list(dict.fromkeys(run.place for run in runs)), given or {}, kind)
    scales = scales_for(compared, given or {}, kind, metric)
    for place in compared:
        notes += remarks.in_place(place, [run for run in runs if run.place == place])
    groups = []
    for name, group in members.items():
        scores = {place: scores_of(group, place, scales.get(place)) for place in used[name]}
        summary = stats.summarise(scores, target=1.0 if scales else None)
        groups.append(Group(name, group, scores, summary))
    notes += remarks.few(groups, kind)
    found = Comparison(kind, metric, by, groups, _alone(runs, members), [], scales, notes)
    for x, y in itertools.combinations(groups, 2):
        if set(x.scores) == set(y.scores):
            found.pairs.append(pair(x, y, found.less_is_better))
    return found


def _alone(runs: Sequence[RunScores], members: Mapping[str, list[RunScores]]) -> dict[str, list[Group]]:
    """The groups in every place, those that the statistics over all places do without included."""
    places: dict[str, list[Group]] = {run.place: [] for run in runs}
    if len(places) == 1:
        return {}
    for place, groups in places.items():
        for name, group in members.items():
            here = [run for run in group if run.place == place]
            if here:
                scores = {place: scores_of(here, place, None)}
                groups.append(Group(name, here, scores, stats.summarise(scores, target=None)))
    return places
