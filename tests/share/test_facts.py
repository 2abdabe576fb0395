"""The facts of environments survive TOML, and choices become what each environment takes."""

import tomllib

import gymnasium
import numpy as np
import pytest
import tomli_w
from gymnasium.envs.classic_control import CartPoleEnv
from gymnasium.spaces import Discrete

from accumbens.envs.bang_bang import BangBang
from accumbens.errors import AccumbensError
from accumbens.training.config import resolve_config
from accumbens.training.facts import Facts, facts_of, from_table, to_table


class CountsFromOne(CartPoleEnv):
    def __init__(self, render_mode=None):
        super().__init__(render_mode=render_mode)
        self.action_space = Discrete(2, start=1)


@pytest.fixture(scope="module", autouse=True)
def counts_from_one():
    gymnasium.register("CountsFromOne-v0", entry_point=CountsFromOne)
    yield
    gymnasium.registry.pop("CountsFromOne-v0")


CONTINUOUS = ["Pendulum-v1", "BipedalWalker-v3"]
CASES = [(env, "joint") for env in ("CartPole-v1", "minatar/breakout", "CountsFromOne-v0", *CONTINUOUS)]
CASES += [(env, "factored") for env in CONTINUOUS]


def facts(env, discretisation):
    return facts_of(resolve_config(env, "ad_pqn", changes={"discretisation": discretisation}))


@pytest.mark.parametrize(("env", "discretisation"), CASES)
def test_they_survive_toml(env, discretisation):
    before = facts(env, discretisation)
    after = from_table(tomllib.loads(tomli_w.dumps(to_table(before))))
    for name, value in before._asdict().items():
        found = getattr(after, name)
        if name in ("observation_low", "observation_high"):  # equal bounds become one number
            value, found = (np.broadcast_to(array, before.observation_shape) for array in (value, found))
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(found, value, strict=True)
        else:
            assert found == value, name


@pytest.mark.parametrize("discretisation", ["joint", "factored"])
@pytest.mark.parametrize("env", CONTINUOUS)
def test_continuous_actions_are_the_corners_of_the_wrapper(env, discretisation):
    found = facts(env, discretisation)
    wrapper = BangBang(gymnasium.make(env), discretisation)
    choices = [wrapper.action_space.sample() for _ in range(20)]
    actions = found.to_environment(np.asarray(choices))
    assert actions.dtype == wrapper.env.action_space.dtype
    np.testing.assert_array_equal(actions, [wrapper.action(choice) for choice in choices])
    assert all(action in wrapper.env.action_space for action in actions)
    wrapper.close()


def test_discrete_actions_are_counted_as_the_environment_counts():
    np.testing.assert_array_equal(facts("CountsFromOne-v0", "joint").to_environment(np.array([0, 1])), [1, 2])
    np.testing.assert_array_equal(facts("CartPole-v1", "joint").to_environment(np.array([0, 1])), [0, 1])


def test_damaged_facts():
    table = to_table(Facts((2,), np.dtype(np.float32), np.arange(2.0), np.ones(2), 2))
    assert from_table(table).num_actions == 2
    low = {"dtype": "float32", "values": [-1.0]}
    for change in ({"observation_shape": [3, 3]}, {"observation_low": [0.0]}, {"action_low": low}):
        with pytest.raises(AccumbensError, match="the facts of the environment are damaged"):
            from_table(table | change)
