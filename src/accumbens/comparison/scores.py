"""One score per seed of a run, read from the tables in its folder."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.kinds import KINDS, all_kinds, read_config
from accumbens.runs.comparing import Metric, RunScores
from accumbens.runs.find import Files, find_runs
from accumbens.runs.kind import Kind

STEP_TOLERANCE = 0.01
"""Runs whose steps differ by less than this share of them are at the same step: blocks end where they end."""

_Table = Sequence[Mapping[str, Any]]


def read_scores(
    paths: Sequence[Path], metric: str | None, at: Mapping[str, int | float], warn: Callable[[str], None]
) -> list[RunScores]:
    """Read the scores of all runs at these paths, which are all of one kind.

    Args:
        paths: run directories, folders of runs, or exported experiments.
        metric: one of those of their kind; None takes the first that all runs have.
        at: the `step` to compare at, or the number of another clock of their kind; empty takes the last row of each.
        warn: is told of runs that are left out because they have nothing to compare.

    Raises:
        UnknownNameError: no such metric.
        AccumbensError: there is no run at a path, its files cannot be read, a seed has no number, no row is near what
            `at` says, their kind has no such clock, or they are of several kinds.
    """
    runs = [(files, *read_config(files.config, known=False)) for files in find_runs(paths)]
    kind = _only_kind(runs)
    clock, asked = _clock(kind, at)
    chosen, tables = _choose(kind, metric, [files for files, _, _ in runs])
    column, found = chosen.column or chosen.name, []
    for (files, _, config), rows in zip(runs, tables, strict=True):
        if not rows or column not in rows[0]:
            warn(f"{files.path} has no {chosen.name}{'' if rows else ' yet'} and is left out")
            continue
        nearest = _nearest(clock, [float(row[clock]) for row in rows], asked, files.path)
        mine = [row for row in rows if float(row[clock]) == nearest]
        reached = {"step": int(mine[0]["step"])} | {name: float(mine[0][name]) for name in kind.comparing.clocks}
        scores = {int(row["seed"]): float(row[column]) for row in mine}
        note = f"{mine[0][chosen.rests_on]} {chosen.rests_on}" if chosen.rests_on else ""
        beginning = kind.comparing.beginning(files)
        found.append(RunScores(files, kind, config, chosen, reached, scores, note, beginning))
        _require_every_seed(found[-1])
    if not found:
        raise AccumbensError(f"there is nothing to compare: no run has {chosen.name}{'' if any(tables) else ' yet'}")
    return found


def _only_kind(runs: Sequence[tuple[Files, Kind[Any], Any]]) -> Kind[Any]:
    first = {kind.words.name: (kind, files.path) for files, kind, _ in reversed(runs)}
    names = [name for name in KINDS if name in first]
    if len(names) > 1:
        raise AccumbensError(
            f"{' and '.join(f'{name}s' for name in names)} cannot be compared with one another: there are "
            + " and ".join(f"the {name} {first[name][1]}" for name in names)
        )
    return first[names[0]][0]


def _clock(kind: Kind[Any], at: Mapping[str, int | float]) -> tuple[str, int | float | None]:
    """What runs are compared at, and the number of it; None for the last of each."""
    for clock, number in at.items():
        if clock != "step" and (clock not in kind.comparing.clocks or len(at) > 1):
            names = " and ".join(f"{other.words.name}s" for other in all_kinds() if clock in other.comparing.clocks)
            raise AccumbensError(
                f"{clock}={number:g} cannot be used: it is for {names}, which are compared at it or at a step"
            )
    return next(iter(at.items()), ("step", None))


def _choose(kind: Kind[Any], name: str | None, files: Sequence[Files]) -> tuple[Metric, list[_Table]]:
    """The metric that was asked for, or the first that all runs with any numbers have; and where each run has it."""
    metrics = {metric.name: metric for metric in kind.comparing.metrics}
    if name is not None and name not in metrics:
        raise UnknownNameError("metric", name, list(metrics))
    for metric in metrics.values() if name is None else [metrics[name]]:
        tables = [metric.rows(each) for each in files]
        if name is not None or all((metric.column or metric.name) in rows[0] for rows in tables if rows):
            return metric, tables
    raise AccumbensError(f"there is nothing to compare: no metric is common to all runs, of {', '.join(metrics)}")


def _nearest(clock: str, steps: Sequence[float], asked: int | float | None, run: Path) -> float:
    """The last step, or the one that was asked for, up to the size of a block."""
    if asked is None:
        return steps[-1]
    nearest = min(steps, key=lambda step: abs(step - asked))
    if not same_step(nearest, asked):
        raise AccumbensError(
            f"{clock}={asked:.10g} cannot be used: the nearest of {run} is {nearest:,.10g}, its last {steps[-1]:,.10g}"
        )
    return nearest


def _require_every_seed(run: RunScores) -> None:
    seeds = run.config.seed_list()
    if sorted(run.scores) != seeds or not np.isfinite(list(run.scores.values())).all():
        raise AccumbensError(
            f"{run.path} cannot be compared: {run.metric.name} at step {run.reached['step']:,} is {run.scores}, "
            f"expected a number for each of the seeds {', '.join(map(str, seeds))}"
        )


def same_step(one: int | float, other: int | float) -> bool:
    """Return whether two numbers of steps are the same but for the size of a block."""
    return abs(one - other) <= STEP_TOLERANCE * max(one, other)
