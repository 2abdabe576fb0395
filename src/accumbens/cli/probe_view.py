"""How a probe goes: the run it needs is trained or found, trials are run on its snapshots, and a table says it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from accumbens import conditioning
from accumbens.cli.run_view import RunView, heading
from accumbens.conditioning import Answer, Study
from accumbens.errors import AccumbensError
from accumbens.runs import launch
from accumbens.training.config import RunConfig
from accumbens.training.kind import AGENTS

SEEDS, FEW_SEEDS = 10, 5


class ProbeRequest(NamedTuple):
    """What is asked for; see `accumbens watch --help`.

    Attributes:
        source: an algorithm, or the directory of a run.
        probe: name of the experiment.
        out: the figure; None for one in the folder of the run that is trained.
        seeds: of that run; None for 10.
        total_timesteps: of each seed; None for the preset's.
        credit: where the gradient stops; None leaves it as it is.
        changes: further settings, as texts.
        runs: folder that the run is kept in.
        force: replace existing files.
        json: keep standard output for JSON.
        quiet: print nothing but warnings.
    """

    source: str
    probe: str
    out: Path | None
    seeds: int | None
    total_timesteps: int | None
    credit: str | None
    changes: Mapping[str, str]
    runs: Path
    force: bool
    json: bool
    quiet: bool


def run_probe(request: ProbeRequest) -> dict[str, Any] | None:
    """Train what the probe needs unless it is there, run its trials, write figure and tables, print the verdicts.

    Returns:
        What `--json` prints; None if the training was stopped.

    Raises:
        AccumbensError: something cannot be used, or a file exists.
    """
    probe = conditioning.find_probe(request.probe)
    if request.out is not None:  # before the training
        conditioning.require_free(request.out, request.force)
    path = _run_of(request)
    if path is None:
        return None
    console = Console(stderr=request.json or request.quiet, highlight=False)
    hidden = request.quiet or not console.is_terminal
    with Progress(console=console, disable=hidden, transient=True) as progress:
        task = progress.add_task("probe trials", total=None)
        study = conditioning.study_run(
            path, probe, lambda done, total: progress.update(task, completed=done, total=total)
        )
    figure = conditioning.free_figure(path, probe.name) if request.out is None else request.out
    files = conditioning.write_study(study, figure, request.force)
    if not request.quiet:
        _print(console, study, files)
    if len(study.config.seed_list()) < FEW_SEEDS:
        console.print(f"[yellow]note:[/] fewer than {FEW_SEEDS} seeds: nothing should be claimed", soft_wrap=True)
    return conditioning.document(study) | {"figure": str(figure), "files": [str(file) for file in files]}


def _run_of(request: ProbeRequest) -> Path | None:
    """The run to look at: `source` itself if it is of the task, else one that is trained, or was with this command."""
    source = Path(request.source)
    if conditioning.is_run(request.source) and AGENTS.open(source)[1].env == conditioning.TASK:
        given = {
            "--seeds": request.seeds,
            "--credit": request.credit,
            "--total-timesteps": request.total_timesteps,
            "--set": request.changes,
        }
        for name, value in given.items():
            if value:
                raise AccumbensError(f"{name} cannot be used with {source}, which is looked at as it was trained")
        return source
    config = conditioning.conditioning_config(
        request.source,
        seeds=SEEDS if request.seeds is None else request.seeds,
        total_timesteps=request.total_timesteps,
        credit=request.credit,
        changes=request.changes,
    )
    return _train(config, request)


class _WithoutReturns:
    """A report of a run without its evaluations: no action changes anything, so every return is the same."""

    def __init__(self, report: RunView):
        self.preparing, self.projected, self.start = report.preparing, report.projected, report.start
        self.progress, self.message = report.progress, report.message

    def evaluated(self, step: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Say nothing."""


def _train(config: RunConfig, request: ProbeRequest) -> Path | None:
    name = conditioning.run_name(config)
    with RunView(request.json, request.quiet) as report:
        result = launch.start_or_resume(AGENTS, config, _WithoutReturns(report), out=request.runs, name=name)
    if result.interrupted:
        report.summary(AGENTS, result)
        return None
    return Path(result.run)


def _print(console: Console, study: Study, files: list[Path]) -> None:
    """Print a table with one verdict per cell and response, and where the files are."""
    seeds, steps = len(study.config.seed_list()), study.steps
    stages = ", ".join(f"{name}: step {steps[index]:,}" for name, index in study.stages().items())
    console.print(f"{heading(AGENTS, study.config)}  {study.probe.name}, {seeds} seed(s)  {stages}", soft_wrap=True)
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for column in ("cell", "stage", "TD error at", "should", "mean ± 95 %", "exact", "seeds", "verdict"):
        table.add_column(column, justify="right" if column in ("mean ± 95 %", "exact", "seeds") else "left")
    for answer in conditioning.answers(study):
        table.add_row(*_row(answer), end_section=answer.response is study.probe.responses[-1])
    console.print(table)
    for file in files:
        console.print(f"[dim]written:[/] {escape(str(file))}", soft_wrap=True)


def _row(answer: Answer) -> list[str]:
    response, (mean, interval) = answer.response, answer.estimate
    spread = "" if answer.holds is None else f" ± {interval:.3f}"
    verdict = {True: "[green]yes[/]", False: "[red]no[/]", None: "one seed: open"}[answer.holds]
    return [
        str(answer.cell),
        response.stage,
        response.name,
        {1: "rise", -1: "dip", 0: "none"}[response.sign],
        f"{mean:+.3f}{spread}",
        "" if answer.exact is None else f"{answer.exact:+.3f}",
        f"{answer.share:.0%}",
        verdict,
    ]
