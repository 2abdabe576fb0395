"""How an evaluation looks in the terminal: what is being played, and a table for every run."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from accumbens.cli.run_view import heading
from accumbens.training.config import RunConfig
from accumbens.training.evaluate import LONGEST_EPISODE, Evaluation
from accumbens.training.kind import AGENTS


class EvaluationView:
    """Shows evaluations on a console, within `with`.

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

    def ended(
        self,
        config: RunConfig,
        run: Path,
        step: int,
        epsilons: Sequence[float],
        evaluations: Sequence[Evaluation],
        files: Sequence[Path],
    ) -> None:
        """Print a table: one row per ε and prefix of cells, over the episodes of all seeds."""
        if self._quiet:
            return
        num_seeds, _, num_episodes = np.asarray(evaluations[0].returns).shape
        self._console.print(
            f"{heading(AGENTS, config)}  step {step:,}, {num_episodes} episodes × {num_seeds} seed(s)", soft_wrap=True
        )
        table = Table(box=None, pad_edge=False)
        unfinished = sum(int(np.sum(evaluation.cut)) for evaluation in evaluations)
        columns = [
            "ε",
            "acting cells",
            "mean return",
            "std",
            "min",
            "max",
            "mean length",
            *(["cut"] * bool(unfinished)),
        ]
        for column in columns:
            table.add_column(column, justify="left" if column == "acting cells" else "right")
        for epsilon, evaluation in zip(epsilons, evaluations, strict=True):
            returns, lengths, cut = map(np.asarray, evaluation)
            last = returns.shape[1] - 1
            for cells in range(last + 1):
                name = "full network" if cells == last else f"1 to {cells + 1}" if cells else "1"
                mine = returns[:, cells]
                row = (mine.mean(), mine.std(), mine.min(), mine.max(), lengths[:, cells].mean())
                counted = [str(cut[:, cells].sum())] * bool(unfinished)
                table.add_row(f"{epsilon:g}", name, *(f"{value:.1f}" for value in row), *counted)
        self._console.print(table)
        if unfinished:
            self.message(
                f"{unfinished} episode(s) had not ended after {LONGEST_EPISODE:,} steps, and {config.env} has no time "
                "limit: they are cut there, and count with what they had by then"
            )
        lines = {"episodes": list(files), "picture of the training": [run / "curve.png"]}
        for name, paths in lines.items():
            for path in paths:
                if path.exists():
                    self._console.print(f"[dim]{name}: {escape(str(path))}[/]", soft_wrap=True)
