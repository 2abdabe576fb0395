"""What `accumbens analyze` asks a kind of run: how what it learned is looked into."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Analysis(NamedTuple):
    """How a run is analysed.

    Attributes:
        step: of the snapshot.
        mark: file by which an earlier analysis is known.
        study: `study(progress)` finds; `progress(done, total)` is told how far it is.
        write: `write(found, folder, force)` writes files.
        summary: `summary(found)` is what was found, as plain values.
        show: `show(console, found, document)` prints it.
    """

    step: int
    mark: str
    study: Callable[[Callable[[int, int], None]], Any]
    write: Callable[[Any, Path, bool], list[Path]]
    summary: Callable[[Any], dict[str, Any]]
    show: Callable[[Any, Any, dict[str, Any]], None]
