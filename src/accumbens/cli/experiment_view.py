"""How an experiment looks in the terminal: bars while it runs, a line per run, and the table at the end."""

import math
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from accumbens.cli.terminal import WorkConsole, print_whole
from accumbens.experiments.execute import done, progress_of
from accumbens.experiments.plan import Experiment, PlannedRun, Program
from accumbens.experiments.tables import EndTable, end_table
from accumbens.runs.experimenting import Row
from accumbens.runs.result import Result


@dataclass
class _AtWork:
    """A program that learns: its bar, the runs that are not over, and how far each began and is."""

    bar: TaskID
    left: list[PlannedRun]
    first: float = 0.0
    done: float = 0.0

    def learned(self) -> float:
        return (self.done - self.first) * sum(run.config.seeds for run in self.left)


class ExperimentView:
    """Shows all runs of an experiment on a console: one bar for all, one for each program at work.

    Everything goes to standard output; to standard error if that is kept for JSON, or if only warnings are left.
    """

    def __init__(self, runs: Sequence[PlannedRun], json: bool, quiet: bool):
        """Prepare; the bars appear within `with`."""
        self._quiet = quiet
        self._console = WorkConsole(stderr=json or quiet, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[text]}"),
            console=self._console,
            disable=quiet,
        )
        self._words = runs[0].kind.words
        self._total = float(sum(map(size_of_all, runs)))
        self._num_runs = len(runs)
        self._all = self._progress.add_task("all runs", total=self._total, text="")
        self._runs_over, self._size_over = 0, 0.0
        self._failed = 0
        self._said: set[str] = set()
        self._learned = 0.0  # in this process, by all seeds
        self._begin = time.monotonic()
        self._at_work: dict[tuple[str, ...], _AtWork] = {}  # by the labels of the program's runs

    def __enter__(self) -> "ExperimentView":
        """Show the bars."""
        self._console.at_work = True
        if not self._quiet:
            self._progress.start()
        self._show_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bar of all runs as it is."""
        self._console.at_work = False
        for own in self._at_work.values():
            self._progress.remove_task(own.bar)
        self._at_work.clear()
        self._progress.stop()

    def begun(self, program: Program) -> None:
        """Show the bar of a run, or of those that learn side by side."""
        label = program[0].label if len(program) == 1 else f"{len(program)} runs of {program[0].place}"
        bar = self._progress.add_task(escape(label), total=program[0].size, text="compiling …")
        self._at_work[_labels(program)] = _AtWork(bar, list(program))

    def started(self, program: Program, done: float) -> None:
        """Move the program's bar to where a resumed run stands."""
        own = self._at_work[_labels(program)]
        own.first = own.done = done
        self._progress.update(own.bar, completed=done, text="")
        self._show_all()

    def progress(self, program: Program, done: float, score: float, per_second: float) -> None:
        """Move both bars."""
        own, words = self._at_work[_labels(program)], self._words
        own.done = done
        shown = "–" if math.isnan(score) else f"{score:{words.score_form}}"
        text = f"{_count(done)} {words.unit}  {words.score} {shown}  {per_second:,.0f} {words.step}s/s"
        self._progress.update(own.bar, completed=done, text=text)
        self._show_all()

    def message(self, text: str) -> None:
        """Print something the user should know, even when quiet; what is true of several runs only once."""
        if text not in self._said:
            self._said.add(text)
            self._console.print(f"[yellow]note:[/] {escape(text)}", soft_wrap=True)

    def ended(self, run: PlannedRun, result: Result, skipped: bool) -> None:
        """Print a line about the run."""
        self._over(run)
        if not self._quiet:
            how = "stopped" if result.interrupted else "done before" if skipped else "done"
            line = f"{how:<12}{run.label}  {run.kind.line(result)}  {result.wall_seconds:,.0f} s"
            self._console.print(escape(line), style="dim" if skipped else None, soft_wrap=True)

    def failed(self, run: PlannedRun, reason: str) -> None:
        """Print why, even when quiet."""
        self._failed += 1
        self._over(run)
        self._console.print(f"[red]failed[/]      {escape(f'{run.label}: {reason}')}", soft_wrap=True)

    def _over(self, run: PlannedRun) -> None:
        for key, own in self._at_work.items():
            if run.label in key:  # not one that was skipped
                self._learned += (own.done - own.first) * run.config.seeds
                own.left = [other for other in own.left if other.label != run.label]
                if not own.left:
                    self._progress.remove_task(self._at_work.pop(key).bar)
                break
        self._runs_over += 1
        self._size_over += size_of_all(run)
        self._show_all()

    def _show_all(self) -> None:
        at_work = self._at_work.values()
        so_far = sum(own.done * sum(run.config.seeds for run in own.left) for own in at_work)
        completed = min(self._size_over + so_far, self._total)
        learned = self._learned + sum(own.learned() for own in at_work)
        text = f"{self._runs_over}/{self._num_runs} runs  {short(completed)}/{short(self._total)} "
        text += f"{self._words.unit} of all seeds"
        if learned and completed < self._total:
            seconds = (self._total - completed) * (time.monotonic() - self._begin) / learned
            text += f"  {clock(seconds)} left"
        if self._failed:
            text += f"  [red]{self._failed} failed[/]"
        self._progress.update(self._all, completed=completed, text=text)

    def table(self, experiment: Experiment, rows: Sequence[Row], folder: Path) -> None:
        """Print the table of all runs, and where it is kept."""
        if self._quiet:
            return
        self._console.print(f"[bold]{experiment.name}, {experiment.budget}[/]: {escape(experiment.title)}")
        end = end_table(experiment.kind.experimenting, rows)
        print_whole(self._console, _printed(end))
        for note in end.notes:
            self._console.print(f"[dim]{escape(note)}[/]", soft_wrap=True)
        for name, path in (("table", folder / "summary.csv"), ("figure", folder / "curves.png")):
            self._console.print(f"[dim]{name:<8}[/]{escape(shlex.quote(str(path)))}", soft_wrap=True)

    def plan(self, experiment: Experiment, runs: Sequence[PlannedRun], folder: Path) -> None:
        """Print what would run."""
        self._console.print(f"[bold]{experiment.name}, {experiment.budget}[/]: {escape(experiment.title)}")
        table, words = Table(box=None, pad_edge=False), self._words
        for name in (words.place, words.method):
            table.add_column(name)
        for name in ("seeds", f"{words.unit} of each"):
            table.add_column(name, justify="right")
        table.add_column("state")
        for run in runs:
            table.add_row(run.place, run.row, str(run.config.seeds), f"{run.size:,}", state_of(folder, run))
        print_whole(self._console, table)
        size = f"{short(self._total)} {words.unit} of all seeds"
        self._console.print(f"{len(runs)} runs, {size}, in {escape(str(folder))}")


def _printed(end: EndTable) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in end.headings:
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for panel, rows in end.panels.items():
        table.add_row(f"[bold]{escape(panel)}[/]")
        for name, *cells in rows:
            table.add_row(escape(f"  {name}"), *map(escape, cells))
    return table


def state_of(folder: Path, run: PlannedRun) -> str:
    """Say how far a run is.

    Raises:
        AccumbensError: there is a run of that name with other settings, or its files cannot be read.
    """
    if done(folder, run):
        return "done"
    so_far = progress_of(folder, run)
    return f"at {run.kind.words.unit.removesuffix('s')} {_count(so_far)}" if so_far else "new"


def _labels(program: Program) -> tuple[str, ...]:
    return tuple(run.label for run in program)


def size_of_all(run: PlannedRun) -> int:
    """Return how long all seeds of a run are together."""
    return run.size * run.config.seeds


def _count(number: float) -> str:
    return f"{number:,.0f}" if number == round(number) else f"{number:,.2f}"


def short(number: float) -> str:
    """Return a number, in millions if it is large."""
    return f"{number / 1e6:,.1f} M" if number >= 100_000 else _count(number)


def clock(seconds: float) -> str:
    """Return a duration in hours, minutes and seconds."""
    minutes, seconds = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
