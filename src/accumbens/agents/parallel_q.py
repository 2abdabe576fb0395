"""The parallel learner: Q(λ) per cell over many environments, without replay and without target network.

Reference: Gallici et al. (2025), "Simplifying Deep Temporal Difference Learning" (PQN), algorithm 1, with one TD error
per cell in place of one per network.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray

from accumbens.agents import network, per_cell, stacks
from accumbens.agents.assembly import make_parts
from accumbens.agents.protocol import Agent, EnvironmentFacts, LearningMetrics, Rollout
from accumbens.agents.settings import ParallelSettings
from accumbens.cells import Stack
from accumbens.td.targets import q_lambda


class ParallelState(NamedTuple):
    """Parameters and one optimiser state per cell."""

    stack: Stack
    optimiser_states: tuple[Any, ...]


def make_targets(settings: ParallelSettings, env: EnvironmentFacts) -> Callable[[Stack, Rollout], Array]:
    """Return `targets(stack, rollout)`: the Q(λ) targets of every cell, with the parameters that made its values."""
    q_function, encode = network.value_function(settings, env), network.make_encoder(settings, env)

    def with_final_values(stack: Stack, rollout: Rollout, next_values: Array) -> Array:
        """Replace the values that follow a truncation by those of its final observation.

        Only the few rows that were truncated are evaluated, as many at once as there are environments.
        """
        truncated, observation, carry, values = jax.tree.map(
            merge_time, (rollout.truncated, rollout.final_observation, rollout.next_carry, next_values)
        )
        size = rollout.truncated.shape[1]
        rows = jnp.nonzero(truncated, size=truncated.size, fill_value=truncated.size)[0]

        def some(progress: tuple[Array, Array]) -> tuple[Array, Array]:
            done, values = progress
            at = jax.lax.dynamic_slice_in_dim(rows, done, size)
            seen, memory = jax.tree.map(lambda x: x.at[at].get(mode="fill", fill_value=0), (observation, carry))
            final, _ = q_function.all(stack, encode(seen), memory)
            return done + size, values.at[at].set(final, mode="drop")

        _, values = jax.lax.while_loop(
            lambda progress: progress[0] < truncated.sum(), some, (jnp.zeros((), jnp.int32), values)
        )
        return values.reshape(next_values.shape)

    def targets(stack: Stack, rollout: Rollout) -> Array:
        last_values, _ = q_function.all(stack, encode(rollout.last_observation), rollout.last_carry)
        next_values = jnp.concatenate([rollout.values[1:], last_values[None]])
        if rollout.final_observation is not None:
            next_values = with_final_values(stack, rollout, next_values)
        return q_lambda(
            settings.reward_scale * rollout.reward,
            rollout.terminated,
            rollout.truncated,
            q_function.for_bootstrap(next_values),
            settings.discount,
            settings.trace_decay,
            q_function.layout,
        )

    return targets


def make_passes(settings: ParallelSettings, encode: Callable, update: Callable) -> Callable:
    """Return `passes(state, rows, key)`: so many passes over steps, in minibatches of a random order.

    `rows` are observation, carry, action and targets, `[time, envs, ...]`.
    """

    def passes(state: ParallelState, rows: tuple, key: PRNGKeyArray) -> tuple[ParallelState, LearningMetrics]:
        rows = jax.tree.map(merge_time, rows)

        def minibatch(state: ParallelState, index: Int[Array, " batch"]):
            observation, *rest = jax.tree.map(lambda x: x[index], rows)
            stack, optimiser_states, metrics = update(state.stack, state.optimiser_states, encode(observation), *rest)
            return ParallelState(stack, optimiser_states), metrics

        num_rows = len(rows[0])
        order = jax.vmap(lambda k: jax.random.permutation(k, num_rows))(jax.random.split(key, settings.epochs))
        state, metrics = jax.lax.scan(minibatch, state, order.reshape(settings.epochs * settings.num_minibatches, -1))
        return state, network.mean_over_updates(metrics)

    return passes


def make_parallel_q(settings: ParallelSettings, env: EnvironmentFacts, total_steps: int) -> Agent:
    """Return the agent; `total_steps` are environment steps, all environments counted."""
    steps_per_block = settings.num_envs * settings.rollout_length
    updates_per_block = settings.epochs * settings.num_minibatches
    total_updates = -(-total_steps // steps_per_block) * updates_per_block
    parts = make_parts(settings, env, total_steps, total_updates)
    update = per_cell.make_update(settings, env, parts.optimiser)

    def init(key: PRNGKeyArray) -> ParallelState:
        stack = stacks.build_stack(settings, env, key)
        return ParallelState(stack, network.init_optimiser_states(parts.optimiser, stack))

    targets_of, passes = make_targets(settings, env), make_passes(settings, parts.encode, update)

    def learn(
        state: ParallelState, rollout: Rollout, iteration: Int[Array, ""], key: PRNGKeyArray
    ) -> tuple[ParallelState, LearningMetrics]:
        del iteration
        rows = (rollout.observation, rollout.carry, rollout.action, targets_of(state.stack, rollout))
        return passes(state, rows, key)

    return parts.agent(
        init=init,
        learn=learn,
        network_of=lambda state: state.stack,
        with_network=lambda state, stack: state._replace(stack=stack),
        rollout_length=settings.rollout_length,
        updates_at=lambda iteration: iteration * updates_per_block,
    )


def merge_time(x: Array) -> Array:
    """From [time, envs, …] to [time × envs, …]."""
    return x.reshape(-1, *x.shape[2:])
