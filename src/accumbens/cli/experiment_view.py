"""How an experiment looks in the terminal: two bars while it runs, a line per run, and the table at the end."""

import math
import shlex
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from accumbens.analysis.tables import Row, estimate
from accumbens.experiments.execute import done, steps_done
from accumbens.experiments.files import Experiment, PlannedRun
from accumbens.training.config import RunConfig
from accumbens.training.evaluate import Evaluation
from accumbens.training.session import Result


class ExperimentView:
    """Shows all runs of an experiment on a console: one bar for all, one for the run at hand.

    Everything goes to standard output; to standard error if that is kept for JSON, or if only warnings are left.
    """

    def __init__(self, runs: Sequence[PlannedRun], json: bool, quiet: bool):
        """Prepare; the bars appear within `with`."""
        self._quiet = quiet
        self._console = Console(stderr=json or quiet, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[text]}"),
            console=self._console,
            disable=quiet,
        )
        self._total = sum(run.config.total_timesteps * run.config.seeds for run in runs)
        self._num_runs = len(runs)
        self._all = self._progress.add_task("all runs", total=self._total, text="")
        self._one = self._progress.add_task("", total=None, text="", visible=False)
        self._runs_over = self._steps_over = 0
        self._failed = 0
        self._trained = 0  # steps of this process, all seeds
        self._begin = time.monotonic()
        self._config: RunConfig | None = None
        self._first_step = self._step = 0

    def __enter__(self) -> "ExperimentView":
        """Show the bars."""
        if not self._quiet:
            self._progress.start()
        self._show_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bar of all runs as it is."""
        self._progress.update(self._one, visible=False)
        self._progress.stop()

    def begun(self, run: PlannedRun) -> None:
        """Show the run's bar."""
        self._config, self._step, self._first_step = run.config, 0, 0
        total = run.config.total_timesteps
        text = "compiling …"
        self._progress.update(
            self._one, description=escape(run.label), completed=0, total=total, text=text, visible=True
        )

    def preparing(self, config: RunConfig, run: Path) -> None:
        """The bar says it already."""

    def projected(self, seconds: float, steps_per_second: float) -> None:
        """The bar of all runs says it already."""

    def start(self, step: int) -> None:
        """Move the run's bar to where a resumed run stands."""
        self._step = self._first_step = step
        self._progress.update(self._one, completed=step, text="")
        self._show_all()

    def progress(self, step: int, mean_return: np.ndarray, steps_per_second: float) -> None:
        """Move both bars."""
        self._step = step
        shown = f"{np.nanmean(mean_return):.1f}" if np.isfinite(mean_return).any() else "–"
        text = f"{step:,} steps  return {shown}  {steps_per_second:,.0f} steps/s"
        self._progress.update(self._one, completed=step, text=text)
        self._show_all()

    def evaluated(self, step: int, evaluation: Evaluation) -> None:
        """The table at the end says it."""

    def message(self, text: str) -> None:
        """Print something the user should know, even when quiet."""
        self._console.print(f"[yellow]note:[/] {escape(text)}", soft_wrap=True)

    def ended(self, run: PlannedRun, result: Result, skipped: bool) -> None:
        """Print a line about the run."""
        self._over(run)
        if not self._quiet:
            how = "stopped" if result.interrupted else "done before" if skipped else "done"
            numbers = f"return {estimate(result.final_return)}  greedy {estimate(result.eval_return)}"
            line = f"{how:<12}{run.label}  {numbers}  {result.wall_seconds:,.0f} s"
            self._console.print(escape(line), style="dim" if skipped else None, soft_wrap=True)

    def failed(self, run: PlannedRun, reason: str) -> None:
        """Print why, even when quiet."""
        self._failed += 1
        self._over(run)
        self._console.print(f"[red]failed[/]      {escape(f'{run.label}: {reason}')}", soft_wrap=True)

    def _over(self, run: PlannedRun) -> None:
        if self._config is not None:  # not one that was skipped
            self._trained += (self._step - self._first_step) * run.config.seeds
        self._config, self._step, self._first_step = None, 0, 0
        self._runs_over += 1
        self._steps_over += run.config.total_timesteps * run.config.seeds
        self._show_all()

    def _show_all(self) -> None:
        seeds = self._config.seeds if self._config else 0
        completed = min(self._steps_over + self._step * seeds, self._total)
        trained = self._trained + (self._step - self._first_step) * seeds
        text = f"{self._runs_over}/{self._num_runs} runs  {_short(completed)}/{_short(self._total)} steps of all seeds"
        if trained and completed < self._total:
            seconds = (self._total - completed) * (time.monotonic() - self._begin) / trained
            text += f"  {_clock(seconds)} left"
        if self._failed:
            text += f"  [red]{self._failed} failed[/]"
        self._progress.update(self._all, completed=completed, text=text)

    def table(self, experiment: Experiment, rows: Sequence[Row], folder: Path) -> None:
        """Print the table of all runs, and where it is kept."""
        if self._quiet:
            return
        self._console.print(f"[bold]{experiment.name}, {experiment.budget}[/]: {escape(experiment.title)}")
        table = Table(box=None, pad_edge=False)
        for name in ("", "seeds", "return", "greedy", "steps", "seconds", "parameters", "published"):
            table.add_column(name, justify="right" if name else "left", no_wrap=True)
        sources = list(dict.fromkeys(row.published.source for row in rows if row.published))
        for env in dict.fromkeys(row.env for row in rows):
            table.add_row(f"[bold]{escape(env)}[/]")
            for row in (row for row in rows if row.env == env):
                table.add_row(*map(escape, _cells(row, sources)))
        self._print_whole(table)
        few = min((len(row.returns) for row in rows if row.algo), default=0)
        self._console.print(
            f"[dim]return: mean of the last 100 training episodes ± 95 % t-interval over seeds"
            f"{'; few seeds: rough' if few < 5 else ''}[/]",
            soft_wrap=True,
        )
        for number, source in enumerate(sources, start=1):
            self._console.print(f"[dim]\\[{number}] {escape(source)}[/]", soft_wrap=True)
        for name, path in (("table", folder / "summary.csv"), ("figure", folder / "curves.png")):
            self._console.print(f"[dim]{name:<8}[/]{escape(shlex.quote(str(path)))}", soft_wrap=True)

    def _print_whole(self, table: Table) -> None:
        """Print a table that is never cut short: a narrow window breaks its lines instead."""
        widest = self._console.options.update(max_width=1000)
        width = max(self._console.width, self._console.measure(table, options=widest).maximum)
        Console(file=self._console.file, width=width, highlight=False).print(table)

    def plan(self, experiment: Experiment, runs: Sequence[PlannedRun], folder: Path) -> None:
        """Print what would run."""
        self._console.print(f"[bold]{experiment.name}, {experiment.budget}[/]: {escape(experiment.title)}")
        table = Table(box=None, pad_edge=False)
        for name in ("environment", "agent", "seeds", "steps of each", "state"):
            table.add_column(name, justify="right" if name in ("seeds", "steps of each") else "left")
        for run in runs:
            config = run.config
            state = state_of(folder, run)
            table.add_row(config.env, run.row, str(config.seeds), f"{config.total_timesteps:,}", state)
        self._print_whole(table)
        self._console.print(f"{len(runs)} runs, {_short(self._total)} steps of all seeds, in {escape(str(folder))}")


def state_of(folder: Path, run: PlannedRun) -> str:
    """Say how far a run is.

    Raises:
        AccumbensError: there is a run of that name with other settings, or its files cannot be read.
    """
    if done(folder, run):
        return "done"
    steps = steps_done(folder, run)
    return f"at step {steps:,}" if steps else "new"


def _cells(row: Row, sources: list[str]) -> list[str]:
    quote = ""
    if row.published is not None:
        published, here = row.published, row.published.at(row.steps)
        interval = "" if published.interval is None else f" ± {published.interval:g}"
        quote = f"{published.value:g}{interval} at {published.steps / 1e6:g} M"
        if here is not None:
            quote = f"{here:.1f} at this step, {quote}"
        quote += f" [{sources.index(published.source) + 1}]"
    if row.algo is None:
        agent = row.published.agent if row.published else ""
        return [f"  {agent}, published", *[""] * 6, quote]
    steps = f"{row.steps:,}" if row.steps >= row.asked else f"{row.steps:,} of {row.asked:,}"
    return [
        *(f"  {row.algo}/{row.variant}", str(len(row.returns))),
        *(str(estimate(row.returns)), str(estimate(row.greedy)), steps, f"{row.seconds:,.0f}", f"{row.parameters:,}"),
        quote,
    ]


def _short(count: int) -> str:
    return f"{count / 1e6:,.1f} M" if count >= 100_000 else f"{count:,}"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
