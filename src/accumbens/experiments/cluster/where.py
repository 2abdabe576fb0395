"""Where the programs of an experiment or a sweep are worked on: here, on a Ray cluster, or under SLURM."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from accumbens.experiments import execute as here
from accumbens.experiments.execute import WHOLE, Outcome, Pace
from accumbens.experiments.plan import Program
from accumbens.experiments.reporter import ExperimentReporter


@runtime_checkable
class Where(Protocol):
    """A place where programs are worked on."""

    shows: ClassVar[bool]
    """Whether the runs are over afterwards, so that a table and a figure of them can be shown."""

    def execute(
        self, programs: Sequence[Program], folder: Path, report: ExperimentReporter, pace: Pace = WHOLE
    ) -> Outcome:
        """Work on programs, each run in `folder/<its label>`; see `execute.execute`."""
        ...


@dataclass(frozen=True)
class Here:
    """In this process, one after another."""

    shows: ClassVar[bool] = True

    def execute(
        self, programs: Sequence[Program], folder: Path, report: ExperimentReporter, pace: Pace = WHOLE
    ) -> Outcome:
        """Do as `execute.execute`."""
        return here.execute(programs, folder, report, pace)
