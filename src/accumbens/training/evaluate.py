"""Evaluation: the full network and every prefix of cells play the same episodes side by side."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from accumbens.agents.protocol import Agent, Memory
from accumbens.envs.protocol import Environment
from accumbens.runs.streams import Stream, stream_key
from accumbens.training.sums import RunningSum, empty_sum

LONGEST_EPISODE = 10_000
"""Steps after which an evaluation episode is cut where the environment has no time limit."""

EVALUATION_SEED = 0
"""Seed of the evaluation's own random numbers, the same for every run."""


class Evaluation(NamedTuple):
    """Undiscounted returns and lengths; row l-1 acts on the mean over cells 1..l, the last row is the full network.

    `cut` are those that had not ended after `LONGEST_EPISODE` steps, where the environment has no time limit: their
    returns and lengths are of the steps that were played.
    """

    returns: Float[Array, "prefixes episodes"]
    lengths: Int[Array, "prefixes episodes"]
    cut: Bool[Array, "prefixes episodes"]


@runtime_checkable
class Evaluate(Protocol):
    """What plays the evaluation episodes of one agent."""

    def __call__(self, agent_state: Any, /, epsilon: Float[Array, ""] | float = 0.0) -> Evaluation:
        """Play them; `epsilon` is the probability of a random action."""
        ...


def prefix_weights(agent: Agent, num_episodes: int) -> Float[np.ndarray, "envs cells"]:
    """Return one row of cell weights per environment: all episodes of prefix 1, then of prefix 2, …"""
    return np.repeat(agent.cell_weights, num_episodes, axis=0)


def forget_repeats(memory: Memory, first: Memory) -> Memory:
    """Return the memory without the actions it would repeat: ε is then the share of random actions for every agent."""
    return memory._replace(repeat=first.repeat)


class _Playing(NamedTuple):
    memory: Memory
    env_states: Any
    observation: Array
    ended: Bool[Array, " envs"]
    returns: RunningSum
    lengths: Int[Array, " envs"]
    time: Int[Array, ""]


def make_device_evaluation(env: Environment, agent: Agent, num_episodes: int) -> Evaluate:
    """Return `evaluate(agent_state, epsilon) -> Evaluation`, pure; every prefix meets the same first states and noise.

    So does every run with as many episodes, whatever its agent and its seed.
    """
    weights = jnp.asarray(prefix_weights(agent, num_episodes))
    limit = env.max_episode_steps or LONGEST_EPISODE

    def same_for_all_prefixes(keys: Array) -> Array:
        return jnp.tile(keys, agent.num_cells)

    def evaluate(agent_state: Any, epsilon: Float[Array, ""] | float = 0.0) -> Evaluation:
        first_memory = agent.init_memory(weights.shape[0])
        network = agent.network(agent_state)

        def step(playing: _Playing) -> _Playing:
            key = stream_key(jnp.uint32(EVALUATION_SEED), Stream.EVALUATION, playing.time + 1)
            act_key, env_key = jax.random.split(key)
            decision = agent.act(network, playing.memory, playing.observation, epsilon, act_key, weights)
            env_keys = same_for_all_prefixes(jax.random.split(env_key, num_episodes))
            env_states, outcome = jax.vmap(env.step)(env_keys, playing.env_states, decision.action)
            running = ~playing.ended
            return _Playing(
                forget_repeats(decision.memory, first_memory),
                env_states,
                outcome.observation,
                playing.ended | outcome.terminated | outcome.truncated,
                playing.returns.add(jnp.where(running, outcome.reward, 0.0)),
                playing.lengths + running,
                playing.time + 1,
            )

        def unfinished(playing: _Playing) -> Bool[Array, ""]:
            return ~jnp.all(playing.ended) & (playing.time < limit)

        first_key = stream_key(jnp.uint32(EVALUATION_SEED), Stream.EVALUATION, 0)
        keys = same_for_all_prefixes(jax.random.split(first_key, num_episodes))
        env_states, observation = jax.vmap(env.reset)(keys)
        num_envs = weights.shape[0]
        start = _Playing(
            first_memory,
            env_states,
            observation,
            jnp.zeros(num_envs, bool),
            empty_sum(num_envs),
            jnp.zeros(num_envs, jnp.int32),
            jnp.zeros((), jnp.int32),
        )
        end = jax.lax.while_loop(unfinished, step, start)
        shape = (agent.num_cells, num_episodes)
        return Evaluation(end.returns.total.reshape(shape), end.lengths.reshape(shape), ~end.ended.reshape(shape))

    return evaluate
