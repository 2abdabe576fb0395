"""What the command line and scripts call: train, resume, evaluate."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from accumbens.agents.settings import SACSettings
from accumbens.errors import AccumbensError
from accumbens.runs.directory import RunDirectory, create, open_run, require_same
from accumbens.runs.tracking import require_usable
from accumbens.training.config import RunConfig, every_setting
from accumbens.training.evaluate import Evaluation
from accumbens.training.protocol import RunTrainer
from accumbens.training.session import Reporter, Result, Session
from accumbens.training.trainer import Trainer


def make_trainer(config: RunConfig) -> RunTrainer:
    """Return what trains this run.

    Raises:
        AccumbensError: the environment cannot be used, a size does not fit it, or a package is missing.
    """
    if isinstance(config.settings, SACSettings):
        from accumbens.training.sac import SACTrainer

        return SACTrainer(config, config.settings)
    return Trainer(config)


def train(
    config: RunConfig,
    report: Reporter,
    *,
    out: Path = Path("runs"),
    name: str | None = None,
    track: str | None = None,
    checkpoint_seconds: float = 60.0,
) -> Result:
    """Train from the start in a new run directory.

    Raises:
        AccumbensError: the run exists already, a setting cannot be used, or a cell stopped being finite.
    """
    require_usable(track, checkpoint_seconds)
    with closing(make_trainer(config)) as trainer:
        run = create(config, out, name)
        with run.lock():
            return Session(trainer, run, report, track, checkpoint_seconds).execute()


def resume(path: Path, report: Reporter, *, track: str | None = None, checkpoint_seconds: float = 60.0) -> Result:
    """Continue a run from its newest good checkpoint; on the device the result is that of an uninterrupted run.

    Raises:
        AccumbensError: there is no run at `path`, another process trains it, or no checkpoint of it can be used.
    """
    require_usable(track, checkpoint_seconds)
    run, config = open_run(path)
    with run.lock(), closing(make_trainer(config)) as trainer:
        finished = _finished(run, trainer)
        if finished:
            report.message(f"the run {path} is complete")
            return finished
        return Session(trainer, run, report, track, checkpoint_seconds).execute()


def train_or_resume(
    config: RunConfig,
    report: Reporter,
    *,
    out: Path,
    name: str,
    track: str | None = None,
    checkpoint_seconds: float = 60.0,
) -> Result:
    """Train the run of that name, from the start or from where it stands.

    Raises:
        AccumbensError: as for `train` and `resume`; the run was started with other settings.
    """
    path = out / config.env / config.algo / name
    if not path.exists():
        return train(config, report, out=out, name=name, track=track, checkpoint_seconds=checkpoint_seconds)
    require_same(every_setting(config), every_setting(open_run(path)[1]), path)
    return resume(path, report, track=track, checkpoint_seconds=checkpoint_seconds)


def evaluate_run(
    path: Path, num_episodes: int, epsilons: Sequence[float], warn: Callable[[str], None]
) -> tuple[RunConfig, int, list[Evaluation]]:
    """Evaluate the newest good checkpoint of a run.

    Args:
        path: the run's directory.
        num_episodes: episodes per seed and prefix of cells.
        epsilons: probabilities of a random action.
        warn: is told of damaged checkpoints.

    Returns:
        the run's configuration, the step of the checkpoint, and an evaluation for each ε, with a leading axis of seeds.

    Raises:
        AccumbensError: a number cannot be used, there is no run at `path`, or it has no good checkpoint.
    """
    require_evaluation(num_episodes, epsilons)
    run, config = open_run(path)
    with closing(make_trainer(dataclasses.replace(config, num_eval_episodes=num_episodes))) as trainer:
        state = trainer.restore(run, warn)
        return config, trainer.step_of(state), [trainer.evaluate(state, epsilon) for epsilon in epsilons]


def require_evaluation(num_episodes: int, epsilons: Sequence[float]) -> None:
    """Refuse what cannot be evaluated.

    Raises:
        AccumbensError: names the number.
    """
    if num_episodes < 1:
        raise AccumbensError(f"num_episodes={num_episodes} cannot be used: it must be >= 1")
    for epsilon in epsilons:
        if not 0 <= epsilon <= 1:
            raise AccumbensError(f"epsilon={epsilon} cannot be used: it must be from 0 to 1")
    if not epsilons or len(set(epsilons)) < len(epsilons):
        raise AccumbensError(f"epsilon={','.join(map(str, epsilons))} cannot be used: expected different numbers")


def recorded_result(run: RunDirectory) -> Result | None:
    """Return what a run that reached its end came to; None for one that did not."""
    recorded = run.read_meta().get("result")
    if recorded is None or recorded["interrupted"]:
        return None
    returns = {
        name: [math.nan if value is None else value for value in recorded[name]]
        for name in ("final_return", "eval_return")
    }
    return Result(**recorded | returns | {"run": str(run.path)})


def _finished(run: RunDirectory, trainer: RunTrainer) -> Result | None:
    """The result of a run that needs no more training: it reached its end, and its last checkpoint is good."""
    result = recorded_result(run)
    if result and trainer.step_of(trainer.restore(run, lambda warning: None)) < result.steps:
        return None
    return result
