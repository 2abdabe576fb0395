"""What the statistics say of each group of runs and of each pair of groups."""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from accumbens import stats
from accumbens.comparison import notes as remarks
from accumbens.comparison.groups import BY, Group, grouped, scores_of
from accumbens.comparison.metrics import Metric
from accumbens.comparison.pairs import Pair, pair
from accumbens.comparison.scale import Scale, scales_for
from accumbens.comparison.scores import RunScores
from accumbens.runs.find import Kind, kind_of


class Comparison(NamedTuple):
    """Everything that is to be shown.

    Attributes:
        kind: of the runs.
        metric: what the scores are, before they were put on a scale.
        groups: in the order in which their runs were met.
        pairs: of all groups that share tasks.
        scales: by task; empty for scores as they are.
        notes: what a reader must know.
    """

    kind: Kind
    metric: Metric
    groups: list[Group]
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
        return 100.0 if self.metric.percent and not self.scales else 1.0

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
        UnknownNameError: `by` names no setting.
        AccumbensError: a seed would count twice in a group, or a task has no scale.
    """
    kind, metric = kind_of(runs[0].config), runs[0].metric
    members = grouped(runs, BY[kind] if by is None else by)
    notes = [note for name, group in members.items() for note in remarks.mixed(name, group)]
    tasks = {name: list(dict.fromkeys(run.task for run in group)) for name, group in members.items()}
    shared = [task for task in next(iter(tasks.values())) if all(task in others for others in tasks.values())]
    used = {name: shared or tasks[name] for name in members}
    notes += remarks.left_out(tasks, used)
    if not shared:
        notes.append(f"no {kind.task} is common to all groups: their statistics are of different tasks")
    compared = list(dict.fromkeys(task for names in used.values() for task in names))
    scales = scales_for(compared, given or {}, kind)
    notes += remarks.steps(runs, compared, kind) + remarks.data(runs, compared)
    groups = []
    for name, group in members.items():
        scores = {task: scores_of(group, task, scales.get(task)) for task in used[name]}
        summary = stats.summarise(scores, target=1.0 if scales else None)
        groups.append(Group(name, group, scores, summary))
    notes += remarks.few(groups, kind)
    found = Comparison(kind, metric, groups, [], scales, notes)
    for x, y in itertools.combinations(groups, 2):
        if set(x.scores) == set(y.scores):
            found.pairs.append(pair(x, y, found.less_is_better))
    return found
