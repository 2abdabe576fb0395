"""How episodes of a team lie in a Minari data set, which both the reader and the writer know.

The observation space is a Dict of the agents: each a Box, or where actions can be illegal a Dict of `observation` and
`action_mask`, as PettingZoo has it. The action space is a Dict of the agents, each Discrete. Minari has one reward for
a step, the mean over the agents; their own are in `infos`, with who is alive. Minari's spaces sort the agents by name;
their order, as every column of `infos` and the team's environment has it, is in the metadata under `accumbens`.
"""

import hashlib
import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from accumbens.envs.teams.protocol import TeamFacts
from accumbens.errors import AccumbensError, require
from accumbens.teams.episodes import Episodes

LAYOUT = 1
"""Version of what is written here; raised when a reader of the one before could not read it."""

KEY = "accumbens"
"""Where Minari's metadata keep what is ours."""

DATA = "data"
"""The folder within a data set that Minari looks into."""

OBSERVATION, MASK = "observation", "action_mask"
"""What an agent sees where actions can be illegal: PettingZoo's names."""

REWARDS, ALIVE = "rewards", "alive"
"""In `infos`: `[steps, agents]` and `[steps + 1, agents]`."""


def require_minari() -> Any:
    """Import Minari, with what reads HDF5.

    Raises:
        AccumbensError: it is not installed.
    """
    try:
        importlib.import_module("h5py")
        return importlib.import_module("minari")
    except ImportError as error:
        raise AccumbensError(
            "data sets of teams need Minari, which is not installed. In a checkout run 'uv sync --extra minari', "
            """elsewhere 'pip install "accumbens[minari]"'."""
        ) from error


def facts_to_document(facts: TeamFacts) -> dict[str, Any]:
    """Return the facts of a team as the metadata keep them."""
    return facts._asdict() | {"agents": list(facts.agents)}


def facts_from_document(document: Mapping[str, Any]) -> TeamFacts:
    """Return the facts that metadata keep of a team.

    Raises:
        KeyError: one is missing.
        AccumbensError: one cannot be what it says.
    """
    facts = TeamFacts(**{name: document[name] for name in TeamFacts._fields})
    names = facts.agents if isinstance(facts.agents, list) else []
    require("name", facts.name, "a text", isinstance(facts.name, str))
    require("agents", facts.agents, "a list of names", names and all(isinstance(name, str) for name in names))
    for name in ("observation_size", "num_actions", "max_episode_steps"):
        value = getattr(facts, name)
        require(name, value, "a whole number >= 1", type(value) is int and value >= 1)
    require("masks", facts.masks, "true or false", isinstance(facts.masks, bool))
    require("won", facts.won, "a number or null", facts.won is None or type(facts.won) in (int, float))
    return facts._replace(agents=tuple(names))


class Digest:
    """SHA-256 of episodes: of their numbers and their order, not of how they are padded or stored."""

    def __init__(self):
        """Begin with no episode."""
        self._hash = hashlib.sha256()

    def add(self, episodes: Episodes) -> None:
        """Go on with more episodes."""
        for index, length in enumerate(episodes.lengths.tolist()):
            for name in Episodes._fields:
                array = getattr(episodes, name)[index]
                if array.ndim:
                    array = array[: length + (name in ("observation", "legal", "alive"))]
                array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
                self._hash.update(f"{name} {array.dtype.str} {array.shape}".encode())
                self._hash.update(array.tobytes())

    def hexdigest(self) -> str:
        """Return the digest of all episodes so far."""
        return self._hash.hexdigest()


def digest_of(episodes: Episodes) -> str:
    """Return the SHA-256 of episodes; see `Digest`."""
    digest = Digest()
    digest.add(episodes)
    return digest.hexdigest()
