"""What to say when something stops being finite."""

import numpy as np

from accumbens.agents.settings import CommonSettings, Settings
from accumbens.runs.health import NO_LONGER, NotFiniteError
from accumbens.training.metrics import ChunkMetrics

HELPS = "a lower learning_rate or max_gradient_norm often helps"


def require_finite(metrics: ChunkMetrics, seeds: list[int], steps_per_block: int) -> None:
    """Raise if any cell of any seed stopped being finite during the chunk.

    Raises:
        NotFiniteError: names the first cell, its seed and the environment step.
    """
    first_bad = np.asarray(metrics.first_bad_block)
    texts: dict[int, str] = {}
    for block in np.unique(first_bad[first_bad >= 0]):
        where = f"the loss or gradient of the block that ends at step {(int(block) + 1) * steps_per_block}"
        for row, cell in np.argwhere(first_bad == block).tolist():
            texts.setdefault(row, f"cell {cell + 1} of seed {seeds[row]} {NO_LONGER} in {where}; {HELPS}")
    if texts:
        raise NotFiniteError.of(texts)


def negative_reward_warning(settings: Settings, lowest_reward: float) -> str | None:
    """Return what to say of a negative reward to the user of cells whose values are never negative; None otherwise."""
    if not isinstance(settings, CommonSettings) or settings.readout != "goodness" or settings.goodness == "mean":
        return None
    if lowest_reward >= 0 or settings.value_offset:
        return None
    return (
        f"the environment gave a reward of {lowest_reward:g}, and a value of goodness={settings.goodness} is never "
        "negative: these cells cannot represent what such rewards add up to. --set value_offset=true adds a learned "
        "number to every cell's value"
    )
