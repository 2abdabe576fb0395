"""Run an experiment: what is done is skipped, what was stopped goes on, what fails does not stop the others."""

import fnmatch
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.experiments.plan import PlannedRun, Program
from accumbens.experiments.reporter import ExperimentReporter, OneProgram
from accumbens.runs.continuing import OtherSettingsError, require_same
from accumbens.runs.health import NotFiniteError
from accumbens.runs.launch import start_or_resume_together
from accumbens.runs.origin import Origin
from accumbens.runs.reporter import Reporter
from accumbens.runs.result import Result
from accumbens.runs.settings import every_setting
from accumbens.runs.tables import last_rows


class Outcome(NamedTuple):
    """What an experiment came to.

    Attributes:
        results: of the runs that are done, by label.
        failures: why a run failed, by label.
        interrupted: the user stopped; the same command goes on.
        diverged: labels of those that failed because a number stopped being finite: again they would do the same.
    """

    results: dict[str, Result]
    failures: dict[str, str]
    interrupted: bool
    diverged: frozenset[str] = frozenset()


def select(runs: Sequence[PlannedRun], pattern: str | None) -> list[PlannedRun]:
    """Return the runs whose label matches a pattern such as `*breakout*` or `*/local`; all without one.

    Raises:
        UnknownNameError: there is none.
    """
    chosen = [run for run in runs if pattern is None or fnmatch.fnmatchcase(run.label, pattern)]
    if not chosen:
        raise UnknownNameError("run (a pattern such as '*/local')", str(pattern), [run.label for run in runs])
    return chosen


def done(folder: Path, run: PlannedRun, until: float = 1.0) -> Result | None:
    """Return the result of a run that needs no more training; None if it does.

    Args:
        folder: of the experiment.
        run: one of its runs.
        until: the part of its length to which it shall go.

    Raises:
        AccumbensError: there is a run of that name with other settings, or its files cannot be read.
    """
    there, origin = run.directory(folder), run.from_run(folder)
    if not there.path.exists():
        return None
    begun = (there.read_meta().get("from") or {}).get("run")
    if (
        origin is not None
        and begun is not None
        and Path(begun).parts[-len(Path(run.origin).parts) :] == Path(run.origin).parts
    ):
        begun = str(origin)  # the folder of all of them may have been moved
    asked = every_setting(run.config) | {"from": None if origin is None else str(origin)}
    require_same(asked, every_setting(run.kind.open(there.path)[1]) | {"from": begun}, there.path)
    return run.kind.recorded(there) or (run.kind.paused(there, until) if until < 1.0 else None)


def is_of(folder: Path, run: PlannedRun) -> bool:
    """Return whether what lies in a run's folder is that run, not one of its name with other settings.

    Raises:
        AccumbensError: its files cannot be read.
    """
    try:
        done(folder, run)
    except OtherSettingsError:
        return False
    return True


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


class Standing(NamedTuple):
    """Which runs are where they shall be, and which are not.

    Attributes:
        results: of those that are, by label.
        failures: why a run cannot be worked on, by label.
        pending: what is left of every program.
    """

    results: dict[str, Result]
    failures: dict[str, str]
    pending: list[Program]


def standing(programs: Sequence[Program], folder: Path, report: ExperimentReporter, until: float = 1.0) -> Standing:
    """Return what is left to do, and tell `report` of the rest; see `execute`."""
    found = Standing({}, {}, [])
    for program in programs:
        left = []
        for run in program:
            try:
                result = done(folder, run, until)
            except AccumbensError as error:
                found.failures[run.label] = str(error)
                report.failed(run, str(error))
                continue
            if result is None:
                left.append(run)
            else:
                found.results[run.label] = result
                report.ended(run, result, skipped=True)
        if left:
            found.pending.append(tuple(left))
    return found


def require_usable(programs: Sequence[Program]) -> None:
    """Refuse what cannot be made, before hours of others.

    Raises:
        AccumbensError: an environment or a task cannot be made, or an extra is not installed.
    """
    runs = [run for program in programs for run in program]
    try:
        if runs:
            runs[0].kind.require_usable([run.config for run in runs])
    except AccumbensError as error:
        raise AccumbensError(f"{error}\n(--only PATTERN runs a part of the experiment)") from error


class Pace(NamedTuple):
    """How runs are worked on.

    Attributes:
        until: the part of its length to which every run goes; it can go on later.
        checkpoint_seconds: seconds between checkpoints.
    """

    until: float = 1.0
    checkpoint_seconds: float = 60.0


WHOLE = Pace()
"""To the end."""


def work_on(program: Program, folder: Path, to: Reporter, pace: Pace = WHOLE) -> list[Result | NotFiniteError]:
    """Start or continue the runs of one program; see `execute` and `start_or_resume_together`.

    Raises:
        AccumbensError: something is missing that they need, or they stopped being finite.
        OSError: their files cannot be written.
    """
    return start_or_resume_together(
        program[0].kind,
        [run.config for run in program],
        to,
        out=folder,
        names=[run.variant for run in program],
        origins=[origin_of(folder, run) for run in program],
        **pace._asdict(),
    )


def execute(programs: Sequence[Program], folder: Path, report: ExperimentReporter, pace: Pace = WHOLE) -> Outcome:
    """Work on programs one after another, each run in `folder/<its label>`.

    The first Ctrl-C saves the program at hand and ends the experiment; see `run_chunks`. Anything that goes wrong
    within a program is reported and does not keep the others from running.

    Args:
        programs: of runs that learn side by side; see `Program`.
        folder: of the experiment.
        report: shows it to a person.
        pace: how far runs go, and how often they are saved.

    Raises:
        AccumbensError: an environment or a task cannot be made, or an extra is not installed.
    """
    tally = Tally(folder, report, pace.until)
    for program in tally.pending(programs):
        report.begun(program)
        if tally.settle(program, worked(program, folder, OneProgram(report, program), pace)):
            return tally.outcome(interrupted=True)
    return tally.outcome(interrupted=False)


class Broken(NamedTuple):
    """Why a whole program failed.

    Attributes:
        short: in a line.
        whole: with what a person needs to mend it.
    """

    short: str
    whole: str


Worked = list[Result | NotFiniteError] | Broken
"""What work on a program came to: the result of every run, or why there are none."""


def worked(program: Program, folder: Path, to: Reporter, pace: Pace) -> Worked:
    """Do as `work_on`; what goes wrong is returned."""
    try:
        return work_on(program, folder, to, pace)
    except NotFiniteError as error:  # raised of a run that is alone; of several it is among the results
        return [error]
    except (AccumbensError, OSError) as error:
        return Broken(str(error), str(error))
    except Exception as error:  # memory of the device, a broken environment: not a reason to lose a night
        return Broken(f"{type(error).__name__}: {error}", traceback.format_exc())


class Tally:
    """What the runs of an experiment have come to so far, told on to a person."""

    def __init__(self, folder: Path, report: ExperimentReporter, until: float = 1.0):
        """Begin with nothing; for the arguments see `execute`."""
        self._folder, self._report, self._until = folder, report, until
        self._results: dict[str, Result] = {}
        self._failures: dict[str, str] = {}
        self._diverged: set[str] = set()

    def pending(self, programs: Sequence[Program]) -> list[Program]:
        """Count what is done or cannot be worked on; return what is left of every program.

        Raises:
            AccumbensError: as for `require_usable`.
        """
        found = standing(programs, self._folder, self._report, self._until)
        self._results |= found.results
        self._failures |= found.failures
        require_usable(found.pending)
        return found.pending

    def settle(self, program: Program, found: Worked) -> bool:
        """Count what a program came to; return whether the user stopped it."""
        if isinstance(found, Broken):
            for run in program:
                self._fail(run, found.short, found.whole)
            return False
        stopped = False
        for run, result in zip(program, found, strict=True):
            if isinstance(result, NotFiniteError):
                self._diverged.add(run.label)
                self._fail(run, str(result), str(result))
                continue
            self._report.ended(run, result, skipped=False)
            if result.interrupted and not self._is_there(run):
                stopped = True
            else:
                self._results[run.label] = result
        return stopped

    def outcome(self, interrupted: bool) -> Outcome:
        """Return what there is."""
        return Outcome(self._results, self._failures, interrupted, frozenset(self._diverged))

    def _fail(self, run: PlannedRun, short: str, whole: str) -> None:
        self._failures[run.label] = short
        self._report.failed(run, whole)

    def _is_there(self, run: PlannedRun) -> bool:
        """Whether a run that has not ended is where it shall be."""
        return self._until < 1.0 and run.kind.paused(run.directory(self._folder), self._until) is not None
