"""The shapes of everything that an agent learns from, of which programs are traced."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from accumbens.agents.protocol import Agent, EnvironmentFacts, Rollout
from accumbens.errors import AccumbensError
from accumbens.generator import make_key

KEY = jax.eval_shape(lambda: make_key(0))
SCALAR = jax.ShapeDtypeStruct((), jnp.float32)
ITERATION = jax.ShapeDtypeStruct((), jnp.int32)


class Traced(NamedTuple):
    """The shapes of everything an agent learns from.

    Attributes:
        state: of the agent.
        memory: what it remembers between steps.
        observation: of all environments, at one step.
        rollout: one block.
        network: the network that acts, with the number of the leaf of the state in place of every array.
    """

    state: Any
    memory: Any
    observation: Any
    rollout: Rollout
    network: Any

    def paths(self) -> list[str]:
        """Return the name of every leaf of the state."""
        return [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(self.state)]


def trace_shapes(agent: Agent, env: EnvironmentFacts, truncates: bool) -> Traced:
    """Return the shapes of what an agent learns from; nothing is computed.

    Args:
        agent: the agent.
        env: the static facts of its environment.
        truncates: whether episodes are ever truncated.

    Raises:
        AccumbensError: the agent has no network of cells.
    """
    state = jax.eval_shape(agent.init, KEY)
    structure = jax.tree.structure(state)
    network = agent.network(jax.tree.unflatten(structure, range(structure.num_leaves)))
    if not hasattr(network, "cells"):
        raise AccumbensError(f"a network of the kind {type(network).__name__} is not made of cells: nothing to audit")
    memory = jax.eval_shape(lambda: agent.init_memory(agent.num_envs))
    observation = jax.ShapeDtypeStruct((agent.num_envs, *env.observation_shape), env.observation_dtype)
    decision = jax.eval_shape(agent.act, agent.network(state), memory, observation, SCALAR, KEY)
    flag, number = (jax.ShapeDtypeStruct((agent.num_envs,), dtype) for dtype in (jnp.bool_, jnp.float32))
    row: dict[str, Any] = {
        "observation": observation,
        "carry": memory.carry,
        "next_carry": decision.memory.carry if truncates else None,
        "values": decision.values,
        "action": decision.action,
        "reward": number,
        "terminated": flag,
        "truncated": flag,
        "final_observation": observation if truncates else None,
    }
    block = jax.tree.map(lambda x: jax.ShapeDtypeStruct((agent.rollout_length, *x.shape), x.dtype), row)
    rollout = Rollout(**block | {"last_observation": observation, "last_carry": memory.carry})
    return Traced(state, memory, observation, rollout, network)
