from contextlib import closing

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from accumbens.envs.bang_bang import BangBang
from accumbens.envs.gymnasium import HostEnvironments
from accumbens.errors import AccumbensError


class Echo(gymnasium.Env):
    """It observes the action it was given."""

    observation_space = Box(-10, 10, (3,), np.float64)

    def __init__(self, action_space):
        self.action_space = action_space

    def reset(self, *, seed=None, options=None):
        return np.zeros(3), {}

    def step(self, action):
        assert self.action_space.contains(action)
        return np.ravel(action).astype(float), 0.0, False, False, {}


LOW, HIGH = np.array([-1.0, 0.0, -3.0], np.float32), np.array([1.0, 5.0, 2.0], np.float32)


def echo(low=LOW, high=HIGH):
    return Echo(Box(low, high))


def test_joint_choices_are_all_corners_counted_like_binary_numbers():
    env = BangBang(echo(), "joint")
    assert env.action_space == Discrete(8)
    assert env.dimensions is None
    assert env.action_features.shape == (8, 3)
    assert env.action_features.dtype == np.float32
    for choice in range(8):
        bits = [int(bit) for bit in f"{choice:03b}"]
        np.testing.assert_array_equal(env.action_features[choice], [2 * bit - 1 for bit in bits])
        corner = [(low, high)[bit] for low, high, bit in zip(LOW, HIGH, bits, strict=True)]
        np.testing.assert_array_equal(env.step(choice)[0], corner)


def test_factored_choices_are_low_or_high_by_each_dimension_itself():
    env = BangBang(echo(), "factored")
    assert env.dimensions == 3
    expected = [[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1]]
    np.testing.assert_array_equal(env.action_features, expected)
    assert env.action_features.dtype == np.float32
    for bits in np.ndindex(2, 2, 2):
        assert env.action_space.contains(np.array(bits))
        np.testing.assert_array_equal(env.step(np.array(bits))[0], np.where(bits, HIGH, LOW))


@pytest.mark.parametrize("discretisation", ["joint", "factored"])
def test_shape_and_type_of_the_actions_are_those_of_the_box(discretisation):
    env = BangBang(Echo(Box(-2, 2, (2, 3), np.float64)), discretisation)
    action = env.action(5 if discretisation == "joint" else np.array([0, 0, 0, 1, 0, 1]))
    np.testing.assert_array_equal(action, [[-2, -2, -2], [2, -2, 2]])
    assert (action.dtype, action.shape) == (np.float64, (2, 3))


def test_joint_choice_of_too_many_corners_names_the_way_out():
    assert BangBang(Echo(Box(-1, 1, (10,))), "joint").action_space.n == 1024
    message = r"11 dimensions, which have 2\^11 = 2048 corners; .* limited to 1024\. .*--set discretisation=factored"
    with pytest.raises(AccumbensError, match=message):
        BangBang(Echo(Box(-1, 1, (11,))), "joint")
    assert BangBang(Echo(Box(-1, 1, (11,))), "factored").action_features.shape == (22, 11)


@pytest.mark.parametrize("discretisation", ["joint", "factored"])
@pytest.mark.parametrize("high", [np.inf, 1e10])
def test_infinite_bounds(discretisation, high):
    with pytest.raises(AccumbensError, match="whose bounds are not finite: bang-bang control chooses between"):
        BangBang(echo(high=np.array([1, high, 1], np.float32)), discretisation)


def test_actions_that_are_no_box():
    with pytest.raises(AccumbensError, match=r"action space Discrete\(3\); bang-bang control needs a Box"):
        BangBang(Echo(Discrete(3)), "joint")


@pytest.mark.parametrize(
    ("discretisation", "num_actions", "dimensions", "low", "high"),
    [("joint", 2, None, np.array(0), np.array(1)), ("factored", 2, 1, np.array([0]), np.array([1]))],
)
def test_pendulum(discretisation, num_actions, dimensions, low, high):
    """Its torque is from -2 to 2; the copies do what a single Pendulum does with the extreme torques."""
    with closing(HostEnvironments("Pendulum-v1", 2, 3, discretisation, num_workers=0)) as envs:
        spec = envs.spec
        assert (spec.num_actions, spec.action_dimensions, spec.max_episode_steps) == (num_actions, dimensions, 200)
        np.testing.assert_array_equal(spec.action_features, [[-1], [1]])
        first = envs.reset()
        _, outcome = envs.step(np.stack([low, high]))
    for index, torque in enumerate([-2.0, 2.0]):
        single = gymnasium.make("Pendulum-v1")
        seed = int(np.random.SeedSequence(3).generate_state(2)[index])
        np.testing.assert_array_equal(first[index], single.reset(seed=seed)[0])
        observation, reward, *_ = single.step(np.array([torque], np.float32))
        np.testing.assert_array_equal(outcome.observation[index], observation)
        np.testing.assert_allclose(outcome.reward[index], reward, rtol=1e-6)
