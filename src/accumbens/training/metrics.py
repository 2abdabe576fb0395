"""What a chunk reports: means over its updates, and the blocks in which something stopped being finite."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from accumbens.agents.protocol import LearningMetrics
from accumbens.training.episodes import Episodes, recent_means

PER_CELL = ("loss", "td_error", "value", "gradient_norm")


class BlockMetrics(NamedTuple):
    """What one block reports: of its updates, and of its steps."""

    learning: LearningMetrics
    lowest_reward: Float[Array, "*seeds"]


class Totals(NamedTuple):
    """Sums over the blocks of a chunk, per seed; `first_bad_block` is -1 while all is finite."""

    learning: LearningMetrics
    first_bad_block: Int[Array, "seeds cells"]
    lowest_reward: Float[Array, " seeds"]


class ChunkMetrics(NamedTuple):
    """What one chunk reports, per seed.

    Attributes:
        learning: means over the chunk's updates; `updates` counts them.
        mean_return, mean_length: of the last 100 training episodes; NaN before the first has ended.
        episodes: training episodes ended so far.
        first_bad_block: per cell, the first block whose loss or gradient was not finite; -1 if none.
        lowest_reward: of the chunk's steps.
    """

    learning: LearningMetrics
    mean_return: Float[Array, " seeds"]
    mean_length: Float[Array, " seeds"]
    episodes: Int[Array, " seeds"]
    first_bad_block: Int[Array, "seeds cells"]
    lowest_reward: Float[Array, " seeds"]


def no_totals(num_seeds: int, num_cells: int) -> Totals:
    """Return the sums before a chunk's first block."""
    shape = (num_seeds, num_cells)
    learning = LearningMetrics(*(jnp.zeros(shape) for _ in PER_CELL), updates=jnp.zeros((num_seeds,), jnp.int32))
    return Totals(learning, jnp.full(shape, -1, jnp.int32), jnp.full(num_seeds, jnp.inf, jnp.float32))


def add_block(totals: Totals, report: BlockMetrics, block: Int[Array, ""]) -> Totals:
    """Return the sums with one block's metrics added."""
    metrics = report.learning
    finite = jnp.isfinite(metrics.loss) & jnp.isfinite(metrics.gradient_norm)
    first_bad_block = jnp.where((totals.first_bad_block < 0) & ~finite, block, totals.first_bad_block)
    weight = metrics.updates[:, None]
    weighted = metrics._replace(**{name: weight * getattr(metrics, name) for name in PER_CELL})
    lowest_reward = jnp.minimum(totals.lowest_reward, report.lowest_reward)
    return Totals(jax.tree.map(jnp.add, totals.learning, weighted), first_bad_block, lowest_reward)


def healthy(totals: Totals) -> Bool[Array, ""]:
    """Return whether every cell of every seed is still finite."""
    return jnp.all(totals.first_bad_block < 0)


def summarise(totals: Totals, episodes: Episodes) -> ChunkMetrics:
    """Return the chunk's report; `episodes` has a leading axis of seeds."""
    sums = totals.learning
    divisor = jnp.maximum(sums.updates, 1)[:, None]
    means = sums._replace(**{name: getattr(sums, name) / divisor for name in PER_CELL})
    mean_return, mean_length = jax.vmap(recent_means)(episodes)
    return ChunkMetrics(
        means, mean_return, mean_length, episodes.completed, totals.first_bad_block, totals.lowest_reward
    )
