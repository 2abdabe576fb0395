"""What to say when something stops being finite."""

import numpy as np

from accumbens.errors import AccumbensError
from accumbens.training.metrics import ChunkMetrics


class NotFiniteError(AccumbensError):
    """A loss or gradient became NaN or infinite."""


def require_finite(metrics: ChunkMetrics, seeds: list[int], steps_per_block: int) -> None:
    """Raise if any cell of any seed stopped being finite during the chunk.

    Raises:
        NotFiniteError: names the first cell, its seed and the environment step.
    """
    first_bad = np.asarray(metrics.first_bad_block)
    if (first_bad < 0).all():
        return
    block = first_bad[first_bad >= 0].min()
    seed, cell = np.argwhere(first_bad == block)[0]
    raise NotFiniteError(
        f"cell {cell + 1} of seed {seeds[seed]} is no longer finite (NaN or Inf) in the block that ends at step "
        f"{(int(block) + 1) * steps_per_block}; a lower learning_rate or max_gradient_norm often helps"
    )
