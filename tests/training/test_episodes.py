"""The record of episodes against a plain list of all that ended."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accumbens.training.episodes import WINDOW, no_episodes, recent_means, record

ENVS = 3


class Model:
    """Every episode's return and length, in the order they ended: by step, and within a step by environment."""

    def __init__(self):
        self.running, self.ended = [(0, 0)] * ENVS, []

    def record(self, reward, ended):
        for rewards, ends in zip(reward, ended, strict=True):
            for env in range(ENVS):
                total, length = self.running[env]
                self.running[env] = (total + rewards[env], length + 1)
                if ends[env]:
                    self.ended.append(self.running[env])
                    self.running[env] = (0, 0)


@pytest.fixture(scope="module")
def compiled(quick_jit):
    return quick_jit(record), quick_jit(recent_means)


def assert_same(model, episodes, recent_means):
    assert int(episodes.completed) == len(model.ended)
    assert list(zip(episodes.current_return.tolist(), episodes.current_length.tolist(), strict=True)) == model.running
    last = model.ended[-WINDOW:]
    held = min(len(model.ended), WINDOW)
    recent = zip(episodes.recent_returns.tolist(), episodes.recent_lengths.tolist(), strict=True)
    assert sorted(list(recent)[:held]) == sorted(last)
    mean_return, mean_length = recent_means(episodes)
    if last:
        np.testing.assert_allclose(mean_return, np.mean([total for total, _ in last]), rtol=1e-5)
        np.testing.assert_allclose(mean_length, np.mean([length for _, length in last]), rtol=1e-5)
    else:
        assert np.isnan(mean_return)
        assert np.isnan(mean_length)


# Whole rewards add up exactly in any order.
@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), ends=st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0]), min_size=1, max_size=6))
def test_follows_a_list_of_all_episodes(compiled, seed, ends):
    rng = np.random.default_rng(seed)
    model, episodes = Model(), no_episodes(ENVS)
    for probability in ends:
        reward = rng.integers(-3, 9, size=(50, ENVS))
        ended = rng.random((50, ENVS)) < probability
        model.record(reward, ended)
        episodes = compiled[0](episodes, jnp.asarray(reward, jnp.float32), jnp.asarray(ended))
        assert_same(model, episodes, compiled[1])


def test_more_than_a_window_in_one_block(compiled):
    """150 episodes end in one block, and 150 more in the next: always the last 100 count."""
    model, episodes = Model(), no_episodes(ENVS)
    for block in range(2):
        reward = np.arange(50 * ENVS).reshape(50, ENVS) + 1000 * block
        ended = np.ones((50, ENVS), bool)
        model.record(reward, ended)
        episodes = compiled[0](episodes, jnp.asarray(reward, jnp.float32), jnp.asarray(ended))
        assert_same(model, episodes, compiled[1])
    assert sorted(episodes.recent_returns.tolist()) == list(range(1050, 1150))


def test_no_reward_is_lost_from_block_to_block(compiled):
    """In float32 2^25 + 1 is 2^25; blocks of one step keep what is left."""
    episodes, going = no_episodes(ENVS), jnp.zeros((1, ENVS), bool)
    for reward in [2.0**25, *[1.0] * 40]:
        episodes = compiled[0](episodes, jnp.full((1, ENVS), reward), going)
    assert episodes.current_return.tolist() == [2.0**25 + 40] * ENVS
    for reward in (1.0, 1.0):  # the end of that episode, and another of one step
        episodes = compiled[0](episodes, jnp.full((1, ENVS), reward), ~going)
    assert episodes.recent_returns[: 2 * ENVS].tolist() == [2.0**25 + 40] * ENVS + [1.0] * ENVS


def test_batched_over_seeds(compiled):
    reward = jnp.arange(2.0 * 50 * ENVS).reshape(2, 50, ENVS)
    ended = jnp.zeros((2, 50, ENVS), bool).at[1, ::7].set(True)
    fresh = no_episodes(ENVS)
    batched = jax.vmap(record, (None, 0, 0))(fresh, reward, ended)
    for seed in range(2):
        alone = compiled[0](fresh, reward[seed], ended[seed])
        jax.tree.map(np.testing.assert_array_equal, alone, jax.tree.map(lambda x, seed=seed: x[seed], batched))
