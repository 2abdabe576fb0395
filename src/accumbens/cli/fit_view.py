"""How a fit looks in the terminal: the live progress bar, evaluations, and the summary at the end."""

import dataclasses
import math
import shlex
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from accumbens.cli.terminal import mean_and_all, print_json
from accumbens.credit.config import FitConfig
from accumbens.credit.fit import FitResult, Fitting
from accumbens.training.config import format_value


class FitView:
    """Shows a fit on a console, which within `with` has a live bar at the bottom.

    Everything goes to standard output; to standard error if that is kept for JSON, or if only warnings are left.
    """

    def __init__(self, json: bool, quiet: bool):
        """Prepare; the bar appears at `start`."""
        self._quiet = quiet
        self._console = Console(stderr=json or quiet, highlight=False)
        self._progress = Progress(
            BarColumn(bar_width=28),
            TextColumn("epoch {task.fields[epoch]}"),
            TextColumn("loss {task.fields[loss]}"),
            TextColumn("{task.fields[speed]} updates/s"),
            TimeRemainingColumn(),
            console=self._console,
            disable=quiet,
        )
        self._task = self._progress.add_task("", epoch="–", loss="–", speed="–", start=False)
        self._updates_per_epoch = 1

    def __enter__(self) -> "FitView":
        """Nothing appears yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bar as it is."""
        if self._progress.live.is_started:
            self._progress.stop()

    def preparing(self, config: FitConfig, run: Path) -> None:
        """Say what is about to be compiled."""
        if self._quiet:
            return
        last = config.seed + config.seeds - 1
        seeds = f"seed {config.seed}" if config.seeds == 1 else f"seeds {config.seed} to {last}"
        self._console.print(f"{fit_title(config)}  {seeds}")
        self._console.print(f"run directory: {escape(str(run))}", soft_wrap=True)
        self._console.print("compiling …", style="dim")

    def start(self, update: int, updates: int, updates_per_epoch: int) -> None:
        """Show the bar, where the fit stands."""
        self._updates_per_epoch = updates_per_epoch
        self._progress.update(self._task, total=updates, completed=update)
        self._progress.start()
        self._progress.start_task(self._task)

    def progress(self, update: int, loss: float, updates_per_second: float) -> None:
        """Move the bar."""
        epoch, speed = f"{update / self._updates_per_epoch:.1f}", f"{updates_per_second:,.0f}"
        self._progress.update(self._task, completed=update, epoch=epoch, loss=f"{loss:.4g}", speed=speed)

    def evaluated(self, rows: list[dict[str, Any]]) -> None:
        """Print one line: the score of every split, mean over seeds, and the angle of every layer's update."""
        if self._quiet:
            return
        score = "accuracy" if "test_accuracy" in rows[0] else "loss"
        splits = [split for split in ("train", "valid", "test") if f"{split}_{score}" in rows[0]]
        scores = "  ".join(f"{split} {_mean(rows, f'{split}_{score}'):.3f}" for split in splits)
        angles = [_mean(rows, name) for name in rows[0] if name.startswith("angle_")]
        shown = ", ".join("–" if math.isnan(angle) else f"{angle:.0f}°" for angle in angles)
        line = f"epoch {rows[0]['epoch']:.4g}  {score}  {scores}  angles {shown}"
        self._console.print(line, style="dim", soft_wrap=True)

    def message(self, text: str) -> None:
        """Print something the user should know, even when quiet."""
        self._console.print(f"[yellow]note:[/] {escape(text)}", soft_wrap=True)

    def summary(self, result: FitResult) -> None:
        """Print what the fit came to, and how to look at it again."""
        if self._quiet:
            return
        run = shlex.quote(result.run)
        rows = {}
        if result.test_accuracy:
            rows["test accuracy"] = mean_and_all(result.test_accuracy, 4)
            rows["validation"] = mean_and_all(result.valid_accuracy, 4)
        rows["test loss"] = mean_and_all(result.test_loss, 4)
        rows["updates"] = (
            f"{result.updates:,} ({result.epochs:.4g} epochs) in {result.wall_seconds:.0f} s, "
            f"{result.updates_per_second:,.0f} updates/s"
        )
        rows |= {"run": result.run, "picture": f"{result.run}/curve.png", "look again": f"accumbens report {run}"}
        if result.interrupted:
            rows["continue"] = f"accumbens resume {run}"
        self._console.print("[bold]stopped, nothing is lost[/]" if result.interrupted else "[bold]done[/]")
        for name, text in rows.items():
            # Not a table, which would break paths into pieces that cannot be copied.
            self._console.print(f"[dim]{name:<15}[/]{escape(text)}", soft_wrap=True)


def end_of_fit(view: FitView, result: FitResult, json: bool) -> int:
    """Print what a fit came to; return the exit code."""
    view.summary(result)
    if json:
        print_json(result._asdict())
    return 130 if result.interrupted else 0


def fit_title(config: FitConfig) -> str:
    """Return task and rule, with markup."""
    layers = "-".join(map(str, config.rule_settings.layers)) or "no hidden layer"
    return f"[bold]{escape(config.task)}[/]  {escape(config.rule)}  {layers}"


def _mean(rows: list[dict[str, Any]], column: str) -> float:
    values = [row[column] for row in rows if math.isfinite(row[column])]
    return float(np.mean(values)) if values else math.nan


def print_fit_plan(config: FitConfig, json: bool) -> None:
    """Print every setting of a fit, and its sizes."""
    import jax

    fitting = Fitting(config)
    network = fitting.like().seeds.network
    sizes = [sum(leaf.size for leaf in jax.tree.leaves(layer)) // config.seeds for layer in network.layers]
    plan = {
        "updates": fitting.updates,
        "updates_per_epoch": fitting.updates_per_epoch,
        "parameters": sizes,
        "notes": list(fitting.task.notes),
    }
    if json:
        print_json({"config": dataclasses.asdict(config), "plan": plan})
        return
    console = Console(highlight=False)
    console.print(fit_title(config))
    numbers = {"epochs": config.epochs, "seeds": config.seeds, "evaluations": config.evaluations}
    parts = {"fit": numbers, "task": config.task_settings, "rule": config.rule_settings}
    for name, part in parts.items():
        values = part if isinstance(part, dict) else dataclasses.asdict(part)
        if values:
            console.print(f"[bold]{name}[/]")
        for key, value in values.items():
            console.print(f"  {key:<24}{escape(format_value(value))}")
    console.print("[bold]sizes[/]")
    console.print(f"  {'updates':<24}{plan['updates']:,} ({plan['updates_per_epoch']:,} an epoch)")
    console.print(f"  {'parameters':<24}{sum(sizes):,} ({', '.join(f'{size:,}' for size in sizes)})")
    for note in fitting.task.notes:
        console.print(f"[yellow]note:[/] {escape(note)}", soft_wrap=True)
