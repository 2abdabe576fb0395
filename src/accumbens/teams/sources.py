"""Where the data of a run come from."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from accumbens.envs.teams.protocol import HostTeam, TeamEnvironment, TeamFacts
from accumbens.errors import AccumbensError, require
from accumbens.teams.minari_data import TeamData, read
from accumbens.teams.minari_layout import digest_of
from accumbens.teams.play import play
from accumbens.teams.policies import random_policy

_RANDOM = re.compile(r"random:(\d+)")


def data_of(source: str, environment: TeamEnvironment | HostTeam) -> TeamData:
    """Return data.

    Args:
        source: a Minari id; the folder of a data set; or `random:N`, which plays N episodes of the environment at
            random, from the seeds 0 to N - 1.
        environment: that they are of.

    Raises:
        AccumbensError: there are none, or they cannot be used.
        EnvironmentFailedError: the environment failed while it was played at random; see `play`.
    """
    drawn = _RANDOM.fullmatch(source)
    if not drawn:
        if source.partition(":")[0] == "random":  # an id may begin with it: random/team-v0
            raise AccumbensError(f"data={source} cannot be used: expected random:N, such as random:2000")
        found = read(source)
        require_same(found.facts, environment.facts, source)
        return found.arranged(environment.facts.agents)
    count = int(drawn[1])
    require("data", source, "random:N with N >= 1", count >= 1)
    episodes = play(environment, random_policy(), (), np.arange(count))
    return TeamData(environment.facts, episodes, digest_of(episodes))


def note_of(found: TeamData, environment: TeamEnvironment | HostTeam) -> list[str]:
    """Return what people should know of data that can be used: that another environment made them."""
    there, here = found.facts.name, environment.facts.name
    return [] if there == here else [f"the data are of {there}, not of {here}"]


def require_same(there: TeamFacts, here: TeamFacts, data: str) -> None:
    """Refuse data of agents that see or do something else than those of an environment.

    Raises:
        AccumbensError: names what differs.
    """
    pairs: Mapping[str, tuple[Any, Any]] = {
        "agents": (len(there.agents), len(here.agents)),
        "numbers in an observation": (there.observation_size, here.observation_size),
        "actions": (there.num_actions, here.num_actions),
    }
    unlike = [
        f"{theirs} {name} there, {ours} in {here.name}" for name, (theirs, ours) in pairs.items() if theirs != ours
    ]
    if unlike:
        raise AccumbensError(f"{data} is not of {here.name}: " + "; ".join(unlike))
