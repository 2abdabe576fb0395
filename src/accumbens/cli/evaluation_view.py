"""How an evaluation looks in the terminal: what is being played, and a table for every run."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

_NAMES = ("acting cells", "seed")
"""Columns of words, or of names: their rows begin at the same place."""


class EvaluationView:
    """Shows evaluations on a console, within `with`; an `EvaluationReporter`.

    Everything goes to standard output; to standard error if that is kept for JSON, or if only warnings are left.
    """

    def __init__(self, json: bool, quiet: bool):
        """Prepare; nothing appears yet."""
        self._quiet = quiet
        self._console = Console(stderr=json or quiet, highlight=False)
        self._status: Status | None = None

    def __enter__(self) -> "EvaluationView":
        """Nothing appears yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what says that something is going on."""
        if self._status:
            self._status.stop()

    def begun(self, run: Path, number: int, of: int) -> None:
        """Say which run is playing; only a terminal shows it."""
        text = f"run {number} of {of}: {escape(str(run))}"
        if self._status:
            self._status.update(text)
        elif not self._quiet:
            self._status = self._console.status(text)
            self._status.start()

    def message(self, text: str) -> None:
        """Print something the user should know, even when quiet."""
        self._console.print(f"[yellow]note:[/] {escape(text)}", soft_wrap=True)

    def table(self, heading: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print what a run came to."""
        if self._quiet:
            return
        self._console.print(heading, soft_wrap=True)
        table = Table(box=None, pad_edge=False)
        for column in columns:
            table.add_column(column, justify="left" if column in _NAMES else "right")
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    def ended(self, run: Path, files: Sequence[Path]) -> None:
        """Say where everything is."""
        lines = {"episodes": list(files), "picture of the training": [run / "curve.png"]}
        for name, paths in lines.items():
            for path in paths:
                if path.exists() and not self._quiet:
                    self._console.print(f"[dim]{name}: {escape(str(path))}[/]", soft_wrap=True)
