"""A run of an agent made longer: what becomes of its schedules and its replay buffer."""

import dataclasses

import jax.numpy as jnp

from accumbens.agents.settings import ReplaySettings, SACSettings, SegmentSettings, SettingsWithoutCells
from accumbens.training.config import RunConfig, check
from accumbens.training.plan import make_agent_and_plan, make_plan


def lengthened(config: RunConfig, length: int, step: int) -> tuple[RunConfig, list[str]]:
    """Return the configuration of a longer run, and what its user should know.

    Schedules are relative to the length of a run, so they are spread over the new one. A replay buffer that was only as
    large as the shorter run could fill stays as large as it is.

    Args:
        config: of the run.
        length: environment steps of each seed, more than before.
        step: where the run stands, in environment steps of each seed.

    Raises:
        AccumbensError: a run cannot be so long, or its environment cannot be made.
    """
    settings, notes = config.settings, []
    if isinstance(settings, ReplaySettings | SegmentSettings | SACSettings):
        plan = make_plan(config)
        rows = plan.blocks * plan.steps_per_block if isinstance(settings, SACSettings) else plan.replay_rows
        if rows < settings.replay_capacity:
            settings = dataclasses.replace(settings, replay_capacity=rows)
            notes.append(f"the replay buffer keeps its {rows:,} steps, which were all that the shorter run could fill")
    longer = dataclasses.replace(config, total_timesteps=length, settings=settings)
    check(longer)
    return longer, [*notes, *_schedules(config, longer, step)]


def _schedules(config: RunConfig, longer: RunConfig, there: int) -> list[str]:
    """What ε and the learning rate are where the run stands, then and now."""
    if isinstance(config.settings, SettingsWithoutCells):
        return []
    (agent, plan), (after, _) = make_agent_and_plan(config), make_agent_and_plan(longer)
    step, updates = jnp.int32(there), jnp.int32(agent.updates_at(there // plan.steps_per_block))
    numbers = {
        "ε": (agent.epsilon(step), after.epsilon(step)),
        "the learning rate": (agent.learning_rate(updates), after.learning_rate(updates)),
    }
    notes = []
    for name, pair in numbers.items():
        ended, now = (float(jnp.asarray(value)) for value in pair)
        if abs(ended - now) <= 1e-6 * max(abs(ended), abs(now)):
            notes.append(f"{name} goes on at {now:.3g}")
        else:
            notes.append(
                f"{name} had come to {ended:.3g} at step {int(step):,}; its schedule is now spread over "
                f"{longer.total_timesteps:,} steps, so it goes on from {now:.3g}"
            )
    return notes
