"""What conditioning did to the TD errors of every cell: probe trials on every network that a run kept, and verdicts."""

import dataclasses
import hashlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import tomli_w
from jaxtyping import Float

from accumbens.agents.settings import SettingsWithoutCells
from accumbens.conditioning.trials import (
    ALONE,
    EARLY,
    LATE,
    OMITTED,
    PAIRED,
    TIMES,
    Trial,
    exact_td_errors,
    make_probe,
)
from accumbens.envs.conditioning import DELAY, REWARD
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.runs.snapshots import snapshot_steps
from accumbens.stats import Estimate, estimate
from accumbens.training.config import RunConfig, apply_changes, check, resolve_config, to_document
from accumbens.training.kind import AGENTS
from accumbens.training.trained import open_trained

TASK = "probe/conditioning"
LOOKS = 20
"""Snapshots of a run that is trained for the probe, the one at step 0 aside."""

EARLY_PART = 0.1
"""The part of the run after which it is called early."""

NEAR_ZERO = 0.1 * REWARD
"""A mean TD error whose interval is within this much of zero counts as none."""


class Response(NamedTuple):
    """A TD error that is asked about.

    Attributes:
        name: for people.
        trial: in which trial.
        time: steps from the cue's onset.
        stage: before, early or late in training.
        sign: 1 where a rise is expected, -1 for a dip, 0 for neither.
    """

    name: str
    trial: Trial
    time: int
    stage: str
    sign: int


class Probe(NamedTuple):
    """An experiment: its trials, and the responses that decide.

    Reference: for `reward-omission` Schultz, Dayan & Montague (1997), figure 1; for `reward-shift` Hollerman & Schultz
    (1998), "Dopamine neurons report an error in the temporal prediction of reward during learning", Nature
    Neuroscience 1.
    """

    name: str
    trials: tuple[Trial, ...]
    responses: tuple[Response, ...]


PROBES = {
    probe.name: probe
    for probe in (
        Probe(
            "reward-omission",
            (ALONE, PAIRED, OMITTED),
            (
                Response("unexpected reward", ALONE, DELAY, "before", 1),
                Response("reward after cue", PAIRED, DELAY, "before", 1),
                Response("cue", PAIRED, 0, "before", 0),
                Response("cue", PAIRED, 0, "late", 1),
                Response("reward after cue", PAIRED, DELAY, "late", 0),
                Response("unexpected reward", ALONE, DELAY, "late", 1),
                Response("reward omitted", OMITTED, DELAY, "late", -1),
            ),
        ),
        Probe(
            "reward-shift",
            (PAIRED, EARLY, LATE),
            (
                Response("cue", PAIRED, 0, "late", 1),
                Response("reward on time", PAIRED, DELAY, "late", 0),
                Response("early reward", EARLY, DELAY // 2, "late", 1),
                # Neurons have no dip here: an early reward ends the expectation, for which a delay line has no means.
                Response("usual time, was early", EARLY, DELAY, "late", -1),
                Response("usual time, is late", LATE, DELAY, "late", -1),
                Response("late reward", LATE, DELAY + DELAY // 2, "late", 1),
            ),
        ),
    )
}


class Study(NamedTuple):
    """The TD errors of all probe trials, in units of the reward.

    Attributes:
        probe: the experiment.
        config: of the run.
        path: the run's directory.
        steps: of its snapshots.
        td_error: of every cell.
        exact: of who knows the true values; NaN with a discount of 1, which has none.
    """

    probe: Probe
    config: RunConfig
    path: Path
    steps: list[int]
    td_error: Float[np.ndarray, "snapshots seeds trials times cells"]
    exact: Float[np.ndarray, "trials times"]

    def stages(self) -> dict[str, int]:
        """Return which snapshot is `before`, `early` and `late`; early is the nearest to a tenth of the run."""
        early = min(range(len(self.steps)), key=lambda index: abs(self.steps[index] - EARLY_PART * self.steps[-1]))
        return {"before": 0, "early": min(max(early, 1), len(self.steps) - 1), "late": len(self.steps) - 1}

    def at(self, trial: Trial, time: int) -> Float[np.ndarray, "snapshots seeds cells"]:
        """Return the TD errors at one time of one trial."""
        return self.td_error[:, :, self.probe.trials.index(trial), TIMES.tolist().index(time)]

    def exact_at(self, trial: Trial, time: int) -> float:
        """Return the TD error there of who knows the true values."""
        return float(self.exact[self.probe.trials.index(trial), TIMES.tolist().index(time)])


class Answer(NamedTuple):
    """What one cell does where it is asked about.

    Attributes:
        cell: from 1.
        response: what was asked.
        estimate: mean over seeds, and half its 95 % t-interval.
        share: of the seeds that do as expected.
        exact: of who knows the true values, once there is something to know; else None.
        holds: the whole interval is on the expected side of zero or, where nothing is expected, within a tenth of the
            reward; None with one seed, which has no interval.
    """

    cell: int
    response: Response
    estimate: Estimate
    share: float
    exact: float | None
    holds: bool | None


def find_probe(name: str) -> Probe:
    """Return the experiment of that name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in PROBES:
        raise UnknownNameError("probe", name, list(PROBES))
    return PROBES[name]


def is_run(source: str) -> bool:
    """Return whether the directory of a run is meant, and not an algorithm, of whose name there may be a folder."""
    folder = Path(source)
    return (folder / "config.toml").is_file() or (folder.is_dir() and source not in AGENTS.methods().known)


def conditioning_config(
    source: str,
    *,
    seeds: int = 10,
    total_timesteps: int | None = None,
    credit: str | None = None,
    changes: Mapping[str, str] | None = None,
) -> RunConfig:
    """Return the run on the task of conditioning that a probe needs.

    Args:
        source: an algorithm, whose preset for the task is taken, or the directory of a run, whose settings are.
        seeds: independent seeds.
        total_timesteps: of each; None takes the preset's for the task.
        credit: where the gradient stops; None leaves it.
        changes: further settings, as texts.

    Raises:
        UnknownNameError: `source` is neither, or a setting is unknown.
        AccumbensError: a value cannot be used, or the agent is not made of cells.
    """
    found = AGENTS.open(Path(source))[1] if is_run(source) else None
    preset = resolve_config(TASK, found.algo if found else source, seeds=seeds, total_timesteps=total_timesteps)
    changes = dict(changes or {}) | ({"credit": credit} if credit is not None else {})
    settings = apply_changes(found.settings if found else preset.settings, changes)
    if isinstance(settings, SettingsWithoutCells):
        raise AccumbensError(
            f"{source} is {settings.noun}, which is not made of cells: there is no TD error of a cell to see"
        )
    frequency = max(1, preset.total_timesteps // LOOKS)
    config = dataclasses.replace(preset, settings=settings, eval_frequency=frequency, num_eval_episodes=1)
    check(config)
    return config


def run_name(config: RunConfig) -> str:
    """Return a name that only a run with the same configuration has."""
    return f"probe-{hashlib.sha256(tomli_w.dumps(to_document(config)).encode()).hexdigest()[:10]}"


def study_run(path: Path, probe: Probe, progress: Callable[[int, int], None] = lambda done, total: None) -> Study:
    """Run the probe trials on every snapshot of all seeds of a run on the task.

    Args:
        path: the run's directory.
        probe: the experiment.
        progress: is told how many snapshots are done, and of how many.

    Raises:
        AccumbensError: there is no run at `path`, it is of another task, or it has fewer than two snapshots.
    """
    run, config = AGENTS.open(path)
    if config.env != TASK:
        raise AccumbensError(f"{path} is a run on {config.env}: probe trials are for runs on {TASK}")
    steps = snapshot_steps(run)
    if len(steps) < 2:
        raise AccumbensError(f"{path} has {len(steps)} snapshot(s): at least the first and a later one are needed")
    probing, rows = None, []
    for done, step in enumerate(steps):
        progress(done, len(steps))
        trained = open_trained(path, step)
        probing = probing or make_probe(trained, probe.trials)
        rows.append(np.asarray(jax.device_get(probing(trained.networks)), np.float64))
    progress(len(steps), len(steps))
    discount = config.settings.discount
    exact = np.full(rows[0].shape[1:3], math.nan)
    if discount < 1:
        exact = exact_td_errors(probe.trials, discount)
    return Study(probe, config, path, steps, np.stack(rows), exact)


def answers(study: Study) -> list[Answer]:
    """Return what every cell does, cell by cell in the order of the probe's responses."""
    stages, found = study.stages(), []
    for cell in range(study.td_error.shape[-1]):
        for response in study.probe.responses:
            values = study.at(response.trial, response.time)[stages[response.stage], :, cell]
            mean = estimate(values.tolist())
            as_expected = np.abs(values) < NEAR_ZERO if response.sign == 0 else values * response.sign > 0
            exact = study.exact_at(response.trial, response.time) if response.stage == "late" else None
            found.append(
                Answer(cell + 1, response, mean, float(as_expected.mean()), exact, _holds(mean, response.sign))
            )
    return found


def _holds(found: Estimate, sign: int) -> bool | None:
    if math.isnan(found.interval):
        return None
    low, high = found.mean - found.interval, found.mean + found.interval
    if sign == 0:
        return low > -NEAR_ZERO and high < NEAR_ZERO
    return low > 0 if sign > 0 else high < 0


def document(study: Study) -> dict[str, Any]:
    """Return what a study found, as plain values."""
    stages = study.stages()
    return {
        "probe": study.probe.name,
        "env": study.config.env,
        "algo": study.config.algo,
        "credit": study.config.settings.credit,
        "seeds": study.config.seed_list(),
        "run": str(study.path),
        "steps": {name: study.steps[index] for name, index in stages.items()},
        "responses": [
            {
                "cell": answer.cell,
                "response": answer.response.name,
                "trial": answer.response.trial.name,
                "time": answer.response.time,
                "stage": answer.response.stage,
                "expected": {1: "rise", -1: "dip", 0: "none"}[answer.response.sign],
                "td_error": answer.estimate.mean,
                "interval": answer.estimate.interval,
                "share_of_seeds": answer.share,
                "exact": answer.exact,
                "holds": answer.holds,
            }
            for answer in answers(study)
        ],
    }
