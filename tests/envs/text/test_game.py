"""What holds of every text environment, and what is said where something is wrong."""

import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import accumbens  # noqa: F401 - registers the environments
from accumbens.envs import registry
from accumbens.envs.gymnasium import describe
from accumbens.envs.text.game import ADMISSIBLE, TextEnvironment, Told
from accumbens.envs.trainable import host_environments
from accumbens.errors import AccumbensError, EnvironmentFailedError, UnknownNameError

HOUSEHOLD = ["text/food-preparation", "text/microwave"]


class Says:
    """A game that says what it is given, again and again."""

    def __init__(self, **told):
        self.told = Told(**{"observation": "Here.", "actions": ("go on", "go back"), **told})
        self.closed = False

    def begin(self, random):
        return Told("Begin.", ("go on", "go back"))

    def act(self, action):
        return self.told

    def wait(self):
        return self.told._replace(observation="Nothing happens.")

    def close(self):
        self.closed = True


@pytest.mark.parametrize("name", HOUSEHOLD)
def test_gymnasium_finds_nothing_wrong(name):
    """Its checker draws an action, then begins an episode, and does it: what is admissible may be another by then."""
    env = gymnasium.make(name, penalty=-0.1, render_mode="ansi")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*is different from the unwrapped version.*")
        check_env(env.unwrapped)
    observation, _ = env.reset(seed=1)
    assert env.render() == observation


@pytest.mark.parametrize("name", HOUSEHOLD)
def test_a_seed_decides_and_random_play_ends(name):
    def play():
        env = gymnasium.make(name)
        env.action_space.seed(3)
        said, (observation, info) = [], env.reset(seed=3)
        for _ in range(200):
            action = env.action_space.sample()
            assert action in info[ADMISSIBLE]
            assert action in env.action_space
            observation, reward, terminated, truncated, info = env.step(action)
            assert observation in env.observation_space
            said.append((action, observation, reward, terminated, truncated, info[ADMISSIBLE]))
            if terminated or truncated:
                observation, info = env.reset()
        return said

    first = play()
    assert first == play()
    assert any(row[3] or row[4] for row in first)


def test_gymnasium_makes_several_of_it():
    envs = gymnasium.make_vec("text/microwave", num_envs=2)
    observations, info = envs.reset(seed=0)
    assert len(set(observations)) == 1
    _, reward, terminated, _, _ = envs.step(np.array([actions[0] for actions in info[ADMISSIBLE]], object))
    assert not reward.any()
    assert not terminated.any()


def test_an_unknown_action_is_told_with_the_nearest():
    env = gymnasium.make("text/microwave")
    env.reset()
    with pytest.raises(UnknownNameError, match=r"'open the microwav'; did you mean 'open the microwave'\?"):
        env.step("open the microwav")
    with pytest.raises(UnknownNameError, match="Known: open the microwave, close the microwave"):
        env.step("put the pancake in the microwave")


def test_free_text_costs_and_passes_a_step():
    env = gymnasium.make("text/microwave", penalty=-0.5)
    first, _ = env.reset()
    observation, reward, terminated, _, info = env.step("dance")
    assert (observation, reward, terminated) == (first, -0.5, False)
    assert info[ADMISSIBLE] == ("open the microwave", "close the microwave")
    assert env.step("\n open the  microwave ")[1] == 0.0
    assert [env.step(text)[1:3] for text in ("", "put", "put!")] == [(-0.5, False), (-0.5, False), (-1.5, True)]


def test_free_text_of_food_preparation_is_truncated():
    env = gymnasium.make("text/food-preparation", penalty=0.0)
    env.reset()
    ends = [env.step("dance")[2:4] for _ in range(50)]
    assert ends == [(False, False)] * 49 + [(False, True)]


def test_an_end_leaves_nothing_to_do():
    env = TextEnvironment(Says(truncated=True), "mine")
    with pytest.raises(AccumbensError, match="no episode of 'mine' goes on: begin one with reset"):
        env.step("go on")
    with pytest.raises(AccumbensError, match="no action is admissible"):
        env.action_space.sample()
    env.reset()
    assert env.step("go on")[2:] == (False, True, {ADMISSIBLE: ()})
    with pytest.raises(AccumbensError, match="goes on"):
        env.step("go on")
    env.close()
    assert env.game.closed


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"actions": ()}, "'mine' has no admissible action, and its episode has not ended: 'Here.'"),
        ({"observation": "Café"}, "'mine' told a text that has 'é', which is no printable ASCII"),
        ({"actions": ("go", "")}, "'mine' told a text that has 0 characters; texts have 1 to 8192"),
        ({"observation": "a" * 8193}, "has 8193 characters"),
    ],
)
def test_a_game_that_fails_is_named(told, message):
    env = TextEnvironment(Says(**told), "mine")
    env.reset()
    with pytest.raises(EnvironmentFailedError, match=message):
        env.step("go on")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"penalty": 0.1}, "penalty=0.1 cannot be used: it must be 0 or less"), ({"render_mode": "human"}, "'ansi'")],
)
def test_settings_that_cannot_be(arguments, message):
    with pytest.raises(AccumbensError, match=message):
        TextEnvironment(Says(), "mine", **arguments)
    env = TextEnvironment(Says(), "mine")
    with pytest.raises(AccumbensError, match="mask="):
        env.action_space.sample(mask=(1,))


@pytest.mark.parametrize("name", list(registry.text_environments()))
def test_names(name):
    assert registry.resolve(name) == name
    assert not registry.is_on_device(name)
    assert name in registry.all_environments()
    assert name not in host_environments()
    with pytest.raises(AccumbensError, match="must be a new name"):
        registry.register_environment(name, lambda: None)


def test_agents_of_numbers_say_what_they_need():
    with pytest.raises(
        AccumbensError, match="'text/food-preparation' tells texts: language agents such as poad read them"
    ):
        describe("text/food-preparation", "joint")


def test_without_minigrid(monkeypatch):
    monkeypatch.setitem(sys.modules, "minigrid.core.constants", None)
    monkeypatch.setitem(sys.modules, "minigrid", None)
    with pytest.raises(AccumbensError, match=r"text/minigrid needs MiniGrid.*accumbens\[minigrid\]"):
        gymnasium.make("text/minigrid")
