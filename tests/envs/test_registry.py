import subprocess
import sys

import gymnasium
import pytest

from accumbens.envs import registry
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.registration import Registered

PLUGIN = """
import gymnasium
gymnasium.register("plugin/Thing-v0", entry_point="gymnasium.envs.classic_control:CartPoleEnv")
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """The name of a module that registers an environment with Gymnasium when it is imported."""
    (tmp_path / "environment_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    yield "environment_plugin"
    sys.modules.pop("environment_plugin", None)
    gymnasium.registry.pop("plugin/Thing-v0", None)


def test_listing_imports_neither_jax_nor_gymnasium():
    program = """
import sys
import accumbens
from accumbens.envs import registry
assert len(registry.device_environments()) == 20
assert registry.is_on_device("minatar/breakout") and registry.benchmark_of("CartPole-v1") == "classic"
sys.exit(bool({"jax", "jaxtyping", "numpy", "gymnasium", "gymnax"} & set(sys.modules)))
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_listed_names_are_those_that_are_implemented():
    from accumbens.envs.conditioning import PROBES
    from accumbens.envs.jax import CLASSIC_CONTROL
    from accumbens.envs.memory import MEMORY
    from accumbens.envs.minatar import GAMES
    from accumbens.envs.octax import GAMES as ARCADE

    assert set(registry.device_environments()) == {*CLASSIC_CONTROL, *GAMES, *ARCADE, *PROBES, *MEMORY}


@pytest.mark.parametrize(
    ("name", "resolved", "on_device", "benchmark"),
    [
        ("CartPole-v1", "CartPole-v1", True, "classic"),
        ("minatar/seaquest", "minatar/seaquest", True, "minatar"),
        ("MinAtar/Breakout-v1", "minatar/breakout", True, "minatar"),
        ("MinAtar/SpaceInvaders-v1", "minatar/space_invaders", True, "minatar"),
        ("octax/pong", "octax/pong", True, "minatar"),
        ("probe/conditioning", "probe/conditioning", True, "probe"),
        ("memory/chain-16", "memory/chain-16", True, "classic"),
        ("LunarLander-v3", "LunarLander-v3", False, "gymnasium"),
        ("CartPole-v0", "CartPole-v0", False, "gymnasium"),
    ],
)
def test_names(name, resolved, on_device, benchmark):
    assert registry.resolve(name) == resolved
    assert registry.is_on_device(name) is on_device
    assert registry.benchmark_of(name) == benchmark


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("CartPol-v1", "CartPole-v1"),
        ("breakout", "minatar/breakout"),
        ("MinAtar/Breakout-v0", "minatar/breakout"),
        ("memory/chain-17", "memory/chain-16"),
        ("LunarLander", "LunarLander-v3"),
    ],
)
@pytest.mark.parametrize("function", [registry.resolve, registry.is_on_device, registry.benchmark_of, registry.make])
def test_unknown_names(function, name, nearest):
    with pytest.raises(UnknownNameError) as raised:
        function(name)
    expected = f"unknown environment {name!r}; did you mean {nearest!r}? Run 'accumbens envs' to see all."
    assert str(raised.value) == expected


def test_gymnasium_environments_are_the_others():
    others = registry.gymnasium_environments()
    assert "LunarLander-v3" in others
    assert not set(others) & set(registry.device_environments())


def test_make_gives_the_environment_of_that_name():
    assert registry.make("MountainCar-v0").name == "MountainCar-v0"
    assert registry.make("MinAtar/Freeway-v1").name == "minatar/freeway"


def test_make_refuses_an_environment_of_the_host():
    with pytest.raises(AccumbensError, match="'LunarLander-v3' is Gymnasium's: it runs on the host"):
        registry.make("LunarLander-v3")


def test_module_that_registers_environments(plugin):
    with pytest.raises(UnknownNameError):
        registry.resolve("plugin/Thing-v0")
    assert registry.resolve(f"{plugin}:plugin/Thing-v0") == f"{plugin}:plugin/Thing-v0"
    assert not registry.is_on_device(f"{plugin}:plugin/Thing-v0")
    assert "plugin/Thing-v0" in registry.gymnasium_environments()
    with pytest.raises(UnknownNameError):
        registry.resolve(f"{plugin}:plugin/Other-v0")


def test_module_that_cannot_be_imported():
    with pytest.raises(
        AccumbensError, match="cannot import the module 'no_such_module' of environment 'no_such_module:T"
    ):
        registry.resolve("no_such_module:Thing-v0")
    with pytest.raises(UnknownNameError, match="unknown environment ':CartPole-v1'"):
        registry.resolve(":CartPole-v1")


def test_what_fails_while_it_is_made_is_told_with_the_users_line(monkeypatch):
    def make():
        return [][1]

    monkeypatch.setattr(registry, "_registered", Registered("environment"))
    name = registry.register_environment("unmade", make)
    with pytest.raises(AccumbensError, match=r"cannot be made: IndexError: .*\n.*, in make\n    return \[\]\[1\]"):
        registry.make(name)
