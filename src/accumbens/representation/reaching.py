"""What a network that is told its error does along a trial: its paths, and where RFLO's steps point.

paths.csv       a row per snapshot, seed, feedback, trial and time step: output and goal; nothing is learned
along.csv       the same while RFLO learns in the trial: norm of the error, cosines, Jacobian norm
efficiency.csv  a row per snapshot, seed, feedback and trial: norm of the change over the sum of its steps' norms
summary.json    means over seeds, trials and steps, for every snapshot with and without feedback
"""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from accumbens.credit.along import Along, along_trial
from accumbens.credit.config import FitConfig
from accumbens.credit.kind import FITS
from accumbens.credit.networks.controlled import Reaching
from accumbens.credit.protocol import TaskFacts
from accumbens.credit.registry import make_rule
from accumbens.credit.settings import FeedbackLearningSettings
from accumbens.credit.tasks.protocol import Task
from accumbens.credit.tasks.registry import make_task
from accumbens.errors import AccumbensError
from accumbens.runs import checkpoints
from accumbens.runs.directory import RunDirectory
from accumbens.runs.outputs import new_folder
from accumbens.runs.snapshots import network_of_seed, snapshot_path, snapshot_steps
from accumbens.runs.tables import to_json

MARK = "summary.json"
"""The file by which an earlier analysis is known."""

MEASURED = ("error", "gradient", "second_order", "jacobian")
"""What is measured at every step, of `Along`."""


class ReachingRun(NamedTuple):
    """A fit whose network may be told its error.

    Attributes:
        config: what the run was asked to do.
        run: its files.
        task: made anew.
        seed: that is pictured.
        steps: of the snapshots that are looked at: the first, one in the middle, the last.
    """

    config: FitConfig
    run: RunDirectory
    task: Task
    seed: int
    steps: Sequence[int]

    @property
    def facts(self) -> TaskFacts:
        """Of the task."""
        return self.task.facts

    @property
    def settings(self) -> FeedbackLearningSettings:
        """RFLO's: those of the run if its rule is one that adapts, else the usual ones."""
        settings = self.config.rule_settings
        if isinstance(settings, FeedbackLearningSettings):
            return settings
        return FeedbackLearningSettings(layers=settings.layers)

    @property
    def with_feedback(self) -> Sequence[bool]:
        """With and without; without alone where the run learned so and its signal does not come by that way."""
        told = getattr(self.config.task_settings, "feedback", True)
        return (True, False) if told or self.settings.signal == "feedback" else (False,)

    def networks(self, step: int) -> Reaching:
        """Return the networks of all seeds at a snapshot."""
        rule = make_rule(self.config.rule, self.config.rule_settings, self.facts)
        count = self.config.seeds
        like = jax.eval_shape(jax.vmap(lambda key: rule.init(key)[0]), jax.random.split(jax.random.key(0), count))
        return checkpoints.restore(snapshot_path(self.run, step), like)[0]

    def network(self, step: int, seed: int) -> Reaching:
        """Return the network of one seed at a snapshot."""
        return network_of_seed(self.networks(step), self.config.seed_list(), seed)


class ReachingStudy(NamedTuple):
    """What was found in a run.

    Attributes:
        of: the run.
        paths: by snapshot and feedback: outputs, while nothing is learned.
        along: by snapshot and feedback, while RFLO learns: arrays [seeds, trials, steps].
        efficiency: the same: [seeds, trials].
    """

    of: ReachingRun
    paths: dict[tuple[int, bool], Float[np.ndarray, "seeds trials steps 2"]]
    along: dict[tuple[int, bool], Along]
    efficiency: dict[tuple[int, bool], Float[np.ndarray, "seeds trials"]]


def open_reaching(path: Path, step: int | None = None, seed: int | None = None) -> ReachingRun:
    """Return a fit whose network may be told its error.

    Args:
        path: the run's directory.
        step: the last snapshot to look at; None takes the newest.
        seed: to picture; None takes the first.

    Raises:
        AccumbensError: there is no such run, snapshot or seed, or its network is of another kind.
    """
    run, config = FITS.open(path)
    folder = Path(config.data) if config.data else None
    task = make_task(config.task, config.task_settings, config.rule_settings.batch_size, folder)
    if not task.facts.controlled:
        raise AccumbensError(
            f"{path} cannot be looked at like this: of fits, only those of reach, reach-rotated, sine-waves and "
            f"sine-waves-shifted can, not of {config.task}"
        )
    seeds = config.seed_list()
    if seed is not None and seed not in seeds:
        raise AccumbensError(f"seed={seed} cannot be used: the run has {', '.join(map(str, seeds))}")
    last = int(snapshot_path(run, step).stem)
    there = [one for one in snapshot_steps(run) if one <= last]
    middle = min(there, key=lambda one: abs(one - last / 4))  # adaptation is quick at first
    return ReachingRun(config, run, task, seeds[0] if seed is None else seed, sorted({there[0], middle, last}))


def study_reaching(of: ReachingRun, progress: Callable[[int, int], None]) -> ReachingStudy:
    """Follow all trials that test, with and without feedback, at every snapshot and of every seed.

    Each is followed twice, as it is and while RFLO learns in it, and begins with the snapshot's weights, units silent.

    Args:
        of: the run.
        progress: told what is done, and how much there is.
    """
    found: dict[tuple[int, bool], tuple[Any, ...]] = {}
    trials = {told: jnp.asarray((of.task.more["feedback"] if told else of.task.test).x) for told in of.with_feedback}
    silent = jnp.zeros(of.config.rule_settings.layers[0])

    @jax.jit
    def follow(network: Reaching, x: Float[jax.Array, "trials steps 8"]) -> Any:
        learned = jax.vmap(lambda row: along_trial(of.settings, network, row, silent))(x)
        return network.predict(x), *learned

    seeds = of.config.seed_list()
    total = len(of.steps) * len(trials) * len(seeds)
    for step in of.steps:
        networks = of.networks(step)
        for told, x in trials.items():
            parts = []
            for seed in seeds:
                parts.append(jax.tree.map(np.asarray, follow(network_of_seed(networks, seeds, seed), x)))
                progress(len(found) * len(seeds) + len(parts), total)
            found[step, told] = jax.tree.map(lambda *rows: np.stack(rows), *parts)
    paths, along, efficiency = ({key: parts[place] for key, parts in found.items()} for place in range(3))
    return ReachingStudy(of, paths, along, efficiency)


def write_reaching(study: ReachingStudy, folder: Path, force: bool = False) -> list[Path]:
    """Write figures and tables into a new folder, which is there completely or not at all; return its files.

    Raises:
        AccumbensError: the folder holds something, or with `force` something else than an earlier analysis.
    """
    from accumbens.representation.reaching_figures import draw_reaching

    with new_folder(folder, MARK, force) as staging:
        draw_reaching(study, staging)
        names = ("step", "seed", "feedback", "trial")
        _write(staging / "paths.csv", (*names, "t", "x", "y", "goal_x", "goal_y"), _rows(study, _path_numbers(study)))
        _write(staging / "along.csv", (*names, "t", *MEASURED), _rows(study, _along_numbers(study)))
        _write(staging / "efficiency.csv", (*names, "efficiency"), _efficiency_rows(study))
        (staging / MARK).write_text(to_json(summary_of_reaching(study), indent=2) + "\n", encoding="utf-8")
    return sorted(folder.iterdir())


def summary_of_reaching(study: ReachingStudy) -> dict[str, Any]:
    """Return what was found, as plain values: means over seeds, trials and steps, where they are numbers."""
    config, rows = study.of.config, []
    for (step, told), along in study.along.items():
        means: dict[str, float] = {"loss": float(np.square(study.paths[step, told] - study.of.task.test.y).mean())}
        means |= {name: float(np.nanmean(getattr(along, name))) for name in MEASURED[1:]}
        means["efficiency"] = float(np.nanmean(study.efficiency[step, told]))
        rows.append({"step": step, "feedback": told, **means})
    return {"task": config.task, "rule": config.rule, "seeds": config.seed_list(), "seed": study.of.seed, "rows": rows}


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _number(value: float | np.floating) -> str:
    return "" if np.isnan(value) else f"{value:.6g}"


Numbers = Mapping[tuple[int, bool], Float[np.ndarray, "seeds trials steps columns"]]


def _path_numbers(study: ReachingStudy) -> Numbers:
    goal = study.of.task.test.y
    return {key: np.concatenate([path, np.broadcast_to(goal, path.shape)], -1) for key, path in study.paths.items()}


def _along_numbers(study: ReachingStudy) -> Numbers:
    return {key: np.stack([getattr(along, name) for name in MEASURED], -1) for key, along in study.along.items()}


def _rows(study: ReachingStudy, numbers: Numbers) -> Iterable[Sequence[Any]]:
    for (step, told), of_seeds in numbers.items():
        for seed, trials in zip(study.of.config.seed_list(), of_seeds, strict=True):
            for trial, steps in enumerate(trials):
                for t, row in enumerate(steps):
                    yield step, seed, int(told), trial, t, *map(_number, row)


def _efficiency_rows(study: ReachingStudy) -> Iterable[Sequence[Any]]:
    for (step, told), values in study.efficiency.items():
        for seed, trials in zip(study.of.config.seed_list(), values, strict=True):
            for trial, value in enumerate(trials):
                yield step, seed, int(told), trial, _number(value)
