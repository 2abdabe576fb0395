"""A replay of whole blocks on the device: what comes out is a stretch of one environment's steps, as it was played.

Every block that is collected is kept as it is, time last but one, with the observation that follows it, so that every
stretch has a successor and the newest one can be drawn at once. Of the carry only that of a stretch's first step is
kept, and the network is run anew from there.

The number of blocks written is an argument, not part of the storage: storage may be batched over seeds by `jax.vmap`
while the count, which all seeds share, stays a plain scalar.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float32, Int, Int32, Shaped

from accumbens.errors import AccumbensError
from accumbens.replay.bits import pack, packed_size, unpack


class Segments(NamedTuple):
    """Stretches of T steps; time first, as in a `Rollout`.

    Attributes:
        observation: `[T + 1, S, *shape]`, with what follows the last step.
        action, reward, terminated, truncated: of the steps.
        final_observation: the true next observation; None if episodes are never truncated.
        carry: per cell, before the first step, as it was when it was played.
    """

    observation: Shaped[Array, "T+1 S ..."]
    action: Int32[Array, "T S *dimensions"]
    reward: Float32[Array, "T S"]
    terminated: Bool[Array, "T S"]
    truncated: Bool[Array, "T S"]
    final_observation: Shaped[Array, "T S ..."] | None
    carry: tuple[Float32[Array, "S hidden"], ...]


class SegmentReplay(NamedTuple):
    """A replay of blocks as pure functions.

    Attributes:
        init: `init() -> storage`, empty; leaves are `[blocks, envs, ...]`, boolean observations packed into bytes.
        append: `append(storage, blocks_written, block) -> storage`, the block with all environments in place of S; the
            caller then adds one to `blocks_written`.
        take: `take(storage, chosen) -> Segments`, the stretches of those numbers: environment n of the block in place b
            has the number b × N + n.
        num_blocks: how many blocks it holds.
        num_envs: stretches of a block.
        capacity: steps over all environments, after rounding down to whole blocks.
        num_bytes: size of the storage in bytes.
    """

    init: Callable[[], Segments]
    append: Callable[[Segments, Int[Array, ""] | int, Segments], Segments]
    take: Callable[[Segments, Int[Array, " num"]], Segments]
    num_blocks: int
    num_envs: int
    capacity: int
    num_bytes: int

    def stretches(self, blocks_written: Int[Array, ""] | int) -> Int[Array, ""]:
        """Return how many stretches can be drawn: those of the first numbers."""
        return jnp.minimum(blocks_written, self.num_blocks) * self.num_envs


def make_segment_replay(
    capacity: int,
    num_envs: int,
    block_length: int,
    observation_shape: tuple[int, ...],
    observation_dtype: np.dtype | type,
    truncates: bool,
    carry_shapes: tuple[int, ...],
    action_shape: tuple[int, ...] = (),
) -> SegmentReplay:
    """Make a replay of blocks.

    Args:
        capacity: steps over all environments; rounded down to a multiple of `num_envs * block_length`.
        num_envs: environments that step together.
        block_length: T, steps of each environment in one block.
        observation_shape: shape of one observation.
        observation_dtype: `bool` (stored as bits) or `float32`.
        truncates: episodes may be truncated: the final observations are stored too.
        carry_shapes: hidden sizes of the cells.
        action_shape: shape of one action: `()`, or the dimensions of a factored action.

    Raises:
        AccumbensError: the capacity is less than a block, or observations are of another dtype.
    """
    dtype = np.dtype(observation_dtype)
    if dtype not in (np.dtype(bool), np.dtype(np.float32)):
        raise AccumbensError(f"the replay stores observations of dtype bool or float32, not {dtype}")
    num_blocks = capacity // (num_envs * block_length)
    if num_blocks < 1:
        raise AccumbensError(
            f"a replay capacity of {capacity} steps is too small: {num_envs} environments and blocks of {block_length} "
            f"steps need at least {num_envs * block_length}"
        )
    packed = dtype == np.dtype(bool)
    stored_shape = (packed_size(observation_shape),) if packed else observation_shape

    def init() -> Segments:
        def column(*shape: int, dtype: Any) -> Array:
            return jnp.zeros((num_blocks, num_envs, *shape), dtype)

        stored = jnp.uint8 if packed else jnp.float32
        return Segments(
            observation=column(block_length + 1, *stored_shape, dtype=stored),
            action=column(block_length, *action_shape, dtype=jnp.int32),
            reward=column(block_length, dtype=jnp.float32),
            terminated=column(block_length, dtype=bool),
            truncated=column(block_length, dtype=bool),
            final_observation=column(block_length, *stored_shape, dtype=stored) if truncates else None,
            carry=tuple(column(hidden, dtype=jnp.float32) for hidden in carry_shapes),
        )

    def store(observations: Array) -> Array:
        return pack(observations, observation_shape) if packed else observations

    def append(storage: Segments, blocks_written: Int[Array, ""] | int, block: Segments) -> Segments:
        final = block.final_observation
        carry = block.carry
        block = block._replace(
            observation=store(block.observation), final_observation=None if final is None else store(final), carry=()
        )
        block = jax.tree.map(lambda x: x.swapaxes(0, 1), block)._replace(carry=carry)
        head = blocks_written % num_blocks
        return jax.tree.map(lambda old, new: old.at[head].set(new), storage, block)

    def take(storage: Segments, chosen: Int[Array, " num"]) -> Segments:
        drawn = jax.tree.map(lambda x: x[chosen // num_envs, chosen % num_envs], storage)
        steps = jax.tree.map(lambda x: x.swapaxes(0, 1), drawn._replace(carry=()))
        if packed:
            steps = steps._replace(observation=unpack(steps.observation, observation_shape))
            if truncates:
                steps = steps._replace(final_observation=unpack(steps.final_observation, observation_shape))
        return steps._replace(carry=drawn.carry)

    num_bytes = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(jax.eval_shape(init)))
    return SegmentReplay(init, append, take, num_blocks, num_envs, num_blocks * num_envs * block_length, num_bytes)
