"""Whole episodes of a team, played: on the device many at a time, on the host one after another.

An episode is a function of its seed, the environment and the policy: its first state, every transition and every
choice draw from streams of their own, so that two policies meet the same first states and the same chances.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Integer, PRNGKeyArray

from accumbens.envs.teams.protocol import HostTeam, Seen, State, TeamEnvironment, TeamStep
from accumbens.errors import EnvironmentFailedError, require
from accumbens.runs.streams import Stream, stream_key
from accumbens.teams.episodes import Episodes
from accumbens.teams.padding import joined, no_episodes

Parameters = Any
Memory = Any

_BLOCK = 32
"""Steps that are compiled as one program; between two of them the host looks whether all episodes have ended."""

_WIDTH = 512
"""Episodes that are played side by side at most."""

_CHUNK_BYTES = 256 << 20
"""What the observations of episodes side by side may take at most, if all were as long as they can be."""


class TeamPolicy(NamedTuple):
    """How a whole team acts, as pure functions on one instance of the team.

    Attributes:
        init: `init() -> memory`: what is remembered at an episode's start.
        act: `act(params, memory, seen, rewards, key) -> (actions, memory)`: one step, where `rewards` are those of the
            step before, zeros at the start.
    """

    init: Callable[[], Memory]
    act: Callable[
        [Parameters, Memory, Seen, Float[Array, " agents"], PRNGKeyArray], tuple[Int[Array, " agents"], Memory]
    ]


def random_policy() -> TeamPolicy:
    """Return the policy that draws every agent's action uniformly from its legal ones, the dead agents' too."""

    def act(params: Parameters, memory: Memory, seen: Seen, rewards: Array, key: PRNGKeyArray) -> tuple[Array, Memory]:
        return draw_legal(key, seen.legal), memory

    return TeamPolicy(tuple, act)


def explored(policy: TeamPolicy, epsilon: float) -> TeamPolicy:
    """Return a policy of which every agent, by itself, does a random legal action with probability ε.

    Raises:
        AccumbensError: ε is no probability.
    """
    require("epsilon", epsilon, "from 0 to 1", 0 <= epsilon <= 1)
    if epsilon == 0:
        return policy

    def act(params: Parameters, memory: Memory, seen: Seen, rewards: Array, key: PRNGKeyArray) -> tuple[Array, Memory]:
        own, coin, drawn = jax.random.split(key, 3)
        actions, memory = policy.act(params, memory, seen, rewards, own)
        wanders = jax.random.bernoulli(coin, epsilon, actions.shape)
        return jnp.where(wanders, draw_legal(drawn, seen.legal), actions), memory

    return TeamPolicy(policy.init, act)


def draw_legal(key: PRNGKeyArray, legal: Bool[Array, "agents actions"]) -> Int[Array, " agents"]:
    """Return an action of each agent, drawn uniformly from its legal ones."""
    return jax.random.categorical(key, jnp.where(legal, 0.0, -jnp.inf)).astype(jnp.int32)


def play(
    environment: TeamEnvironment | HostTeam,
    policy: TeamPolicy,
    params: Parameters,
    seeds: Sequence[int] | Integer[np.ndarray, " episodes"],
    *,
    progress: Callable[[int], None] | None = None,
) -> Episodes:
    """Play an episode from each seed.

    A program is compiled for an environment and a policy the first time that they meet, and used again by later calls
    with the same two objects. It is compiled for as many episodes as are played side by side; among more or fewer, the
    last bits of what a network computes can be others.

    Args:
        environment: of the team; one on the host is not closed.
        policy: how the team acts.
        params: what the policy is given, such as its networks.
        seeds: of the episodes.
        progress: is told, from time to time, how many episodes have ended.

    Raises:
        AccumbensError: a seed cannot be used.
        EnvironmentFailedError: an episode went on beyond `max_episode_steps`.
    """
    seeds = checked_seeds(seeds)
    report = progress or (lambda ended: None)
    if isinstance(environment, HostTeam):

        def begin(seed: int) -> Chooser:
            memory, time = policy.init(), 0

            def choose(seen: Seen, rewards: np.ndarray) -> np.ndarray:
                nonlocal memory, time
                actions, memory = _act_on_host(policy, params, memory, seen, rewards, jnp.uint32(seed), time)
                time += 1
                return np.asarray(actions)

            return choose

        return play_on_host(environment, begin, seeds, progress=report)
    facts = environment.facts
    width = max(1, min(len(seeds), _WIDTH, _CHUNK_BYTES // _bytes_of_one(environment)))
    parts: list[Episodes] = []
    for start in range(0, len(seeds), width):
        some = seeds[start : start + width]
        filled = np.concatenate([some, np.repeat(some[-1:], width - len(some))])  # one shape, one program
        part = _play_side_by_side(environment, policy, params, filled)
        parts.append(Episodes(*(array[: len(some)] for array in part)))
        report(start + len(some))
    return joined(facts, parts)


def checked_seeds(seeds: Sequence[int] | Integer[np.ndarray, " episodes"]) -> Int[np.ndarray, " episodes"]:
    """Return seeds as an array.

    Raises:
        AccumbensError: one of them is negative or too large for a key of JAX.
    """
    array = np.asarray(seeds, np.int64).reshape(-1)
    for seed in array[(array < 0) | (array >= 2**32)][:1]:
        require("seed", int(seed), "from 0 to 4294967295", False)
    return array


def _bytes_of_one(environment: TeamEnvironment) -> int:
    facts = environment.facts
    of_a_step = len(facts.agents) * (4 * facts.observation_size + facts.num_actions + 9)
    return (facts.max_episode_steps + _BLOCK) * of_a_step


class _Game(NamedTuple):
    """One episode under way, of which nothing changes any more once it has ended."""

    state: State
    seen: Seen
    memory: Memory
    rewards: Float[Array, " agents"]
    terminated: Bool[Array, ""]
    truncated: Bool[Array, ""]
    length: Int[Array, ""]


class _Record(NamedTuple):
    """What one step leaves behind."""

    seen: Seen
    actions: Int[Array, " agents"]
    rewards: Float[Array, " agents"]


@partial(jax.jit, static_argnums=(0, 1))
def _begin(environment: TeamEnvironment, policy: TeamPolicy, seeds: Integer[Array, " episodes"]) -> _Game:
    def one(seed: Integer[Array, ""]) -> _Game:
        state, seen = environment.reset(stream_key(seed, Stream.FIRST_STATES, 0))
        no, agents = jnp.zeros((), bool), len(environment.facts.agents)
        return _Game(state, seen, policy.init(), jnp.zeros(agents), no, no, jnp.zeros((), jnp.int32))

    return jax.vmap(one)(seeds)


@partial(jax.jit, static_argnums=(0, 1), donate_argnums=3)
def _go_on(
    environment: TeamEnvironment,
    policy: TeamPolicy,
    params: Parameters,
    games: _Game,
    seeds: Integer[Array, " episodes"],
    begin: Int[Array, ""],
) -> tuple[_Game, _Record]:
    """Play a block of steps from time `begin`; return the games after it, and the records `[steps, episodes, ...]`."""

    def one(game: _Game, seed: Integer[Array, ""], time: Int[Array, ""]) -> tuple[_Game, _Record]:
        chooses = stream_key(seed, Stream.EXPLORATION, time)
        actions, memory = policy.act(params, game.memory, game.seen, game.rewards, chooses)
        moves = stream_key(seed, Stream.ENVIRONMENT, time)
        state, outcome = environment.step(moves, game.state, actions)
        after = _Game(
            state, outcome.seen, memory, outcome.rewards, outcome.terminated, outcome.truncated, game.length + 1
        )
        ended = game.terminated | game.truncated
        frozen = jax.tree.map(lambda old, new: jnp.where(ended, old, new), game, after)
        return frozen, _Record(game.seen, actions, outcome.rewards)

    def step(games: _Game, time: Int[Array, ""]) -> tuple[_Game, _Record]:
        return jax.vmap(one, in_axes=(0, 0, None))(games, seeds, time)

    return jax.lax.scan(step, games, begin + jnp.arange(_BLOCK))


def _play_side_by_side(
    environment: TeamEnvironment, policy: TeamPolicy, params: Parameters, seeds: Int[np.ndarray, " episodes"]
) -> Episodes:
    on_device = jnp.asarray(seeds.astype(np.uint32))
    games = _begin(environment, policy, on_device)
    limit, time, records = environment.facts.max_episode_steps, 0, []
    while True:
        games, record = _go_on(environment, policy, params, games, on_device, jnp.int32(time))
        records.append(jax.tree.map(np.asarray, record))
        time += _BLOCK
        terminated, truncated = np.asarray(games.terminated), np.asarray(games.truncated)
        lengths = np.asarray(games.length)
        if lengths.max() > limit or (time >= limit and not (terminated | truncated).all()):
            raise _endless(environment.facts.name, limit)
        if (terminated | truncated).all():
            break
    record = jax.tree.map(lambda *blocks: np.concatenate(blocks).swapaxes(0, 1), *records)

    def with_last(before: np.ndarray, last: Array) -> np.ndarray:
        """What was seen before every step, and the last of all in the place behind the end of each episode."""
        seen = np.concatenate([before, np.zeros_like(before[:, :1])], axis=1)
        seen[np.arange(len(lengths)), lengths] = np.asarray(last)
        return seen

    seen = jax.tree.map(with_last, record.seen, games.seen)
    ends = (lengths, terminated, truncated, seeds)
    return Episodes(seen.observation, seen.legal, seen.alive, record.actions, record.rewards, *ends)


@partial(jax.jit, static_argnums=0)
def _act_on_host(
    policy: TeamPolicy,
    params: Parameters,
    memory: Memory,
    seen: Seen,
    rewards: Float[Array, " agents"],
    seed: Integer[Array, ""],
    time: Int[Array, ""] | int,
) -> tuple[Int[Array, " agents"], Memory]:
    return policy.act(params, memory, seen, rewards, stream_key(seed, Stream.EXPLORATION, time))


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
        EnvironmentFailedError: an episode went on beyond `max_episode_steps`.
    """
    facts, parts = team.facts, []
    seeds = checked_seeds(seeds)
    for count, seed in enumerate(seeds.tolist(), start=1):
        parts.append(_play_one(team, begin(seed), seed))
        if progress:
            progress(count)
    return joined(facts, parts) if parts else no_episodes(facts)


def _play_one(team: HostTeam, choose: Chooser, seed: int) -> Episodes:
    facts = team.facts
    seen, rewards = team.reset(seed), np.zeros(len(facts.agents), np.float32)
    all_seen, all_actions, all_rewards = [_copied(seen)], [], []
    terminated = truncated = False
    while not (terminated or truncated):
        if len(all_actions) == facts.max_episode_steps:
            raise _endless(facts.name, facts.max_episode_steps)
        actions = np.array(choose(seen, rewards), np.int32)
        seen, rewards, terminated, truncated = team.step(actions)
        rewards = np.array(rewards, np.float32)
        all_seen.append(_copied(seen))
        all_actions.append(actions)
        all_rewards.append(rewards)
    columns = [np.stack(column) for column in (*zip(*all_seen, strict=True), all_actions, all_rewards)]
    ends = (len(all_actions), bool(terminated), bool(truncated), seed)
    return Episodes(*(column[None] for column in columns), *(np.array([end]) for end in ends))


def _copied(seen: Seen) -> Seen:
    """A copy, as an environment may write its next observation into the same memory."""
    return jax.tree.map(np.array, seen)


def _endless(name: str, limit: int) -> EnvironmentFailedError:
    return EnvironmentFailedError(f"environment {name!r} declares max_episode_steps={limit}, and an episode went on")
