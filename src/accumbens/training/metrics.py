"""What a chunk reports: means over its updates, and the blocks in which something stopped being finite."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from accumbens.agents.protocol import LearningMetrics
from accumbens.envs.promises import PROMISES
from accumbens.training.episodes import Episodes, recent_means

PER_CELL = ("loss", "td_error", "value", "gradient_norm")


class BlockMetrics(NamedTuple):
    """What one block reports: of its updates, and of its steps.

    Attributes:
        learning: of its updates.
        lowest_reward: of its steps.
        epsilon: with which its first step was acted.
        broken: which of `envs.promises.PROMISES` the environment broke.
    """

    learning: LearningMetrics
    lowest_reward: Float[Array, "*seeds"]
    epsilon: Float[Array, "*seeds"]
    broken: Bool[Array, "*seeds promises"]


class Totals(NamedTuple):
    """Sums over the blocks of a chunk, per seed; `first_bad_block` is -1 while all is finite, and so is `first_broken`
    while the environment keeps its promises; `epsilon` is the last block's."""

    learning: LearningMetrics
    first_bad_block: Int[Array, "seeds cells"]
    lowest_reward: Float[Array, " seeds"]
    epsilon: Float[Array, " seeds"]
    first_broken: Int[Array, "seeds promises"]


class ChunkMetrics(NamedTuple):
    """What one chunk reports, per seed.

    Attributes:
        learning: means over the chunk's updates; `updates` counts them.
        mean_return, mean_length: of the last 100 training episodes; NaN before the first has ended.
        episodes: training episodes ended so far.
        first_bad_block: per cell, the first block whose loss or gradient was not finite; -1 if none.
        lowest_reward: of the chunk's steps.
        epsilon: with which the first step of the last block was acted.
        first_broken: per promise of the environment, the first block in which it was broken; -1 if none.
    """

    learning: LearningMetrics
    mean_return: Float[Array, " seeds"]
    mean_length: Float[Array, " seeds"]
    episodes: Int[Array, " seeds"]
    first_bad_block: Int[Array, "seeds cells"]
    lowest_reward: Float[Array, " seeds"]
    epsilon: Float[Array, " seeds"]
    first_broken: Int[Array, "seeds promises"]


def no_totals(num_seeds: int, num_cells: int) -> Totals:
    """Return the sums before a chunk's first block."""
    shape = (num_seeds, num_cells)
    learning = LearningMetrics(*(jnp.zeros(shape) for _ in PER_CELL), updates=jnp.zeros((num_seeds,), jnp.int32))
    return Totals(
        learning,
        first_bad_block=jnp.full(shape, -1, jnp.int32),
        lowest_reward=jnp.full(num_seeds, jnp.inf, jnp.float32),
        epsilon=jnp.full(num_seeds, jnp.nan, jnp.float32),
        first_broken=jnp.full((num_seeds, len(PROMISES)), -1, jnp.int32),
    )


def add_block(totals: Totals, report: BlockMetrics, block: Int[Array, ""]) -> Totals:
    """Return the sums with one block's metrics added."""
    metrics = report.learning
    finite = jnp.isfinite(metrics.loss) & jnp.isfinite(metrics.gradient_norm)

    def first(so_far, now):
        return jnp.where((so_far < 0) & now, block, so_far)

    weight = metrics.updates[:, None]
    weighted = metrics._replace(**{name: weight * getattr(metrics, name) for name in PER_CELL})
    lowest_reward = jnp.minimum(totals.lowest_reward, report.lowest_reward)
    return Totals(
        jax.tree.map(jnp.add, totals.learning, weighted),
        first(totals.first_bad_block, ~finite),
        lowest_reward,
        report.epsilon,
        first(totals.first_broken, report.broken),
    )


def healthy(totals: Totals) -> Bool[Array, ""]:
    """Return whether every cell of every seed is still finite, and the environment as it declares."""
    return jnp.all(totals.first_bad_block < 0) & jnp.all(totals.first_broken < 0)


def summarise(totals: Totals, episodes: Episodes) -> ChunkMetrics:
    """Return the chunk's report; `episodes` has a leading axis of seeds."""
    sums = totals.learning
    divisor = jnp.maximum(sums.updates, 1)[:, None]
    means = sums._replace(**{name: getattr(sums, name) / divisor for name in PER_CELL})
    mean_return, mean_length = jax.vmap(recent_means)(episodes)
    return ChunkMetrics(means, mean_return, mean_length, episodes.completed, *totals[1:])
