"""One score per seed of a run, read from the tables in its folder."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from accumbens.analysis.report.data import Files, complete_rows, find_runs
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.training.config import RunConfig, read_config
from accumbens.training.episode_files import episode_files, read_episodes
from accumbens.training.runs import RunDirectory

METRICS = {
    "final_return": "mean of the last 100 training episodes",
    "eval_return": "greedy return of the full network in an evaluation during training",
    "episodes": "greedy return of the full network, as `accumbens evaluate` played it last",
}
"""What can be compared."""

STEP_TOLERANCE = 0.01
"""Runs whose steps differ by less than this share of them are at the same step: blocks end where they end."""


class RunScores(NamedTuple):
    """The scores of one run.

    Attributes:
        path: what the run is known by.
        config: of the run.
        step: environment steps of each seed at which the scores were taken.
        scores: return of each seed.
        note: what they rest on, where runs can differ in it.
    """

    path: Path
    config: RunConfig
    step: int
    scores: dict[int, float]
    note: str = ""


def read_scores(paths: Sequence[Path], metric: str, step: int | None, warn: Callable[[str], None]) -> list[RunScores]:
    """Read the scores of all runs at these paths.

    Args:
        paths: run directories, folders of runs, or exported experiments.
        metric: one of `METRICS`.
        step: environment steps to compare at; None takes the last row of each run.
        warn: is told of runs that are left out because they have nothing to compare yet.

    Raises:
        UnknownNameError: no such metric.
        AccumbensError: there is no run at a path, its files cannot be read, a seed has no number, or no row is near
            `step`.
    """
    if metric not in METRICS:
        raise UnknownNameError("metric", metric, list(METRICS))
    read = []
    for files in find_runs(paths):
        config = read_config(files.config)
        found = _of_episodes(files, config, step) if metric == "episodes" else _of_table(files, config, metric, step)
        if found is None:
            warn(f"{files.path} has no {metric} yet and is left out")
            continue
        if sorted(found.scores) != config.seed_list() or not np.isfinite(list(found.scores.values())).all():
            raise AccumbensError(
                f"{files.path} cannot be compared: {metric} at step {found.step:,} is {found.scores}, expected a "
                f"number for each of the seeds {', '.join(map(str, config.seed_list()))}"
            )
        read.append(found)
    if not read:
        raise AccumbensError(f"there is nothing to compare: no run has {metric} yet")
    return read


def _of_table(files: Files, config: RunConfig, metric: str, step: int | None) -> RunScores | None:
    rows = complete_rows(files.metrics if metric == "final_return" else files.evaluations)
    if metric == "eval_return":
        full = max((int(row["cells"]) for row in rows), default=0)
        rows = [row for row in rows if int(row["cells"]) == full]
    if not rows:
        return None
    at = _nearest([int(row["step"]) for row in rows], step, files.path)
    mine = [row for row in rows if int(row["step"]) == at]
    note = f"{mine[0]['episodes']} episodes" if metric == "eval_return" else ""
    return RunScores(files.path, config, at, {int(row["seed"]): float(row["mean_return"]) for row in mine}, note)


def _of_episodes(files: Files, config: RunConfig, step: int | None) -> RunScores | None:
    greedy = [file for file in episode_files(RunDirectory(files.path)) if file.epsilon == 0]
    if not greedy:
        return None
    at = _nearest([file.step for file in greedy], step, files.path)
    file = [file for file in greedy if file.step == at][-1]  # that with the most episodes
    episodes = read_episodes(file.path)
    scores = {seed: float(episodes.returns[episodes.seed == seed].mean()) for seed in np.unique(episodes.seed).tolist()}
    return RunScores(files.path, config, at, scores, f"{file.episodes} episodes")


def _nearest(steps: Sequence[int], asked: int | None, run: Path) -> int:
    """The last step, or the one that was asked for, up to the size of a block."""
    if asked is None:
        return steps[-1]
    nearest = min(steps, key=lambda step: abs(step - asked))
    if not same_step(nearest, asked):
        raise AccumbensError(
            f"step={asked} cannot be used: the nearest of {run} is {nearest:,}, its last {steps[-1]:,}"
        )
    return nearest


def same_step(one: int, other: int) -> bool:
    """Return whether two numbers of steps are the same but for the size of a block."""
    return abs(one - other) <= STEP_TOLERANCE * max(one, other)
