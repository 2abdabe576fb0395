"""How a sweep looks in the terminal: the bars of an experiment at every stage, and the table at the end."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from accumbens.cli.experiment_view import ExperimentView, clock, short, size_of_all
from accumbens.cli.terminal import print_whole
from accumbens.experiments.plan import PlannedRun
from accumbens.runs.comparing import Metric
from accumbens.runs.result import Result
from accumbens.stats import FEW_SEEDS
from accumbens.sweeps.layout import Layout
from accumbens.sweeps.plan import Sweep
from accumbens.sweeps.result import Standing
from accumbens.sweeps.tables import shown, verdict
from accumbens.sweeps.timing import Timing

SHOWN = 20
"""Points of the table in the terminal; `summary.csv` has all."""


class SweepView(ExperimentView):
    """Shows one stage of a sweep, at which runs go to a part of their length."""

    def __init__(self, stage: str, runs: Sequence[PlannedRun], until: float, json: bool, quiet: bool):
        """Prepare; the bars appear within `with`."""
        super().__init__(runs, json, quiet)
        self._until = until
        self._total *= until
        self._progress.update(self._all, total=self._total, description=stage)

    @classmethod
    def maker(cls, json: bool, quiet: bool) -> "Callable[[str, Sequence[PlannedRun], float], SweepView]":
        """Return what makes the view of a stage."""
        return lambda stage, runs, until: cls(stage, runs, until, json, quiet)

    def ended(self, run: PlannedRun, result: Result, skipped: bool) -> None:
        """Print a line about the run, unless it was where it is before: sweeps have many."""
        if skipped:
            self._over(run)
        else:
            super().ended(run, result, skipped)

    def _over(self, run: PlannedRun) -> None:
        before = self._size_over
        super()._over(run)
        self._size_over = before + self._until * size_of_all(run)
        self._show_all()


def print_plan(sweep: Sweep, layout: Layout, timing: Timing | None, folder: Path, json: bool) -> None:
    """Print what would run."""
    console, words = Console(stderr=json, highlight=False), sweep.kind.words
    console.print(f"[bold]{escape(sweep.name)}[/]: {escape(sweep.title)}", soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for name in ("setting", "values", "in a program"):
        table.add_column(name)
    for setting in sweep.over:
        how = "several values" if setting.name in layout.inside else "one value: others compile anew"
        table.add_row(setting.name, escape(setting.said(sweep.drawn)), how)
    print_whole(console, table)
    runs, programs = len(sweep.runs), len(layout.programs)
    what = f"{sweep.method} {words.at} {sweep.place}"
    points = f"{runs} point{'s' if runs > 1 else ''} of {what}, {sweep.seeds} seed{'s' if sweep.seeds > 1 else ''} each"
    console.print(f"{escape(points)}, in {programs} program{'s' if programs > 1 else ''}", soft_wrap=True)
    if len(sweep.ladder) > 1:
        steps = "; ".join(f"{rung.points} to {rung.until:.3g} of their length" for rung in sweep.ladder)
        console.print(f"halving: {steps}", soft_wrap=True)
    if sweep.report_seeds:
        others = f"{sweep.report_seeds} other seed{'s' if sweep.report_seeds > 1 else ''}"
        console.print(f"the best one again with {others}", soft_wrap=True)
    console.print(f"{short(layout.size)} {words.unit} of all seeds, in {escape(str(folder))}", soft_wrap=True)
    console.print(f"{words.unit} of each seed: {sweep.runs[0].size:,}")
    if timing is not None:
        about = clock(timing.projected(layout))
        what = f"if all programs are like the first, which took {timing.compiling:.0f} s to compile"
        console.print(f"about {about} on this machine, {what}", soft_wrap=True)


def print_result(
    sweep: Sweep, standing: Standing, folder: Path, json: bool, quiet: bool, interrupted: bool = False
) -> None:
    """Print the table of all points, and what was found."""
    console = Console(stderr=json or quiet, highlight=False)
    if interrupted:
        console.print("[yellow]note:[/] stopped, nothing is lost: the same command goes on")
    if quiet:
        return
    console.print(f"[bold]{escape(sweep.name)}[/]: {escape(sweep.title)}", soft_wrap=True)
    print_whole(console, _table(sweep, standing))
    left = len(standing.tried) - SHOWN
    if left > 0:
        console.print(f"[dim]and {left} more points in the table below[/]")
    for line in verdict(sweep, standing):
        console.print(escape(line), soft_wrap=True)
    metric = standing.metric
    if metric is not None:
        rough = "; few seeds: rough" if sweep.seeds < FEW_SEEDS else ""
        console.print(f"[dim]{escape(_what(metric))}; mean ± 95 % t-interval over seeds{rough}[/]", soft_wrap=True)
    for name, file in (("table", "summary.csv"), ("effects", "effects.csv"), ("figure", "sensitivity.png")):
        console.print(f"[dim]{name:<8}[/]{escape(shlex.quote(str(folder / file)))}", soft_wrap=True)


def _what(metric: Metric) -> str:
    order = "less is better" if metric.less_is_better else "more is better"
    return f"{metric.name}: {metric.summary} ({order})"


def _table(sweep: Sweep, standing: Standing) -> Table:
    table, metric = Table(box=None, pad_edge=False), standing.metric
    for setting in sweep.over:
        table.add_column(setting.name, no_wrap=True)
    table.add_column(metric.name if metric else "score", justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for tried in standing.tried[:SHOWN]:
        score = shown(metric, tried.score.estimate) if metric and tried.score else "–"
        table.add_row(*map(escape, sweep.point_of(tried.run).values()), score, tried.state)
    return table
