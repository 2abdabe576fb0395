"""The work of a sweep: its points by experiments' machinery, as programs of runs that learn side by side."""

import itertools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from accumbens.errors import AccumbensError, require
from accumbens.experiments.execute import Outcome, done, execute
from accumbens.experiments.plan import PlannedRun, Program, alone
from accumbens.experiments.reporter import ExperimentReporter
from accumbens.runs import checkpoints
from accumbens.runs.directory import newest_common_step
from accumbens.sweeps.plan import Sweep
from accumbens.sweeps.result import Standing, read_diverged, read_standing, write_diverged

MOST_SEEDS = 64
"""Seeds of all points that learn side by side in one program, if nothing else is asked for."""

Shown = Callable[[str, Sequence[PlannedRun], float], AbstractContextManager[ExperimentReporter]]
"""`shown(stage, runs, until)` shows a stage of the work: these runs to that part of their length."""

_DIVERGED = "no longer finite"  # what every `NotFiniteError` says: of a failure, an `Outcome` has the words alone


def work(
    programs: Sequence[Program],
    folder: Path,
    view: ExperimentReporter,
    until: float = 1.0,
    checkpoint_seconds: float = 60.0,
) -> Outcome:
    """Work on programs, here and one after another; see `execute`."""
    return execute(programs, folder, view, checkpoint_seconds=checkpoint_seconds, until=until)


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
    over = [run for run in runs if _is_over(run, folder, until)]
    left = [run for run in runs if run not in over]
    found = alone(over)
    for group in left[0].kind.programs([run.config for run in left]) if left else ():
        for level in _level([left[index] for index in group], folder):
            each = max(1, most // level[0].config.seeds)
            parts = -(-len(level) // each)
            bounds = [round(index * len(level) / parts) for index in range(parts + 1)]
            found += [tuple(level[low:high]) for low, high in itertools.pairwise(bounds)]
    return found


def _is_over(run: PlannedRun, folder: Path, until: float) -> bool:
    """Whether there is nothing to do; a run of other settings is for `execute` to tell of."""
    try:
        return done(folder, run, until) is not None
    except AccumbensError:
        return True


def _level(runs: Sequence[PlannedRun], folder: Path) -> list[list[PlannedRun]]:
    """Runs in groups that can go on together: those that have a checkpoint of the same step, or none."""
    there = [run.directory(folder) for run in runs]
    try:
        if any(run.path.exists() and run.has_learned() for run in there):
            newest_common_step(there)
        return [list(runs)]
    except AccumbensError:
        groups: dict[int, list[PlannedRun]] = {}
        for run, files in zip(runs, there, strict=True):
            steps = checkpoints.good_steps(files.checkpoints) if files.path.exists() else ()
            groups.setdefault(max(steps, default=-1), []).append(run)
        return list(groups.values())


def carry_out(
    sweep: Sweep, folder: Path, shown: Shown, *, most: int = MOST_SEEDS, checkpoint_seconds: float = 60.0
) -> Outcome:
    """Run what is left of a sweep: its points, rung by rung, and the best one with its reporting seeds.

    What is decided on the way is read from the runs' files, so the same call goes on, or finds that all is done.

    Args:
        sweep: what to run.
        folder: of its runs.
        shown: shows the work.
        most: seeds side by side in one program.
        checkpoint_seconds: seconds between checkpoints.

    Raises:
        AccumbensError: what it is in cannot be made, or files cannot be read.
    """
    all_of = Outcome({}, {}, interrupted=False)

    def go(stage: str, runs: Sequence[PlannedRun], until: float) -> bool:
        """Work on runs; return whether the sweep can go on from what there is then."""
        known = read_diverged(folder)
        with shown(stage, runs, until) as view:
            left = []
            for run in runs:
                if run.label in known:
                    view.failed(run, known[run.label])
                else:
                    left.append(run)
            programs = programs_of(left, folder, until, most)
            outcome = work(programs, folder, view, until, checkpoint_seconds)
        diverged = {label: why for label, why in outcome.failures.items() if _DIVERGED in why}
        if diverged:
            write_diverged(folder, known | diverged)
        all_of.results.update(outcome.results)
        all_of.failures.update(outcome.failures | {run.label: known[run.label] for run in runs if run.label in known})
        nonlocal interrupted
        interrupted = outcome.interrupted
        return not interrupted and len(diverged) == len(outcome.failures)

    interrupted = False
    standing = _to_the_end(sweep, folder, go)
    if standing is not None and standing.best is not None and sweep.report_seeds:
        go("reporting seeds", [sweep.reporting(standing.best.run)], 1.0)
    return all_of._replace(interrupted=interrupted)


def _to_the_end(sweep: Sweep, folder: Path, go: Callable[[str, Sequence[PlannedRun], float], bool]) -> Standing | None:
    """Work until the best point is known; None if it cannot be known now."""
    number = 0
    while True:
        standing = read_standing(sweep, folder)
        levels = standing.levels
        if number == len(sweep.ladder):
            return standing
        if number == len(levels) or not levels[number].runs:  # nothing is measured, or all failed
            return None
        rung = levels[number].rung
        stage = "all points" if len(sweep.ladder) == 1 else f"rung {number + 1} of {len(sweep.ladder)}"
        if not go(stage, levels[number].runs, rung.until):
            return None
        number += 1
