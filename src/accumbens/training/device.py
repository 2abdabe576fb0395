"""The device loop: environments, agent and learning of all seeds in one compiled program.

`RunState` is one pytree. `chunk(state, blocks)` runs that many blocks; a block is `rollout_length` steps of all
environments and one learning phase. The counters are shared by all seeds and never batched, so a `lax.cond` on them
stays a branch under `jax.vmap`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from accumbens.agents.protocol import Agent, LearningMetrics, Memory, Rollout, reset_memory
from accumbens.envs.protocol import Environment
from accumbens.envs.wrappers import auto_reset
from accumbens.training.episodes import Episodes, no_episodes, recent_means, record
from accumbens.training.streams import Stream, stream_key


class SeedState(NamedTuple):
    """Everything that belongs to one seed."""

    seed: Int[Array, ""]
    agent: Any
    memory: Memory
    env_states: Any
    observation: Array
    episodes: Episodes


class RunState(NamedTuple):
    """Everything a run is: all seeds (leading axis) and the shared counter of blocks done."""

    seeds: SeedState
    iteration: Int[Array, ""]


class ChunkMetrics(NamedTuple):
    """What one chunk reports, per seed.

    Attributes:
        learning: means over the chunk's updates; `updates` counts them.
        mean_return, mean_length: of the last 100 training episodes.
        episodes: training episodes ended so far.
        first_bad_block: per cell, the first block whose loss or gradient was not finite; -1 if none.
    """

    learning: LearningMetrics
    mean_return: Float[Array, " seeds"]
    mean_length: Float[Array, " seeds"]
    episodes: Int[Array, " seeds"]
    first_bad_block: Int[Array, "seeds cells"]


class DeviceLoop(NamedTuple):
    """The device loop as pure functions, not yet compiled."""

    init: Callable[[Int[Array, " seeds"]], RunState]
    chunk: Callable[[RunState, Int[Array, ""]], tuple[RunState, ChunkMetrics]]


def make_device_loop(env: Environment, agent: Agent) -> DeviceLoop:
    """Return the loop of `agent` on `env`."""
    truncates = env.max_episode_steps is not None

    def init_seed(seed: Int[Array, ""]) -> SeedState:
        keys = jax.random.split(stream_key(seed, Stream.FIRST_STATES, 0), agent.num_envs)
        env_states, observation = jax.vmap(env.reset)(keys)
        return SeedState(
            seed,
            agent.init(stream_key(seed, Stream.PARAMETERS, 0)),
            agent.init_memory(agent.num_envs),
            env_states,
            observation,
            no_episodes(agent.num_envs),
        )

    def collect(state: SeedState, iteration: Int[Array, ""]) -> tuple[SeedState, Rollout]:
        def step(running, offset):
            memory, env_states, observation = running
            time = iteration * agent.rollout_length + offset
            epsilon = agent.epsilon(time * agent.num_envs)
            explore_key = stream_key(state.seed, Stream.EXPLORATION, time)
            decision = agent.act(state.agent, memory, observation, epsilon, explore_key)
            env_keys = jax.random.split(stream_key(state.seed, Stream.ENVIRONMENT, time), agent.num_envs)
            env_states, next_observation, outcome = jax.vmap(auto_reset, (None, 0, 0, 0))(
                env, env_keys, env_states, decision.action
            )
            ended = outcome.terminated | outcome.truncated
            row = Rollout(
                observation=observation,
                carry=memory.carry,
                next_carry=decision.memory.carry if truncates else None,
                values=decision.values,
                action=decision.action,
                reward=outcome.reward,
                terminated=outcome.terminated,
                truncated=outcome.truncated,
                final_observation=outcome.observation if truncates else None,
                last_observation=jnp.zeros(()),
                last_carry=(),
            )
            return (reset_memory(decision.memory, ended), env_states, next_observation), row

        running = (state.memory, state.env_states, state.observation)
        (memory, env_states, observation), rollout = jax.lax.scan(step, running, jnp.arange(agent.rollout_length))
        rollout = rollout._replace(last_observation=observation, last_carry=memory.carry)
        episodes = record(state.episodes, rollout.reward, rollout.terminated | rollout.truncated)
        state = state._replace(memory=memory, env_states=env_states, observation=observation, episodes=episodes)
        return state, rollout

    def block(state: SeedState, iteration: Int[Array, ""]) -> tuple[SeedState, LearningMetrics]:
        state, rollout = collect(state, iteration)
        key = stream_key(state.seed, Stream.LEARNING, iteration)
        agent_state, metrics = agent.learn(state.agent, rollout, iteration, key)
        return state._replace(agent=agent_state), metrics

    def chunk(run: RunState, blocks: Int[Array, ""]) -> tuple[RunState, ChunkMetrics]:
        num_seeds = run.seeds.seed.shape[0]
        per_cell = (num_seeds, agent.num_cells)
        no_metrics = LearningMetrics(
            *(jnp.zeros(per_cell) for _ in range(4)), updates=jnp.zeros((num_seeds,), jnp.int32)
        )
        last = run.iteration + blocks

        def healthy(running):
            run, _, first_bad = running
            return (run.iteration < last) & jnp.all(first_bad < 0)

        def body(running):
            run, totals, first_bad = running
            seeds, metrics = jax.vmap(block, (0, None))(run.seeds, run.iteration)
            finite = jnp.isfinite(metrics.loss) & jnp.isfinite(metrics.gradient_norm)
            first_bad = jnp.where((first_bad < 0) & ~finite, run.iteration, first_bad)
            weight = metrics.updates[:, None]
            weighted = metrics._replace(**{name: weight * getattr(metrics, name) for name in PER_CELL})
            return RunState(seeds, run.iteration + 1), jax.tree.map(jnp.add, totals, weighted), first_bad

        start = (run, no_metrics, jnp.full(per_cell, -1, jnp.int32))
        run, totals, first_bad = jax.lax.while_loop(healthy, body, start)
        divisor = jnp.maximum(totals.updates, 1)[:, None]
        means = totals._replace(**{name: getattr(totals, name) / divisor for name in PER_CELL})
        mean_return, mean_length = jax.vmap(recent_means)(run.seeds.episodes)
        return run, ChunkMetrics(means, mean_return, mean_length, run.seeds.episodes.completed, first_bad)

    def init(seeds: Int[Array, " seeds"]) -> RunState:
        return RunState(jax.vmap(init_seed)(seeds), jnp.zeros((), jnp.int32))

    return DeviceLoop(init, chunk)


PER_CELL = ("loss", "td_error", "value", "gradient_norm")
