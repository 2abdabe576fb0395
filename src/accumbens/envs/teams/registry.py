"""The names of all environments of several agents. Listing them imports neither JAX nor what they are made of."""

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from accumbens.errors import AccumbensError, UnknownNameError

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


def team_environments() -> list[str]:
    """List all that have a name; `pettingzoo/MODULE` makes one of any parallel environment of PettingZoo's kind."""
    return [*_HOMES, *(f"smax/{name}" for name in _SMAX), *(f"mpe/{name}" for name in _MPE)]


def is_team(name: str) -> bool:
    """Return whether it is the name of an environment of several agents."""
    return name in team_environments() or (name.startswith(_PETTINGZOO) and len(name) > len(_PETTINGZOO))


def make_team(name: str) -> "TeamEnvironment | HostTeam":
    """Return an environment of several agents.

    Raises:
        UnknownNameError: there is none of that name.
        AccumbensError: it needs an extra that is not installed, or cannot be made.
    """
    raise NotImplementedError
