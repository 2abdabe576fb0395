"""Whole episodes of a team, played: on the device many at a time, on the host one after another.

An episode is a function of its seed, the environment and the policy: its first state, every transition and every
choice draw from streams of their own, so that two policies meet the same first states and the same chances.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Integer

from accumbens.envs.teams.protocol import HostTeam, Seen, State, TeamEnvironment
from accumbens.runs.streams import Stream, stream_key
from accumbens.teams.episodes import Episodes
from accumbens.teams.padding import bytes_of_one, joined
from accumbens.teams.play_host import Chooser, checked_seeds, endless, play_on_host
from accumbens.teams.policies import Memory, Parameters, TeamPolicy
from accumbens.teams.sound import require_shapes, require_sound

_BLOCK = 32
"""Steps that are compiled as one program; between two of them the host looks whether all episodes have ended."""

_WIDTH = 512
"""Episodes that are played side by side at most."""

_CHUNK_BYTES = 256 << 20
"""What the observations of episodes side by side may take at most, if all were as long as they can be."""


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
        EnvironmentFailedError: the environment raised, or did something else than its facts say: an episode went on
            beyond `max_episode_steps`, shapes are others, or see `require_sound`.
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
    require_shapes(environment)
    facts = environment.facts
    width = max(1, min(len(seeds), _WIDTH, _CHUNK_BYTES // bytes_of_one(facts)))
    parts: list[Episodes] = []
    for start in range(0, len(seeds), width):
        some = seeds[start : start + width]
        filled = np.concatenate([some, np.repeat(some[-1:], width - len(some))])  # one shape, one program
        part = _play_side_by_side(environment, policy, params, filled)
        parts.append(Episodes(*(array[: len(some)] for array in part)))
        report(start + len(some))
    episodes = joined(facts, parts)
    require_sound(episodes, facts)
    return episodes


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
            raise endless(environment.facts.name, limit)
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
