"""The work of a sweep: its points by experiments' machinery, as programs of runs that learn side by side."""

import itertools
import shutil
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from accumbens.errors import AccumbensError, require
from accumbens.experiments.cluster.where import Here, Where
from accumbens.experiments.execute import Outcome, Pace, done
from accumbens.experiments.plan import PlannedRun, Program, alone
from accumbens.experiments.reporter import ExperimentReporter
from accumbens.runs import checkpoints
from accumbens.runs.continuing import newest_common_step, require_goes_on
from accumbens.runs.directory import RunDirectory
from accumbens.runs.lock import NAME, locked
from accumbens.sweeps.diverged import read_diverged, require_same_diverged, write_diverged
from accumbens.sweeps.plan import Sweep
from accumbens.sweeps.result import Standing, is_known, read_standing

MOST_SEEDS = 64
"""Seeds of all points that learn side by side in one program, if nothing else is asked for."""

Shown = Callable[[str, Sequence[PlannedRun], float], AbstractContextManager[ExperimentReporter]]
"""`shown(stage, runs, until)` shows a stage of the work: these runs to that part of their length."""


def programs_of(runs: Sequence[PlannedRun], folder: Path, until: float = 1.0, most: int = MOST_SEEDS) -> list[Program]:
    """Return which runs learn side by side; those that need no more training stand alone, and first.

    Args:
        runs: of one sweep.
        folder: of the sweep.
        until: the part of their length to which they go.
        most: seeds side by side in one program; a larger group is cut into programs of nearly equal size.

    Raises:
        AccumbensError: a run cannot be made.
    """
    require("side_by_side", most, ">= 1", most >= 1)
    over = [run for run in runs if done(folder, run, until) is not None]
    left = [run for run in runs if run not in over]
    found = alone(over)
    for group in left[0].kind.programs([run.config for run in left]) if left else ():
        for level in _level([left[index] for index in group], folder):
            found += _cut(level, most)
    return found


def parts_of(runs: Sequence[PlannedRun], diverged: Container[str], most: int = MOST_SEEDS) -> list[Program]:
    """Return which runs learn side by side, however far each is, so that all parts of a job see the same programs.

    Args:
        runs: of one sweep.
        diverged: labels of those that are left out, even if a program becomes empty.
        most: as for `programs_of`.

    Raises:
        AccumbensError: a run cannot be made.
    """
    require("side_by_side", most, ">= 1", most >= 1)
    groups = runs[0].kind.programs([run.config for run in runs])
    programs = [program for group in groups for program in _cut([runs[index] for index in group], most)]
    return [tuple(run for run in program if run.label not in diverged) for program in programs]


def _cut(runs: Sequence[PlannedRun], most: int) -> list[Program]:
    each = max(1, most // runs[0].config.seeds)
    parts = -(-len(runs) // each)
    bounds = [round(index * len(runs) / parts) for index in range(parts + 1)]
    return [tuple(runs[low:high]) for low, high in itertools.pairwise(bounds)]


def _level(runs: Sequence[PlannedRun], folder: Path) -> list[list[PlannedRun]]:
    """Runs in groups that can go on together: those that have a checkpoint of the same step, or none.

    A run that cannot go on is alone, so that it keeps no other from it.
    """
    there = [run.directory(folder) for run in runs]
    try:
        if any(run.path.exists() and run.has_learned() for run in there):
            newest_common_step(there)
        return [list(runs)]
    except AccumbensError:
        groups: dict[int | str, list[PlannedRun]] = {}
        for run, files in zip(runs, there, strict=True):
            steps = checkpoints.good_steps(files.checkpoints) if files.path.exists() else ()
            lost = files.path.exists() and not _goes_on(files)
            groups.setdefault(run.label if lost else max(steps, default=-1), []).append(run)
        return list(groups.values())


def _goes_on(run: RunDirectory) -> bool:
    try:
        require_goes_on(run)
    except AccumbensError:
        return False
    return True


def carry_out(
    sweep: Sweep,
    folder: Path,
    shown: Shown,
    *,
    where: Where | None = None,
    most: int = MOST_SEEDS,
    checkpoint_seconds: float = 60.0,
) -> Outcome:
    """Run what is left of a sweep: its points, rung by rung, and the best one with its reporting seeds.

    What is decided on the way is read from the runs' files, so the same call goes on, or finds that all is done.

    Args:
        sweep: what to run.
        folder: of its runs.
        shown: shows the work.
        where: the work is done; None does it here. Where runs are not over afterwards, only points are worked on.
        most: seeds side by side in one program.
        checkpoint_seconds: seconds between checkpoints.

    Raises:
        AccumbensError: what it is in cannot be made, files cannot be read, points cannot be worked on there, another
            process is at work on the sweep, or there is nothing by which those that go on could be chosen.
    """
    place = Here() if where is None else where
    with _alone(folder) if place.shows else nullcontext():  # the parts of a SLURM job work at the same time
        return _carry_out(sweep, folder, shown, place, most, checkpoint_seconds)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only one at work on a sweep; a folder in which nothing else came to be is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, "sweep"):
        try:
            yield
        finally:
            if [path.name for path in folder.iterdir()] == [NAME]:
                shutil.rmtree(folder)


def _carry_out(sweep: Sweep, folder: Path, shown: Shown, place: Where, most: int, checkpoint_seconds: float) -> Outcome:
    all_of = Outcome({}, {}, interrupted=False)

    def go(stage: str, runs: Sequence[PlannedRun], until: float) -> bool:
        """Work on runs; return whether the sweep can go on from what there is then."""
        known = read_diverged(folder)
        left = [run for run in runs if run.label not in known]
        with shown(stage, runs, until) as view:
            for run in runs:
                if run.label in known:
                    view.failed(run, known[run.label])
            programs = programs_of(left, folder, until, most) if place.shows else parts_of(runs, known, most)
            outcome = place.execute(programs, folder, view, Pace(until, checkpoint_seconds))
        write_diverged(folder, {run: outcome.failures[run.label] for run in runs if run.label in outcome.diverged})
        before = {run.label: known[run.label] for run in runs if run.label in known}
        all_of.results.update(outcome.results)
        all_of.failures.update(outcome.failures | before)
        nonlocal interrupted, diverged
        interrupted = outcome.interrupted
        diverged |= outcome.diverged | before.keys()
        return place.shows and not interrupted and outcome.failures.keys() == outcome.diverged

    interrupted, diverged = False, frozenset[str]()
    standing = _to_the_end(sweep, folder, go)
    if standing is not None and standing.best is not None and sweep.report_seeds:
        again = sweep.reporting(standing.best.run)
        require_same_diverged(folder, again)
        go("reporting seeds", [again], 1.0)
    return all_of._replace(interrupted=interrupted, diverged=diverged)


def _to_the_end(sweep: Sweep, folder: Path, go: Callable[[str, Sequence[PlannedRun], float], bool]) -> Standing | None:
    """Work until the best point is known; None if it cannot be known now.

    Raises:
        AccumbensError: no point has a number by which it could go on to the next rung.
    """
    for number, rung in enumerate(sweep.ladder, start=1):
        stage = "all points" if len(sweep.ladder) == 1 else f"rung {number} of {len(sweep.ladder)}"
        levels = read_standing(sweep, folder).levels
        runs = levels[number - 1].runs if number <= len(levels) else []
        if not runs or not go(stage, runs, rung.until):  # all failed, or there is more to do first
            return None
        if number < len(sweep.ladder):
            _require_numbers(sweep, read_standing(sweep, folder), stage, rung.until)
    return read_standing(sweep, folder)


def _require_numbers(sweep: Sweep, standing: Standing, stage: str, until: float) -> None:
    """Refuse to choose where nothing is measured; points that all diverged are none to choose from.

    Raises:
        AccumbensError: says where, and what helps.
    """
    there = [tried for tried in standing.tried if tried.state != "diverged"]
    if not there or any(is_known(tried.score) for tried in there):
        return
    names = [choosing.name for choosing, _ in sweep.choices()] if standing.metric is None else [standing.metric.name]
    what = " or ".join(dict.fromkeys(names))
    raise AccumbensError(
        f"{stage} ends at {until:.3g} of every run, where none has {what} yet, so none can be chosen: let runs be "
        f"longer or evaluated more often, or eta or the number of points be smaller"
    )
