"""Playing with what a run of a team learned: what `accumbens evaluate` does of teams.

Every agent acts greedily by what it sees itself. First states are those of the run's own evaluations: the same for
every run, seed and target.
"""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from accumbens.errors import AccumbensError, require
from accumbens.runs.directory import RunDirectory
from accumbens.runs.outputs import write_beside
from accumbens.teams.job import FIRST_EVALUATION_SEED
from accumbens.teams.play import play
from accumbens.teams.trained import TrainedTeam

_COLUMNS = ("step", "seed", "target_return", "episode", "return", "won", "length")


class TeamEvaluation(NamedTuple):
    """Episodes of all seeds of a run.

    Attributes:
        target: the return of each agent that was asked for; None of teams that are told none.
        returns: of every agent.
        won: whether the mean over agents was that of an episode that is won; None where nothing is won.
        lengths: of the episodes, in steps.
    """

    target: float | None
    returns: Float[np.ndarray, "seeds episodes agents"]
    won: Bool[np.ndarray, "seeds episodes"] | None
    lengths: Int[np.ndarray, "seeds episodes"]


def evaluate_team(trained: TrainedTeam, num_episodes: int, targets: Sequence[float] | None) -> list[TeamEvaluation]:
    """Let the team of every seed play, once for each target.

    Args:
        trained: the team.
        num_episodes: per seed and target.
        targets: returns of each agent to ask for; None takes the run's own.

    Raises:
        AccumbensError: there are targets, and the team is told none, or they are no different finite numbers.
    """
    require("num_episodes", num_episodes, ">= 1", num_episodes >= 1)
    asked: Sequence[float | None] = [trained.target if trained.is_told_returns else None]
    if targets is not None:
        require_targets(targets)
        if not trained.is_told_returns:
            raise AccumbensError(
                f"target_return cannot be used: {trained.config.algo} in {trained.run.path} is told no return"
            )
        asked = targets
    return [_evaluate(trained, num_episodes, target) for target in asked]


def require_targets(targets: Sequence[float]) -> None:
    """Refuse what nobody can be asked for.

    Raises:
        AccumbensError: names the numbers.
    """
    usable = all(map(math.isfinite, targets)) and targets and len(set(targets)) == len(targets)
    require("target_return", ",".join(f"{target:g}" for target in targets), "different finite numbers", usable)


def _evaluate(trained: TrainedTeam, num_episodes: int, target: float | None) -> TeamEvaluation:
    seeds, facts = FIRST_EVALUATION_SEED + np.arange(num_episodes), trained.environment.facts
    returns, lengths = [], []
    for seed in trained.config.seed_list():
        episodes = play(trained.environment, trained.learner.policy, trained.params(seed, target), seeds)
        returns.append(episodes.returns())
        lengths.append(episodes.lengths)
    of_each = np.stack(returns)
    won = None if facts.won is None else of_each.mean(axis=2) >= facts.won
    return TeamEvaluation(target, of_each, won, np.stack(lengths))


def write_team_episodes(
    run: RunDirectory, step: int, evaluation: TeamEvaluation, seeds: Sequence[int]
) -> tuple[Path, bool]:
    """Write a row for every seed and episode, unless a file says the same already.

        episodes/000000001000_target-0.5_100.csv     step, seed, target_return, episode, return, won, length, return_1…

    `return` is the mean over agents; of teams that are told no return, names and rows have no target; where nothing is
    won, `won` is empty.

    Returns:
        the file, and whether other numbers were there before, which are kept.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    _, num_episodes, agents = evaluation.returns.shape
    writer.writerow((*_COLUMNS, *(f"return_{agent}" for agent in range(1, agents + 1))))
    target = "" if evaluation.target is None else f"{evaluation.target:.12g}"
    for index, episode in np.ndindex(evaluation.lengths.shape):
        each, length = evaluation.returns[index, episode], evaluation.lengths[index, episode].item()
        won = "" if evaluation.won is None else int(evaluation.won[index, episode])
        row = (step, seeds[index], target, episode, each.mean().item(), won, length)
        writer.writerow((*row, *each.tolist()))
    stem = f"{step:012d}{f'_target{target}' if target else ''}_{num_episodes}"
    return write_beside(run.path / "episodes", stem, text.getvalue())
