"""From settings to an agent."""

from accumbens.agents.parallel_q import make_parallel_q
from accumbens.agents.protocol import Agent, EnvironmentFacts
from accumbens.agents.replay_q import block_length, make_replay_q
from accumbens.agents.segment_q import make_segment_q
from accumbens.agents.sequence_q import make_sequence_q
from accumbens.agents.settings import AgentSettings, ReplaySettings, SegmentSettings, SequenceSettings
from accumbens.replay.ring import Ring, make_ring
from accumbens.replay.segments import SegmentReplay, make_segment_replay


def replay_ring(settings: ReplaySettings, env: EnvironmentFacts, total_steps: int, truncates: bool) -> Ring:
    """Return the replay buffer of an agent; it is never made larger than the run can fill."""
    rows_per_block = settings.num_envs * block_length(settings)
    needed = -(-total_steps // rows_per_block) * rows_per_block
    return make_ring(
        min(settings.replay_capacity, max(needed, (settings.context_length + 2) * rows_per_block)),
        settings.num_envs,
        block_length(settings),
        env.observation_shape,
        env.observation_dtype,
        0 if settings.stored_carry else settings.context_length,
        truncates,
        settings.net_arch if settings.stored_carry else None,
        () if env.action_dimensions is None else (env.action_dimensions,),
    )


def segment_replay(
    settings: SegmentSettings, env: EnvironmentFacts, total_steps: int, truncates: bool
) -> SegmentReplay:
    """Return the replay of an agent that learns from segments; it is never made larger than the run can fill."""
    block = settings.num_envs * settings.rollout_length
    return make_segment_replay(
        min(settings.replay_capacity, -(-total_steps // block) * block),
        settings.num_envs,
        settings.rollout_length,
        env.observation_shape,
        env.observation_dtype,
        truncates,
        settings.net_arch,
        () if env.action_dimensions is None else (env.action_dimensions,),
    )


def replay_of(
    settings: AgentSettings, env: EnvironmentFacts, total_steps: int, truncates: bool
) -> Ring | SegmentReplay | None:
    """Return what an agent stores its steps in; None if it stores none."""
    if isinstance(settings, SegmentSettings):
        return segment_replay(settings, env, total_steps, truncates)
    return replay_ring(settings, env, total_steps, truncates) if isinstance(settings, ReplaySettings) else None


def make_agent(settings: AgentSettings, env: EnvironmentFacts, total_steps: int, truncates: bool) -> Agent:
    """Return the agent of `settings` for `env`.

    Args:
        settings: which cell, readout, credit and learner.
        env: an `Environment`, or the facts of a host environment.
        total_steps: length of the run in environment steps; schedules are relative to it.
        truncates: episodes may be truncated.
    """
    sizes = (env, total_steps, truncates)
    if isinstance(settings, SegmentSettings):
        return make_segment_q(settings, env, total_steps, segment_replay(settings, *sizes))
    if isinstance(settings, ReplaySettings):
        return make_replay_q(settings, env, total_steps, replay_ring(settings, *sizes))
    if isinstance(settings, SequenceSettings):
        return make_sequence_q(settings, env, total_steps)
    return make_parallel_q(settings, env, total_steps)
