"""The names of environments of several agents, and those of one's own."""

import subprocess
import sys

import pytest

from accumbens.envs.teams.fill_in import fill_in
from accumbens.envs.teams.protocol import TeamEnvironment
from accumbens.envs.teams.registry import (
    is_team,
    make_team,
    register_team,
    resolve_team,
    team_environments,
)
from accumbens.errors import AccumbensError, EnvironmentFailedError, UnknownNameError

PLUGIN = """
from accumbens.envs.teams.fill_in import fill_in
from accumbens.envs.teams.registry import register_team

register_team("tiny", lambda: fill_in(2, 3, 5))
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """The name of a module that registers an environment when it is imported."""
    (tmp_path / "team_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    yield "team_plugin"
    sys.modules.pop("team_plugin", None)


def test_listing_imports_nothing_heavy():
    program = """
import sys
from accumbens.envs.teams.registry import is_team, team_environments
assert len(team_environments()) == 15 and is_team("team/fill-in-2")
sys.exit(bool({"jax", "numpy", "gymnasium", "jaxmarl", "pettingzoo"} & set(sys.modules)))
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_ours_are_made_under_their_names():
    for name in team_environments():
        assert is_team(name)
        if not name.startswith("smax/"):
            assert make_team(name).facts.name == name


def test_no_names():
    for name in ("team/fill-in-3", "CartPole-v1", "pettingzoo/", "smax/4m", ""):
        assert not is_team(name)
    with pytest.raises(
        UnknownNameError, match="unknown environment of several agents 'team/fill-in-3'; did you mean 'team"
    ):
        make_team("team/fill-in-3")
    assert is_team("pettingzoo/anything.there_is"), "whether it can be made is seen when it is"


def test_one_s_own(plugin):
    assert resolve_team(f"{plugin}:tiny") == f"{plugin}:tiny"
    env = make_team(f"{plugin}:tiny")
    assert isinstance(env, TeamEnvironment)
    assert env.facts == fill_in(2, 3, 5).facts._replace(name=f"{plugin}:tiny")
    assert resolve_team("tiny") == f"{plugin}:tiny", "the bare id is enough while the module is imported"
    with pytest.raises(UnknownNameError, match=f"did you mean '{plugin}:tiny'"):
        make_team(f"{plugin}:tiniy")


def test_what_cannot_be_registered():
    for name in ("team/fill-in-2", "", "a:b"):
        with pytest.raises(AccumbensError, match="cannot be registered"):
            register_team(name, fill_in)
    with pytest.raises(AccumbensError, match="cannot import the module 'no_such_module'"):
        make_team("no_such_module:tiny")


def test_what_raises_or_is_none():
    register_team("raises", lambda: fill_in(1 // 0))
    with pytest.raises(EnvironmentFailedError, match="cannot be made: ZeroDivisionError"):
        make_team("raises")
    register_team("a number", lambda: 3)
    with pytest.raises(EnvironmentFailedError, match="returns int, neither a TeamEnvironment nor a HostTeam"):
        make_team("a number")
