"""What a sweep came to, read from the files of its runs: the score of every point, and the best one."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeGuard

from accumbens.errors import AccumbensError
from accumbens.experiments.execute import done, progress_of
from accumbens.experiments.plan import PlannedRun
from accumbens.runs.comparing import Metric
from accumbens.runs.find import Files, complete_rows
from accumbens.stats import Estimate, estimate
from accumbens.sweeps.diverged import read_diverged, require_same_diverged
from accumbens.sweeps.halving import Level, levels
from accumbens.sweeps.plan import Sweep


class Score(NamedTuple):
    """What a point came to.

    Attributes:
        step: where it was measured.
        seeds: the score of each.
    """

    step: int
    seeds: tuple[float, ...]

    @property
    def estimate(self) -> Estimate:
        """Mean and 95 % t-interval over seeds; NaN if a seed has no number."""
        return estimate(self.seeds) if all(map(math.isfinite, self.seeds)) else Estimate(math.nan, math.nan)


class Tried(NamedTuple):
    """A point, as far as it is.

    Attributes:
        run: of the point.
        until: the part of its length at which the score is.
        score: there, or where it stands; None if it has none yet.
        state: `done`, `stopped` at a rung, `diverged`, or where it stands.
    """

    run: PlannedRun
    until: float
    score: Score | None
    state: str


class Standing(NamedTuple):
    """How far a sweep is.

    Attributes:
        metric: that points are chosen by; None before there is any number.
        reported: the metric that is reported of the best point.
        levels: who goes to which rung, as far as that is decided.
        tried: all points, the best first.
        best: the first of them, if all is decided.
        report: of the best point, what is reported: of the reporting seeds; if there are none, but other data than
            those that chose, of the same seeds.
        report_diverged: what the best point's run of the reporting seeds said when it stopped being finite.
        first: what points came to where all of them go: at the first rung, or at their end; without those that
            diverged, or are not there yet.
    """

    metric: Metric | None
    reported: Metric | None
    levels: list[Level]
    tried: list[Tried]
    best: Tried | None
    report: Score | None
    report_diverged: str | None
    first: Mapping[PlannedRun, Score]


def choose_metrics(sweep: Sweep, folder: Path) -> tuple[Metric, Metric] | None:
    """Return by what points are chosen, and what is reported; None if no run has any numbers.

    Of those that may be, the first is taken that all runs with any numbers have.

    Raises:
        AccumbensError: there is none, or files cannot be read.
    """
    files = [_files(run, folder) for run in sweep.runs if run.directory(folder).path.exists()]
    for choosing, reported in sweep.choices():
        if _all_have(choosing, files) and _all_have(reported, files):
            return choosing, reported
    if any(progress_of(folder, run) for run in sweep.runs) and sweep.metric is not None:
        raise AccumbensError(f"metric={sweep.metric} cannot be used: the runs in {folder} have none")
    return None


def _all_have(metric: Metric, files: Sequence[Files]) -> bool:
    tables = [rows for rows in map(metric.rows, files) if rows]
    return bool(tables) and all((metric.column or metric.name) in rows[0] for rows in tables)


def score_at(metric: Metric, run: PlannedRun, folder: Path, until: float = 1.0) -> Score | None:
    """Return the scores of a run in its last row by a part of its length; None if there is none after step 0.

    What a longer run wrote later does not count: so a decision is the same whenever it is made.

    Raises:
        AccumbensError: files cannot be read.
    """
    rows, column = metric.rows(_files(run, folder)), metric.column or metric.name
    if until < 1.0 and rows:
        there = run.directory(folder)
        end = math.ceil(until * there.read_meta().get("total", math.inf))
        # A run pauses where the block ends in which it comes so far. It logs there if evaluations have a table of their
        # own; otherwise the next row may be that of an evaluation long after it.
        logged = complete_rows(there.metrics) if there.evaluations.exists() else []
        paused = min((step for row in logged if (step := int(row["step"])) >= end), default=end)
        rows = [row for row in rows if int(row["step"]) <= paused]
    step = max((int(row["step"]) for row in rows), default=0)
    last = {int(row["seed"]): float(row[column]) for row in rows if int(row["step"]) == step}
    return Score(step, tuple(last[seed] for seed in sorted(last))) if step else None


def require_same_runs(sweep: Sweep, folder: Path) -> None:
    """Refuse a sweep in whose folder runs of another lie under the names of its own.

    Raises:
        AccumbensError: says of the first how it differs.
    """
    for run in sweep.runs:
        try:
            done(folder, run)
            require_same_diverged(folder, run)
        except AccumbensError as error:
            raise AccumbensError(f"{error}; --name NAME keeps this sweep in another folder") from error


def read_standing(sweep: Sweep, folder: Path) -> Standing:
    """Read how far a sweep is.

    Raises:
        AccumbensError: files cannot be read, or nothing is measured where points are chosen.
    """
    metric, reported = choose_metrics(sweep, folder) or (None, None)
    diverged = read_diverged(folder)

    def failed(run: PlannedRun) -> bool:
        return run.label in diverged

    def mean_at(run: PlannedRun, until: float) -> float | None:
        if metric is None or done(folder, run, until) is None:
            return None
        score = score_at(metric, run, folder, until)
        if score is None:
            raise AccumbensError(
                f"{run.label} has no {metric.name} at {until:.3g} of its length, where points are chosen: "
                f"it must be evaluated more often, or eta be smaller"
            )
        return score.estimate.mean

    found = levels(sweep.runs, sweep.ladder, mean_at, failed, metric is not None and metric.less_is_better)
    tried = [_tried(run, folder, metric, found, diverged) for run in _order(found)]
    last = found[-1]
    decided = len(found) == len(sweep.ladder) and last.decided
    best = tried[0] if decided and tried[0].state == "done" and is_known(tried[0].score) else None
    report, report_diverged = None, None
    if best is not None and sweep.report_seeds:
        report_diverged = diverged.get(sweep.reporting(best.run).label)
    if best is not None and reported is not None and (sweep.report_seeds or reported != metric):
        again = sweep.reporting(best.run) if sweep.report_seeds else best.run
        report = score_at(reported, again, folder) if done(folder, again, 1.0) is not None else None
    until, first = sweep.ladder[0].until, dict[PlannedRun, Score]()
    for run in sweep.runs:
        if metric is not None and not failed(run) and done(folder, run, until) is not None:
            score = score_at(metric, run, folder, until)
            if is_known(score):
                first[run] = score
    return Standing(metric, reported, found, tried, best, report, report_diverged, first)


def _order(found: Sequence[Level]) -> list[PlannedRun]:
    """Those that came further first, within a rung the better."""
    ordered: dict[PlannedRun, None] = {}
    for level in reversed(found):
        for run in level.runs:
            ordered.setdefault(run)
    return list(ordered)


def _tried(
    run: PlannedRun,
    folder: Path,
    metric: Metric | None,
    found: Sequence[Level],
    diverged: Mapping[str, str],
) -> Tried:
    level = next(level for level in reversed(found) if run in level.runs)
    until = level.rung.until
    score = score_at(metric, run, folder, until) if metric and run.directory(folder).path.exists() else None
    if run.label in diverged:
        return Tried(run, until, score, "diverged")
    if done(folder, run, until) is not None:
        return Tried(run, until, score, "done" if until >= 1.0 else f"stopped at {until:.3g}")
    so_far = progress_of(folder, run)
    return Tried(run, until, score, f"at {run.kind.words.unit.removesuffix('s')} {so_far:,.6g}" if so_far else "new")


def is_known(score: Score | None) -> TypeGuard[Score]:
    """Return whether every seed has a number."""
    return score is not None and math.isfinite(score.estimate.mean)


def _files(run: PlannedRun, folder: Path) -> Files:
    there = run.directory(folder)
    return Files(there.config, there.metrics, there.evaluations)
