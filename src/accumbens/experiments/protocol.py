"""What the machinery of experiments asks of the runs of one kind, agents or fits, and what it tells whoever watches."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from accumbens.credit.session import FitResult
from accumbens.experiments.plan import Experiment, PlannedRun
from accumbens.runs.directory import RunDirectory
from accumbens.training.session import Result

C = TypeVar("C")
R = TypeVar("R", bound=Result | FitResult)
Row = TypeVar("Row")


@runtime_checkable
class ExperimentReporter(Protocol):
    """Whoever shows the runs to a person; every method may do nothing."""

    def begun(self, run: PlannedRun) -> None:
        """A run is begun or continued."""
        ...

    def started(self, done: float) -> None:
        """Learning begins, where the run stands: steps of an agent, epochs of a fit."""
        ...

    def progress(self, done: float, score: float, per_second: float) -> None:
        """A chunk ended; for what the numbers are, see the run's `Words`."""
        ...

    def message(self, text: str) -> None:
        """Something the user should know."""
        ...

    def ended(self, run: PlannedRun, result: Result | FitResult, skipped: bool) -> None:
        """A run is done, was done already (`skipped`), or was interrupted."""
        ...

    def failed(self, run: PlannedRun, reason: str) -> None:
        """A run failed; the others go on."""
        ...


class Words(NamedTuple):
    """What numbers of a run are called.

    Attributes:
        unit: what the length of a run is counted in.
        score: what a chunk reports, and how it is written.
        speed: of what, in a second.
        place: what is learned.
        learner: who learns.
    """

    unit: str
    score: str
    score_format: str
    speed: str
    place: str
    learner: str


@runtime_checkable
class Kind(Protocol[C, R, Row]):
    """What experiments need to know of the runs of one kind: C is their configuration, R their result."""

    words: Words

    def size(self, config: C) -> int:
        """Return how long a run is for each seed, in its unit."""
        ...

    def open(self, path: Path) -> tuple[RunDirectory, C]:
        """Return the run that is there, and its configuration.

        Raises:
            AccumbensError: there is none of this kind.
        """
        ...

    def recorded(self, run: RunDirectory) -> R | None:
        """Return what a run that reached its end came to; None for one that did not."""
        ...

    def done(self, row: Mapping[str, str]) -> float:
        """Return how far a run was at a row of its `metrics.csv`, in its unit."""
        ...

    def require_usable(self, configs: Sequence[C]) -> None:
        """Refuse what cannot be made, before hours of others.

        Raises:
            AccumbensError: says which.
        """
        ...

    def train_or_resume(
        self, config: C, report: ExperimentReporter, *, out: Path, name: str, checkpoint_seconds: float
    ) -> R:
        """Train the run of that name, from the start or from where it stands.

        Raises:
            AccumbensError: it cannot be trained, or was started with other settings.
        """
        ...

    def line(self, result: R) -> str:
        """Return what a run came to, in a few words."""
        ...

    def summarise(self, experiment: Experiment, folder: Path, table: Path, pictures: Sequence[Path]) -> list[Row]:
        """Write the table and the figure of an experiment; return the table's rows.

        Raises:
            AccumbensError: the files of a run cannot be read, or a task or environment cannot be made.
        """
        ...

    def document(self, row: Row) -> dict[str, Any]:
        """Return a row by the names of the table's columns."""
        ...


def directory(folder: Path, run: PlannedRun) -> RunDirectory:
    """Return where a run of the experiment is, begun or not."""
    return RunDirectory(folder / run.label)
