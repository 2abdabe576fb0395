"""Environments of Gymnasium that do what they do not declare: each is refused by name, on one core and on two."""

from contextlib import closing

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete, MultiBinary

from accumbens.envs.declared import Declared, given_bounds
from accumbens.envs.gymnasium import HostEnvironments, describe
from accumbens.errors import AccumbensError, EnvironmentFailedError

MODULE = """
import gymnasium, numpy as np
from gymnasium.spaces import Box, Discrete

class Honest(gymnasium.Env):
    observation_space, action_space = Box(-np.inf, np.inf, (3,), np.float32), Discrete(2)
    def seen(self): return np.full(3, self.t, np.float32)
    def reward(self): return 1.0
    def reset(self, *, seed=None, options=None): super().reset(seed=seed); self.t = 0; return self.seen(), {}
    def step(self, action): self.t += 1; return self.seen(), self.reward(), self.t == 9, False, {}

class Breaks(Honest):
    def step(self, action):
        if self.t == 5:
            raise RuntimeError("joint 3")
        return super().step(action)

class Scalar(Honest):
    def seen(self): return np.float32(3)

class Reward(Honest):
    def reward(self): return np.array([1.5]) if self.t == 2 else 1.0

for kind in (Honest, Breaks, Scalar, Reward):
    gymnasium.register(f"{kind.__name__}-v0", entry_point=f"dishonest:{kind.__name__}", max_episode_steps=50)
"""


@pytest.fixture
def dishonest(tmp_path, monkeypatch):
    (tmp_path / "dishonest.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "dishonest.py"


class Made(gymnasium.Env):
    """Observes and rewards whatever it is told to."""

    action_space = Discrete(2)

    def __init__(self, space=None, later=None, reward=1.0, ends=False, first=None):
        self.observation_space = Box(-np.inf, np.inf, (3,), np.float32) if space is None else space
        self.first = np.zeros(self.observation_space.shape, self.observation_space.dtype) if first is None else first
        self.later, self.reward, self.ends = self.first if later is None else later, reward, ends

    def reset(self, *, seed=None, options=None):
        return self.first, {}

    def step(self, action):
        return self.later, self.reward, self.ends, False, {}


def play(env, steps=3):
    env.reset()
    return [env.step(0) for _ in range(steps)]


BYTES = Box(0, 255, (2, 2, 1), np.uint8)
UNIT = Box(0, 1, (3,), np.float32)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (Made(later=np.zeros(1, np.float32)), r"has the shape \(1,\); the observation space is Box\(-inf, inf, \(3,\)"),
        (Made(later=np.float32(0)), r"has the shape \(\)"),
        (Made(later=[[1.0], [1.0, 2.0]]), "is a list of 2"),
        (Made(later=np.array([0.0, None, 0.0])), "is of type object"),
        (Made(later=np.array([0.0, np.nan, 0.0])), r"has the value nan at \[1\], which is not a finite number"),
        (Made(later=np.array([0.0, 1e300, 0.0])), r"1e\+300 at \[1\], which is not a finite number of float32"),
        (Made(UNIT, later=np.array([0.0, 0.0, 1.5])), r"the value 1.5 at \[2\], outside its bounds from 0 to 1"),
        (Made(BYTES, later=np.zeros((2, 2, 1))), "is of type float64"),
        (Made(BYTES, later=np.full((2, 2, 1), 300)), r"the value 300 at \[0, 0, 0\], outside its bounds from 0 to 255"),
        (Made(MultiBinary(3), later=np.array([0, 2, 0], np.int8)), r"the value 2 at \[1\]"),
        (Made(reward=None), "the reward is None, not one number"),
        (Made(reward=np.array([1.5])), r"the reward is an array of shape \(1,\), not one number"),
        (Made(reward=np.nan), "the reward is nan, which is not a finite number"),
        (Made(reward=1e39), r"the reward is 1e\+39, which"),
        (Made(ends=None), "terminated is None, not a bool"),
        (Made(ends=np.zeros(1, bool)), r"terminated is an array of shape \(1,\), not a bool"),
    ],
)
def test_what_is_not_declared_is_refused(env, message):
    with pytest.raises(EnvironmentFailedError, match=f"environment 'mine', in step 1 of an episode: .*{message}") as e:
        play(Declared(env, "mine"))
    assert f"Made, {__file__}" in str(e.value), "the user's class is named"


def test_first_observations_are_checked_too():
    with pytest.raises(EnvironmentFailedError, match="at an episode's start: the observation has the shape"):
        Declared(Made(first=np.zeros(2)), "mine").reset()
    lonely = Made()
    lonely.reset = lambda **_: np.zeros(2)
    with pytest.raises(EnvironmentFailedError, match=r"reset returned an array of shape \(2,\), not the pair"):
        Declared(lonely, "mine").reset()
    short = Made()
    short.step = lambda action: (np.zeros(3), 1.0, False, {})
    with pytest.raises(EnvironmentFailedError, match="step returned a tuple of 4, not"):
        play(Declared(short, "mine"))


@pytest.mark.parametrize(
    "env",
    [
        Made(),
        Made(later=[1.0, 2, 3]),
        Made(later=np.arange(6.0)[::2]),
        Made(reward=np.array(1.5)),
        Made(reward=np.int64(3)),
        Made(reward=True),
        Made(ends=np.array(False)),
        Made(BYTES, later=np.full((2, 2, 1), 255, np.uint8)),
        Made(BYTES, later=np.full((2, 2, 1), 255)),
        Made(Box(0, 1, (), np.float32), later=np.float32(0.5)),
        Made(Box(-1, 1, (0,), np.float32)),
        Made(Box(0, 1e9, (3,), np.float64), later=np.full(3, 2e9)),
    ],
)
def test_what_is_declared_in_other_words_is_taken(env):
    (_, reward, terminated, _, _), *_ = play(Declared(env, "mine"))
    assert float(reward) == float(env.reward)
    assert not terminated


def test_bounds_that_stand_for_none_are_infinite():
    largest = np.array([np.finfo(np.float16).max, np.finfo(np.float32).max, 1e9, 5.0], np.float32)
    low, high = given_bounds(Box(-largest, largest, dtype=np.float32))
    np.testing.assert_array_equal(high, [np.inf, np.inf, np.inf, 5.0])
    np.testing.assert_array_equal(low, -high)
    low, high = given_bounds(Box(0, 65504, (1,), np.uint16))
    assert (low, high) == (0, 65504), "a bound of integers"


def test_a_lander_may_fly_higher_than_gymnasium_declares():
    with closing(HostEnvironments("LunarLander-v3", 1, 0, num_workers=0)) as envs:
        envs.reset()
        height = max(float(envs.step(np.array([2]))[1].observation[0, 1]) for _ in range(300))
    assert height > 2.5, "the declared bound"
    assert np.isinf(envs.spec.observation_high).all()


@pytest.mark.parametrize("num_workers", [0, 2])
def test_an_error_names_the_users_own_line_in_this_process_and_in_others(dishonest, num_workers):
    with closing(HostEnvironments("dishonest:Breaks-v0", 2, 0, num_workers=num_workers)) as envs:
        envs.reset()
        for _ in range(5):
            envs.step(np.zeros(2, int))
        with pytest.raises(EnvironmentFailedError) as e:
            envs.step(np.zeros(2, int))
    line = 1 + MODULE.splitlines().index('            raise RuntimeError("joint 3")')
    assert str(e.value) == (
        "environment 'dishonest:Breaks-v0' raised RuntimeError in step 6 of an episode: joint 3\n"
        f'  {dishonest}, line {line}, in step\n    raise RuntimeError("joint 3")'
    )


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_reward_that_is_no_number_is_refused_in_this_process_and_in_others(dishonest, num_workers):
    with closing(HostEnvironments("dishonest:Reward-v0", 2, 0, num_workers=num_workers)) as envs:
        envs.reset()
        envs.step(np.zeros(2, int))
        with pytest.raises(EnvironmentFailedError, match="in step 2 of an episode: the reward is an array of shape"):
            envs.step(np.zeros(2, int))


def test_one_step_is_tried_before_anything_is_compiled(dishonest):
    describe("dishonest:Scalar-v0")
    with pytest.raises(EnvironmentFailedError, match=r"at an episode's start: the observation has the shape \(\)"):
        describe("dishonest:Scalar-v0", tried=True)


class Unmade(gymnasium.Env):
    def __init__(self, render_mode=None):
        raise OSError("no simulator")


@pytest.mark.parametrize(
    ("entry_point", "said"),
    [
        (Unmade, r"OSError: no simulator\n  .*, in __init__\n    raise OSError"),
        (lambda render_mode=None: len(3), r"TypeError: .*\n  .*test_declared.py, line \d+, in <lambda>"),
        ("gymnasium:no_such_name", "AttributeError: .*no_such_name"),
    ],
)
def test_what_is_raised_while_an_environment_is_made_is_told_with_the_users_line(entry_point, said):
    gymnasium.register("Unmade-v0", entry_point=entry_point)
    try:
        with pytest.raises(EnvironmentFailedError, match=f"environment 'Unmade-v0' cannot be made: {said}"):
            describe("Unmade-v0")
    finally:
        del gymnasium.registry["Unmade-v0"]


@pytest.mark.parametrize("missing", ["observation_space", "action_space"])
def test_an_environment_without_a_space_is_refused(missing):
    spaces = {"observation_space": Box(0, 1, (2,)), "action_space": Discrete(2)}
    del spaces[missing]
    gymnasium.register("Spaceless-v0", entry_point=type("Spaceless", (gymnasium.Env,), spaces))
    try:
        with pytest.raises(AccumbensError, match=f"environment 'Spaceless-v0' has no {missing}: its class has to set"):
            describe("Spaceless-v0")
    finally:
        del gymnasium.registry["Spaceless-v0"]


def test_what_gymnasium_asserts_of_a_spec_is_told(monkeypatch):
    gymnasium.register("Backwards-v0", entry_point=Made, max_episode_steps=-1)
    monkeypatch.setattr(gymnasium.registry["Backwards-v0"], "max_episode_steps", -1)
    try:
        with pytest.raises(AccumbensError, match=r"cannot make environment 'Backwards-v0': .*positive"):
            describe("Backwards-v0")
    finally:
        del gymnasium.registry["Backwards-v0"]
