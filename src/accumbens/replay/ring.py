"""A replay ring on the device, whose windows never cross an episode's end or the write head.

Every environment owns one column of the ring, and all columns are written a block of rows at a time. An observation is
stored once: the next observation of a row is the observation of the row after it. Only a truncated row needs more,
because the row after it opens another episode although the value beyond it is not zero: where episodes may be
truncated, a second column holds final observations.

The number of blocks written is an argument, not part of the storage: storage may be batched over seeds by `jax.vmap`
while the count, which all seeds share, stays a plain scalar.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float32, Int, Int32, PRNGKeyArray, Shaped

from accumbens.errors import AccumbensError
from accumbens.replay.bits import pack, packed_size, unpack


class Rows(NamedTuple):
    """A block of T consecutive steps of N environments.

    Attributes:
        observation: `[T, N, *shape]`, what the agent saw.
        action: what it did.
        reward: what it got.
        terminated: the step ended the episode in a terminal state.
        truncated: the step ended the episode by a time limit.
        final_observation: `[T, N, *shape]`, the true next observation; read only where `truncated`, and None if the
            ring was made without `truncates`.
        carry: per cell `[T, N, hidden]`, the carry with which the agent met the observation; None if not stored.
    """

    observation: Shaped[Array, "T N ..."]
    action: Int32[Array, "T N *dimensions"]
    reward: Float32[Array, "T N"]
    terminated: Bool[Array, "T N"]
    truncated: Bool[Array, "T N"]
    final_observation: Shaped[Array, "T N ..."] | None = None
    carry: tuple[Float32[Array, "T N hidden"], ...] | None = None


class Storage(NamedTuple):
    """The arrays of the ring: one row per step and environment; boolean observations are packed into bytes."""

    observation: Shaped[Array, "rows N ..."]
    action: Int32[Array, "rows N *dimensions"]
    reward: Float32[Array, "rows N"]
    terminated: Bool[Array, "rows N"]
    truncated: Bool[Array, "rows N"]
    final_observation: Shaped[Array, "rows N ..."] | None
    carry: tuple[Float32[Array, "rows N hidden"], ...] | None


class Windows(NamedTuple):
    """A batch of B transitions with the K observations before each.

    Attributes:
        context: `[K, B, *shape]`, the observations before the transition, oldest first; zero where not valid.
        context_valid: False before the episode's start. The carry must stay zero until the first valid row.
        observation: `[B, *shape]`, in the ring's own dtype (bool or float32), like all observations here.
        action: the action taken.
        reward: the reward received.
        terminated: no bootstrap; `next_observation` is then finite, but means nothing.
        truncated: bootstrap from `next_observation`, the true final one.
        next_observation: `[B, *shape]`.
        carry: per cell `[B, hidden]`, the carry stored with `observation`; None if not stored.
    """

    context: Shaped[Array, "K B ..."]
    context_valid: Bool[Array, "K B"]
    observation: Shaped[Array, "B ..."]
    action: Int32[Array, "B *dimensions"]
    reward: Float32[Array, " B"]
    terminated: Bool[Array, " B"]
    truncated: Bool[Array, " B"]
    next_observation: Shaped[Array, "B ..."]
    carry: tuple[Float32[Array, "B hidden"], ...] | None


BlockCount = Int[Array, ""] | int


class Ring(NamedTuple):
    """A replay ring as pure functions.

    Attributes:
        init: `init() -> Storage`, empty.
        append: `append(storage, blocks_written, rows) -> Storage`; the caller then adds one to `blocks_written`. With a
            donated storage it writes in place.
        sample: `sample(storage, blocks_written, key, batch_size) -> Windows`, uniform over the valid transitions, with
            replacement. There must be some: see `num_valid`.
        num_valid: `num_valid(blocks_written)`, the number of transitions `sample` chooses from: all whose successor and
            whole context are in the ring.
        cut_off: `cut_off(storage, blocks_written) -> Storage`: the episodes under way do not go on, so the newest rows
            are truncated, unless they terminated. For a ring made with `truncates`.
        capacity: rows over all environments, after rounding down to whole blocks.
        num_bytes: size of the storage in bytes.
    """

    init: Callable[[], Storage]
    append: Callable[[Storage, BlockCount, Rows], Storage]
    sample: Callable[[Storage, BlockCount, PRNGKeyArray, int], Windows]
    num_valid: Callable[[BlockCount], Int[Array, ""]]
    cut_off: Callable[[Storage, BlockCount], Storage]
    capacity: int
    num_bytes: int


def make_ring(
    capacity: int,
    num_envs: int,
    block_length: int,
    observation_shape: tuple[int, ...],
    observation_dtype: np.dtype | type,
    context_length: int,
    truncates: bool,
    carry_shapes: tuple[int, ...] | None = None,
    action_shape: tuple[int, ...] = (),
) -> Ring:
    """Make a replay ring for parallel environments.

    Args:
        capacity: rows over all environments; rounded down to a multiple of `num_envs * block_length`.
        num_envs: N, environments that step together.
        block_length: T, rows per environment in one `append`.
        observation_shape: shape of one observation.
        observation_dtype: `bool` (stored as bits) or `float32`.
        context_length: K, observations before a transition.
        truncates: episodes may be truncated: the final observations are stored too.
        carry_shapes: hidden sizes of the cells whose carry is stored with each row; None to store no carry.
        action_shape: shape of one action: `()`, or the dimensions of a factored action.

    Raises:
        AccumbensError: a setting makes no sense, or the capacity is too small for a single window.
    """
    dtype = np.dtype(observation_dtype)
    if dtype not in (np.dtype(bool), np.dtype(np.float32)):
        raise AccumbensError(f"the replay stores observations of dtype bool or float32, not {dtype}")
    if num_envs < 1 or block_length < 1 or context_length < 0:
        raise AccumbensError(
            "the replay needs num_envs >= 1, block_length >= 1 and context_length >= 0, "
            f"not {num_envs}, {block_length} and {context_length}"
        )
    block_rows = num_envs * block_length
    min_blocks = math.ceil((context_length + 2) / block_length)
    num_blocks = capacity // block_rows
    if num_blocks < min_blocks:
        raise AccumbensError(
            f"a replay capacity of {capacity} rows is too small: {num_envs} environments, blocks of {block_length} "
            f"steps and a context of {context_length} need at least {min_blocks * block_rows}"
        )

    is_packed = dtype == np.dtype(bool)
    num_rows = num_blocks * block_length

    def store(observations):
        return pack(observations, observation_shape) if is_packed else observations

    def load(stored):
        return unpack(stored, observation_shape) if is_packed else stored

    def init() -> Storage:
        stored_shape = (packed_size(observation_shape),) if is_packed else observation_shape
        stored_dtype = jnp.uint8 if is_packed else jnp.float32

        def column(*shape, dtype):
            return jnp.zeros((num_rows, num_envs, *shape), dtype)

        return Storage(
            observation=column(*stored_shape, dtype=stored_dtype),
            action=column(*action_shape, dtype=jnp.int32),
            reward=column(dtype=jnp.float32),
            terminated=column(dtype=bool),
            truncated=column(dtype=bool),
            final_observation=column(*stored_shape, dtype=stored_dtype) if truncates else None,
            carry=None if carry_shapes is None else tuple(column(h, dtype=jnp.float32) for h in carry_shapes),
        )

    def write_head(blocks_written):
        return blocks_written % num_blocks * block_length

    def oldest_valid(blocks_written):
        # A wrapped ring has lost what came before its oldest row. An unwrapped one begins with the run's first episode.
        return jnp.where(blocks_written > num_blocks, context_length, 0)

    def num_valid(blocks_written: BlockCount) -> Int[Array, ""]:
        rows_held = jnp.minimum(blocks_written, num_blocks) * block_length
        # The newest row has no successor yet.
        return jnp.maximum(rows_held - 1 - oldest_valid(blocks_written), 0) * num_envs

    def append(storage: Storage, blocks_written: BlockCount, rows: Rows) -> Storage:
        head = write_head(blocks_written)

        def write(column, block):
            expected = (block_length, *column.shape[1:])
            if block.shape != expected or block.dtype != column.dtype:
                raise AccumbensError(
                    f"the replay expects blocks of shape {expected} and dtype {column.dtype}, "
                    f"not {block.shape} and {block.dtype}"
                )
            return jax.lax.dynamic_update_slice_in_dim(column, block, head, axis=0)

        if truncates and rows.final_observation is None:
            raise AccumbensError("a replay with truncated episodes needs the final observations of each block")
        return Storage(
            observation=write(storage.observation, store(rows.observation)),
            action=write(storage.action, rows.action),
            reward=write(storage.reward, rows.reward),
            terminated=write(storage.terminated, rows.terminated),
            truncated=write(storage.truncated, rows.truncated),
            final_observation=write(storage.final_observation, store(rows.final_observation)) if truncates else None,
            carry=None if storage.carry is None else jax.tree.map(write, storage.carry, rows.carry),
        )

    def cut_off(storage: Storage, blocks_written: BlockCount) -> Storage:
        if not truncates:
            raise AccumbensError("a replay without truncated episodes has no final observations to end one with")
        newest = (write_head(blocks_written) - 1) % num_rows
        ended = ~storage.terminated[newest] & (blocks_written > 0)
        return storage._replace(truncated=storage.truncated.at[newest].set(ended))

    def sample(storage: Storage, blocks_written: BlockCount, key: PRNGKeyArray, batch_size: int) -> Windows:
        chosen = jax.random.randint(key, (batch_size,), 0, num_valid(blocks_written))
        environment = chosen % num_envs
        age = chosen // num_envs + oldest_valid(blocks_written)  # in rows after the oldest
        oldest = jnp.where(blocks_written < num_blocks, 0, write_head(blocks_written))

        offsets = jnp.arange(-context_length, 2)[:, None]
        window = (oldest + age + offsets) % num_rows  # [K+2, B]
        row = window[context_length]
        observations = load(storage.observation[window, environment])

        before = window[:context_length]
        ended = storage.terminated[before, environment] | storage.truncated[before, environment]
        num_ends = jnp.cumsum(ended[::-1], axis=0)[::-1]  # between a context row, itself included, and the transition
        valid = (num_ends == 0) & (age + offsets[:context_length] >= 0)

        def where(condition, new, old):
            return jnp.where(condition.reshape(condition.shape + (1,) * len(observation_shape)), new, old)

        context = observations[:context_length]
        next_observation = observations[-1]
        truncated = storage.truncated[row, environment]
        if storage.final_observation is not None:
            next_observation = where(truncated, load(storage.final_observation[row, environment]), next_observation)
        return Windows(
            context=where(valid, context, jnp.zeros_like(context)),
            context_valid=valid,
            observation=observations[context_length],
            action=storage.action[row, environment],
            reward=storage.reward[row, environment],
            terminated=storage.terminated[row, environment],
            truncated=truncated,
            next_observation=next_observation,
            carry=None if storage.carry is None else tuple(carry[row, environment] for carry in storage.carry),
        )

    num_bytes = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(jax.eval_shape(init)))
    return Ring(init, append, sample, num_valid, cut_off, num_blocks * block_rows, num_bytes)
