"""The names of all environments of several agents. Listing them imports neither JAX nor what they are made of."""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from accumbens.errors import EnvironmentFailedError, UnknownNameError, users_code
from accumbens.registration import Registered

if TYPE_CHECKING:
    from accumbens.envs.teams.protocol import HostTeam, TeamEnvironment

_HOMES = {
    "team/fill-in-2": "accumbens.envs.teams.fill_in:fill_in_2",
    "team/fill-in-4": "accumbens.envs.teams.fill_in:fill_in_4",
    "team/equal-space-3": "accumbens.envs.teams.equal_space:equal_space_3",
}
"""Ours, on the device: where each is made."""

_SMAX = ("3m", "2s3z", "8m", "3s5z", "5m_vs_6m", "3s5z_vs_3s6z", "3s_vs_5z", "6h_vs_8z")
_MPE = ("simple_spread", "simple_reference", "simple_speaker_listener", "simple_tag")
_PETTINGZOO = "pettingzoo/"


_registered: "Registered[Callable[[], TeamEnvironment | HostTeam]]" = Registered("environment of several agents")


def team_environments() -> list[str]:
    """List all that have a name; `pettingzoo/MODULE` makes one of any parallel environment of PettingZoo's kind."""
    return [*_HOMES, *jaxmarl_environments()]


def jaxmarl_environments() -> list[str]:
    """List those that need the extra `jaxmarl`."""
    return [*(f"smax/{name}" for name in _SMAX), *(f"mpe/{name}" for name in _MPE)]


def register_team(name: str, make: "Callable[[], TeamEnvironment | HostTeam]") -> str:
    """Register an environment of several agents of your own, for every command and function that takes a name.

    Call it where your module is imported: `module:NAME` imports the module by itself, and so does everything that opens
    a run later.

    Args:
        name: its id, such as `corridor`; registered again, it means the later one.
        make: returns the environment; its `facts.name` may be the id.

    Returns:
        The name that configurations keep: `module:id`.

    Raises:
        AccumbensError: the name is one of ours, empty, or has a colon in it.
    """
    return _registered.add(name, make, team_environments())


def resolve_team(name: str) -> str:
    """Look up the name that a configuration keeps.

    Raises:
        UnknownNameError: there is none of that name.
        AccumbensError: the module in `module:id` cannot be imported.
    """
    if name in team_environments() or (name.startswith(_PETTINGZOO) and len(name) > len(_PETTINGZOO)):
        return name
    found = _registered.resolve(name)
    if found is None:
        known = [*team_environments(), *_registered.names()]
        raise UnknownNameError(_registered.kind, name, known, command="accumbens envs")
    return found


def is_team(name: str) -> bool:
    """Return whether it is the name of an environment of several agents.

    Raises:
        AccumbensError: the module in `module:id` cannot be imported.
    """
    try:
        resolve_team(name)
    except UnknownNameError:
        return False
    return True


def make_team(name: str) -> "TeamEnvironment | HostTeam":
    """Return an environment of several agents.

    Args:
        name: one of `team_environments`; `pettingzoo/MODULE`, such as `pettingzoo/mpe2.simple_spread_v3`, or
            `pettingzoo/MODULE:FUNCTION`; or an id of `register_team`, or `module:id`.

    Raises:
        UnknownNameError: there is none of that name.
        AccumbensError: it needs an extra that is not installed, or cannot be made.
    """
    name = resolve_team(name)
    if name in _HOMES:
        module, _, function = _HOMES[name].partition(":")
        return getattr(importlib.import_module(module), function)()
    if name.startswith("smax/"):
        from accumbens.envs.teams.jaxmarl import smax

        return smax(name.removeprefix("smax/"))
    if name.startswith("mpe/"):
        from accumbens.envs.teams.jaxmarl import mpe

        return mpe(name.removeprefix("mpe/"))
    if name.startswith(_PETTINGZOO):
        from accumbens.envs.teams.pettingzoo import PettingZooTeam

        return PettingZooTeam(name.removeprefix(_PETTINGZOO))
    make = _registered.get(name)
    assert make is not None  # it has been resolved
    with users_code(f"environment {name!r} cannot be made", make, EnvironmentFailedError):
        env = make()
    return _named(env, name)


def _named(env: "TeamEnvironment | HostTeam", name: str) -> "TeamEnvironment | HostTeam":
    """Give a user's environment the name that a configuration keeps.

    Raises:
        EnvironmentFailedError: it is no environment of several agents.
    """
    from accumbens.envs.teams.protocol import HostTeam, TeamEnvironment

    if isinstance(env, TeamEnvironment):
        return env._replace(facts=env.facts._replace(name=name))
    if not isinstance(env, HostTeam):
        raise EnvironmentFailedError(
            f"environment {name!r} cannot be used: what makes it returns {type(env).__name__}, neither a "
            "TeamEnvironment nor a HostTeam"
        )
    env.facts = env.facts._replace(name=name)
    return env
