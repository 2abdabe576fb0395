"""Playing with the newest checkpoint of a run: what `accumbens evaluate` does."""

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from accumbens.errors import AccumbensError
from accumbens.training.config import RunConfig
from accumbens.training.evaluate import Evaluation
from accumbens.training.job import make_job
from accumbens.training.kind import AGENTS


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
    run, config = AGENTS.open(path)
    with closing(make_job(dataclasses.replace(config, num_eval_episodes=num_episodes))) as job:
        state = job.restore([run], warn)
        return config, job.step_of(state), [job.play(state, epsilon) for epsilon in epsilons]


def evaluate_networks(
    config: RunConfig, networks: Any, num_episodes: int, epsilons: Sequence[float]
) -> list[Evaluation]:
    """Evaluate networks, with a leading axis of the seeds of `config`; see `evaluate_run`.

    Raises:
        AccumbensError: a number cannot be used, or the environment cannot be made.
    """
    require_evaluation(num_episodes, epsilons)
    with closing(make_job(dataclasses.replace(config, num_eval_episodes=num_episodes))) as job:
        state = job.begin_from(job.init(), networks)
        return [job.play(state, epsilon) for epsilon in epsilons]


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
