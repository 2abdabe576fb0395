"""The same agent, made small: what an audit reads of a program does not depend on how many units or steps there are."""

import dataclasses
from typing import Any

from accumbens.agents.settings import AgentSettings, ParallelSettings, SegmentSettings


def small(settings: AgentSettings) -> AgentSettings:
    """Return the settings with few units, environments and steps, and a single update.

    Cells, wiring, readout, loss, credit, optimiser and learner stay. Every cell has another number of units, so that
    nothing of one cell can be taken for another's. The learning rate does not start at zero.
    """
    cells = len(settings.net_arch)
    changes: dict[str, Any] = {
        "net_arch": tuple(range(cells + 5, 5, -1)),
        "rank": min(settings.rank, 2),
        "num_quantiles": min(settings.num_quantiles, 3),
        "goodness_width": 4,
        "learning_rate_schedule": "constant",
        "num_envs": 4,
    }
    if isinstance(settings, ParallelSettings):
        changes |= {"rollout_length": 2, "epochs": 1, "num_minibatches": 1}
        if isinstance(settings, SegmentSettings):
            changes |= {"segments": 4, "learning_starts": 0, "replay_capacity": 64}
    else:
        changes |= {"train_every": 8, "updates_per_phase": 1, "batch_size": 8, "learning_starts": 0}
        changes |= {"context_length": min(settings.context_length, 2), "replay_capacity": 64, "target_every": 8}
    return dataclasses.replace(settings, **changes)
