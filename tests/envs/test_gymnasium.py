import sys
from contextlib import closing
from typing import ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete

from accumbens.envs.gymnasium import HostEnvironments
from accumbens.errors import AccumbensError, UnknownNameError

COUNT = "test/Count-v0"


class Count(gymnasium.Env):
    """Observes (random number of the episode, steps taken); terminates at the action that is the highest."""

    observation_space: gymnasium.Space = Box(0, 10, (2,), np.float64)
    action_space = Discrete(3)
    actions: ClassVar[list[int]] = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.episode, self.steps = self.np_random.random(), 0
        return self.observe(), {}

    def observe(self):
        return np.array([self.episode, self.steps])

    def step(self, action):
        self.actions.append(int(action))
        self.steps += 1
        return self.observe(), 0.5 * self.steps, int(action) == self.action_space.n - 1, False, {"steps": self.steps}


@pytest.fixture
def register():
    """Register a class with Gymnasium until the end of the test."""
    names = []

    def add(name, entry_point, **arguments):
        gymnasium.register(name, entry_point=entry_point, **arguments)
        names.append(name)

    yield add
    for name in names:
        gymnasium.registry.pop(name)


@pytest.fixture
def count(register):
    register(COUNT, Count, max_episode_steps=3)
    with closing(HostEnvironments(COUNT, num_envs=3, seed=0)) as envs:
        yield envs


def test_spec_holds_the_static_facts():
    with closing(HostEnvironments("CartPole-v1", num_envs=2, seed=0)) as envs:
        spec = envs.spec
    space = gymnasium.make("CartPole-v1").observation_space
    assert (spec.name, spec.num_actions, spec.max_episode_steps, envs.num_envs) == ("CartPole-v1", 2, 500, 2)
    assert (spec.observation_shape, spec.observation_dtype) == ((4,), np.float32)
    np.testing.assert_array_equal(spec.observation_low, space.low)
    np.testing.assert_array_equal(spec.observation_high, space.high)


def test_ends_keep_the_true_final_observation(count):
    first = count.reset()
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first[:, 1], 0)

    following, step = count.step(np.array([0, 2, 0]))  # the second copy terminates
    np.testing.assert_array_equal(step.observation[:, 1], 1)
    np.testing.assert_array_equal(step.observation[:, 0], first[:, 0])
    np.testing.assert_array_equal(following[:, 1], [1, 0, 1])
    np.testing.assert_array_equal(following[:, 0] == first[:, 0], [True, False, True])
    np.testing.assert_array_equal(step.terminated, [False, True, False])
    np.testing.assert_array_equal(step.truncated, [False, False, False])
    np.testing.assert_array_equal(step.reward, [0.5, 0.5, 0.5])
    assert {array.dtype.name for array in (step.observation, step.reward, following)} == {"float32"}

    count.step(np.array([0, 0, 0]))
    last_action = np.array([0, 0, 2])  # the third step is the last: the first copy truncates, the third terminates
    following, step = count.step(last_action)
    np.testing.assert_array_equal(step.observation[:, 1], [3, 2, 3])
    np.testing.assert_array_equal(step.observation[:, 0][[0, 2]], first[:, 0][[0, 2]])
    np.testing.assert_array_equal(following[:, 1], [0, 2, 0])
    np.testing.assert_array_equal(step.terminated, [False, False, True])
    np.testing.assert_array_equal(step.truncated, [True, False, False])
    np.testing.assert_array_equal(step.reward, [1.5, 1.0, 1.5])


def test_results_are_not_overwritten_by_the_next_step(count):
    first = count.reset()
    kept = first.copy()
    following, step = count.step(np.array([0, 0, 0]))
    reward, observation = step.reward.copy(), step.observation.copy()
    count.step(np.array([2, 0, 2]))
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(step.reward, reward)
    np.testing.assert_array_equal(step.observation, observation)
    np.testing.assert_array_equal(following, observation)


def test_it_does_what_single_environments_do():
    with closing(HostEnvironments("CartPole-v1", num_envs=3, seed=5)) as envs:
        observations = envs.reset()
        singles = [gymnasium.make("CartPole-v1") for _ in range(3)]
        seeds = np.random.SeedSequence(5).generate_state(3).tolist()
        expected = [env.reset(seed=seed)[0] for env, seed in zip(singles, seeds, strict=True)]
        rng, ends = np.random.default_rng(0), 0
        for _ in range(60):
            np.testing.assert_array_equal(observations, expected)
            actions = rng.integers(2, size=3)
            observations, step = envs.step(actions)
            for index, env in enumerate(singles):
                observation, reward, terminated, truncated, _ = env.step(actions[index])
                outcome = [array[index] for array in step]
                np.testing.assert_array_equal(outcome[0], observation)
                assert outcome[1:] == [reward, terminated, truncated]
                ends += terminated
                expected[index] = env.reset()[0] if terminated else observation
    assert ends > 3


def first_numbers(envs, **arguments):
    return [float(number) for number in envs.reset(**arguments)[:, 0]]


def test_seeds(count):
    beginning = first_numbers(count)
    later = first_numbers(count)
    assert len({*beginning, *later}) == 6, "every copy and every episode has random numbers of its own"
    assert first_numbers(count, seed=0) == beginning
    assert first_numbers(count) == later
    assert not set(first_numbers(count, seed=1)) & set(beginning), "neighbouring seeds share nothing"
    with closing(HostEnvironments(COUNT, num_envs=3, seed=0)) as again:
        assert first_numbers(again) == beginning
    with closing(HostEnvironments(COUNT, num_envs=3, seed=7)) as other:
        assert first_numbers(other, seed=0) == beginning


@pytest.mark.parametrize(
    ("space", "dtype"),
    [
        (Box(-np.inf, np.inf, (2,), np.float64), "float32"),
        (Box(0, 1, (2,), np.float32), "float32"),
        (Box(0, 255, (2, 2), np.uint8), "float32"),
        (Box(-3, 3, (), np.int64), "float32"),
        (Box(0, np.array([1, 2]), (2,), np.int8), "float32"),
        (Box(0, 1, (2, 2), np.uint8), "bool"),
        (Box(0, 1, (3,), bool), "bool"),
        (MultiBinary((2, 3)), "bool"),
    ],
)
def test_observations_are_float32_or_bool(register, space, dtype):
    class Sampled(Count):
        observation_space = space

        def observe(self):
            return np.asarray(space.sample())

    register("test/Sampled-v0", Sampled, max_episode_steps=2)
    space.seed(0)
    with closing(HostEnvironments("test/Sampled-v0", num_envs=2, seed=0)) as envs:
        spec, arrays = envs.spec, [envs.reset()]
        for _ in range(3):
            following, step = envs.step(np.array([0, 1]))
            arrays += [following, step.observation]
    assert spec.observation_shape == space.shape
    assert {array.dtype.name for array in arrays} == {spec.observation_dtype.name} == {dtype}
    space.seed(0)
    np.testing.assert_array_equal(arrays[0], np.array([space.sample(), space.sample()]).astype(dtype))
    for array in arrays:
        assert array.shape == (2, *space.shape)
        assert np.all((array >= spec.observation_low) & (array <= spec.observation_high))


def test_bounds_beyond_float32_become_infinite(register):
    register("test/Wide-v0", type("Wide", (Count,), {"observation_space": Box(-1e300, 1e300, (2,), np.float64)}))
    with closing(HostEnvironments("test/Wide-v0", num_envs=1, seed=0)) as envs:
        np.testing.assert_array_equal(envs.spec.observation_low, [-np.inf, -np.inf])
        np.testing.assert_array_equal(envs.spec.observation_high, [np.inf, np.inf])


def test_actions_may_count_from_another_number(register):
    class Shifted(Count):
        action_space = Discrete(4, start=-2)
        actions: ClassVar[list[int]] = []

    register("test/Shifted-v0", Shifted)
    with closing(HostEnvironments("test/Shifted-v0", num_envs=4, seed=0)) as envs:
        assert (envs.spec.num_actions, envs.spec.max_episode_steps) == (4, None)
        envs.reset()
        envs.step(np.arange(4, dtype=np.int32))
    assert Shifted.actions == [-2, -1, 0, 1]


@pytest.mark.parametrize(
    ("attribute", "space", "message"),
    [
        ("observation_space", Discrete(5), r"the observation space Discrete\(5\); supported are Box and MultiBinary"),
        ("observation_space", Dict(a=Discrete(2)), r"the observation space Dict.*FlattenObservation"),
        (
            "action_space",
            MultiDiscrete([2, 3]),
            r"the action space MultiDiscrete\(\[2 3\]\); supported are Discrete and Box",
        ),
    ],
)
def test_unsupported_spaces(register, attribute, space, message):
    register("test/Unsupported-v0", type("Unsupported", (Count,), {attribute: space}))
    with pytest.raises(AccumbensError, match=message):
        HostEnvironments("test/Unsupported-v0", num_envs=1, seed=0)


def test_unknown_name():
    with pytest.raises(
        UnknownNameError, match="unknown Gymnasium environment 'CartPol-v1'; did you mean 'CartPole-v1'"
    ):
        HostEnvironments("CartPol-v1", num_envs=1, seed=0)


def test_no_copies():
    with pytest.raises(AccumbensError, match="num_envs must be at least 1, not 0"):
        HostEnvironments("CartPole-v1", num_envs=0, seed=0)


def test_missing_box2d(monkeypatch):
    for module in [name for name in sys.modules if name.startswith(("gymnasium.envs.box2d", "Box2D"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "Box2D", None)  # as if it were not installed
    with pytest.raises(AccumbensError, match=r"uv sync --extra box2d.*pip install \"accumbens\[box2d\]\""):
        HostEnvironments("LunarLander-v3", num_envs=1, seed=0)


def test_environment_that_gymnasium_cannot_make(register):
    def broken(**_):
        raise ImportError("no simulator here")

    register("test/Broken-v0", broken)
    with pytest.raises(AccumbensError, match="environment 'test/Broken-v0' cannot be made: no simulator here"):
        HostEnvironments("test/Broken-v0", num_envs=1, seed=0)


def test_lunar_lander():
    with closing(HostEnvironments("LunarLander-v3", num_envs=2, seed=0)) as envs:
        assert (envs.spec.observation_shape, envs.spec.num_actions, envs.spec.max_episode_steps) == ((8,), 4, 1000)
        observations, terminated = envs.reset(), 0
        for _ in range(150):
            observations, step = envs.step(np.zeros(2, int))
            terminated += step.terminated.sum()
            unended = ~(step.terminated | step.truncated)
            np.testing.assert_array_equal(step.observation[unended], observations[unended])
    assert terminated >= 2, "without engines the lander crashes"
