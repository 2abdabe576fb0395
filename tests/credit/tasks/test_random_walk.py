"""The stream's statistics are those of the published generator, at every difficulty."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.credit.tasks.random_walk import MOST_HELD_OUT, make_random_walk, walk
from accumbens.credit.tasks.settings import RandomWalkSettings
from accumbens.errors import AccumbensError

V = 0.25
SIGMAS = 5  # a right generator fails one of the checks in a hundred thousand keys


def correlation(d):
    return math.sqrt(1 - d)


@pytest.mark.parametrize("d", [0.1, 0.5, 0.85, 0.95, 1.0])
def test_stationary_walk(d, quick_jit):
    steps, seeds = 4000, 32
    keys = jax.random.split(jax.random.key(7), seeds)
    S = np.asarray(quick_jit(jax.vmap(lambda key: walk(key, d, steps)))(keys), np.float64)
    rho, variance, n = correlation(d), d * V, steps * seeds
    # Of an autoregressive process: the variances of its mean, its mean square, and its autocorrelation.
    assert abs(S.mean()) < SIGMAS * math.sqrt(variance / n * (1 + rho) / (1 - rho))
    of_square = 2 * variance**2 / n * (1 + rho**2) / (1 - rho**2)
    assert abs((S**2).mean() - variance) < SIGMAS * math.sqrt(of_square)
    found = (S[:, 1:] * S[:, :-1]).mean() / (S**2).mean()
    assert abs(found - rho) < SIGMAS * math.sqrt((1 - rho**2) / n)


@pytest.mark.parametrize("d", [0.3, 0.95])
def test_the_walk_is_stationary_from_its_first_step(d, quick_jit):
    seeds = 20_000
    keys = jax.random.split(jax.random.key(3), seeds)
    S = np.asarray(quick_jit(jax.vmap(lambda key: walk(key, d, 3)))(keys), np.float64)
    np.testing.assert_allclose((S**2).mean(axis=0), d * V, rtol=SIGMAS * math.sqrt(2 / seeds))


def inputs(jit, settings, updates, seeds, batch_size=4):
    """x and y [seeds, updates, batch]."""
    stream = make_random_walk(settings, batch_size).train

    def one(key):
        state = stream.init(jax.random.fold_in(key, 0))
        keys = jax.random.split(jax.random.fold_in(key, 1), len(updates))
        return jax.vmap(lambda update, key: stream.batch(state, update, key))(jnp.array(updates), keys)

    x, y = jit(jax.vmap(one))(jax.random.split(jax.random.key(11), seeds))
    return np.asarray(x, np.float64)[..., 0], np.asarray(y, np.float64)[..., 0]


@pytest.mark.parametrize("d", [0.0, 0.5, 0.95, 1.0])
def test_inputs_have_the_same_mean_and_variance_at_every_difficulty(d, quick_jit):
    x, y = inputs(quick_jit, RandomWalkSettings(difficulty=d, means=5, segments=2), [0, 5, 9], seeds=4000)
    for values, expected in ((x, 0.0), (x**2, V)):
        of_seed = values.mean(axis=(1, 2))  # only seeds are independent
        error = of_seed.std() / math.sqrt(len(of_seed))
        assert abs(of_seed.mean() - expected) < SIGMAS * error
    np.testing.assert_allclose(y, np.sin(2 * np.pi * x**2), atol=2e-5)


def test_a_mean_is_held_for_a_segment(quick_jit):
    settings = RandomWalkSettings(difficulty=0.9, means=4, segments=3)
    x, _ = inputs(quick_jit, settings, list(range(12)), seeds=300, batch_size=200)
    means = x.mean(axis=2).reshape(300, 4, 3)
    # What is left after a segment's own mean is the noise of 200 draws; between segments it is the walk.
    within = means.var(axis=2, ddof=1).mean()
    assert within == pytest.approx(0.1 * V / 200, rel=0.15)
    assert np.abs(np.diff(means[:, :, 0], axis=1)).mean() > 0.1


def test_difficulty_one_repeats_one_example_in_a_segment(quick_jit):
    x, _ = inputs(quick_jit, RandomWalkSettings(difficulty=1.0, means=4, segments=3), list(range(12)), seeds=3)
    segments = x.reshape(3, 4, -1)
    np.testing.assert_array_equal(segments, np.broadcast_to(segments[..., :1], segments.shape))
    assert len(np.unique(segments)) == 12


def test_difficulty_zero_is_independent_examples(quick_jit):
    assert not np.asarray(walk(jax.random.key(0), 0.0, 50)).any()
    x, _ = inputs(quick_jit, RandomWalkSettings(difficulty=0.0, means=3, segments=2), list(range(6)), seeds=2000)
    # Any two examples of a seed: uncorrelated.
    flat = x.reshape(2000, -1)
    between = np.corrcoef(flat.T) - np.eye(flat.shape[1])
    assert np.abs(between).max() < SIGMAS / math.sqrt(2000)


def test_what_validates_and_tests_is_independent_of_the_difficulty():
    settings = RandomWalkSettings(difficulty=1.0, means=100, segments=400)
    task = make_random_walk(settings, 32)
    count = 100 * 400 * 32 // 100
    assert count > MOST_HELD_OUT
    for examples in (task.valid, task.test):
        assert len(examples.x) == MOST_HELD_OUT
        x = examples.x.astype(np.float64)
        assert abs(x.mean()) < SIGMAS * math.sqrt(V / len(x))
        assert abs((x**2).mean() - V) < SIGMAS * V * math.sqrt(2 / len(x))
        np.testing.assert_allclose(examples.y, np.sin(2 * np.pi * x**2), atol=2e-5)
    assert not np.isin(task.valid.x, task.test.x).all()
    easy = make_random_walk(dataclasses.replace(settings, difficulty=0.0), 32)
    np.testing.assert_array_equal(easy.test.x, task.test.x)
    assert easy.digest != task.digest


@pytest.mark.parametrize(("means", "segments", "batch_size", "expected"), [(10, 10, 32, 32), (1, 1, 5, 1)])
def test_a_hundredth_of_the_stream_is_held_out(means, segments, batch_size, expected):
    task = make_random_walk(RandomWalkSettings(means=means, segments=segments), batch_size)
    assert task.train.updates == means * segments
    assert len(task.valid.x) == len(task.test.x) == expected


@pytest.mark.parametrize(
    ("name", "value"), [("difficulty", -0.01), ("difficulty", 1.01), ("means", 0), ("segments", 0), ("split_seed", -1)]
)
def test_settings_that_no_stream_could_have(name, value):
    with pytest.raises(AccumbensError, match=name):
        make_random_walk(RandomWalkSettings(**{name: value}), 32)
    with pytest.raises(AccumbensError, match="means"):
        make_random_walk(RandomWalkSettings(means=10**6, segments=10**4), 32)
