"""The replay of blocks against an obvious model: a Python list of all blocks ever appended."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accumbens.errors import AccumbensError
from accumbens.replay.draws import uniform
from accumbens.replay.segments import Segments, make_segment_replay

DRAWN = 256  # so many that each of at most 12 stretches is drawn
HIDDEN = (2, 3)
BITS = (3, 7)  # enough bits to write a step's number in binary


class Setting(NamedTuple):
    num_envs: int
    block_length: int
    num_blocks: int
    truncates: bool
    dtype: type
    action_shape: tuple[int, ...] = ()


SETTINGS = [
    Setting(1, 1, 5, True, bool),
    Setting(3, 4, 4, True, bool),
    Setting(2, 3, 1, True, np.float32),
    Setting(4, 2, 3, False, bool),
    Setting(2, 5, 6, False, np.float32, (2,)),
]


def sample(replay, storage, blocks_written, key, num):
    return replay.take(storage, uniform(replay.stretches(blocks_written), key, num))


@functools.cache
def compiled(setting):
    """A replay and its compiled `append` and `sample`, all stretches alike."""
    replay = make_segment_replay(
        setting.num_envs * setting.block_length * (setting.num_blocks + 1) - 1,  # rounded down
        setting.num_envs,
        setting.block_length,
        BITS if setting.dtype is bool else (2,),
        setting.dtype,
        setting.truncates,
        HIDDEN,
        setting.action_shape,
    )
    return (
        replay,
        jax.jit(replay.append, donate_argnums=0),
        jax.jit(functools.partial(sample, replay), static_argnums=3),
    )


def observation_of(number, dtype):
    """Every number has its own observation, in either dtype; never all zeros."""
    if dtype is bool:
        return (np.asarray(number + 1)[..., None, None] >> np.arange(21).reshape(BITS)) % 2 == 1
    return np.stack([np.asarray(number) + 1.0, -np.asarray(number) - 0.5], axis=-1).astype(np.float32)


def block_of(setting, written, rng):
    """Block number `written`. Step t of environment n sees number 3(tN + n), its final one is the next, and what is
    acted on after the block the one after that."""
    T, N = setting.block_length, setting.num_envs
    number = 3 * ((written * T + np.arange(T))[:, None] * N + np.arange(N))
    ending = rng.choice(3, (T, N))
    return Segments(
        observation=observation_of(np.concatenate([number, number[-1:] + 2]), setting.dtype),
        carry=tuple(rng.normal(size=(N, hidden)).astype(np.float32) for hidden in HIDDEN),
        action=rng.integers(0, 9, (T, N, *setting.action_shape)).astype(np.int32),
        reward=number.astype(np.float32),
        terminated=ending == 1,
        truncated=(ending == 2) & setting.truncates,
        final_observation=observation_of(number + 1, setting.dtype) if setting.truncates else None,
    )


def check(setting, drawn, blocks):
    """Every stretch that was drawn is one of the last blocks', and each of theirs was drawn."""
    T, N = setting.block_length, setting.num_envs
    drawn = jax.tree.map(np.asarray, drawn)
    first = drawn.reward[0].astype(int) // 3
    written, env = first // (T * N), first % N
    kept = range(max(0, len(blocks) - setting.num_blocks), len(blocks))
    assert set(zip(written.tolist(), env.tolist(), strict=True)) == {(b, n) for b in kept for n in range(N)}
    assert drawn.observation.dtype == setting.dtype
    assert (drawn.final_observation is None) == (not setting.truncates)
    for s, (b, n) in enumerate(zip(written, env, strict=True)):
        block = blocks[b]
        for field in (
            "observation",
            "action",
            "reward",
            "terminated",
            "truncated",
            *["final_observation"] * setting.truncates,
        ):
            np.testing.assert_array_equal(getattr(drawn, field)[:, s], getattr(block, field)[:, n], err_msg=field)
        for carry, played in zip(drawn.carry, block.carry, strict=True):
            np.testing.assert_array_equal(carry[s], played[n])


@pytest.mark.parametrize("setting", SETTINGS)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_every_stretch_is_the_models(setting, data):
    """At every number of blocks, from the first to several times around."""
    replay, append, draw = compiled(setting)
    assert replay.capacity == setting.num_blocks * setting.num_envs * setting.block_length
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    storage, blocks = replay.init(), []
    for written in range(data.draw(st.integers(1, 3 * setting.num_blocks + 1))):
        blocks.append(block_of(setting, written, rng))
        storage = append(storage, jnp.int32(written), blocks[-1])
        check(setting, draw(storage, jnp.int32(written + 1), jax.random.key(written), DRAWN), blocks)


def filled(setting, num_blocks):
    replay, append, draw = compiled(setting)
    storage, rng = replay.init(), np.random.default_rng(0)
    for written in range(num_blocks):
        storage = append(storage, jnp.int32(written), block_of(setting, written, rng))
    return storage, draw


@pytest.mark.parametrize("num_blocks", [2, 7])
def test_drawing_is_uniform(num_blocks):
    setting = SETTINGS[1]
    storage, draw = filled(setting, num_blocks)
    first = [draw(storage, jnp.int32(num_blocks), jax.random.key(i), DRAWN).reward[0] for i in range(40)]
    counts = np.unique(np.concatenate(first), return_counts=True)[1]
    stretches = min(num_blocks, setting.num_blocks) * setting.num_envs
    assert len(counts) == stretches
    expected = 40 * DRAWN / stretches
    # Mean k and variance 2k for k degrees of freedom: five standard deviations.
    chi_square, degrees = np.sum((counts - expected) ** 2) / expected, stretches - 1
    assert abs(chi_square - degrees) < 5 * np.sqrt(2 * degrees)


def test_seeds_in_parallel_share_the_block_count():
    setting, rng = SETTINGS[1], np.random.default_rng(0)
    replay, _, _ = compiled(setting)
    storages = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), replay.init())
    append, blocks = jax.jit(jax.vmap(replay.append, in_axes=(0, None, 0))), ([], [])
    for written in range(6):
        for own in blocks:
            own.append(block_of(setting, written, rng))
        both = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(own[-1] for own in blocks))
        storages = append(storages, jnp.int32(written), both)
    keys = jax.random.split(jax.random.key(0))
    drawn = jax.vmap(lambda storage, key: sample(replay, storage, 6, key, DRAWN))(storages, keys)
    for seed, own in enumerate(blocks):
        check(setting, jax.tree.map(lambda leaf, seed=seed: leaf[seed], drawn), own)


@pytest.mark.parametrize("seeds", [None, 2])
def test_a_donated_replay_is_written_in_place(seeds):
    # Compiled memory, not time: a copy of the replay inside the loop would need temporary memory of its size.
    num_envs, block_length, shape = 4, 2, (10, 10, 4)
    replay = make_segment_replay(50_000, num_envs, block_length, shape, bool, True, (8,))

    def step(storage, key, blocks):
        observation = jax.random.bernoulli(key, shape=(block_length, num_envs, *shape))
        zeros = jnp.zeros((block_length, num_envs))
        seen, carry = jnp.concatenate([observation, observation[:1]]), (jnp.zeros((num_envs, 8)),)
        block = Segments(seen, zeros.astype(jnp.int32), zeros, zeros > 0, zeros > 0, observation, carry)
        storage = replay.append(storage, blocks, block)
        return storage, sample(replay, storage, blocks + 1, key, 8).observation

    step = step if seeds is None else jax.vmap(step, in_axes=(0, 0, None))

    def chunk(storage, key):
        def body(storage, block):
            keys = jax.random.fold_in(key, block)
            return step(storage, keys if seeds is None else jax.random.split(keys, seeds), block)

        return jax.lax.scan(body, storage, jnp.arange(10))

    def of_all_seeds(leaf):
        return jax.ShapeDtypeStruct(leaf.shape if seeds is None else (seeds, *leaf.shape), leaf.dtype)

    storage = jax.tree.map(of_all_seeds, jax.eval_shape(replay.init))
    memory = jax.jit(chunk, donate_argnums=0).lower(storage, jax.random.key(0)).compile().memory_analysis()
    num_bytes = replay.num_bytes * (seeds or 1)
    assert memory.alias_size_in_bytes >= num_bytes
    assert memory.temp_size_in_bytes < num_bytes / 10


def test_sizes():
    """400 booleans take 50 bytes, and of a carry only the first is kept."""
    replay = make_segment_replay(1_000, 4, 8, (10, 10, 4), bool, False, (12, 9))
    assert replay.capacity == 31 * 4 * 8
    assert replay.num_bytes == 31 * 4 * (9 * 50 + 8 * (4 + 4 + 1 + 1) + 4 * (12 + 9))
    assert sum(leaf.nbytes for leaf in jax.tree.leaves(replay.init())) == replay.num_bytes
    truncates = make_segment_replay(1_000, 4, 8, (10, 10, 4), bool, True, (12, 9))
    assert truncates.num_bytes == replay.num_bytes + replay.capacity * 50
    factored = make_segment_replay(1_000, 4, 8, (10, 10, 4), bool, False, (12, 9), (3,))
    assert factored.num_bytes == replay.num_bytes + replay.capacity * 2 * 4


def test_what_cannot_be_stored_is_refused():
    with pytest.raises(AccumbensError, match=r"capacity of 31 steps is too small: 4 environments .* need at least 32"):
        make_segment_replay(31, 4, 8, (3,), bool, True, (2,))
    with pytest.raises(AccumbensError, match="bool or float32, not uint8"):
        make_segment_replay(64, 4, 8, (3,), np.uint8, True, (2,))
