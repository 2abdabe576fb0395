"""The segment learner: Q(λ) per cell over stretches of replayed steps, without target network.

After every block some stretches of earlier play are drawn; the network of the moment runs through each of them from the
carry that was stored with its first step, so values and carries are fresh. Their Q(λ) targets are computed once and
kept for some passes of updates over all their steps, as the parallel learner makes them over a block just played. So
the targets stand still while the network moves, which is what a target network is for.

Reference: Daley & Amato (2019), "Reconciling λ-returns with experience replay", algorithm 1, whose cache is drawn anew
every phase here; stored and refreshed activity as in Kapturowski et al. (2019), section 3.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, Int, PRNGKeyArray

from accumbens.agents import network, per_cell, stacks
from accumbens.agents.assembly import make_parts
from accumbens.agents.parallel_q import ParallelState, make_passes, make_targets
from accumbens.agents.protocol import Agent, EnvironmentFacts, LearningMetrics, Rollout
from accumbens.agents.settings import SegmentSettings
from accumbens.cells import Carry, Stack
from accumbens.replay.draws import add_new, by_priority, uniform
from accumbens.replay.segments import SegmentReplay, Segments


class SegmentState(NamedTuple):
    """The network with its optimisers, the replay, and the priorities of its stretches; None if there are none."""

    learner: ParallelState
    replay: Segments
    priorities: Float32[Array, " stretches"] | None


def make_segment_q(settings: SegmentSettings, env: EnvironmentFacts, total_steps: int, replay: SegmentReplay) -> Agent:
    """Return the agent; `total_steps` are environment steps, all environments counted."""
    steps_per_block = settings.num_envs * settings.rollout_length
    updates_per_block = settings.epochs * settings.num_minibatches
    total_blocks = -(-total_steps // steps_per_block)
    first_block = max(0, -(-settings.learning_starts // steps_per_block) - 1)

    def updates_at(iteration: int) -> int:
        return max(0, iteration - first_block) * updates_per_block

    parts = make_parts(settings, env, total_steps, updates_at(total_blocks))
    encode, optimiser = parts.encode, parts.optimiser
    passes = make_passes(settings, encode, per_cell.make_update(settings, env, optimiser))
    targets_of = make_targets(settings, env)
    q_function = network.value_function(settings, env)
    num_cells = network.num_predicting_cells(settings)

    def init(key: PRNGKeyArray) -> SegmentState:
        stack = stacks.build_stack(settings, env, key)
        priorities = jnp.zeros(replay.num_blocks * replay.num_envs) if settings.priority_exponent else None
        learner = ParallelState(stack, network.init_optimiser_states(optimiser, stack))
        return SegmentState(learner, replay.init(), priorities)

    def refreshed(stack: Stack, drawn: Segments) -> Rollout:
        """Return stretches as if this network had seen them, from their first carry on."""

        def step(carry: Carry, row: tuple[Array, Array]):
            observation, ended = row
            values, after = q_function.all(stack, encode(observation), carry)
            following = tuple(jnp.where(ended[:, None], 0.0, hidden) for hidden in after)
            return following, (carry, after, values)

        ended = drawn.terminated | drawn.truncated
        last_carry, (carry, next_carry, values) = jax.lax.scan(step, drawn.carry, (drawn.observation[:-1], ended))
        return Rollout(
            observation=drawn.observation[:-1],
            carry=carry,
            next_carry=next_carry,
            values=values,
            action=drawn.action,
            reward=drawn.reward,
            terminated=drawn.terminated,
            truncated=drawn.truncated,
            final_observation=drawn.final_observation,
            last_observation=drawn.observation[-1],
            last_carry=last_carry,
        )

    def surprise(targets: Array, seen: Rollout) -> Float32[Array, " stretches"]:
        """Return the mean size of all cells' (expected) TD errors along each stretch."""
        taken = q_function.layout.at(seen.values, jnp.expand_dims(seen.action, axis=2))
        difference = targets - taken
        if q_function.layout.num_quantiles is not None:
            difference = difference.mean(axis=-1)
        return jnp.abs(difference).mean(axis=(0, 2))

    def learn(
        state: SegmentState, rollout: Rollout, iteration: Int[Array, ""], key: PRNGKeyArray
    ) -> tuple[SegmentState, LearningMetrics]:
        block = Segments(
            observation=jnp.concatenate([rollout.observation, rollout.last_observation[None]]),
            action=rollout.action,
            reward=rollout.reward,
            terminated=rollout.terminated,
            truncated=rollout.truncated,
            final_observation=rollout.final_observation,
            carry=jax.tree.map(lambda hidden: hidden[0], rollout.carry),
        )
        stored, priorities = replay.append(state.replay, iteration, block), state.priorities
        if priorities is not None:
            first = iteration % replay.num_blocks * replay.num_envs
            priorities = add_new(priorities, first, replay.num_envs)

        # The replay is only read in here: passing it through the branch would copy it.
        def learning_phase(learner: ParallelState, priorities):
            draw_key, order_key = jax.random.split(key)
            there = replay.stretches(iteration + 1)
            if priorities is None:
                chosen = uniform(there, draw_key, settings.segments)
            else:
                chosen = by_priority(priorities, there, settings.priority_exponent, draw_key, settings.segments)
            seen = refreshed(learner.stack, replay.take(stored, chosen))
            targets = targets_of(learner.stack, seen)
            if priorities is not None:
                priorities = priorities.at[chosen].set(surprise(targets, seen))
            rows = (seen.observation, seen.carry, seen.action, targets)
            return *passes(learner, rows, order_key), priorities

        def nothing(learner: ParallelState, priorities):
            zeros = (jnp.zeros(num_cells) for _ in range(4))
            return learner, LearningMetrics(*zeros, updates=jnp.zeros((), jnp.int32)), priorities

        due = iteration >= first_block
        learner, metrics, priorities = jax.lax.cond(due, learning_phase, nothing, state.learner, priorities)
        return SegmentState(learner, stored, priorities), metrics

    return parts.agent(
        init=init,
        learn=learn,
        network_of=lambda state: state.learner.stack,
        with_network=lambda state, stack: state._replace(learner=state.learner._replace(stack=stack)),
        rollout_length=settings.rollout_length,
        updates_at=updates_at,
        learning_starts=settings.learning_starts,
    )
