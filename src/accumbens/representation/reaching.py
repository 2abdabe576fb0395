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
from accumbens.credit.networks.controlled import Reaching
from accumbens.credit.settings import FeedbackLearningSettings
from accumbens.errors import AccumbensError
from accumbens.representation.snapshots import Snapshots, open_snapshots
from accumbens.runs.outputs import new_folder
from accumbens.runs.snapshots import network_of_seed
from accumbens.runs.tables import to_json

MARK = "summary.json"
"""The file by which an earlier analysis is known."""

MEASURED = ("error", "gradient", "second_order", "jacobian")
"""What is measured at every step, of `Along`."""


class ReachingRun(Snapshots):
    """A fit whose network may be told its error."""

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


class ReachingStudy(NamedTuple):
    """What was found in a run.

    Attributes:
        of: the run.
        paths: by snapshot and feedback: outputs, while nothing is learned.
        along: by snapshot and feedback, while RFLO learns: arrays [seeds, trials, steps].
        efficiency: the same: [seeds, trials].
        feedback_cosine: by snapshot, of W_fb with (W_out W_rec)ᵀ: [seeds].
    """

    of: ReachingRun
    paths: dict[tuple[int, bool], Float[np.ndarray, "seeds trials steps 2"]]
    along: dict[tuple[int, bool], Along]
    efficiency: dict[tuple[int, bool], Float[np.ndarray, "seeds trials"]]
    feedback_cosine: dict[int, Float[np.ndarray, " seeds"]]


def open_reaching(path: Path, step: int | None = None, seed: int | None = None) -> ReachingRun:
    """Return a fit whose network may be told its error.

    Args:
        path: the run's directory.
        step: the last snapshot to look at; None takes the newest.
        seed: to picture; None takes the first.

    Raises:
        AccumbensError: there is no such run, snapshot or seed, or its network is of another kind.
    """
    of = open_snapshots(path, step, seed)
    if not of.facts.controlled:
        raise AccumbensError(
            f"{path} cannot be looked at like this: of fits, only those of reach, reach-rotated, sine-waves and "
            f"sine-waves-shifted can, not of {of.config.task}"
        )
    return ReachingRun(of.config, of.run, of.task, of.seed, of.until)


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
    cosines = {}
    for step in of.steps:
        networks = of.networks(step)
        cosines[step] = np.asarray(jax.vmap(lambda network: network.measures()["feedback_cosine"])(networks))
        for told, x in trials.items():
            parts = []
            for seed in seeds:
                parts.append(jax.tree.map(np.asarray, follow(network_of_seed(networks, seeds, seed), x)))
                progress(len(found) * len(seeds) + len(parts), total)
            found[step, told] = jax.tree.map(lambda *rows: np.stack(rows), *parts)
    paths, along, efficiency = ({key: parts[place] for key, parts in found.items()} for place in range(3))
    return ReachingStudy(of, paths, along, efficiency, cosines)


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
        means["feedback_cosine"] = float(study.feedback_cosine[step].mean())
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
