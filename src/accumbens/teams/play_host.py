"""Whole episodes of a team, played on the host one after another, by whatever chooses the actions."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Integer

from accumbens.envs.teams.protocol import HostTeam, Seen, TeamEnvironment, TeamStep
from accumbens.errors import EnvironmentFailedError, require
from accumbens.runs.streams import Stream, stream_key
from accumbens.teams.episodes import Episodes
from accumbens.teams.padding import joined
from accumbens.teams.sound import require_seen, require_sound, require_step, users_environment

Chooser = Callable[[Seen, Float[np.ndarray, " agents"]], Int[np.ndarray, " agents"]]
"""`choose(seen, rewards) -> actions` of one episode, step by step; `rewards` are those of the step before."""


class OnHost(HostTeam):
    """One instance of a team on the device, stepped from the host; with the same chances as `play` gives it.

    Attributes:
        facts: what it is like.
    """

    def __init__(self, environment: TeamEnvironment):
        """Prepare; the two functions are compiled when they are first needed."""
        self.facts = environment.facts
        self._seed, self._time, self._state = jnp.uint32(0), 0, None
        self._board = environment.board
        self._reset = jax.jit(lambda seed: environment.reset(stream_key(seed, Stream.FIRST_STATES, 0)))
        self._step = jax.jit(
            lambda seed, time, state, actions: environment.step(
                stream_key(seed, Stream.ENVIRONMENT, time), state, actions
            )
        )

    def reset(self, seed: int) -> Seen:
        """Begin the episode of a seed."""
        self._seed, self._time = jnp.uint32(seed), 0
        self._state, seen = self._reset(self._seed)
        return jax.tree.map(np.asarray, seen)

    def step(self, actions: Int[np.ndarray, " agents"]) -> TeamStep:
        """Do one step."""
        chosen = jnp.asarray(actions, jnp.int32)
        self._state, outcome = self._step(self._seed, jnp.int32(self._time), self._state, chosen)
        self._time += 1
        return jax.tree.map(np.asarray, outcome)

    def picture(self) -> np.ndarray | None:
        """Return the environment's drawing of the state; None if it has none."""
        return self._board(self._state) if self._board else None


def play_on_host(
    team: HostTeam,
    begin: Callable[[int], Chooser],
    seeds: Sequence[int] | Integer[np.ndarray, " episodes"],
    *,
    progress: Callable[[int], None] | None = None,
) -> Episodes:
    """Play an episode from each seed, one after another, with choices made by any code.

    Args:
        team: is reset with each seed; it is not closed.
        begin: `begin(seed) -> choose`: who acts in the episode of a seed.
        seeds: of the episodes.
        progress: is told after each how many have ended.

    Raises:
        AccumbensError: a seed cannot be used.
        EnvironmentFailedError: the environment raised, or did something else than its facts say: an episode went on
            beyond `max_episode_steps`, shapes are others, or see `require_sound`.
    """
    facts, parts = team.facts, []
    seeds = checked_seeds(seeds)
    for count, seed in enumerate(seeds.tolist(), start=1):
        parts.append(_play_one(team, begin(seed), seed))
        if progress:
            progress(count)
    episodes = joined(facts, parts)
    require_sound(episodes, facts)
    return episodes


def _play_one(team: HostTeam, choose: Chooser, seed: int) -> Episodes:
    facts, where = team.facts, f"in the episode of seed {seed}"
    with users_environment(team, f"reset {where}"):
        seen = _copied(team.reset(seed))
    require_seen(facts, seen, f"reset {where}")
    rewards = np.zeros(len(facts.agents), np.float32)
    all_seen, all_actions, all_rewards = [seen], [], []
    terminated = truncated = False
    while not (terminated or truncated):
        if len(all_actions) == facts.max_episode_steps:
            raise endless(facts.name, facts.max_episode_steps)
        actions = np.array(choose(seen, rewards), np.int32)
        step = f"step {len(all_actions)} {where}"
        with users_environment(team, step):
            given, paid, terminated, truncated = team.step(actions.copy())
            outcome: Any = (_copied(given), np.array(paid, np.float32), terminated, truncated)
        require_step(facts, TeamStep(*outcome), step)
        seen, rewards, terminated, truncated = outcome
        all_seen.append(seen)
        all_actions.append(actions)
        all_rewards.append(rewards)
    columns = [np.stack(column) for column in (*zip(*all_seen, strict=True), all_actions, all_rewards)]
    ends = (len(all_actions), bool(terminated), bool(truncated), seed)
    return Episodes(*(column[None] for column in columns), *(np.array([end]) for end in ends))


def _copied(seen: Seen) -> Seen:
    """A copy, as an environment may write its next observation into the same memory."""
    observation, legal, alive = seen
    copied: Any = (np.array(observation, np.float32), np.array(legal, bool), np.array(alive, bool))
    return Seen(*copied)


def endless(name: str, limit: int) -> EnvironmentFailedError:
    """Return the error of an episode that went on beyond its limit."""
    return EnvironmentFailedError(f"environment {name!r} declares max_episode_steps={limit}, and an episode went on")


def checked_seeds(seeds: Sequence[int] | Integer[np.ndarray, " episodes"]) -> Int[np.ndarray, " episodes"]:
    """Return seeds as an array.

    Raises:
        AccumbensError: one of them is negative or too large for a key of JAX.
    """
    array = np.asarray(seeds, np.int64).reshape(-1)
    for seed in array[(array < 0) | (array >= 2**32)][:1]:
        require("seed", int(seed), "from 0 to 4294967295", False)
    return array
