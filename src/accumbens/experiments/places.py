"""Which curve of an experiment of fits is in which panel of the figure, and what it is called there."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from accumbens.experiments.plan import Experiment, PlannedRun
from accumbens.runs.settings import every_setting, format_value


class Place(NamedTuple):
    """Where a run is shown.

    Attributes:
        panel: title of the panel, such as `mnist, layers 64,64`.
        label: of the curve, such as `coagent/co-g`: equal labels of several panels have the same colour.
    """

    panel: str
    label: str


def panels_of(experiment: Experiment) -> dict[str, Place]:
    """Return the place of every run by its label, panel after panel.

    A panel is a task or, with `panels`, what has the same value of that setting too. Words that all variants of a panel
    begin with, such as the 2 of `2-co` and `2-co-g`, say what the panel's title says: they are left out of the labels.
    """
    panels: dict[str, list[PlannedRun]] = {}
    for run in experiment.runs:
        title = run.place
        if experiment.panels:
            title += f", {experiment.panels} {format_value(every_setting(run.config)[experiment.panels])}"
        panels.setdefault(title, []).append(run)
    places = {}
    for title, runs in panels.items():
        skipped = _common_words([run.variant for run in runs]) if experiment.panels else 0
        for run in runs:
            rest = "-".join(run.variant.split("-")[skipped:])
            places[run.label] = Place(title, f"{run.learner}/{rest}" if rest else run.learner)
    return places


def _common_words(variants: Sequence[str]) -> int:
    columns = itertools.takewhile(
        lambda column: len(set(column)) == 1, zip(*(name.split("-") for name in variants), strict=False)
    )
    return len(list(columns))
