"""What must hold in all of our MinAtar games, whatever their rules; the rules are compared in `oracle/`."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import minatar
import numpy as np
import pytest

from accumbens.envs.minatar import GAMES, asterix, breakout, freeway
from accumbens.envs.minatar.common import below, draw_chance, happens, make, once, one_cell, render
from accumbens.envs.protocol import Step
from accumbens.envs.wrappers import auto_reset

NUM_ENVS = 8
NUM_STEPS = {"minatar/freeway": 2_600}  # longer than its episodes
OTHERWISE = 800


class Rollout(NamedTuple):
    """Random play; all but `first` have the leading axes step and environment."""

    first: Any
    unreset_state: Any
    unreset: Step
    observation: Any
    step: Step


def rollout(env, key):
    """Step the environments with and without the reset."""
    states, first = jax.vmap(env.reset)(jax.random.split(key, NUM_ENVS))

    def step(states, t):
        action_key, step_key = jax.random.split(jax.random.fold_in(key, t))
        actions = jax.random.randint(action_key, (NUM_ENVS,), 0, env.num_actions)
        keys = jax.random.split(step_key, NUM_ENVS)
        unreset_state, unreset = jax.vmap(env.step)(jax.vmap(jax.random.split)(keys)[:, 0], states, actions)
        states, observations, outcome = jax.vmap(partial(auto_reset, env))(keys, states, actions)
        return states, (unreset_state.last_action, unreset, observations, outcome)

    return Rollout(first, *jax.lax.scan(step, states, jnp.arange(NUM_STEPS.get(env.name, OTHERWISE)))[1])


@pytest.fixture(scope="module", params=GAMES)
def env(request):
    return GAMES[request.param]()


@pytest.fixture(scope="module")
def play(env):
    return jax.jit(partial(rollout, env))


@pytest.fixture(scope="module")
def played(play):
    return jax.tree.map(np.asarray, play(jax.random.key(0)))


def test_describes_itself_as_the_original_does(env):
    original = minatar.Environment(env.name.removeprefix("minatar/"))
    assert list(env.observation_shape) == original.state_shape()
    assert env.num_actions == len(original.minimal_action_set())
    assert env.max_episode_steps is None


def test_observations_are_boolean_boards_with_one_player(env, played):
    for observations in (played.first, played.observation, played.step.observation):
        assert observations.dtype == env.observation_dtype
        assert env.observation_dtype == np.dtype(bool)
        assert observations.shape[-3:] == env.observation_shape
        assert np.all(observations[..., 0].sum(axis=(-2, -1)) == 1)


def test_rewards_are_finite_and_nothing_is_truncated(played):
    assert played.step.reward.dtype == np.float32
    assert np.all(np.isfinite(played.step.reward) & (played.step.reward >= 0))
    assert np.any(played.step.reward > 0)
    assert not np.any(played.step.truncated)


def test_auto_reset_keeps_the_final_observation(played):
    jax.tree.map(np.testing.assert_array_equal, played.step, played.unreset)


def test_auto_reset_starts_the_next_episode(played):
    ended = played.step.terminated
    assert np.any(ended)
    differs = np.any(played.observation != played.step.observation, axis=(-3, -2, -1))
    np.testing.assert_array_equal(differs, ended)


def test_play_is_a_function_of_the_key(play, played):
    assert all(jax.tree.leaves(jax.tree.map(np.array_equal, play(jax.random.key(0)), played)))
    assert not np.array_equal(play(jax.random.key(1)).observation, played.observation)


@pytest.mark.parametrize("x64", [False, True])
def test_a_step_keeps_shapes_and_types(env, x64):
    with jax.enable_x64(x64):
        state, observation = jax.eval_shape(env.reset, jax.random.key(0))
        following, outcome = jax.eval_shape(env.step, jax.random.key(0), state, jnp.int32(0))
    assert following == state
    assert outcome.observation == observation
    assert outcome.reward.dtype == np.float32


def test_a_stuck_environment_only_repeats():
    env = make(breakout.breakout(), sticky_action_probability=1.0)
    state, _ = env.reset(jax.random.key(0))
    for seed in range(5):
        state, _ = env.step(jax.random.key(seed), state, jnp.int32(1))
        assert state.last_action == 0
        assert state.game.paddle == 4


def test_actions_stick_as_often_as_they_should():
    game = breakout.breakout()
    keys = jax.random.split(jax.random.key(0), 100_000)
    sticks = jax.vmap(lambda key: draw_chance(game, key).sticks)(keys)
    assert abs(np.mean(sticks) - 0.1) < 4 * np.sqrt(0.1 * 0.9 / len(keys))


def test_draws_are_uniform():
    keys = jax.random.split(jax.random.key(0), 50_000)

    def fair(values, num_values):
        counts = np.bincount(np.ravel(values), minlength=num_values)
        expected = counts.sum() / num_values
        assert len(counts) == num_values
        assert np.all(abs(counts - expected) < 5 * np.sqrt(expected))

    drawn = jax.vmap(lambda key: draw_chance(breakout.breakout(), key).draws)(keys)
    fair(drawn.right, 2)
    drawn = jax.vmap(lambda key: draw_chance(freeway.freeway(), key).draws)(keys)
    kinds = 5 * drawn.rightward + drawn.period - 1
    for car in range(4):  # cars that share a word, and neighbours
        fair(10 * kinds[:, car] + kinds[:, car + 4], 100)
        fair(10 * kinds[:, 2 * car] + kinds[:, 2 * car + 1], 100)
    drawn = jax.vmap(lambda key: draw_chance(asterix.asterix(), key).draws)(keys)
    third = np.where(drawn.kind == asterix.GOLD, 0, 1 + (drawn.place >> 8) % 2)
    fair(3 * drawn.direction + third, 6)
    for num_empty in range(1, 9):
        fair(below(drawn.place, num_empty) + num_empty * drawn.direction, 2 * num_empty)


def test_below_reaches_both_ends():
    words = jnp.array([0, 2**32 - 1, 2**31, 2**31 - 1], jnp.uint32)
    np.testing.assert_array_equal(below(words, 256), [0, 255, 128, 127])
    np.testing.assert_array_equal(below(words, 1), [0, 0, 0, 0])


def test_happens_is_exact_at_its_threshold():
    words = jnp.array([0, 2**30 - 1, 2**30, 2**32 - 1], jnp.uint32)
    np.testing.assert_array_equal(happens(words, 0.25), [True, True, False, False])
    np.testing.assert_array_equal(happens(words, 0.0), [False] * 4)
    np.testing.assert_array_equal(happens(words, 1.0), [True] * 4)


def test_render_draws_cells_where_they_are():
    observation = np.asarray(render(one_cell(3, 7), one_cell(0, 0) | one_cell(9, 9), one_cell(2, -1), one_cell(10, 5)))
    assert observation.shape == (10, 10, 4)
    np.testing.assert_array_equal(np.argwhere(observation), [[0, 0, 1], [7, 3, 0], [9, 9, 1]])


def test_once_changes_no_value():
    integers = jnp.array([0, 1, -1, 2**31 - 1, -(2**31), 0b1010, 0b0101], jnp.int32)
    truths = jnp.array([[True, False], [False, True]])
    values = jax.jit(jax.vmap(once))((integers, integers % 2 == 1)), jax.jit(once)(truths)
    jax.tree.map(np.testing.assert_array_equal, values, ((integers, integers % 2 == 1), truths))
    assert values[0][0].dtype == jnp.int32
    assert values[1].dtype == bool
