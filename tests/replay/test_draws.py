"""Drawing stretches of a replay: all alike, or in proportion to a power of their priorities."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accumbens.replay.draws import SMALLEST, add_new, by_priority, uniform

SIZE = 12
draws = jax.jit(by_priority, static_argnums=4)


@settings(max_examples=40, deadline=None)
@given(
    priorities=st.lists(st.floats(0, 1e4, width=32), min_size=SIZE, max_size=SIZE),
    there=st.integers(1, SIZE),
    exponent=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_stretch_is_drawn_as_often_as_its_priority_says(priorities, there, exponent, seed):
    num = 500
    chosen = np.asarray(draws(jnp.array(priorities, jnp.float32), there, exponent, jax.random.key(seed), num))
    mass = (np.array(priorities[:there], np.float64) + SMALLEST) ** exponent
    expected = num * mass / mass.sum()
    counts = np.bincount(chosen, minlength=there)
    assert len(counts) == there, "none that is not there"
    # One from each stratum: an interval of so many strata has all but two of them whole.
    assert np.all(np.abs(counts - expected) <= 2.0), (counts, expected)


def test_draws_of_one_stratum_are_spread_in_proportion():
    priorities = jnp.array([1.0, 3.0, 0.0, 4.0], jnp.float32)
    keys = jax.random.split(jax.random.key(0), 20_000)
    chosen = jax.jit(jax.vmap(lambda key: by_priority(priorities, 4, 1.0, key, 1)))(keys)
    share = np.bincount(np.ravel(chosen), minlength=4) / len(keys)
    # Five standard deviations of a share of a half.
    np.testing.assert_allclose(share, [1 / 8, 3 / 8, 0, 1 / 2], atol=5 * np.sqrt(0.25 / len(keys)))


def test_uniform_draws_are_of_what_is_there():
    assert set(np.asarray(uniform(3, jax.random.key(0), 200))) == {0, 1, 2}


@pytest.mark.parametrize("there", [1, 4, SIZE])
def test_where_nothing_surprises_all_are_drawn_alike(there):
    chosen = draws(jnp.zeros(SIZE), there, 0.6, jax.random.key(1), 12 * there)
    counts = np.bincount(np.asarray(chosen))
    assert len(counts) == there
    assert np.all(np.abs(counts - 12) <= 2)


@pytest.mark.parametrize("exponent", [1.0, 40.0, 1e4])
def test_a_large_exponent_draws_what_surprises_most(exponent):
    priorities = jnp.array([1e-3, 5e3, 1e-30, 2e3, 9e3], jnp.float32)
    chosen = np.asarray(draws(priorities, 4, exponent, jax.random.key(3), 20))
    assert (set(chosen) == {1}) == (exponent > 1)


def test_new_stretches_have_the_largest_priority():
    priorities = add_new(jnp.zeros(6), 0, 2)
    np.testing.assert_array_equal(priorities, [1, 1, 0, 0, 0, 0])
    priorities = add_new(jnp.array([0.5, 0.125, 0, 0, 0, 0]), jnp.int32(2), 2)
    np.testing.assert_array_equal(priorities, [0.5, 0.125, 0.5, 0.5, 0, 0])
    priorities = add_new(jnp.array([4.0, 1, 2, 3, 1, 1]), jnp.int32(0), 2)  # around: those that are lost counted still
    np.testing.assert_array_equal(priorities, [4, 4, 2, 3, 1, 1])
