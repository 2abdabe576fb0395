"""Agents: a cell, a readout, a credit and a learner put together."""

from accumbens.agents.factory import make_agent, replay_ring
from accumbens.agents.protocol import Agent, Decision, LearningMetrics, Memory, Rollout, reset_memory
from accumbens.agents.settings import AgentSettings, ParallelSettings, ReplaySettings

__all__ = [
    "Agent",
    "AgentSettings",
    "Decision",
    "LearningMetrics",
    "Memory",
    "ParallelSettings",
    "ReplaySettings",
    "Rollout",
    "make_agent",
    "replay_ring",
    "reset_memory",
]
