"""The replay learner: double-Q inside every cell, a target network and uniform replay.

Each update replays the K observations before the sampled step from a silent start, so that the cells see the carry
they would have had; online and target network replay their own. One environment and an update every 4 steps is the
paper's agent; many environments side by side, with the stored carry, is the fast relative between it and the parallel
learner.

Reference: Guan et al. (2024), algorithm 1 and the published `AD_DQN`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PRNGKeyArray

from accumbens.agents import network, per_cell, stacks
from accumbens.agents.assembly import make_parts
from accumbens.agents.protocol import Agent, EnvironmentFacts, LearningMetrics, Rollout
from accumbens.agents.settings import ReplaySettings
from accumbens.cells import Carry, Stack
from accumbens.replay.ring import Ring, Rows, Storage, Windows
from accumbens.td.targets import double_q


class Networks(NamedTuple):
    """Parameters, target parameters, and one optimiser state per cell."""

    stack: Stack
    target: Stack
    optimiser_states: tuple[Any, ...]


class ReplayState(NamedTuple):
    """The networks and the replay buffer."""

    networks: Networks
    replay: Storage


def replay_context(
    stack: Stack, encode: Callable, observations: Array, valid: Bool[Array, "context batch"], silent: Carry
) -> Carry:
    """Return the carries after replaying a context from zeros.

    Args:
        stack: whose activity is wanted.
        encode: from observations to the stack's input.
        observations: [context, batch, ...], oldest first.
        valid: False for rows before the episode's start, where the carry stays zero.
        silent: zeros, one array [batch, hidden] per cell.
    """

    def step(carry: Carry, row):
        observation, valid = row
        advanced = jax.vmap(stack.advance)(encode(observation), carry)
        return tuple(jnp.where(valid[:, None], new, 0.0) for new in advanced), None

    carry, _ = jax.lax.scan(step, silent, (observations, valid))
    return carry


def make_double_q_update(
    settings: ReplaySettings, env: EnvironmentFacts, encode: Callable, update: Callable
) -> Callable:
    """Return `double_q_update(networks, windows) -> (networks, LearningMetrics)`: one update from a batch of windows.

    Args:
        settings: of the agent.
        env: the environment's static facts.
        encode: from observations to the stack's input, see `network.make_encoder`.
        update: the per-cell update, see `per_cell.make_update`.
    """

    q_function = network.value_function(settings, env)

    def carry_of(stack: Stack, windows: Windows) -> Carry:
        if windows.carry is not None:
            return windows.carry
        silent = network.silent_carry(settings, settings.batch_size)
        return replay_context(stack, encode, windows.context, windows.context_valid, silent)

    def double_q_update(networks: Networks, windows: Windows) -> tuple[Networks, LearningMetrics]:
        observation = encode(windows.observation)
        next_observation = encode(windows.next_observation)

        def next_values(stack: Stack, carry: Carry) -> Array:
            next_carry = jax.vmap(stack.advance)(observation, carry)
            return q_function.for_bootstrap(q_function.all(stack, next_observation, next_carry)[0])

        carry = carry_of(networks.stack, windows)
        targets = double_q(
            settings.reward_scale * windows.reward,
            windows.terminated,
            next_values(networks.stack, carry),
            next_values(networks.target, carry_of(networks.target, windows)),
            settings.discount,
            q_function.layout,
        )
        stack, optimiser_states, metrics = update(
            networks.stack, networks.optimiser_states, observation, carry, windows.action, targets
        )
        return networks._replace(stack=stack, optimiser_states=optimiser_states), metrics

    return double_q_update


def block_length(settings: ReplaySettings) -> int:
    """Return the steps of every environment between learning phases."""
    return max(1, round(settings.train_every / settings.num_envs))


def make_replay_q(settings: ReplaySettings, env: EnvironmentFacts, total_steps: int, ring: Ring) -> Agent:
    """Return the agent; `total_steps` are environment steps, all environments counted.

    `train_every`, `target_every` and `learning_starts` count environment steps and are rounded to whole blocks.
    """
    rollout_length = block_length(settings)
    steps_per_block = settings.num_envs * rollout_length
    total_blocks = -(-total_steps // steps_per_block)
    # A block learns after its own steps are stored, so the first one to learn is the one that reaches learning_starts;
    # never the very first, whose last row has no successor yet.
    first_block = max(1, -(-settings.learning_starts // steps_per_block) - 1)
    target_period = max(1, round(settings.target_every / steps_per_block))
    updates = settings.updates_per_phase

    num_cells = network.num_predicting_cells(settings)

    def updates_at(iteration: int) -> int:
        return max(0, iteration - first_block) * updates

    parts = make_parts(settings, env, total_steps, updates_at(total_blocks))
    update = per_cell.make_update(settings, env, parts.optimiser)
    double_q_update = make_double_q_update(settings, env, parts.encode, update)

    def init(key: PRNGKeyArray) -> ReplayState:
        stack = stacks.build_stack(settings, env, key)
        target = jax.tree.map(jnp.copy, stack)
        networks = Networks(stack, target, network.init_optimiser_states(parts.optimiser, stack))
        return ReplayState(networks, ring.init())

    def learn(
        state: ReplayState, rollout: Rollout, iteration: Int[Array, ""], key: PRNGKeyArray
    ) -> tuple[ReplayState, LearningMetrics]:
        rows = Rows(
            observation=rollout.observation,
            action=rollout.action,
            reward=rollout.reward,
            terminated=rollout.terminated,
            truncated=rollout.truncated,
            final_observation=rollout.final_observation,
            carry=rollout.carry if settings.stored_carry else None,
        )
        replay = ring.append(state.replay, iteration, rows)

        # The buffer is only read in here: passing it through the branch would copy it.
        def learning_phase(networks: Networks):
            def step(networks, key):
                return double_q_update(networks, ring.sample(replay, iteration + 1, key, settings.batch_size))

            networks, metrics = jax.lax.scan(step, networks, jax.random.split(key, updates))
            copy = (iteration + 1) % target_period == 0
            target = jax.tree.map(lambda new, old: jnp.where(copy, new, old), networks.stack, networks.target)
            return networks._replace(target=target), network.mean_over_updates(metrics)

        def nothing(networks: Networks):
            zeros = (jnp.zeros(num_cells) for _ in range(4))
            return networks, LearningMetrics(*zeros, updates=jnp.zeros((), jnp.int32))

        networks, metrics = jax.lax.cond(iteration >= first_block, learning_phase, nothing, state.networks)
        return ReplayState(networks, replay), metrics

    def with_network(state: ReplayState, stack: Stack) -> ReplayState:
        target = jax.tree.map(jnp.copy, stack)
        return state._replace(networks=state.networks._replace(stack=stack, target=target))

    def cut_off(state: ReplayState, iteration: Int[Array, ""]) -> ReplayState:
        return state._replace(replay=ring.cut_off(state.replay, iteration))

    return parts.agent(
        init=init,
        learn=learn,
        network_of=lambda state: state.networks.stack,
        with_network=with_network,
        rollout_length=rollout_length,
        updates_at=updates_at,
        learning_starts=settings.learning_starts,
        cut_off=cut_off,
    )
