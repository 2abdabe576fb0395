"""Recording a data set: somebody plays, and what happens is written."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from accumbens.envs.teams.protocol import HostTeam, Seen, TeamEnvironment, TeamFacts
from accumbens.errors import AccumbensError, require, users_code
from accumbens.teams.episodes import Episodes
from accumbens.teams.minari_write import new_data_set
from accumbens.teams.padding import bytes_of_one
from accumbens.teams.play import play
from accumbens.teams.play_host import Chooser, OnHost, checked_seeds, play_on_host
from accumbens.teams.policies import Parameters, TeamPolicy, explored

Progress = Callable[[int], None]
Player = Callable[[Int[np.ndarray, " episodes"], Progress], Episodes]
"""`player(seeds, progress) -> Episodes`, where `progress` is told how many of these episodes have ended."""

UsersPolicy = Callable[..., Any]
"""`policy(observation[agents, size], legal[agents, actions], rng) -> actions`; the generator is the episode's own."""

_PART_BYTES = 128 << 20
"""What the episodes that are in memory at a time may take, before they are written."""


class PolicyFailedError(AccumbensError):
    """A user's own policy raised."""

    exit_code = 1


def policy_player(
    environment: TeamEnvironment | HostTeam, policy: TeamPolicy, params: Parameters, epsilon: float = 0.0
) -> Player:
    """Return who follows a policy of pure functions.

    Args:
        environment: of the team.
        policy: how it acts.
        params: what the policy is given.
        epsilon: probability, for every agent by itself, of a random legal action instead.

    Raises:
        AccumbensError: ε is no probability.
    """
    policy = explored(policy, epsilon)
    return lambda seeds, progress: play(environment, policy, params, seeds, progress=progress)


def users_player(
    environment: TeamEnvironment | HostTeam, policy: UsersPolicy, name: str, epsilon: float = 0.0
) -> Player:
    """Return who follows a function of the user's own, which is called on the host.

    Args:
        environment: of the team.
        policy: chooses the actions of all agents; an action must be legal, also of one that is dead.
        name: of the policy, for messages.
        epsilon: as of `policy_player`.

    Raises:
        AccumbensError: ε is no probability.
    """
    require("epsilon", epsilon, "from 0 to 1", 0 <= epsilon <= 1)
    team = environment if isinstance(environment, HostTeam) else OnHost(environment)

    def begin(seed: int) -> Chooser:
        own, wandering = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2))

        def choose(seen: Seen, rewards: Float[np.ndarray, " agents"]) -> Int[np.ndarray, " agents"]:
            legal = np.array(seen.legal)
            with users_code(f"policy {name!r} failed", policy, PolicyFailedError):
                given = policy(np.array(seen.observation), legal.copy(), own)
            actions = _checked(given, legal, name, team.facts)
            drawn = np.where(legal, wandering.random(legal.shape), -1.0).argmax(axis=1)
            wanders = wandering.random(len(actions)) < epsilon
            return np.where(wanders, drawn, actions).astype(np.int32)

        return choose

    return lambda seeds, progress: play_on_host(team, begin, seeds, progress=progress)


def _checked(given: Any, legal: np.ndarray, name: str, facts: TeamFacts) -> np.ndarray:
    """What a user's policy returned, if it is a legal action of every agent."""
    actions = np.asarray(given)
    if actions.shape != (len(facts.agents),) or not np.issubdtype(actions.dtype, np.integer):
        what = f"{actions.dtype} of the shape {actions.shape}"
        raise AccumbensError(
            f"policy {name!r} returned {what}: expected {len(facts.agents)} integers, one for an agent"
        )
    for agent, action, its in zip(facts.agents, actions.tolist(), legal, strict=True):
        if not 0 <= action < len(its) or not its[action]:
            allowed = ", ".join(map(str, np.flatnonzero(its)))
            raise AccumbensError(f"policy {name!r} returned the action {action} of {agent}: legal are {allowed}")
    return actions


def record(
    facts: TeamFacts,
    player: Player,
    target: Path,
    *,
    num_episodes: int,
    seed: int,
    made: Mapping[str, Any],
    dataset_id: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Record episodes as a Minari data set; stopped before the end, it leaves nothing.

    Args:
        facts: of the environment that `player` plays in.
        player: who plays.
        target: folder of the data set; it must not exist, or be empty.
        num_episodes: how many.
        seed: of the first episode; each takes the next.
        made: how they were made, for the card; at least `policy`.
        dataset_id: what Minari calls the data set; None makes one of the environment's name and the folder's.
        progress: is told how many episodes have ended.

    Returns:
        what the card says; see `minari_write.write`.

    Raises:
        AccumbensError: a number cannot be used, the target exists, Minari is not installed, or what was played cannot
            be written.
        PolicyFailedError: a user's own policy raised.
        EnvironmentFailedError: the environment failed; see `play`.
    """
    require("num_episodes", num_episodes, ">= 1", num_episodes >= 1)
    seeds = checked_seeds(range(seed, seed + num_episodes))
    report = progress or (lambda ended: None)
    with new_data_set(facts, target, made, dataset_id) as data:
        start = 0
        # Parts of the same size, as far as that goes: a program is compiled for a size.
        for part in np.array_split(seeds, -(-num_episodes * bytes_of_one(facts) // _PART_BYTES)):
            data.add(player(part, lambda ended, start=start: report(start + ended)))
            start += len(part)
    return data.card
