"""What is listed as trainable can be trained."""

import pytest

from accumbens.envs import registry
from accumbens.envs.gymnasium import describe
from accumbens.envs.trainable import host_environments, missing_extras
from accumbens.errors import AccumbensError

GYMNASIUM = [name for name in host_environments() if name not in registry.control_suite_environments()]


def test_extras_are_named():
    found = host_environments()
    assert (found["LunarLander-v3"], found["Ant-v5"], found["dmc/walker-walk"]) == ("box2d", "mujoco", "dmc")
    assert found["Pendulum-v1"] == ""


def test_an_extra_is_missing_if_a_module_of_it_is(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "imageio" else object())
    assert missing_extras() == ["mujoco"]


@pytest.mark.parametrize("name", GYMNASIUM)
@pytest.mark.filterwarnings("ignore")  # of environments that have a newer version
def test_what_is_listed_can_be_made(name):
    if host_environments()[name] in missing_extras():
        pytest.skip("needs an extra")
    facts = describe(name, "factored")[0]
    assert facts.observation_shape


@pytest.mark.parametrize("name", ["FrozenLake-v1", "Blackjack-v1", "Ant-v3", "Pusher-v4"])
def test_what_is_not_listed_cannot(name):
    assert name in registry.gymnasium_environments()
    assert name not in GYMNASIUM
    with pytest.raises((AccumbensError, ImportError)):
        describe(name, "factored")
