"""Exploration: how often, what, and for how long."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.td.exploration import LONGEST_REPEAT, Repeat, epsilon_greedy, linear_epsilon, no_repeat
from accumbens.td.values import Layout

ENVS = 50_000
GREEDY = 2
Q = jnp.broadcast_to(jnp.array([0.0, 1.0, 2.0, -1.0]), (ENVS, 4))


@pytest.fixture(scope="module")
def choose(quick_jit):
    return quick_jit(epsilon_greedy, static_argnames="duration_exponent")


def assert_frequency(hits, probability):
    """The mean of independent yes-or-no answers, within five standard errors."""
    hits = np.asarray(hits)
    error = np.sqrt(probability * (1 - probability) / hits.size)
    assert abs(hits.mean() - probability) <= 5 * error


def test_epsilon_schedule():
    def epsilon(step):
        return float(linear_epsilon(jnp.asarray(step), 1.0, 0.2, 100, 400))

    steps = [0, 100, 200, 300, 500, 501, 10**6]
    np.testing.assert_allclose([epsilon(s) for s in steps], [1, 1, 0.8, 0.6, 0.2, 0.2, 0.2], rtol=1e-6)


def test_epsilon_schedule_without_duration_drops_at_once():
    assert float(linear_epsilon(jnp.asarray(5), 1.0, 0.1, 5, 0)) == 1.0
    np.testing.assert_allclose(float(linear_epsilon(jnp.asarray(6), 1.0, 0.1, 5, 0)), 0.1, rtol=1e-6)


def test_without_epsilon_every_action_is_greedy(choose):
    action, repeat = choose(jax.random.key(0), Q, 0.0, no_repeat(ENVS))
    assert np.all(action == GREEDY)
    assert np.all(repeat.remaining == 0)


@pytest.mark.parametrize("epsilon", [0.3, 1.0])
def test_epsilon_greedy_frequencies(choose, epsilon):
    action, repeat = choose(jax.random.key(1), Q, epsilon, no_repeat(ENVS))
    for a in range(4):
        assert_frequency(action == a, epsilon / 4 + (1 - epsilon) * (a == GREEDY))
    assert np.all(repeat.remaining == 0)


def test_durations_follow_the_zeta_distribution(choose):
    """Probability of n ∝ n^-2; a repeat of n steps has n - 1 left after its first."""
    action, repeat = choose(jax.random.key(2), Q, 1.0, no_repeat(ENVS), duration_exponent=2.0)
    duration = np.asarray(repeat.remaining) + 1
    mass = np.arange(1.0, LONGEST_REPEAT + 1) ** -2
    mass /= mass.sum()
    for n in range(1, 8):
        assert_frequency(duration == n, mass[n - 1])
    assert_frequency(duration > 100, mass[100:].sum())
    assert duration.max() <= LONGEST_REPEAT
    for a in range(4):
        # The action does not depend on how long it lasts.
        assert_frequency(np.asarray(action)[duration == 1] == a, 0.25)
        assert_frequency(np.asarray(action)[duration > 3] == a, 0.25)


def test_a_repeated_action_stays_until_it_has_run_out(choose):
    repeat = Repeat(jnp.arange(ENVS, dtype=jnp.int32) % 4, jnp.arange(ENVS, dtype=jnp.int32) % 5)
    action_of, steps_left = np.asarray(repeat.action), np.asarray(repeat.remaining)
    for step in range(6):
        action, repeat = choose(jax.random.key(step), Q, 0.0, repeat, duration_exponent=2.0)
        np.testing.assert_array_equal(action, np.where(step < steps_left, action_of, GREEDY))
        np.testing.assert_array_equal(repeat.remaining, np.maximum(steps_left - step - 1, 0))


def test_nothing_new_starts_while_an_action_is_repeated(choose):
    repeat = Repeat(jnp.full(ENVS, 3, jnp.int32), jnp.full(ENVS, 2, jnp.int32))
    action, repeat = choose(jax.random.key(3), Q, 1.0, repeat, duration_exponent=1.5)
    assert np.all(action == 3)
    assert np.all(repeat.remaining == 1)


def test_factored_actions_explore_in_all_dimensions_at_once(quick_jit):
    layout = Layout(action_dimensions=2)
    q = jnp.broadcast_to(jnp.array([0.0, 1.0, 5.0, -1.0]), (ENVS, 4))  # the greedy choices are 1 and 0
    choose = quick_jit(lambda key, epsilon: epsilon_greedy(key, q, epsilon, no_repeat(ENVS, 2), None, layout))
    greedy, repeat = choose(jax.random.key(0), 0.0)
    assert greedy.shape == repeat.action.shape == (ENVS, 2)
    np.testing.assert_array_equal(greedy, np.broadcast_to([1, 0], (ENVS, 2)))
    explored, _ = choose(jax.random.key(0), 1.0)
    for one, other in np.ndindex(2, 2):
        assert_frequency((explored[:, 0] == one) & (explored[:, 1] == other), 1 / 4)
    # With probability ε both dimensions are drawn anew, else neither.
    some, _ = choose(jax.random.key(0), 0.4)
    assert_frequency((some[:, 0] == 1) & (some[:, 1] == 0), 0.6 + 0.4 / 4)
    assert_frequency((some[:, 0] == 0) & (some[:, 1] == 1), 0.4 / 4)
