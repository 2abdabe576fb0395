"""Where the data of a run come from."""

import re

import numpy as np

from accumbens.envs.teams.protocol import HostTeam, TeamEnvironment
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
    """
    found = _RANDOM.fullmatch(source)
    if not found:
        if source.startswith("random"):
            raise AccumbensError(f"data={source} cannot be used: expected random:N, such as random:2000")
        return read(source)
    count = int(found[1])
    require("data", source, "random:N with N >= 1", count >= 1)
    episodes = play(environment, random_policy(), (), np.arange(count))
    return TeamData(environment.facts, episodes, digest_of(episodes))
