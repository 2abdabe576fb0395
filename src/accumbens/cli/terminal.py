"""How a run looks in the terminal: the live progress bar, evaluations, and the summary at the end."""

import dataclasses
import math
import shlex
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from accumbens.runs.directory import to_json
from accumbens.training.config import RunConfig
from accumbens.training.evaluate import Evaluation
from accumbens.training.session import Result

FASTER = {
    "ad_dqn": "ad_pqn",
    "ad_dqn_released": "ad_pqn",
    "ad_qrdqn": "ad_qr_pqn",
    "ad_qrdqn_released": "ad_qr_pqn",
    "arq": "arq_pqn",
    "arq_released": "arq_pqn",
    "dqn": "pqn",
    "dqn_conv": "pqn_conv",
    "qrdqn": "pqn",
}


class _Steps(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{int(task.completed):,}/{int(task.total or 0):,} steps")


class TerminalReport:
    """Shows a run on a console, which within `with` has a live bar at the bottom.

    Everything goes to standard output; to standard error if that is kept for JSON, or if only warnings are left.
    """

    def __init__(self, json: bool, quiet: bool):
        """Prepare; the bar appears at `start`."""
        self._quiet = quiet
        self._console = Console(stderr=json or quiet, highlight=False)
        self._progress = Progress(
            BarColumn(bar_width=28),
            _Steps(),
            TextColumn("return {task.fields[mean_return]}"),
            TextColumn("{task.fields[speed]} steps/s"),
            TimeRemainingColumn(),
            console=self._console,
            disable=quiet,
        )
        self._task = self._progress.add_task("", mean_return="–", speed="–", start=False)
        self._config: RunConfig | None = None

    def __enter__(self) -> "TerminalReport":
        """Nothing appears yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bar as it is."""
        if self._progress.live.is_started:
            self._progress.stop()

    def preparing(self, config: RunConfig, run: Path) -> None:
        """Say what is about to be compiled."""
        self._config = config
        if not self._quiet:
            last = config.seed + config.seeds - 1
            seeds = f"seed {config.seed}" if config.seeds == 1 else f"seeds {config.seed} to {last}"
            self._console.print(f"{title(config)}  {seeds}")
            self._console.print(f"run directory: {escape(str(run))}", soft_wrap=True)
            self._console.print("compiling …", style="dim")

    def projected(self, seconds: float, steps_per_second: float) -> None:
        """Warn of a long run, and name a faster preset."""
        if seconds < 3600 or self._config is None:
            return
        self.message(f"this run is expected to take {seconds / 3600:.1f} hours, at {steps_per_second:,.0f} steps/s")
        faster = FASTER.get(self._config.algo)
        if faster:
            self.message(f"a faster preset: accumbens train {self._config.env} {faster}")
        else:
            self.message("fewer steps: --total-timesteps N")

    def start(self, step: int) -> None:
        """Show the bar, at the step the run stands."""
        total = self._config.total_timesteps if self._config else None
        self._progress.update(self._task, total=total, completed=step)
        self._progress.start()
        self._progress.start_task(self._task)

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
            f"cells 1–{cell}: {mean:.1f}" if cell > 1 else f"cell 1: {mean:.1f}" for cell, mean in enumerate(means, 1)
        )
        self._console.print(f"step {step:,}  greedy return  {cells}", style="dim")

    def message(self, text: str) -> None:
        """Print something the user should know, even when quiet."""
        self._console.print(f"[yellow]note:[/] {escape(text)}", soft_wrap=True)

    def summary(self, result: Result) -> None:
        """Print what the run came to, and how to look at it again."""
        if self._quiet:
            return
        run = shlex.quote(result.run)
        speed = f"{result.steps_per_second:,.0f} steps/s"
        rows = {
            "final return": f"{mean_and_all(result.final_return)}  mean of the last 100 training episodes",
            "greedy return": f"{mean_and_all(result.eval_return)}  full network, last evaluation",
            "steps": f"{result.steps:,} in {result.wall_seconds:.0f} s, {speed}",
            "run": result.run,
            "picture": f"{result.run}/curve.png",
            "look again": f"accumbens evaluate {run}",
        }
        if result.interrupted:
            rows["continue"] = f"accumbens resume {run}"
        self._console.print("[bold]stopped, nothing is lost[/]" if result.interrupted else "[bold]done[/]")
        for name, text in rows.items():
            # Not a table, which would break paths into pieces that cannot be copied.
            self._console.print(f"[dim]{name:<15}[/]{escape(text)}", soft_wrap=True)


def title(config: RunConfig) -> str:
    """Return environment, preset and credit, with markup."""
    return f"[bold]{escape(config.env)}[/]  {config.algo}  {config.settings.credit} credit"


def mean_and_all(values: list[float], digits: int = 1) -> str:
    """Return the mean over seeds, and the value of every seed if there are several."""
    if not values:
        return "–"
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{np.mean(values):.{digits}f}  (seeds: {', '.join(f'{value:.{digits}f}' for value in values)})"


def print_json(document: dict) -> None:
    """Print one line of JSON on standard output."""
    print(to_json(document), flush=True)


def result_document(result: Result) -> dict:
    """Return a result as the `--json` line has it."""
    return result._asdict() | {"seed": result.seeds[0]}


def config_document(config: RunConfig) -> dict:
    """Return a configuration as plain values."""
    return dataclasses.asdict(config)
