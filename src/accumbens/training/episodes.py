"""Returns and lengths of training episodes, kept on the device."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from accumbens.training.sums import RunningSum

WINDOW = 100
"""Episodes that the reported mean return is taken over, as in the published curves."""


class Episodes(NamedTuple):
    """Episodes in progress and the last ones that ended.

    Attributes:
        current_return, current_length: of the episode each environment is in.
        recent_returns, recent_lengths: of the last `WINDOW` episodes, in a ring.
        completed: episodes ended so far.
        current_lost: what rounding took from `current_return`, see `RunningSum`; earlier releases did not keep it.
    """

    current_return: Float[Array, " envs"]
    current_length: Int[Array, " envs"]
    recent_returns: Float[Array, " window"]
    recent_lengths: Int[Array, " window"]
    completed: Int[Array, ""]
    current_lost: Float[Array, " envs"]


def no_episodes(num_envs: int) -> Episodes:
    """Return the record before the first step."""
    return Episodes(
        jnp.zeros(num_envs),
        jnp.zeros(num_envs, jnp.int32),
        jnp.zeros(WINDOW),
        jnp.zeros(WINDOW, jnp.int32),
        jnp.zeros((), jnp.int32),
        jnp.zeros(num_envs),
    )


def record(episodes: Episodes, reward: Float[Array, "time envs"], ended: Bool[Array, "time envs"]) -> Episodes:
    """Return the record after one block of steps."""

    def step(running, row):
        (current_return, current_length), (reward, ended) = running, row
        current_return, length = current_return.add(reward), current_length + 1
        running = (current_return.restart(ended), jnp.where(ended, 0, length))
        return running, (current_return.total, length)

    start = (RunningSum(episodes.current_return, episodes.current_lost), episodes.current_length)
    (current_return, current_length), (totals, lengths) = jax.lax.scan(step, start, (reward, ended))
    ended, totals, lengths = ended.ravel(), totals.ravel(), lengths.ravel()
    order = jnp.cumsum(ended)  # 1 for the block's first ended episode
    count = order[-1]
    # Only the last WINDOW fit; entries that would be overwritten within this block are dropped at once.
    keep = ended & (order > count - WINDOW)
    slot = jnp.where(keep, (episodes.completed + order - 1) % WINDOW, WINDOW)
    return Episodes(
        current_return.total,
        current_length,
        episodes.recent_returns.at[slot].set(totals, mode="drop"),
        episodes.recent_lengths.at[slot].set(lengths, mode="drop"),
        episodes.completed + count.astype(jnp.int32),
        current_return.lost,
    )


def recent_means(episodes: Episodes) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Return mean return and mean length of the last `WINDOW` episodes; NaN before the first has ended."""
    count = jnp.minimum(episodes.completed, WINDOW)
    divisor = jnp.where(count > 0, count, jnp.nan)
    # Slots not filled yet are zero.
    return episodes.recent_returns.sum() / divisor, episodes.recent_lengths.sum() / divisor
