"""One score per seed of a run, read from the tables in its folder."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from accumbens.comparison.metrics import METRICS, Metric
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.runs.directory import RunDirectory
from accumbens.runs.find import (
    AGENTS,
    FITS,
    AnyConfig,
    Files,
    Kind,
    complete_rows,
    find_runs,
    kind_of,
    read_any,
    task_of,
)
from accumbens.runs.tables import Rows
from accumbens.training.episode_files import episode_files, read_episodes

STEP_TOLERANCE = 0.01
"""Runs whose steps differ by less than this share of them are at the same step: blocks end where they end."""


class Beginning(NamedTuple):
    """What the seeds of a fit began with.

    Attributes:
        digest: of the data; empty if it is not known.
        losses: of every split before the first update, by seed: the same only if data and initial network were.
    """

    digest: str
    losses: Mapping[int, tuple[float, ...]]


class RunScores(NamedTuple):
    """The scores of one run.

    Attributes:
        path: what the run is known by.
        config: of the run.
        metric: what the scores are.
        step: environment steps, or updates, of each seed at which the scores were taken.
        scores: of each seed.
        note: what they rest on, where runs can differ in it.
        epoch: passes of a fit through its training data at that step.
        beginning: of a fit.
    """

    path: Path
    config: AnyConfig
    metric: Metric
    step: int
    scores: dict[int, float]
    note: str = ""
    epoch: float | None = None
    beginning: Beginning | None = None

    @property
    def task(self) -> str:
        """The environment, or the task."""
        return task_of(self.config)


def read_scores(
    paths: Sequence[Path],
    metric: str | None,
    step: int | None,
    warn: Callable[[str], None],
    *,
    epoch: int | float | None = None,
) -> list[RunScores]:
    """Read the scores of all runs at these paths, which are all of agents or all of fits.

    Args:
        paths: run directories, folders of runs, or exported experiments.
        metric: one of `METRICS`; None takes the first, for fits in regression the first that they have.
        step: environment steps or updates to compare at; None takes the last row of each run.
        warn: is told of runs that are left out because they have nothing to compare.
        epoch: passes of fits through the training data to compare at, in place of `step`.

    Raises:
        UnknownNameError: no such metric.
        AccumbensError: there is no run at a path, its files cannot be read, a seed has no number, no row is near
            `step` or `epoch`, or there are agents and fits.
    """
    runs = [(files, read_any(files.config)) for files in find_runs(paths)]
    kind = _kind_of_all(runs)
    if metric is not None and metric not in METRICS[kind]:
        raise UnknownNameError("metric", metric, list(METRICS[kind]))
    if epoch is not None and (kind is not FITS or step is not None):
        raise AccumbensError(f"epoch={epoch:g} cannot be used: it is for fits, which are compared at it or at a step")
    if kind is FITS:
        found = _of_fits(runs, metric, step, epoch, warn)
    else:
        found = _of_agents(runs, METRICS[kind][metric or next(iter(METRICS[kind]))], step, warn)
    for run in found:
        seeds = run.config.seed_list()
        if sorted(run.scores) != seeds or not np.isfinite(list(run.scores.values())).all():
            raise AccumbensError(
                f"{run.path} cannot be compared: {run.metric.name} at step {run.step:,} is {run.scores}, expected a "
                f"number for each of the seeds {', '.join(map(str, seeds))}"
            )
    return found


def _kind_of_all(runs: Sequence[tuple[Files, AnyConfig]]) -> Kind:
    first = {kind_of(config): files.path for files, config in reversed(runs)}
    if len(first) > 1:
        raise AccumbensError(
            f"agents and fits cannot be compared with one another: {first[AGENTS]} is of an agent, {first[FITS]} a fit"
        )
    return next(iter(first))


def _of_agents(
    runs: Sequence[tuple[Files, AnyConfig]], metric: Metric, step: int | None, warn: Callable[[str], None]
) -> list[RunScores]:
    read, read_one = [], _of_episodes if metric.name == "episodes" else _of_table
    for files, config in runs:
        found = read_one(files, config, metric, step)
        if found is None:
            warn(f"{files.path} has no {metric.name} yet and is left out")
        else:
            read.append(found)
    if not read:
        raise AccumbensError(f"there is nothing to compare: no run has {metric.name} yet")
    return read


def _of_table(files: Files, config: AnyConfig, metric: Metric, step: int | None) -> RunScores | None:
    rows = complete_rows(files.metrics if metric.name == "final_return" else files.evaluations)
    if metric.name == "eval_return":
        full = max((int(row["cells"]) for row in rows), default=0)
        rows = [row for row in rows if int(row["cells"]) == full]
    if not rows:
        return None
    at = _nearest("step", [int(row["step"]) for row in rows], step, files.path)
    mine = [row for row in rows if int(row["step"]) == at]
    note = f"{mine[0]['episodes']} episodes" if metric.name == "eval_return" else ""
    scores = {int(row["seed"]): float(row["mean_return"]) for row in mine}
    return RunScores(files.path, config, metric, int(at), scores, note)


def _of_episodes(files: Files, config: AnyConfig, metric: Metric, step: int | None) -> RunScores | None:
    greedy = [file for file in episode_files(RunDirectory(files.path)) if file.epsilon == 0]
    if not greedy:
        return None
    at = _nearest("step", [file.step for file in greedy], step, files.path)
    file = [file for file in greedy if file.step == at][-1]  # that with the most episodes
    episodes = read_episodes(file.path)
    scores = {seed: float(episodes.returns[episodes.seed == seed].mean()) for seed in np.unique(episodes.seed).tolist()}
    return RunScores(files.path, config, metric, int(at), scores, f"{file.episodes} episodes")


def _of_fits(
    runs: Sequence[tuple[Files, AnyConfig]],
    name: str | None,
    step: int | None,
    epoch: int | float | None,
    warn: Callable[[str], None],
) -> list[RunScores]:
    tables = [(files, config, complete_rows(files.metrics)) for files, config in runs]
    begun = [rows for _, _, rows in tables if rows]
    if name is None:
        common = [name for name in METRICS[FITS] if all(name in rows[0] for rows in begun)]
        name = next(iter(common), "test_loss")
    metric = METRICS[FITS][name]
    read = []
    for files, config, rows in tables:
        if rows and name in rows[0]:
            read.append(_of_fit(files, config, rows, metric, step, epoch))
        else:
            warn(f"{files.path} has no {name}{'' if rows else ' yet'} and is left out")
    if not read:
        raise AccumbensError(f"there is nothing to compare: no run has {name}{'' if begun else ' yet'}")
    return read


def _of_fit(
    files: Files, config: AnyConfig, rows: Rows, metric: Metric, step: int | None, epoch: int | float | None
) -> RunScores:
    clock, asked = ("step", step) if epoch is None else ("epoch", epoch)
    at = _nearest(clock, [float(row[clock]) for row in rows], asked, files.path)
    mine = [row for row in rows if float(row[clock]) == at]
    scores = {int(row["seed"]): float(row[metric.name]) for row in mine}
    first = [row for row in rows if int(row["step"]) == 0]
    columns = [f"{split}_loss" for split in ("train", "valid", "test") if f"{split}_loss" in rows[0]]
    losses = {int(row["seed"]): tuple(float(row[column]) for column in columns) for row in first}
    meta = RunDirectory(files.path).read_meta() if files.is_directory else {}
    beginning = Beginning(meta.get("data_sha256", ""), losses)
    reached = {"step": int(mine[0]["step"]), "epoch": float(mine[0]["epoch"])}
    return RunScores(files.path, config, metric, scores=scores, beginning=beginning, **reached)


def _nearest(clock: str, steps: list[int] | list[float], asked: int | float | None, run: Path) -> int | float:
    """The last step, or the one that was asked for, up to the size of a block."""
    if asked is None:
        return steps[-1]
    nearest = min(steps, key=lambda step: abs(step - asked))
    if not same_step(nearest, asked):
        raise AccumbensError(
            f"{clock}={asked:.10g} cannot be used: the nearest of {run} is {nearest:,.10g}, its last {steps[-1]:,.10g}"
        )
    return nearest


def same_step(one: int | float, other: int | float) -> bool:
    """Return whether two numbers of steps are the same but for the size of a block."""
    return abs(one - other) <= STEP_TOLERANCE * max(one, other)
