"""Whoever shows an experiment to a person, and how each of its programs is told on to them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from accumbens.experiments.plan import PlannedRun, Program
from accumbens.runs.kind import Kind
from accumbens.runs.result import Result


@runtime_checkable
class ExperimentReporter(Protocol):
    """Whoever shows the runs to a person; every method may do nothing."""

    def begun(self, program: Program) -> None:
        """Runs are begun or continued side by side; on a cluster, while others are at work."""
        ...

    def started(self, program: Program, done: float) -> None:
        """Learning begins, where each of the runs stands in the unit of its kind; again after a machine was lost."""
        ...

    def progress(self, program: Program, done: float, score: float, per_second: float) -> None:
        """A chunk ended; for what the numbers are, see `Words` of the run's kind."""
        ...

    def message(self, text: str) -> None:
        """Something the user should know."""
        ...

    def ended(self, run: PlannedRun, result: Result, skipped: bool) -> None:
        """A run is done, was done already (`skipped`), or was interrupted."""
        ...

    def failed(self, run: PlannedRun, reason: str) -> None:
        """A run failed; the others go on."""
        ...


class OneProgram:
    """A `Reporter` of the runs of one program, to whoever watches the experiment."""

    def __init__(self, report: ExperimentReporter, program: Program):
        """Pass on to `report` what is said of the runs of `program`."""
        self._report, self._program, self._total = report, program, 1

    def preparing(self, kind: Kind[Any], config: Any, run: Path) -> None:
        """The experiment has said so."""

    def projected(self, seconds: float, per_second: float) -> None:
        """The experiment projects all of its runs."""

    def start(self, step: int, total: int) -> None:
        """Pass it on."""
        self._total = total
        self._report.started(self._program, self._done(step))

    def progress(self, step: int, score: float, per_second: float) -> None:
        """Pass it on."""
        self._report.progress(self._program, self._done(step), score, per_second)

    def evaluated(self, step: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """The table at the end says it."""

    def message(self, text: str) -> None:
        """Pass it on."""
        self._report.message(text)

    def _done(self, step: int) -> float:
        return self._program[0].size * step / self._total
