"""How a run looks in the terminal: the live progress bar, evaluations, and the summary at the end."""

import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from accumbens.cli.terminal import WorkConsole, print_json
from accumbens.runs.directory import RunDirectory
from accumbens.runs.kind import Kind
from accumbens.runs.result import Result


class RunView:
    """Shows a run of any kind on a console, which within `with` has a live bar at the bottom; a `Reporter`.

    Everything goes to standard output; to standard error if that is kept for JSON, or if only warnings are left.
    """

    def __init__(self, json: bool, quiet: bool):
        """Prepare; the bar appears at `start`."""
        self._json, self._quiet = json, quiet
        self._console = WorkConsole(stderr=json or quiet, highlight=False)
        self._progress = Progress(
            BarColumn(bar_width=28),
            TextColumn("{task.fields[position]}"),
            TextColumn("{task.fields[score]}"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=quiet,
        )
        self._bar = self._progress.add_task("", position="", score="", speed="", start=False)
        self._total = 0

    def __enter__(self) -> "RunView":
        """Nothing appears yet."""
        self._console.at_work = True
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bar as it is."""
        self._console.at_work = False
        if self._progress.live.is_started:
            self._progress.stop()

    def preparing(self, kind: Kind[Any], config: Any, run: Path) -> None:
        """Say what is about to be compiled."""
        self._kind, self._config = kind, config
        if self._quiet:
            return
        last = config.seed + config.seeds - 1
        seeds = f"seed {config.seed}" if config.seeds == 1 else f"seeds {config.seed} to {last}"
        self._console.print(f"{heading(kind, config)}  {seeds}")
        self._console.print(f"run directory: {escape(str(run))}", soft_wrap=True)
        self._console.print("compiling …", style="dim")

    def projected(self, seconds: float, per_second: float) -> None:
        """Warn of a long run, and say how it could be faster."""
        if seconds < 3600:
            return
        speed = f"{per_second:,.0f} {self._kind.words.step}s/s"
        self.message(f"this run is expected to take {seconds / 3600:.1f} hours, at {speed}")
        self.message(self._kind.faster(self._config))

    def start(self, step: int, total: int) -> None:
        """Show the bar, where the run stands."""
        self._total = total
        self._show(step, math.nan, math.nan)
        self._progress.start()
        self._progress.start_task(self._bar)

    def progress(self, step: int, score: float, per_second: float) -> None:
        """Move the bar."""
        self._show(step, score, per_second)

    def _show(self, step: int, score: float, per_second: float) -> None:
        words = self._kind.words
        self._progress.update(
            self._bar,
            total=self._total,
            completed=step,
            position=self._kind.position(self._config, step, self._total),
            score=f"{words.score} {'–' if math.isnan(score) else format(score, words.score_form)}",
            speed=f"{'–' if math.isnan(per_second) else format(per_second, ',.0f')} {words.step}s/s",
        )

    def evaluated(self, step: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Print one line."""
        if not self._quiet:
            self._console.print(self._kind.evaluated(rows), style="dim", soft_wrap=True)

    def message(self, text: str) -> None:
        """Print something the user should know, even when quiet."""
        self._console.print(f"[yellow]note:[/] {escape(text)}", soft_wrap=True)

    def summary(self, kind: Kind[Any], result: Result) -> None:
        """Print what the run came to, and how to look at it again."""
        if self._quiet:
            return
        run = shlex.quote(result.run)
        rows, picture = kind.summary(result) | {"run": result.run}, RunDirectory(Path(result.run)).curve
        if picture.exists():
            rows["picture"] = str(picture)
        rows["look again"] = kind.look_again(run)
        if result.interrupted:
            rows["continue"] = f"accumbens resume {run}"
        self._console.print("[bold]stopped, nothing is lost[/]" if result.interrupted else "[bold]done[/]")
        for name, text in rows.items():
            # Not a table, which would break paths into pieces that cannot be copied.
            self._console.print(f"[dim]{name:<15}[/]{escape(text)}", soft_wrap=True)

    def end(self, kind: Kind[Any], result: Result) -> int:
        """Print the summary, and the result as JSON if that is asked for; return the exit code."""
        self.summary(kind, result)
        if self._json:
            print_json(result.document() | {"seed": result.seeds[0]})
        return 130 if result.interrupted else 0


def heading(kind: Kind[Any], config: Any) -> str:
    """Return what a run is about, with markup."""
    place, *rest = kind.heading(config)
    return "  ".join([f"[bold]{escape(place)}[/]", *map(escape, rest)])
