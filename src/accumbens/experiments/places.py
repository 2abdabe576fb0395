"""Which run of an experiment is shown in which panel of its figure and table, and what its curve is called there."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from accumbens.experiments.execute import is_of
from accumbens.experiments.plan import Experiment, PlannedRun
from accumbens.runs.experimenting import Panel, read_begun
from accumbens.runs.settings import every_setting, format_value


class Place(NamedTuple):
    """Where a run is shown.

    Attributes:
        panel: title of the panel, such as `mnist, layers 64,64`.
        label: of the curve, such as `coagent/co-g`: equal labels of several panels have the same colour.
    """

    panel: str
    label: str


def places_of(experiment: Experiment) -> dict[str, Place]:
    """Return the place of every run by its label, panel after panel.

    A panel is an environment or a task or, with `panels`, what has the same value of that setting too. Words that all
    variants of a panel begin with, such as the 2 of `2-co` and `2-co-g`, say what the panel's title says: they are left
    out of the labels.
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
            places[run.label] = Place(title, f"{run.method}/{rest}" if rest else run.method)
    return places


def read_panels(experiment: Experiment, folder: Path) -> list[Panel]:
    """Return all panels, with the runs that have begun, read as far as they are; without those of other settings.

    Raises:
        AccumbensError: a run's table cannot be read.
    """
    runs = {run.label: run for run in experiment.runs}
    panels: dict[str, Panel] = {}
    for name, (title, label) in places_of(experiment).items():
        run = runs[name]
        panel = panels.setdefault(title, Panel(title, run.place, []))
        if not is_of(folder, run):
            continue
        begun = read_begun(run.method, run.variant, label, run.config, run.directory(folder))
        if begun is not None:
            panel.runs.append(begun)
    return list(panels.values())


def _common_words(variants: Sequence[str]) -> int:
    columns = itertools.takewhile(
        lambda column: len(set(column)) == 1, zip(*(name.split("-") for name in variants), strict=False)
    )
    return len(list(columns))
