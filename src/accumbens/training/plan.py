"""A run's sizes, known before anything is compiled."""

from typing import NamedTuple

import jax

from accumbens.agents.factory import make_agent, replay_ring
from accumbens.agents.protocol import Agent, EnvironmentFacts
from accumbens.agents.settings import ReplaySettings
from accumbens.envs import registry
from accumbens.envs.bang_bang import Discretisation
from accumbens.training.config import RunConfig

MOST_CHUNKS = 500
"""A run is cut into at most this many chunks, each a row of `metrics.csv`."""


class Plan(NamedTuple):
    """The sizes of a run.

    Attributes:
        steps_per_block: environment steps of one block, per seed.
        blocks: blocks of the whole run; the last may overshoot `total_timesteps` by less than a block.
        chunk_blocks: blocks of one chunk.
        updates: optimiser steps that will really run, per seed.
        cell_parameters: number of parameters of every cell.
        replay_bytes: size of the replay buffer, per seed; 0 without one.
        replay_rows: rows it holds.
    """

    steps_per_block: int
    blocks: int
    chunk_blocks: int
    updates: int
    cell_parameters: list[int]
    replay_bytes: int
    replay_rows: int


def make_agent_and_plan(config: RunConfig) -> tuple[Agent, Plan]:
    """Return the agent of a run, and the run's sizes.

    Raises:
        AccumbensError: the environment cannot be used, or a size does not fit it.
    """
    facts, spacing = environment_facts(config.env, config.settings.discretisation)
    agent = make_agent(config.settings, facts, config.total_timesteps, spacing)
    steps_per_block = agent.num_envs * agent.rollout_length
    blocks = -(-config.total_timesteps // steps_per_block)
    stack = jax.eval_shape(lambda: agent.network(agent.init(jax.random.key(0))))
    ring = None
    if isinstance(config.settings, ReplaySettings):
        ring = replay_ring(config.settings, facts, config.total_timesteps, spacing)
    plan = Plan(
        steps_per_block=steps_per_block,
        blocks=blocks,
        chunk_blocks=-(-blocks // MOST_CHUNKS),
        updates=agent.updates_at(blocks),
        cell_parameters=[sum(leaf.size for leaf in jax.tree.leaves(cell)) for cell in stack.cells],
        replay_bytes=ring.num_bytes if ring else 0,
        replay_rows=ring.capacity if ring else 0,
    )
    return agent, plan


def environment_facts(name: str, discretisation: Discretisation) -> tuple[EnvironmentFacts, int | None]:
    """Return the static facts of an environment, and the least number of steps between truncations."""
    if registry.is_on_device(name):
        env = registry.make(name)
        return env, env.max_episode_steps
    from accumbens.envs.gymnasium import describe

    return describe(name, discretisation)[0], 1  # an environment of unknown make may truncate at any step
