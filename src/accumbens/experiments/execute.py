"""Run an experiment: what is done is skipped, what was stopped goes on, what fails does not stop the others."""

import fnmatch
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from accumbens.agents.settings import SACSettings
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.experiments.files import PlannedRun
from accumbens.training.config import every_setting
from accumbens.training.plan import make_plan
from accumbens.training.runs import RunDirectory, open_run, read_table, require_same
from accumbens.training.sac_learner import require_sac
from accumbens.training.session import Reporter, Result
from accumbens.training.train import recorded_result, train_or_resume


@runtime_checkable
class ExperimentReporter(Reporter, Protocol):
    """Whoever shows the runs to a person; every method may do nothing."""

    def begun(self, run: PlannedRun) -> None:
        """A run is begun or continued."""
        ...

    def ended(self, run: PlannedRun, result: Result, skipped: bool) -> None:
        """A run is done, was done already (`skipped`), or was interrupted."""
        ...

    def failed(self, run: PlannedRun, reason: str) -> None:
        """A run failed; the others go on."""
        ...


class Outcome(NamedTuple):
    """What an experiment came to.

    Attributes:
        results: of the runs that are done, by label.
        failures: why a run failed, by label.
        interrupted: the user stopped; the same command goes on.
    """

    results: dict[str, Result]
    failures: dict[str, str]
    interrupted: bool


def select(runs: Sequence[PlannedRun], pattern: str | None) -> list[PlannedRun]:
    """Return the runs whose label matches a pattern such as `*breakout*` or `*/local`; all without one.

    Raises:
        UnknownNameError: there is none.
    """
    chosen = [run for run in runs if pattern is None or fnmatch.fnmatchcase(run.label, pattern)]
    if not chosen:
        raise UnknownNameError("run (a pattern such as '*/local')", str(pattern), [run.label for run in runs])
    return chosen


def directory(folder: Path, run: PlannedRun) -> RunDirectory:
    """Return where a run of the experiment is, begun or not."""
    return RunDirectory(folder / run.label)


def done(folder: Path, run: PlannedRun) -> Result | None:
    """Return the result of a run that needs no more training; None if it does.

    Raises:
        AccumbensError: there is a run of that name with other settings, or its files cannot be read.
    """
    there = directory(folder, run)
    if not there.path.exists():
        return None
    require_same(every_setting(run.config), every_setting(open_run(there.path)[1]), there.path)
    result = recorded_result(there)
    return result and result._replace(run=str(there.path))


def steps_done(folder: Path, run: PlannedRun) -> int:
    """Return the environment steps per seed that a run has logged."""
    metrics = directory(folder, run).metrics
    rows = read_table(metrics) if metrics.exists() else []
    return int(rows[-1]["step"]) if rows else 0


def require_usable(runs: Sequence[PlannedRun]) -> None:
    """Refuse what cannot be made, such as environments of an extra that is not installed, before hours of others.

    Raises:
        AccumbensError: says which, and how to leave it out.
    """
    try:
        for config in {run.config.env: run.config for run in reversed(runs)}.values():  # the first of every environment
            make_plan(config)
        if any(isinstance(run.config.settings, SACSettings) for run in runs):
            require_sac()
    except AccumbensError as error:
        raise AccumbensError(f"{error}\n(--only PATTERN runs a part of the experiment)") from error


def execute(
    runs: Sequence[PlannedRun], folder: Path, report: ExperimentReporter, *, checkpoint_seconds: float = 60.0
) -> Outcome:
    """Train the runs one after another, each in `folder/<env>/<algo>/<variant>`.

    The first Ctrl-C saves the run at hand and ends the experiment; see `Session`. Anything that goes wrong within a run
    is reported and does not keep the others from running.

    Raises:
        AccumbensError: an environment cannot be made, or an extra is not installed.
    """
    results: dict[str, Result] = {}
    failures: dict[str, str] = {}
    pending: list[PlannedRun] = []
    for run in runs:
        try:
            result = done(folder, run)
        except AccumbensError as error:
            failures[run.label] = str(error)
            report.failed(run, str(error))
            continue
        if result is None:
            pending.append(run)
        else:
            results[run.label] = result
            report.ended(run, result, skipped=True)
    require_usable(pending)
    for run in pending:
        report.begun(run)
        try:
            result = train_or_resume(
                run.config, report, out=folder, name=run.variant, checkpoint_seconds=checkpoint_seconds
            )
        except (AccumbensError, OSError) as error:
            failures[run.label] = str(error)
            report.failed(run, str(error))
        except Exception as error:  # memory of the device, a broken environment: not a reason to lose a night
            failures[run.label] = f"{type(error).__name__}: {error}"
            report.failed(run, traceback.format_exc())
        else:
            report.ended(run, result, skipped=False)
            if result.interrupted:
                return Outcome(results, failures, interrupted=True)
            results[run.label] = result
    return Outcome(results, failures, interrupted=False)
