"""What an experiment is once its file is read: its runs, at one budget, and the numbers they stand beside."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from accumbens.credit.config import FitConfig
from accumbens.credit.tasks.registry import folder_name
from accumbens.training.config import RunConfig


class PlannedRun(NamedTuple):
    """One run of an experiment: every seed of one variant of one agent in one environment, or of one rule on one task.

    Attributes:
        config: resolved; its type says whether it is of an agent or a fit.
        variant: its name in the file.
    """

    config: RunConfig | FitConfig
    variant: str

    @property
    def place(self) -> str:
        """The environment, or the task."""
        return folder_name(self.config.task) if isinstance(self.config, FitConfig) else self.config.env

    @property
    def learner(self) -> str:
        """The algorithm, or the rule."""
        return self.config.rule if isinstance(self.config, FitConfig) else self.config.algo

    @property
    def row(self) -> str:
        """The agent or rule and its variant, such as `ad_pqn/local`."""
        return f"{self.learner}/{self.variant}"

    @property
    def label(self) -> str:
        """The folder of the run within the experiment's: the one that `train` and `fit` keep it in."""
        return f"{self.place}/{self.row}"


@dataclass(frozen=True)
class Experiment:
    """An experiment at one budget.

    Attributes:
        name: of the file.
        title: one line.
        budget: which of the file's budgets.
        runs: in the order of the file: environments or tasks, then agents or rules, then variants.
        tables: names of published tables to quote; of agents.
        rows: the published name of an agent, for each `algorithm/variant` it is comparable with.
        panels: the setting that is the same within a panel of the figure; of fits; empty for a panel per task.
        test_error: of the runs that a paper reports, in %, by label; of fits.
        source: the paper that reports them.
    """

    name: str
    title: str
    budget: str
    runs: tuple[PlannedRun, ...]
    tables: tuple[str, ...] = ()
    rows: Mapping[str, str] = field(default_factory=dict)
    panels: str = ""
    test_error: Mapping[str, float] = field(default_factory=dict)
    source: str = ""

    @property
    def of_fits(self) -> bool:
        """Whether its runs are fits, and not agents that act."""
        return isinstance(self.runs[0].config, FitConfig)

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
