from contextlib import closing

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

import accumbens
from accumbens.envs.gymnasium import HostEnvironments
from accumbens.envs.protocol import Environment, Step
from accumbens.envs.to_gymnasium import to_gymnasium
from accumbens.errors import AccumbensError


@pytest.fixture(scope="module")
def env(lamps):
    return to_gymnasium(lamps)


def test_spaces_of_booleans(env):
    assert env.observation_space == Box(0, 1, (3,), np.uint8)
    assert env.action_space == Discrete(3)
    assert env.spec.max_episode_steps == 4
    assert env.render_mode is None


def test_spaces_of_floats_have_finite_bounds():
    theirs, ours = gymnasium.make("CartPole-v1").observation_space, to_gymnasium("CartPole-v1").observation_space
    finite = np.finfo(np.float32).max
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    np.testing.assert_allclose(ours.low, np.maximum(theirs.low, -finite), rtol=1e-6)
    np.testing.assert_allclose(ours.high, np.minimum(theirs.high, finite), rtol=1e-6)


def test_terminated_episode(env):
    observation, info = env.reset(seed=0)
    assert (observation.sum(), observation.dtype, info) == (1, np.uint8, {})
    first, second = np.flatnonzero(observation == 0)
    observation, *rest = env.step(first)
    assert (observation.sum(), rest) == (2, [0.0, False, False, {}])
    observation, *rest = env.step(int(second))
    assert (observation.sum(), rest) == (3, [1.0, True, False, {}])
    assert [type(value) for value in rest] == [float, bool, bool, dict]


def test_truncated_episode(env):
    env.reset(seed=0)
    ends = [env.step(0)[2:4] for _ in range(4)]
    assert ends == [(False, False)] * 3 + [(False, True)]


def test_seeds_reproduce_episodes(env):
    def firsts(seed):
        return [env.reset(seed=seed)[0].tolist()] + [env.reset()[0].tolist() for _ in range(10)]

    assert firsts(1) == firsts(1) != firsts(2)
    assert len({tuple(first) for first in firsts(1)}) == 3


def test_random_steps_differ_along_an_episode_and_repeat_with_the_seed():
    def step(key, state, action):
        return state, Step(jax.random.normal(key, (1,)), jnp.ones(()), jnp.zeros((), bool), jnp.zeros((), bool))

    def reset(key):
        return jnp.zeros(()), jax.random.normal(key, (1,))

    bounds = np.array(-np.inf, np.float32), np.array(np.inf, np.float32)
    noise = to_gymnasium(Environment("noise", reset, step, (1,), np.dtype(np.float32), *bounds, 1, None))

    def episode():
        return [float(noise.reset(seed=3)[0][0])] + [float(noise.step(0)[0][0]) for _ in range(5)]

    numbers = episode()
    assert len(set(numbers)) == 6
    assert episode() == numbers


def test_observations_belong_to_the_caller(env):
    observation, _ = env.reset(seed=0)
    observation[:] = 7
    assert env.step(0)[0].max() <= 1


@pytest.mark.parametrize("action", [3, -1, 0.5, None])
def test_invalid_action(env, action):
    env.reset(seed=0)
    with pytest.raises(AccumbensError, match=r"the action .* is not in Discrete\(3\)"):
        env.step(action)


def test_step_before_reset(lamps):
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
        to_gymnasium(lamps).step(0)


def test_name_of_an_environment_on_the_host():
    with pytest.raises(AccumbensError, match="runs on the host"):
        to_gymnasium("LunarLander-v3")


def test_there_and_back_again(lamps):
    gymnasium.register("test/Lamps-v0", entry_point=lambda: to_gymnasium(lamps))
    try:
        with closing(HostEnvironments("test/Lamps-v0", num_envs=2, seed=0)) as envs:
            assert (envs.spec.observation_dtype, envs.spec.num_actions) == (bool, 3)
            envs.reset()
            for _ in range(4):
                _, step = envs.step(np.zeros(2, int))
        np.testing.assert_array_equal(step.truncated, [True, True])
    finally:
        gymnasium.registry.pop("test/Lamps-v0")


def test_package_exports_it():
    assert accumbens.to_gymnasium is to_gymnasium
    with pytest.raises(AttributeError, match="module 'accumbens' has no attribute 'from_gymnasium'"):
        _ = accumbens.from_gymnasium
