"""Teams that play: networks, and a memory of the last steps, in; actions out. Greedy."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from accumbens.envs.teams.protocol import Seen, TeamFacts
from accumbens.teams.model import ILLEGAL, Policies, Policy, Window
from accumbens.teams.policies import TeamPolicy


class Asked(NamedTuple):
    """The networks of a team, and what is asked of it.

    Attributes:
        networks: of the team.
        target: the return of each agent.
        usual: the data's mean return to go, by the steps done.
        deviation: what differences from it are divided by.
        horizon: steps of the data's longest episode.
    """

    networks: Policy
    target: Float[Array, ""]
    usual: Float[Array, " steps"]
    deviation: Float[Array, ""]
    horizon: Float[Array, ""]


class Memory(NamedTuple):
    """The last steps, the oldest first; what is behind the newest means nothing.

    Attributes:
        window: of them.
        steps: since the episode's start.
        before: what each did last; -1 at the start.
        returns: what is still asked for.
    """

    window: Window
    steps: Int[Array, ""]
    before: Int[Array, " agents"]
    returns: Float[Array, " agents"]


def policy_of(policies: Policies, facts: TeamFacts, context: int) -> TeamPolicy:
    """Return how policies that read a window play: they take the action that is most likely."""
    agents = len(facts.agents)

    def init() -> Memory:
        window = Window(
            observation=jnp.zeros((context, agents, facts.observation_size)),
            before=jnp.full((context, agents), -1, jnp.int32),
            returns=jnp.zeros((context, agents)),
            time=jnp.zeros(context),
            legal=jnp.ones((context, agents, facts.num_actions), bool),
            weight=jnp.zeros((context, agents)),
        )
        return Memory(window, jnp.int32(0), jnp.full(agents, -1, jnp.int32), jnp.zeros(agents))

    def act(
        params: Asked, memory: Memory, seen: Seen, rewards: Float[Array, " agents"], key: PRNGKeyArray
    ) -> tuple[Int[Array, " agents"], Memory]:
        del key
        memory = remembered(params, memory, seen, rewards)
        reading = policies.read(params.networks, memory.window)
        newest = jnp.minimum(memory.steps, context) - 1
        actions = jnp.argmax(reading.logits[-1, newest], axis=-1).astype(jnp.int32)
        return actions, memory._replace(before=actions)

    return TeamPolicy(init, act)


def remembered(params: Asked, memory: Memory, seen: Seen, rewards: Float[Array, " agents"]) -> Memory:
    """Return the memory with a step more."""
    count, context = memory.steps, len(memory.window.time)
    returns = jnp.where(count == 0, params.target, memory.returns - rewards)
    usual = params.usual[jnp.minimum(count, len(params.usual) - 1)]
    step = Window(
        observation=seen.observation,
        before=memory.before,
        returns=(returns - usual) / params.deviation,
        time=count / params.horizon,
        legal=seen.legal,
        weight=seen.alive.astype(jnp.float32),
    )

    def put(old: Array, new: Array) -> Array:
        moved = jnp.where(count < context, old, jnp.roll(old, -1, axis=0))
        return moved.at[jnp.minimum(count, context - 1)].set(new.astype(old.dtype))

    return Memory(jax.tree.map(put, memory.window, step), count + 1, memory.before, returns)


def policy_of_values(
    values: Callable[[Any, Float[Array, "agents observation"]], Float[Array, "agents actions"]],
) -> TeamPolicy:
    """Return how action values play: each agent takes the legal action of highest value.

    Args:
        values: `values(networks, observation)`.
    """

    def act(params: Any, memory: tuple[()], seen: Seen, rewards: Float[Array, " agents"], key: PRNGKeyArray):
        del rewards, key
        legal = jnp.where(seen.legal, values(params, seen.observation), ILLEGAL)
        return jnp.argmax(legal, axis=-1).astype(jnp.int32), memory

    return TeamPolicy(tuple, act)
