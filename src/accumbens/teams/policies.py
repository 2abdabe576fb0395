"""How a team acts: a pair of pure functions, random play, and random steps in between."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from accumbens.envs.teams.protocol import Seen, TeamFacts
from accumbens.errors import require

Parameters = Any
Memory = Any


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


@runtime_checkable
class TeamPlayer(Protocol):
    """What `accumbens.load` makes of a run whose agents can play: how they act, greedily, and in what.

    Attributes:
        facts: of the team that they learned of.
        policy: how they act.
        params: what the policy is given.
        seed: whose networks these are.
        step: when they were as they are.
    """

    facts: TeamFacts
    policy: TeamPolicy
    params: Parameters
    seed: int
    step: int
