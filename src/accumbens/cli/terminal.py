"""How a run looks in the terminal: the live progress bar, evaluations, and the summary at the end."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from accumbens.training.config import RunConfig
from accumbens.training.evaluate import Evaluation
from accumbens.training.train import Result

FASTER = {"ad_dqn": "ad_pqn", "ad_dqn_released": "ad_pqn", "dqn": "pqn"}


class _Steps(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{int(task.completed):,}/{int(task.total or 0):,} steps")


class TerminalReport:
    """Shows a run on a console; `quiet` shows nothing but warnings."""

    def __init__(self, console: Console, quiet: bool):
        """Prepare; the bar appears at `start`."""
        self._console, self._quiet = console, quiet
        self._progress = Progress(
            BarColumn(bar_width=28),
            _Steps(),
            TextColumn("return {task.fields[mean_return]}"),
            TextColumn("{task.fields[speed]} steps/s"),
            TimeRemainingColumn(),
            console=console,
            disable=quiet,
        )
        self._task = self._progress.add_task("", mean_return="–", speed="–", start=False)
        self._config: RunConfig | None = None

    def preparing(self, config: RunConfig) -> None:
        """Say what is about to be compiled."""
        self._config = config
        if not self._quiet:
            seeds = (
                f"seed {config.seed}"
                if config.seeds == 1
                else f"seeds {config.seed} to {config.seed + config.seeds - 1}"
            )
            self._console.print(
                f"[bold]{config.env}[/]  {config.algo}  {config.settings.credit} credit  {seeds}", highlight=False
            )
            self._console.print("compiling …", style="dim")

    def start(self, config: RunConfig, run: Path, step: int) -> None:
        """Show the bar, at the step the run stands."""
        if not self._quiet:
            self._console.print(f"run directory: {run}", highlight=False, soft_wrap=True)
        self._progress.update(self._task, total=config.total_timesteps, completed=step)
        self._progress.start()
        self._progress.start_task(self._task)

    def projected(self, seconds: float, steps_per_second: float) -> None:
        """Warn of a long run, and name a faster preset."""
        if seconds < 3600 or self._config is None:
            return
        hours = f"{seconds / 3600:.1f} hours"
        self.message(f"this run is expected to take {hours} at {steps_per_second:,.0f} steps/s")
        faster = FASTER.get(self._config.algo)
        if faster:
            self.message(f"a faster preset: accumbens train {self._config.env} {faster}")
        else:
            self.message("fewer steps: --total-timesteps N")

    def progress(self, step: int, mean_return: np.ndarray, steps_per_second: float) -> None:
        """Move the bar."""
        shown = np.nanmean(mean_return) if np.isfinite(mean_return).any() else math.nan
        text = "–" if math.isnan(shown) else f"{shown:.1f}"
        self._progress.update(self._task, completed=step, mean_return=text, speed=f"{steps_per_second:,.0f}")

    def evaluated(self, step: int, evaluation: Evaluation) -> None:
        """Print one line: the greedy return of every prefix of cells, mean over seeds."""
        if self._quiet:
            return
        means = np.asarray(evaluation.returns).mean(axis=(0, 2))
        cells = "  ".join(
            f"cells 1–{l}: {mean:.1f}" if l > 1 else f"cell 1: {mean:.1f}" for l, mean in enumerate(means, 1)
        )
        self._progress.console.print(f"[dim]step {step:,}  greedy return  {cells}[/]", highlight=False)

    def message(self, text: str) -> None:
        """Print something the user should know, even when quiet."""
        self._progress.console.print(f"[yellow]note:[/] {text}", highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Leave the bar as it is."""
        self._progress.stop()

    def summary(self, result: Result) -> None:
        """Print what the run came to, and how to look at it again."""
        if self._quiet:
            return
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(style="dim")
        table.add_column(overflow="fold")
        table.add_row("final return", f"{_mean_and_all(result.final_return)}  mean of the last 100 training episodes")
        table.add_row("greedy return", f"{_mean_and_all(result.eval_return)}  full network, last evaluation")
        table.add_row(
            "steps", f"{result.steps:,} in {result.wall_seconds:.0f} s, {result.steps_per_second:,.0f} steps/s"
        )
        table.add_row("run", result.run)
        table.add_row("picture", f"{result.run}/curve.png")
        table.add_row("look again", f"accumbens evaluate {result.run}")
        if result.interrupted:
            table.add_row("continue", f"accumbens resume {result.run}")
        self._console.print("[bold]stopped, nothing is lost[/]" if result.interrupted else "[bold]done[/]")
        self._console.print(table, highlight=False, soft_wrap=True)


def _mean_and_all(values: list[float]) -> str:
    if not values:
        return "–"
    if len(values) == 1:
        return f"{values[0]:.1f}"
    return f"{np.mean(values):.1f}  (seeds: {', '.join(f'{value:.1f}' for value in values)})"


def evaluation_table(evaluation: Evaluation) -> Table:
    """Return a table of an evaluation: one row per prefix of cells."""
    returns, lengths = np.asarray(evaluation.returns), np.asarray(evaluation.lengths)
    table = Table(box=None, pad_edge=False)
    for column in ("acting cells", "mean return", "std", "min", "max", "mean length"):
        table.add_column(column, justify="left" if column == "acting cells" else "right")
    num_cells = returns.shape[1]
    for cells in range(num_cells):
        name = "full network" if cells == num_cells - 1 else f"1 to {cells + 1}" if cells else "1"
        mine, length = returns[:, cells], lengths[:, cells].mean()
        row = (mine.mean(), mine.std(), mine.min(), mine.max(), length)
        table.add_row(name, *(f"{value:.1f}" for value in row))
    return table


def print_json(document: dict) -> None:
    """Print one line of JSON on standard output; a number that is not finite becomes null."""

    def clean(value):
        if isinstance(value, dict):
            return {key: clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [clean(item) for item in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    print(json.dumps(clean(document)), flush=True)


def result_document(result: Result) -> dict:
    """Return a result as the `--json` line has it."""
    return result._asdict() | {"seed": result.seeds[0]}


def config_document(config: RunConfig) -> dict:
    """Return a configuration as plain values."""
    return dataclasses.asdict(config)
