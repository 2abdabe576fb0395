"""The device loop: environments, agent and learning of all seeds in one compiled program.

`RunState` is one pytree. `chunk(state, blocks, values)` runs that many blocks; a block is `rollout_length` steps of all
environments and one learning phase. The counters are shared by all seeds and never batched, so a `lax.cond` on them
stays a branch under `jax.vmap`.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Integer

from accumbens.agents.protocol import Agent, Memory, Rollout, reset_memory
from accumbens.envs.promises import broken_promises
from accumbens.envs.protocol import Environment
from accumbens.envs.wrappers import auto_reset
from accumbens.runs.side_by_side import Values
from accumbens.runs.streams import Stream, stream_key
from accumbens.training.episodes import Episodes, no_episodes, record
from accumbens.training.metrics import BlockMetrics, ChunkMetrics, add_block, healthy, no_totals, summarise


class SeedState(NamedTuple):
    """Everything that belongs to one seed."""

    seed: Integer[Array, ""]
    agent: Any
    memory: Memory
    env_states: Any
    observation: Array
    episodes: Episodes


class RunState(NamedTuple):
    """Everything a run is: all seeds (leading axis) and the shared counter of blocks done."""

    seeds: SeedState
    iteration: Int[Array, ""]


class DeviceLoop(NamedTuple):
    """The device loop as pure functions, not yet compiled.

    Attributes:
        init: `init(seeds, values=None)` makes the state of all seeds.
        chunk: `chunk(state, blocks, values=None)` runs that many blocks.
    """

    init: Callable[..., RunState]
    chunk: Callable[..., tuple[RunState, ChunkMetrics]]


class Collected(NamedTuple):
    """What one block of steps brought.

    Attributes:
        rollout: to learn from.
        epsilon: with which its first step was acted.
        broken: which of `envs.promises.PROMISES` the environment broke.
    """

    rollout: Rollout
    epsilon: Float[Array, ""]
    broken: Bool[Array, " promises"]


def absorb(
    agent: Agent, state: SeedState, collected: Collected, iteration: Int[Array, ""]
) -> tuple[SeedState, BlockMetrics]:
    """Record the episodes of one block and learn from it; both loops end a block with this."""
    rollout = collected.rollout
    episodes = record(state.episodes, rollout.reward, rollout.terminated | rollout.truncated)
    key = stream_key(state.seed, Stream.LEARNING, iteration)
    agent_state, metrics = agent.learn(state.agent, rollout, iteration, key)
    report = BlockMetrics(metrics, rollout.reward.min(), collected.epsilon, collected.broken)
    return state._replace(agent=agent_state, episodes=episodes), report


def make_device_loop(
    env: Environment, agent: Agent, agent_with: Callable[[Mapping[str, Array]], Agent] | None = None
) -> DeviceLoop:
    """Return the loop of `agent` on `env`; `agent_with(values)` is the agent with other values of some settings."""

    def agent_of(values: Values) -> Agent:
        return agent if values is None or agent_with is None else agent_with(values)

    def init_seed(seed: Integer[Array, ""], values: Values) -> SeedState:
        agent = agent_of(values)
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

    def collect(agent: Agent, state: SeedState, iteration: Int[Array, ""]) -> tuple[SeedState, Collected]:
        def step(running, offset):
            memory, env_states, observation, elapsed = running
            time = iteration * agent.rollout_length + offset
            epsilon = agent.epsilon(time * agent.num_envs)
            explore_key = stream_key(state.seed, Stream.EXPLORATION, time)
            decision = agent.act(agent.network(state.agent), memory, observation, epsilon, explore_key)
            env_keys = jax.random.split(stream_key(state.seed, Stream.ENVIRONMENT, time), agent.num_envs)
            env_states, next_observation, outcome = jax.vmap(auto_reset, (None, 0, 0, 0))(
                env, env_keys, env_states, decision.action
            )
            ended, elapsed = outcome.terminated | outcome.truncated, elapsed + 1
            broken = broken_promises(env, outcome, elapsed)
            row = Rollout(
                observation=observation,
                carry=memory.carry,
                next_carry=decision.memory.carry if env.truncates else None,
                values=decision.values,
                action=decision.action,
                reward=outcome.reward,
                terminated=outcome.terminated,
                truncated=outcome.truncated,
                final_observation=outcome.observation if env.truncates else None,
                last_observation=jnp.zeros(()),
                last_carry=(),
            )
            running = (reset_memory(decision.memory, ended), env_states, next_observation, jnp.where(ended, 0, elapsed))
            return running, Collected(row, epsilon, broken)

        running = (state.memory, state.env_states, state.observation, state.episodes.current_length)
        running, (rollout, epsilon, broken) = jax.lax.scan(step, running, jnp.arange(agent.rollout_length))
        memory, env_states, observation, _ = running
        rollout = rollout._replace(last_observation=observation, last_carry=memory.carry)
        state = state._replace(memory=memory, env_states=env_states, observation=observation)
        return state, Collected(rollout, epsilon[0], broken.any(axis=0))

    def block(state: SeedState, iteration: Int[Array, ""], values: Values) -> tuple[SeedState, BlockMetrics]:
        agent = agent_of(values)
        return absorb(agent, *collect(agent, state, iteration), iteration)

    def chunk(run: RunState, blocks: Int[Array, ""], values: Values = None) -> tuple[RunState, ChunkMetrics]:
        last = run.iteration + blocks

        def unfinished(running):
            run, totals = running
            return (run.iteration < last) & healthy(totals)

        def body(running):
            run, totals = running
            seeds, metrics = jax.vmap(block, (0, None, 0))(run.seeds, run.iteration, values)
            return RunState(seeds, run.iteration + 1), add_block(totals, metrics, run.iteration)

        run, totals = jax.lax.while_loop(unfinished, body, (run, no_totals(run.seeds.seed.size, agent.num_cells)))
        return run, summarise(totals, run.seeds.episodes)

    def init(seeds: Integer[Array, " seeds"], values: Values = None) -> RunState:
        return RunState(jax.vmap(init_seed)(seeds, values), jnp.zeros((), jnp.int32))

    return DeviceLoop(init, chunk)
