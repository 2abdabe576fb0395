"""Run an experiment: what is done is skipped, what was stopped goes on, what fails does not stop the others."""

import fnmatch
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.experiments.plan import PlannedRun
from accumbens.experiments.reporter import ExperimentReporter, OneRun
from accumbens.runs.directory import require_same
from accumbens.runs.launch import start_or_resume
from accumbens.runs.origin import Origin
from accumbens.runs.result import Result
from accumbens.runs.settings import every_setting
from accumbens.runs.tables import last_rows


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


def done(folder: Path, run: PlannedRun) -> Result | None:
    """Return the result of a run that needs no more training; None if it does.

    Raises:
        AccumbensError: there is a run of that name with other settings, or its files cannot be read.
    """
    there, origin = run.directory(folder), run.from_run(folder)
    if not there.path.exists():
        return None
    begun = {"from": (there.read_meta().get("from") or {}).get("run")}
    asked = every_setting(run.config) | {"from": None if origin is None else str(origin)}
    require_same(asked, every_setting(run.kind.open(there.path)[1]) | begun, there.path)
    return run.kind.recorded(there)


def origin_of(folder: Path, run: PlannedRun) -> Origin | None:
    """Return whose network a run begins from; None if it begins with its own.

    Raises:
        AccumbensError: that run is not there, or not at its end.
    """
    path = run.from_run(folder)
    if path is None:
        return None
    if not path.is_dir() or run.kind.recorded(run.kind.open(path)[0]) is None:
        raise AccumbensError(f"it begins from {path}, which has to be run to its end before")
    return Origin(str(path))


def progress_of(folder: Path, run: PlannedRun) -> float:
    """Return how far a run has logged, for each seed, in the unit of its kind."""
    rows = last_rows(run.directory(folder).metrics)
    return float(rows[-1][run.kind.experimenting.progress]) if rows else 0.0


def execute(
    runs: Sequence[PlannedRun], folder: Path, report: ExperimentReporter, *, checkpoint_seconds: float = 60.0
) -> Outcome:
    """Train the runs one after another, each in `folder/<its label>`.

    The first Ctrl-C saves the run at hand and ends the experiment; see `run_chunks`. Anything that goes wrong within a
    run is reported and does not keep the others from running.

    Raises:
        AccumbensError: an environment or a task cannot be made, or an extra is not installed.
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
    try:
        if pending:
            pending[0].kind.require_usable([run.config for run in pending])
    except AccumbensError as error:
        raise AccumbensError(f"{error}\n(--only PATTERN runs a part of the experiment)") from error
    for run in pending:
        report.begun(run)
        to = OneRun(report, run.size)
        options: dict[str, Any] = {"out": folder, "checkpoint_seconds": checkpoint_seconds}
        try:
            options |= {"origin": origin_of(folder, run)} if run.origin else {}
            result = start_or_resume(run.kind, run.config, to, name=run.variant, **options)
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
