"""TD targets against numbers worked out by hand, and against the recursion written out in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import numpy_agents as reference
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from accumbens.td.targets import double_q, q_lambda
from accumbens.td.values import Layout

TIME, ENVS, CELLS, ACTIONS = 5, 2, 2, 3


@pytest.fixture(scope="module")
def compiled_q_lambda(quick_jit):
    return quick_jit(q_lambda)


def one_env(reward, terminated, truncated, best):
    """Arguments of `q_lambda` for one environment, one cell, two actions of which the second is the better one."""
    best = np.asarray(best, np.float32)
    return (
        jnp.asarray(reward, jnp.float32)[:, None],
        jnp.asarray(terminated, bool)[:, None],
        jnp.asarray(truncated, bool)[:, None],
        jnp.asarray(np.stack([best - 1, best], axis=-1))[:, None, None, :],
    )


def test_double_q_by_hand():
    # One transition, two cells, three actions, γ = 1/2. The first cell's online network prefers action 2, whose target
    # value is 4; the second cell's prefers action 0, whose target value is -6.
    online = jnp.array([[[1.0, 2.0, 3.0], [5.0, 4.0, 3.0]]])
    target = jnp.array([[[10.0, 8.0, 4.0], [-6.0, 9.0, 9.0]]])
    reward = jnp.array([1.0])
    going_on = double_q(reward, jnp.array([False]), online, target, 0.5)
    ended = double_q(reward, jnp.array([True]), online, target, 0.5)
    np.testing.assert_array_equal(going_on, [[1 + 0.5 * 4, 1 + 0.5 * -6]])
    np.testing.assert_array_equal(ended, [[1.0, 1.0]])


def test_a_bootstrap_that_means_nothing_is_ignored_where_the_episode_terminated():
    nothing = jnp.full((1, 1, 2), jnp.nan)
    np.testing.assert_array_equal(double_q(jnp.ones(1), jnp.array([True]), nothing, nothing, 0.9), [[1.0]])


def test_q_lambda_by_hand(compiled_q_lambda):
    # γ = λ = 1/2; rewards 1, 2, 4; best next values 10, 20, 40; the block ends after the third step.
    # G_2 = 4 + 40/2 = 24.  G_1 = 2 + (20/2 + 24/2)/2 = 13.  G_0 = 1 + (10/2 + 13/2)/2 = 6.75.
    block = one_env([1, 2, 4], [0, 0, 0], [0, 0, 0], [10, 20, 40])
    np.testing.assert_allclose(compiled_q_lambda(*block, 0.5, 0.5)[:, 0, 0], [6.75, 13, 24])


def test_q_lambda_stops_where_the_episode_terminated(compiled_q_lambda):
    # G_1 = 2 and nothing beyond.  G_0 = 1 + (10/2 + 2/2)/2 = 4.  The next episode does not leak back.
    block = one_env([1, 2, 4], [0, 1, 0], [0, 0, 0], [10, 20, 40])
    np.testing.assert_allclose(compiled_q_lambda(*block, 0.5, 0.5)[:, 0, 0], [4, 2, 24])


def test_q_lambda_bootstraps_where_the_episode_was_truncated(compiled_q_lambda):
    # G_1 = 2 + 20/2 = 12: the value of the final observation, not the next episode's return.
    # G_0 = 1 + (10/2 + 12/2)/2 = 6.5.
    block = one_env([1, 2, 4], [0, 0, 0], [0, 1, 0], [10, 20, 40])
    np.testing.assert_allclose(compiled_q_lambda(*block, 0.5, 0.5)[:, 0, 0], [6.5, 12, 24])


def test_q_lambda_at_the_blocks_last_step(compiled_q_lambda):
    for terminated, truncated, last in ((0, 0, 24), (0, 1, 24), (1, 0, 4)):
        block = one_env([1, 2, 4], [0, 0, terminated], [0, 0, truncated], [10, 20, 40])
        assert compiled_q_lambda(*block, 0.5, 0.5)[2, 0, 0] == last


NUMBERS = st.floats(-10, 10, width=32)
FRACTIONS = st.floats(0, 1, width=32)


@st.composite
def blocks(draw):
    outcome = draw(arrays.arrays(np.int8, (TIME, ENVS), elements=st.integers(0, 2)))
    return (
        draw(arrays.arrays(np.float32, (TIME, ENVS), elements=NUMBERS)),
        outcome == 1,
        outcome == 2,
        draw(arrays.arrays(np.float32, (TIME, ENVS, CELLS, ACTIONS), elements=NUMBERS)),
    )


@settings(deadline=None, max_examples=60)
@given(block=blocks(), discount=FRACTIONS, trace_decay=FRACTIONS)
def test_q_lambda_is_the_recursion(compiled_q_lambda, block, discount, trace_decay):
    returns = compiled_q_lambda(*map(jnp.asarray, block), discount, trace_decay)
    expected = reference.q_lambda(*block, discount, trace_decay)
    np.testing.assert_allclose(returns, expected, rtol=1e-4, atol=1e-4)


@settings(deadline=None, max_examples=30)
@given(block=blocks(), discount=FRACTIONS)
def test_without_trace_q_lambda_is_the_one_step_target(compiled_q_lambda, block, discount):
    reward, terminated, truncated, values = map(jnp.asarray, block)
    returns = compiled_q_lambda(reward, terminated, truncated, values, discount, 0.0)
    np.testing.assert_allclose(returns, double_q(reward, terminated, values, values, discount), rtol=1e-5, atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(block=blocks(), discount=FRACTIONS)
def test_with_full_trace_q_lambda_is_the_monte_carlo_return_of_the_block(compiled_q_lambda, block, discount):
    reward, terminated, truncated, values = block
    returns = compiled_q_lambda(*map(jnp.asarray, block), discount, 1.0)
    for env in range(ENVS):
        for start in range(TIME):
            total = np.zeros(CELLS)
            for t in range(start, TIME):
                total += discount ** (t - start) * reward[t, env]
                if not terminated[t, env] and (truncated[t, env] or t == TIME - 1):
                    total += discount ** (t - start + 1) * values[t, env].max(axis=-1)
                if terminated[t, env] or truncated[t, env]:
                    break
            np.testing.assert_allclose(returns[start, env], total, rtol=1e-4, atol=1e-4)


def test_targets_are_those_of_each_cell_alone(compiled_q_lambda):
    """Other values in one cell leave the other cell's targets as they are, to the bit."""
    rng = np.random.default_rng(0)
    reward, ended = rng.normal(size=(TIME, ENVS)).astype(np.float32), np.zeros((TIME, ENVS), bool)
    values = rng.normal(size=(TIME, ENVS, CELLS, ACTIONS)).astype(np.float32)
    other = values.copy()
    other[:, :, 0] += 100
    for target in (
        lambda v: compiled_q_lambda(reward, ended, ended, v, 0.9, 0.8),
        lambda v: jax.jit(double_q, static_argnums=4)(reward, ended, v, v, 0.9),
    ):
        np.testing.assert_array_equal(target(values)[..., 1], target(other)[..., 1])
        assert np.all(target(values)[..., 0] != target(other)[..., 0])


def quantile_values(seed, *leading):
    return np.random.default_rng(seed).normal(size=(*leading, 4, ACTIONS)).astype(np.float32)


def test_double_q_of_quantiles_takes_all_quantiles_of_the_action_of_best_mean():
    layout = Layout(num_quantiles=4)
    online, target = quantile_values(0, 3, CELLS), quantile_values(1, 3, CELLS)
    reward, terminated = np.array([1.0, 2.0, 3.0], np.float32), np.array([False, True, False])
    targets = double_q(*(jnp.asarray(x) for x in (reward, terminated, online, target)), 0.9, layout)
    for b, c in np.ndindex(3, CELLS):
        best = online[b, c].mean(0).argmax()
        expected = reward[b] + (0.0 if terminated[b] else 0.9 * target[b, c, :, best])
        np.testing.assert_allclose(targets[b, c], np.broadcast_to(expected, 4), rtol=1e-6)


def test_q_lambda_of_quantiles_is_q_lambda_of_each(compiled_q_lambda):
    """With the greedy action the same for all quantiles, every quantile's target is a Q(λ) return of its own."""
    rng = np.random.default_rng(0)
    next_values = quantile_values(2, TIME, ENVS, CELLS)
    reward = rng.normal(size=(TIME, ENVS)).astype(np.float32)
    terminated, truncated = (rng.random((TIME, ENVS)) < 0.2 for _ in range(2))
    truncated &= ~terminated
    rows = [jnp.asarray(x) for x in (reward, terminated, truncated)]
    targets = q_lambda(*rows, jnp.asarray(next_values), 0.9, 0.7, Layout(num_quantiles=4))
    best = next_values.mean(-2).argmax(-1)
    for quantile in range(4):
        chosen = np.take_along_axis(next_values[..., quantile, :], best[..., None], -1)
        alone = compiled_q_lambda(*rows, jnp.asarray(np.repeat(chosen, ACTIONS, -1)), 0.9, 0.7)
        np.testing.assert_allclose(targets[..., quantile], alone, rtol=1e-5)


def test_targets_of_factored_actions_average_the_best_choice_of_every_dimension():
    layout = Layout(action_dimensions=2)
    values = jnp.array([[[1.0, 3.0, 10.0, -2.0]]])  # two dimensions of two choices: (3 + 10) / 2
    targets = double_q(jnp.array([1.0]), jnp.array([False]), values, 2 * values, 0.5, layout)
    np.testing.assert_allclose(targets, [[1 + 0.5 * 13.0]])
    block = q_lambda(jnp.array([[1.0]]), jnp.array([[False]]), jnp.array([[False]]), values[None], 0.5, 0.9, layout)
    np.testing.assert_allclose(block, [[[1 + 0.5 * 6.5]]])
