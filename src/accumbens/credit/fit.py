"""What the command line and scripts call: fit a rule to a task, and continue a fit."""

from pathlib import Path

from accumbens.credit.config import FitConfig, read_fit, write_fit
from accumbens.credit.job import Fitting
from accumbens.credit.session import FitReporter, FitResult, FitSession
from accumbens.credit.tasks.registry import folder_name
from accumbens.errors import AccumbensError
from accumbens.runs.directory import (
    RunDirectory,
    make_directory,
    require_same,
)
from accumbens.runs.tracking import require_usable
from accumbens.training.config import every_setting


def fit(
    config: FitConfig,
    report: FitReporter,
    *,
    out: Path = Path("runs"),
    name: str | None = None,
    track: str | None = None,
    checkpoint_seconds: float = 60.0,
) -> FitResult:
    """Fit from the start in a new run directory, `out/<task>/<rule>/<name>`.

    Raises:
        AccumbensError: the run exists already, there are no data, a setting cannot be used, or a layer stopped being
            finite.
    """
    require_usable(track, checkpoint_seconds)
    fitting = Fitting(config)
    run = make_directory(folder(config, out), name, lambda path: write_fit(config, path))
    with run.lock():
        return FitSession(fitting, run, report, track, checkpoint_seconds).execute()


def folder(config: FitConfig, out: Path) -> Path:
    """Return where runs of a rule on a task are kept."""
    return out / folder_name(config.task) / config.rule


def resume_fit(
    path: Path, report: FitReporter, *, track: str | None = None, checkpoint_seconds: float = 60.0
) -> FitResult:
    """Continue a fit from its newest good checkpoint; the result is that of an uninterrupted one, to the bit.

    Raises:
        AccumbensError: there is no fit at `path`, another process is at it, or no checkpoint of it can be used.
    """
    require_usable(track, checkpoint_seconds)
    run, config = open_fit(path)
    with run.lock():
        finished = recorded_fit(run)
        if finished:
            report.message(f"the run {path} is complete")
            return finished
        return FitSession(Fitting(config), run, report, track, checkpoint_seconds).execute()


def fit_or_resume(
    config: FitConfig,
    report: FitReporter,
    *,
    out: Path,
    name: str,
    track: str | None = None,
    checkpoint_seconds: float = 60.0,
) -> FitResult:
    """Fit in the run of that name, from the start or from where it stands.

    Raises:
        AccumbensError: as for `fit` and `resume_fit`; the run was started with other settings.
    """
    path = folder(config, out) / name
    if not path.exists():
        return fit(config, report, out=out, name=name, track=track, checkpoint_seconds=checkpoint_seconds)
    require_same(every_setting(config), every_setting(open_fit(path)[1]), path)
    return resume_fit(path, report, track=track, checkpoint_seconds=checkpoint_seconds)


def open_fit(path: Path) -> tuple[RunDirectory, FitConfig]:
    """Return an existing fit and its configuration.

    Raises:
        AccumbensError: there is no fit at `path`.
    """
    if not path.is_dir():
        raise AccumbensError(f"there is no run at {path}")
    run = RunDirectory(path)
    return run, read_fit(run.config)


def recorded_fit(run: RunDirectory) -> FitResult | None:
    """Return what a fit that reached its end came to; None for one that did not."""
    recorded = run.read_meta().get("result")
    if recorded is None or recorded["interrupted"]:
        return None
    return FitResult(**recorded | {"run": str(run.path)})
