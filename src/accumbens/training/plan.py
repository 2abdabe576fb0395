"""A run's sizes, known before anything is compiled."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.agents.factory import make_agent, replay_of
from accumbens.agents.network import has_bytes
from accumbens.agents.own import check_own_parts
from accumbens.agents.protocol import Agent, EnvironmentFacts
from accumbens.agents.settings import AgentSettings, SACSettings, SettingsWithoutCells
from accumbens.agents.token_settings import TokenSettings
from accumbens.cells import Stack
from accumbens.cells.stack import Gains
from accumbens.envs import registry
from accumbens.envs.bang_bang import Discretisation
from accumbens.errors import AccumbensError, users_code
from accumbens.generator import make_key
from accumbens.runs.side_by_side import with_values
from accumbens.training.config import RunConfig

GAINS = ("forward_gain", "recurrent_gain")
"""Settings that are kept in the structure of a stack, and can differ within a program all the same."""

MOST_CHUNKS = 500
"""A run is cut into at most this many chunks, each a row of `metrics.csv`."""

LEAST_OVERLAPPED = 8
"""Blocks of a chunk, at least, where learning and collecting overlap: between two chunks they do not."""


class Plan(NamedTuple):
    """The sizes of a run.

    Attributes:
        steps_per_block: environment steps of one block, per seed.
        blocks: blocks of the whole run; the last may overshoot `total_timesteps` by less than a block.
        chunk_blocks: blocks of one chunk.
        updates: optimiser steps that will really run, per seed.
        cell_parameters: number of parameters of every cell that learn; without cells, of the actor and of each critic.
        replay_bytes: size of the replay buffer, per seed; 0 without one.
        replay_rows: rows it holds.
        notes: what the user should know before it begins.
    """

    steps_per_block: int
    blocks: int
    chunk_blocks: int
    updates: int
    cell_parameters: list[int]
    replay_bytes: int
    replay_rows: int
    notes: Sequence[str] = ()


def make_agent_and_plan(config: RunConfig, checked: bool = False) -> tuple[Agent, Plan]:
    """Return the agent of a run, and the run's sizes.

    Args:
        config: the run.
        checked: try a cell or a readout of the user's own first; see `check_own_parts`.

    Raises:
        AccumbensError: the environment cannot be used, a size does not fit it, or a part of the user's own is broken.
    """
    settings = config.settings
    if isinstance(settings, SettingsWithoutCells):
        raise AccumbensError(f"{settings.noun} is not made of cells")
    facts, truncates = environment_facts(config.env, settings.discretisation)
    if checked:
        check_own_parts(settings, facts)
    agent = make_agent(settings, facts, config.total_timesteps, truncates)
    steps_per_block = agent.num_envs * agent.rollout_length
    blocks = -(-config.total_timesteps // steps_per_block)
    with users_code(f"cell={settings.cell} with readout={settings.readout} does not work"):
        stack = jax.eval_shape(lambda: agent.network(agent.init(make_key(0))))
    replay = replay_of(settings, facts, config.total_timesteps, truncates)
    plan = Plan(
        steps_per_block=steps_per_block,
        blocks=blocks,
        chunk_blocks=max(chunk_blocks(blocks), LEAST_OVERLAPPED if settings.overlap else 1),
        updates=agent.updates_at(blocks),
        cell_parameters=[sum(leaf.size for leaf in jax.tree.leaves(cell)) for cell in stack.cells],
        replay_bytes=replay.num_bytes if replay else 0,
        replay_rows=replay.capacity if replay else 0,
        notes=[*_no_updates(agent.updates_at(blocks)), *_scaled(settings, facts), *_discrete(config, facts)],
    )
    return agent, plan


def make_agent_with(config: RunConfig) -> Callable[[Mapping[str, Any]], Agent]:
    """Return `agent_with(values)`: the agent of a run with other values of some settings, which may be traced."""
    settings = cast(AgentSettings, config.settings)
    facts, truncates = environment_facts(config.env, settings.discretisation)

    def agent_with(values: Mapping[str, Any]) -> Agent:
        numbers = {name: value for name, value in values.items() if name not in GAINS}
        agent = make_agent(with_values(settings, numbers), facts, config.total_timesteps, truncates)
        if len(numbers) == len(values):
            return agent
        forward, recurrent = (values.get(name, getattr(settings, name)) for name in GAINS)
        gains = Gains(*(None if gain is None else jnp.asarray(gain) for gain in (forward, recurrent)))
        return with_gains(agent, gains)

    return agent_with


def with_gains(agent: Agent, gains: Gains) -> Agent:
    """Return an agent whose stacks have other gains while it acts and learns; its states are those of `agent`."""

    def told(tree: Any, gains: Gains | None) -> Any:
        def tell(node: Any) -> Any:
            return node.with_gains(gains) if isinstance(node, Stack) else node

        return jax.tree.map(tell, tree, is_leaf=lambda node: isinstance(node, Stack))

    def learn(state: Any, *rest: Any) -> Any:
        state, metrics = agent.learn(told(state, gains), *rest)
        return told(state, None), metrics

    return agent._replace(learn=learn, network=lambda state: told(agent.network(state), gains))


def chunk_blocks(blocks: int) -> int:
    """Return the blocks of a chunk of a run that has so many."""
    return -(-blocks // MOST_CHUNKS)


def _no_updates(updates: int) -> list[str]:
    return [] if updates else ["no update will run: give more --total-timesteps or a lower learning_starts"]


def _scaled(settings: AgentSettings, facts: EnvironmentFacts) -> list[str]:
    if settings.scale_observations is not None or not has_bytes(facts):
        return []
    return ["observations are of 0 to 255, and divided by 255; --set scale_observations=false leaves them"]


def _discrete(config: RunConfig, facts: EnvironmentFacts) -> list[str]:
    settings = cast(AgentSettings, config.settings)
    if settings.discretisation == "joint" or facts.action_dimensions is not None:
        return []
    return [f"discretisation={settings.discretisation} changes nothing: the actions of {config.env} are discrete"]


def make_plan(config: RunConfig) -> Plan:
    """Return the run's sizes.

    Raises:
        AccumbensError: the environment cannot be used, or a size does not fit it.
    """
    if isinstance(config.settings, SACSettings):
        return make_sac_plan(config, config.settings)
    if isinstance(config.settings, TokenSettings):
        from accumbens.training.text import make_text_plan

        return make_text_plan(config, config.settings)
    return make_agent_and_plan(config, checked=True)[1]


def make_sac_plan(config: RunConfig, settings: SACSettings) -> Plan:
    """Return the sizes of a run of SAC, which needs no SBX.

    Raises:
        AccumbensError: the environment cannot be used.
    """
    from gymnasium.spaces import flatdim

    from accumbens.envs.continuous import make_continuous

    env = make_continuous(config.env)
    env.close()
    observations, actions = flatdim(env.observation_space), flatdim(env.action_space)
    blocks = -(-config.total_timesteps // settings.train_every)
    updates = settings.updates_per_phase * max(0, blocks - settings.learning_starts // settings.train_every)
    rows = min(settings.replay_capacity, blocks * settings.train_every) // settings.num_envs * settings.num_envs
    # Two observations; action, reward, ended, truncated.
    row_bytes = 2 * np.asarray(env.observation_space.sample()).nbytes + 4 * (actions + 3)
    return Plan(
        steps_per_block=settings.train_every,
        blocks=blocks,
        chunk_blocks=chunk_blocks(blocks),
        updates=updates,
        cell_parameters=[
            _num_parameters(observations, *settings.net_arch, 2 * actions),  # mean and deviation
            *[_num_parameters(observations + actions, *settings.net_arch, 1)] * 2,
        ],
        replay_bytes=rows * row_bytes,
        replay_rows=rows,
        notes=_no_updates(updates),
    )


def _num_parameters(*widths: int) -> int:
    return sum((inputs + 1) * outputs for inputs, outputs in itertools.pairwise(widths))


def environment_facts(name: str, discretisation: Discretisation) -> tuple[EnvironmentFacts, bool]:
    """Return the static facts of an environment, and whether its episodes may be truncated."""
    if registry.is_on_device(name):
        env = registry.make(name)
        return env, env.truncates
    from accumbens.envs.gymnasium import describe

    return describe(name, discretisation, tried=True)[
        0
    ], True  # without a time limit too, an environment may truncate by itself
