"""The ring against an obvious model: a Python list of all steps ever taken, per environment."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accumbens.errors import AccumbensError
from accumbens.replay.ring import Rows, make_ring

BATCH = 1024  # so many that each of at most 36 steps is drawn
HIDDEN = (2, 3)
BITS = (3, 7)  # enough bits to write a step's number in binary
GOES_ON, TERMINATES, TRUNCATES = 0, 1, 2


class Setting(NamedTuple):
    num_envs: int
    block_length: int
    num_blocks: int
    context_length: int
    truncates: bool

    @property
    def rows(self):
        return self.num_blocks * self.block_length

    @property
    def capacity(self):
        return self.rows * self.num_envs


SETTINGS = [
    Setting(num_envs=1, block_length=1, num_blocks=6, context_length=3, truncates=True),
    Setting(num_envs=2, block_length=3, num_blocks=4, context_length=4, truncates=True),
    Setting(num_envs=3, block_length=4, num_blocks=3, context_length=2, truncates=True),
    Setting(num_envs=2, block_length=5, num_blocks=1, context_length=3, truncates=True),
    Setting(num_envs=2, block_length=2, num_blocks=5, context_length=0, truncates=True),
    Setting(num_envs=2, block_length=4, num_blocks=3, context_length=5, truncates=False),
]


@functools.cache
def compiled(setting, dtype, with_carry=False):
    """A ring and its compiled `append` and `sample`."""
    shape = BITS if dtype is bool else (2,)
    carry_shapes = HIDDEN if with_carry else None
    ring = make_ring(
        setting.capacity,
        setting.num_envs,
        setting.block_length,
        shape,
        dtype,
        setting.context_length,
        setting.truncates,
        carry_shapes,
    )
    return ring, jax.jit(ring.append, donate_argnums=0), jax.jit(ring.sample, static_argnums=3)


def observation_of(number, dtype):
    """Every number has its own observation, in either dtype; never all zeros."""
    if dtype is bool:
        return (np.asarray(number + 1)[..., None, None] >> np.arange(21).reshape(BITS)) % 2 == 1
    return np.stack([np.asarray(number) + 1.0, -np.asarray(number) - 0.5], axis=-1).astype(np.float32)


class Model:
    """All steps ever taken. Step t of environment n sees observation number 2(tN + n); its final one is the next."""

    def __init__(self, setting, endings):
        self.setting = setting
        # per step, per environment
        never = () if setting.truncates else (TRUNCATES,)
        self.endings = [[GOES_ON if ending in never else ending for ending in step] for step in endings]

    def number(self, t, n):
        return 2 * (t * self.setting.num_envs + n)

    def blocks(self, dtype):
        T, N = self.setting.block_length, self.setting.num_envs
        endings = np.array(self.endings)
        for start in range(0, len(endings), T):
            ending = endings[start : start + T]
            number = 2 * (np.arange(start, start + T)[:, None] * N + np.arange(N))
            rows = Rows(
                observation=observation_of(number, dtype),
                action=number.astype(np.int32),
                reward=number.astype(np.float32),
                terminated=ending == TERMINATES,
                truncated=ending == TRUNCATES,
                final_observation=observation_of(number + 1, dtype),
                carry=tuple(np.broadcast_to(number[..., None], (T, N, h)).astype(np.float32) for h in HIDDEN),
            )
            yield jax.tree.map(jnp.asarray, rows)

    def valid(self, written):
        """The transitions (t, n) that may be sampled after `written` steps."""
        first = 0 if written <= self.setting.rows else written - self.setting.rows + self.setting.context_length
        return {(t, n) for t in range(first, written - 1) for n in range(self.setting.num_envs)}

    def context(self, t, n):
        """Numbers of the observations before t in its episode, oldest first; None before the episode's start."""
        numbers = []
        for s in range(t - 1, t - 1 - self.setting.context_length, -1):
            if s < 0 or self.endings[s][n] != GOES_ON:
                break
            numbers.append(self.number(s, n))
        return [None] * (self.setting.context_length - len(numbers)) + numbers[::-1]

    def check(self, windows, written, dtype):
        windows = jax.tree.map(np.asarray, windows)
        t, n = np.divmod(windows.action // 2, self.setting.num_envs)
        chosen = list(zip(t.tolist(), n.tolist(), strict=True))
        assert set(chosen) == self.valid(written)  # nothing else, and all of them: the batch is large

        contexts = {step: self.context(*step) for step in set(chosen)}
        numbers = [contexts[step] for step in chosen]
        expected_valid = np.array([[number is not None for number in row] for row in numbers], bool).T
        expected = observation_of(np.array([[number or 0 for number in row] for row in numbers], int).T, dtype)
        expected[~expected_valid] = 0
        np.testing.assert_array_equal(windows.context_valid, expected_valid)
        np.testing.assert_array_equal(windows.context, expected)
        assert windows.context.dtype == dtype

        ending = np.array([self.endings[t][n] for t, n in chosen])
        np.testing.assert_array_equal(windows.terminated, ending == TERMINATES)
        np.testing.assert_array_equal(windows.truncated, ending == TRUNCATES)
        np.testing.assert_array_equal(windows.reward, windows.action)
        np.testing.assert_array_equal(windows.observation, observation_of(windows.action, dtype))
        following = np.where(ending == TRUNCATES, windows.action + 1, windows.action + 2 * self.setting.num_envs)
        matters = ending != TERMINATES
        np.testing.assert_array_equal(windows.next_observation[matters], observation_of(following, dtype)[matters])
        assert np.isfinite(windows.next_observation.astype(float)).all()


@st.composite
def streams(draw, setting):
    """Endings of enough steps to wrap the ring several times, from never-ending to very short episodes."""
    blocks = draw(st.integers(2, 4 * setting.num_blocks))
    often = draw(st.integers(1, 12))
    ending = st.integers(0, 2 * often).map(lambda number: number if number in (TERMINATES, TRUNCATES) else GOES_ON)
    step = st.lists(ending, min_size=setting.num_envs, max_size=setting.num_envs)
    return draw(st.lists(step, min_size=blocks * setting.block_length, max_size=blocks * setting.block_length))


def fill(setting, model, dtype, with_carry=False):
    """Append the whole stream, and after every block yield the storage, the number of blocks and of steps."""
    ring, append, _ = compiled(setting, dtype, with_carry)
    storage = ring.init()
    for written, rows in enumerate(model.blocks(dtype)):
        storage = append(storage, jnp.int32(written), rows)
        yield storage, jnp.int32(written + 1), (written + 1) * setting.block_length


@pytest.mark.parametrize("dtype", [bool, np.float32])
@pytest.mark.parametrize("setting", SETTINGS)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_every_window_is_the_models(setting, dtype, data):
    model = Model(setting, data.draw(streams(setting)))
    ring, _, sample = compiled(setting, dtype)
    for storage, blocks, written in fill(setting, model, dtype):
        assert ring.num_valid(blocks) == len(model.valid(written))
        if model.valid(written):
            model.check(sample(storage, blocks, jax.random.key(written), BATCH), written, dtype)


@pytest.mark.parametrize("setting", SETTINGS)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_packed_and_plain_storage_sample_the_same_steps(setting, data):
    model = Model(setting, data.draw(streams(setting)))
    for packed, plain in zip(fill(setting, model, bool), fill(setting, model, np.float32), strict=True):
        key = jax.random.key(packed[2])
        of_packed = compiled(setting, bool)[2](packed[0], packed[1], key, BATCH)
        of_plain = compiled(setting, np.float32)[2](plain[0], plain[1], key, BATCH)
        for field in ("context_valid", "action", "reward", "terminated", "truncated"):
            np.testing.assert_array_equal(getattr(of_packed, field), getattr(of_plain, field))


def random_model(setting, num_blocks, seed=0, end_probability=0.2):
    generator = np.random.default_rng(seed)
    shape = (num_blocks * setting.block_length, setting.num_envs)
    chance = end_probability / 2
    return Model(setting, generator.choice(3, shape, p=[1 - 2 * chance, chance, chance]).tolist())


@pytest.mark.parametrize("num_blocks", [3, 9])
def test_sampling_is_uniform(num_blocks):
    setting = SETTINGS[2]
    model = random_model(setting, num_blocks)
    *_, (storage, blocks, written) = fill(setting, model, bool)
    _, _, sample = compiled(setting, bool)
    draws = 100
    actions = [sample(storage, blocks, jax.random.key(i), BATCH).action for i in range(draws)]
    counts = np.unique(np.concatenate(actions), return_counts=True)[1]
    transitions = len(model.valid(written))
    expected = draws * BATCH / transitions
    chi_square = np.sum((counts - expected) ** 2) / expected
    assert len(counts) == transitions
    # Mean k and variance 2k for k degrees of freedom: five standard deviations.
    degrees = transitions - 1
    assert abs(chi_square - degrees) < 5 * np.sqrt(2 * degrees)


@pytest.mark.parametrize("spacing", [1, 5])
def test_final_observations_survive_until_their_row_is_overwritten(spacing):
    setting = SETTINGS[2]
    for phase in range(spacing):
        steps = np.arange(6 * setting.rows)[:, None] + np.arange(setting.num_envs)
        model = Model(setting, np.where((steps + phase) % spacing == 0, TRUNCATES, GOES_ON).tolist())
        _, _, sample = compiled(setting, np.float32)
        truncated = 0
        for storage, blocks, written in fill(setting, model, np.float32):
            windows = sample(storage, blocks, jax.random.key(written), BATCH)
            model.check(windows, written, np.float32)
            truncated += int(windows.truncated.sum())
        assert truncated > 0


@pytest.mark.parametrize("setting", [setting for setting in SETTINGS if setting.truncates])
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_episodes_that_were_cut_off_are_truncated_where_they_stood(setting, data):
    model = Model(setting, data.draw(streams(setting)))
    ring, append, sample = compiled(setting, np.float32)
    storage = ring.init()
    for written, rows in enumerate(model.blocks(np.float32)):
        storage = append(storage, jnp.int32(written), rows)
        steps = (written + 1) * setting.block_length
        if data.draw(st.booleans()):
            storage = ring.cut_off(storage, jnp.int32(written + 1))
            model.endings[steps - 1] = [ending or TRUNCATES for ending in model.endings[steps - 1]]
        if model.valid(steps):
            windows = sample(storage, jnp.int32(written + 1), jax.random.key(written), BATCH)
            model.check(windows, steps, np.float32)


def test_only_a_ring_with_final_observations_can_be_cut_off():
    ring, _, _ = compiled(SETTINGS[-1], np.float32)
    with pytest.raises(AccumbensError, match="no final observations"):
        ring.cut_off(ring.init(), 1)
    empty = compiled(SETTINGS[0], np.float32)[0]
    assert not empty.cut_off(empty.init(), 0).truncated.any()


def test_the_carry_is_the_one_stored_with_the_observation():
    setting = SETTINGS[4]
    *_, (storage, blocks, _) = fill(setting, random_model(setting, 7), bool, with_carry=True)
    windows = compiled(setting, bool, with_carry=True)[2](storage, blocks, jax.random.key(0), BATCH)
    assert windows.carry is not None
    for carry, hidden in zip(windows.carry, HIDDEN, strict=True):
        np.testing.assert_array_equal(carry, np.repeat(np.asarray(windows.reward)[:, None], hidden, axis=1))


def test_seeds_in_parallel_share_the_block_count():
    setting = SETTINGS[1]
    ring, _, sample = compiled(setting, bool)
    models = [random_model(setting, 9, seed) for seed in (1, 2)]
    storages = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), ring.init())
    append = jax.jit(jax.vmap(ring.append, in_axes=(0, None, 0)))
    for written, blocks in enumerate(zip(*(model.blocks(bool) for model in models), strict=True)):
        storages = append(storages, jnp.int32(written), jax.tree.map(lambda *leaves: jnp.stack(leaves), *blocks))
    keys = jax.random.split(jax.random.key(0))
    windows = jax.vmap(lambda storage, key: ring.sample(storage, 9, key, BATCH))(storages, keys)
    for seed, model in enumerate(models):
        of_seed = jax.tree.map(lambda leaf, seed=seed: leaf[seed], windows)
        model.check(of_seed, 9 * setting.block_length, bool)
        alone = sample(jax.tree.map(lambda leaf, seed=seed: leaf[seed], storages), jnp.int32(9), keys[seed], BATCH)
        jax.tree.map(np.testing.assert_array_equal, of_seed, alone)


@pytest.mark.parametrize(("truncates", "seeds"), [(False, None), (True, 2)])
def test_a_donated_ring_is_written_in_place(truncates, seeds):
    # Compiled memory, not time: a copy of the ring inside the loop would need temporary memory of its size.
    num_envs, block_length, shape = 4, 2, (10, 10, 4)
    ring = make_ring(50_000, num_envs, block_length, shape, bool, 4, truncates)

    def step(storage, key, blocks):
        observation = jax.random.bernoulli(key, shape=(block_length, num_envs, *shape))
        action = jnp.zeros((block_length, num_envs), jnp.int32)
        flag = jnp.zeros((block_length, num_envs), bool)
        storage = ring.append(storage, blocks, Rows(observation, action, action * 1.0, flag, flag, observation))
        return storage, ring.sample(storage, blocks + 1, key, 8)

    step = step if seeds is None else jax.vmap(step, in_axes=(0, 0, None))

    def chunk(storage, key, blocks):
        def body(state, i):
            storage, blocks = state
            keys = jax.random.fold_in(key, i) if seeds is None else jax.random.split(jax.random.fold_in(key, i), seeds)
            storage, windows = step(storage, keys, blocks)
            return (storage, blocks + 1), windows.context.sum() + windows.next_observation.sum()

        return jax.lax.scan(body, (storage, blocks), jnp.arange(10))

    def leaf_of_all_seeds(leaf):
        return jax.ShapeDtypeStruct(leaf.shape if seeds is None else (seeds, *leaf.shape), leaf.dtype)

    storage = jax.tree.map(leaf_of_all_seeds, jax.eval_shape(ring.init))
    program = jax.jit(chunk, donate_argnums=0).lower(storage, jax.random.key(0), jnp.int32(0)).compile()
    memory = program.memory_analysis()
    num_bytes = ring.num_bytes * (seeds or 1)
    assert memory.alias_size_in_bytes >= num_bytes
    assert memory.temp_size_in_bytes < num_bytes / 10


def test_sizes():
    ring = make_ring(1_000, 4, 8, (10, 10, 4), bool, 10, False)
    assert ring.capacity == 31 * 4 * 8
    assert ring.num_bytes == ring.capacity * (50 + 4 + 4 + 1 + 1)
    storage = ring.init()
    assert sum(leaf.nbytes for leaf in jax.tree.leaves(storage)) == ring.num_bytes
    limited = make_ring(1_000, 4, 8, (10, 10, 4), bool, 10, True)
    assert limited.num_bytes == ring.num_bytes + ring.capacity * 50
    carried = make_ring(1_000, 4, 8, (10, 10, 4), bool, 0, False, carry_shapes=(128, 96))
    assert carried.num_bytes == ring.num_bytes + ring.capacity * 4 * (128 + 96)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"capacity": 63}, "capacity of 63 rows is too small.*at least 64"),
        ({"capacity": 0}, "too small"),
        ({"observation_dtype": np.uint8}, "bool or float32, not uint8"),
        ({"num_envs": 0}, "num_envs >= 1"),
        ({"block_length": 0}, "block_length >= 1"),
        ({"context_length": -1}, "context_length >= 0"),
    ],
)
def test_bad_settings_are_refused(changes, message):
    good = {
        "capacity": 64,
        "num_envs": 4,
        "block_length": 8,
        "observation_shape": (3,),
        "observation_dtype": bool,
        "context_length": 10,
        "truncates": True,
    }
    make_ring(**good)
    with pytest.raises(AccumbensError, match=message):
        make_ring(**good | changes)


def test_bad_blocks_are_refused():
    setting = SETTINGS[1]
    ring, _, _ = compiled(setting, bool)
    rows = next(random_model(setting, 1).blocks(bool))
    with pytest.raises(AccumbensError, match=r"blocks of shape \(3, 2\) and dtype int32"):
        ring.append(ring.init(), 0, rows._replace(action=rows.action[:2]))
    with pytest.raises(AccumbensError, match="dtype float32"):
        ring.append(ring.init(), 0, rows._replace(reward=rows.reward.astype(np.float16)))
    with pytest.raises(AccumbensError, match="needs the final observations"):
        ring.append(ring.init(), 0, rows._replace(final_observation=None))
