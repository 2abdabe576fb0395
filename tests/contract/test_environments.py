"""What every environment for the device promises. A new one is tested by being registered."""

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from vector_environments import assert_same, side_by_side

from accumbens.envs import registry
from accumbens.envs.checker import check_environment
from accumbens.envs.to_gymnasium import to_gymnasium
from accumbens.envs.trainable import device_environments, missing_extras
from accumbens.envs.wrappers import auto_reset

NUM_ENVS = 64


@pytest.fixture(scope="module", params=registry.device_environments())
def env(request):
    if device_environments()[request.param] in missing_extras():
        pytest.skip("needs an extra")
    return registry.make(request.param)


@pytest.fixture(scope="module")
def play(env):
    """Compiled random play and what it has traced: `play(state, key) -> (state, step)`, for 64 copies."""
    traces = []

    def one_step(key, state, action):
        traces.append(env.name)
        state, _, outcome = auto_reset(env, key, state, action)
        return state, outcome

    step = jax.jit(jax.vmap(one_step))

    def play(state, key):
        actions = jax.random.randint(key, (NUM_ENVS,), 0, env.num_actions)
        return step(jax.random.split(key, NUM_ENVS), state, actions)

    return play, traces


@pytest.fixture(scope="module")
def start(env):
    return jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.key(0), NUM_ENVS))


def test_it_keeps_the_promises_of_an_environment(env):
    check_environment(env)


def test_gymnasium_accepts_it(env):
    check_env(to_gymnasium(env))


def test_many_copies_in_one_call_are_as_many_single_ones(env):
    ours, theirs = side_by_side(env.name, 3, "SameStep", max_episode_steps=6)
    assert_same(ours.reset(seed=0), theirs.reset(seed=0))
    for actions in np.random.default_rng(0).integers(env.num_actions, size=(8, 3)):
        assert_same(ours.step(actions), theirs.step(actions))


def test_gymnasium_makes_it_by_its_id(env):
    made = gymnasium.make(registry.gymnasium_id(env.name))
    assert made.unwrapped.spec.kwargs == {"env": env.name}
    assert registry.resolve(registry.gymnasium_id(env.name)) == env.name


def test_static_facts(env):
    assert registry.is_on_device(env.name)
    assert env.num_actions >= 2
    assert np.all(np.asarray(env.observation_low) < np.asarray(env.observation_high))
    assert isinstance(env.observation_dtype, np.dtype)


def test_it_compiles_once(play, start):
    run, traces = play
    state, _ = start
    for index in range(3):
        state, _ = run(state, jax.random.key(index))
    assert len(traces) == 1


def test_a_saved_state_goes_on_without_compiling_again(play, start):
    run, traces = play
    state, _ = run(start[0], jax.random.key(0))
    run(jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)), state), jax.random.key(1))
    assert len(traces) == 1


def test_keys_decide_all(env, play):
    run, _ = play

    def observations(seed):
        state, first = jax.vmap(env.reset)(jax.random.split(jax.random.key(seed), NUM_ENVS))
        seen = [np.asarray(first)]
        for key in jax.random.split(jax.random.key(seed), 20):
            state, outcome = run(state, key)
            seen.append(np.asarray(outcome.observation))
        return np.stack(seen)

    np.testing.assert_array_equal(observations(1), observations(1))
    assert np.any(observations(1) != observations(2))


def test_copies_do_not_touch_each_other(env, play, start):
    state, key = start[0], jax.random.key(3)
    _, outcome = play[0](state, key)
    reversed_state = jax.tree.map(lambda leaf: leaf[::-1], state)
    actions = jax.random.randint(key, (NUM_ENVS,), 0, env.num_actions)[::-1]
    keys = jax.random.split(key, NUM_ENVS)[::-1]
    _, _, mirrored = jax.jit(jax.vmap(lambda *arguments: auto_reset(env, *arguments)))(keys, reversed_state, actions)
    for one, other in zip(outcome, mirrored, strict=True):
        np.testing.assert_allclose(one[::-1], other, rtol=1e-5, atol=1e-6)


def test_first_observations(env, start):
    _, observations = start
    assert observations.shape == (NUM_ENVS, *env.observation_shape)
    assert observations.dtype == env.observation_dtype
    assert np.all((observations >= env.observation_low) & (observations <= env.observation_high))
