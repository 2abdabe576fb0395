"""Whoever shows a run to a person while it works."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from accumbens.runs.kind import Kind


class EndedError(Exception):
    """Raised by a reporter's `progress` to end the run: what it was told of is saved, and then `error` is raised."""

    def __init__(self, error: BaseException):
        """End the run with this error."""
        super().__init__(str(error))
        self.error = error


@runtime_checkable
class Reporter(Protocol):
    """Whoever shows a run to a person; every method may do nothing."""

    def preparing(self, kind: Kind[Any], config: Any, run: Path) -> None:
        """The run has its directory; compiling begins."""
        ...

    def projected(self, seconds: float, per_second: float) -> None:
        """What is left of the run is expected to take this long; steps of all seeds in a second."""
        ...

    def start(self, step: int, total: int) -> None:
        """Learning begins, at step 0 or where a resumed run stands."""
        ...

    def progress(self, step: int, score: float, per_second: float) -> None:
        """A chunk ended; for the score see `Words`. Steps of all seeds in a second."""
        ...

    def evaluated(self, step: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """An evaluation ended."""
        ...

    def message(self, text: str) -> None:
        """Something the user should know."""
        ...
