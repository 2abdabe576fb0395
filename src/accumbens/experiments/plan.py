"""What an experiment is once its file is read: its runs, at one budget, and the numbers they stand beside."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from accumbens.runs.directory import RunDirectory
from accumbens.runs.kind import Kind


class PlannedRun(NamedTuple):
    """One run of an experiment: every seed of one variant of one agent in one environment, or of one rule on one task.

    Attributes:
        kind: of the run.
        config: resolved.
        variant: its name in the file.
        origin: the run whose network it begins from, as its folder lies among those of experiments; empty for none.
    """

    kind: Kind[Any]
    config: Any
    variant: str
    origin: str = ""

    @property
    def place(self) -> str:
        """The environment, or the task."""
        return self.kind.place(self.config)

    @property
    def method(self) -> str:
        """The algorithm, or the rule."""
        return self.kind.method(self.config)

    @property
    def row(self) -> str:
        """The agent or rule and its variant, such as `ad_pqn/local`."""
        return f"{self.method}/{self.variant}"

    @property
    def label(self) -> str:
        """The folder of the run within the experiment's: the one that a command for one run keeps it in."""
        return f"{self.place}/{self.row}"

    @property
    def size(self) -> int:
        """How long it is for each seed, in the unit of its kind."""
        return self.kind.size(self.config)

    def directory(self, folder: Path) -> RunDirectory:
        """Return where it is in the experiment's folder, begun or not."""
        return RunDirectory(folder / self.label)

    def from_run(self, folder: Path) -> Path | None:
        """Return where the run is whose network it begins from, if its experiment is kept in this folder."""
        return (folder.parent / self.origin).absolute() if self.origin else None


Program = tuple[PlannedRun, ...]
"""Runs that learn side by side: of one kind, in one place, by one method, each in a folder of its own."""


def alone(runs: Iterable[PlannedRun]) -> list[Program]:
    """Return programs of one run each."""
    return [(run,) for run in runs]


@dataclass(frozen=True)
class Experiment:
    """An experiment at one budget.

    Attributes:
        name: of the file.
        title: one line.
        budget: which of the file's budgets.
        kind: of its runs.
        runs: in the order of the file: environments or tasks, then agents or rules, then variants.
        panels: the setting that is the same within a panel of the figure; empty for a panel per environment or task.
        beside: what the results stand beside; see `Experimenting.beside` of the kind.
    """

    name: str
    title: str
    budget: str
    kind: Kind[Any]
    runs: tuple[PlannedRun, ...]
    panels: str = ""
    beside: Any = None

    def folder(self, out: Path) -> Path:
        """Return where its runs are kept."""
        return out / "experiments" / f"{self.name}-{self.budget}"


def describe(experiment: Experiment) -> dict[str, Any]:
    """Return an experiment as plain values."""
    return {
        "experiment": experiment.name,
        "title": experiment.title,
        "budget": experiment.budget,
        "runs": [{"run": run.label} | dataclasses.asdict(run.config) for run in experiment.runs],
    }
