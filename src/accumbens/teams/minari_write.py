"""Episodes of a team, written as a Minari data set by Minari's own storage."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from accumbens.envs.teams.protocol import TeamFacts
from accumbens.errors import AccumbensError
from accumbens.runs.outputs import new_folder
from accumbens.teams.data_card import CARD, Statistics, card_text
from accumbens.teams.episodes import Episodes
from accumbens.teams.minari_layout import (
    ALIVE,
    DATA,
    KEY,
    LAYOUT,
    MASK,
    OBSERVATION,
    REWARDS,
    Digest,
    facts_to_document,
    require_minari,
)
from accumbens.teams.padding import joined
from accumbens.teams.sound import require_sound


def write(
    episodes: Episodes,
    facts: TeamFacts,
    target: str | Path,
    *,
    made: Mapping[str, Any],
    dataset_id: str | None = None,
) -> dict[str, Any]:
    """Write episodes of a team as a Minari data set, with a card; the folder is complete before it gets its name.

    Args:
        episodes: at least one.
        facts: of the team.
        target: the data set's folder, in which Minari's own is `data`; it must not exist yet, or be empty.
        made: how they were made, for the card: at least `policy`; texts and numbers.
        dataset_id: what Minari calls it; None makes one of the environment's name and the folder's.

    Returns:
        what the card says, see `Statistics.document`, with `digest`.

    Raises:
        AccumbensError: the target exists, Minari is not installed, or the episodes cannot be written: there are none,
            one has no steps, its numbers are not finite, it ended in two ways or in none, or they do not suit `facts`.
    """
    with new_data_set(facts, target, made, dataset_id) as data:
        data.add(episodes)
    return data.card


class NewDataSet:
    """A data set that is being written.

    Attributes:
        dataset_id: what Minari calls it.
        card: what its card says; empty until it is complete.
    """

    def __init__(self, facts: TeamFacts, folder: Path, dataset_id: str):
        """Begin in a folder that is empty."""
        from minari.dataset.minari_storage import MinariStorage

        self.dataset_id, self.card = dataset_id, {}
        self._facts, self._folder = facts, folder
        self._statistics, self._digest = Statistics(facts), Digest()
        (folder / DATA).mkdir()
        observation_space, action_space = _spaces(facts)
        self._storage = MinariStorage.new(
            folder.absolute() / DATA,  # of one that is not, it cannot tell the size
            observation_space=observation_space,
            action_space=action_space,
            data_format="hdf5",
            jpeg_encoding=False,  # nothing here is a picture, and nothing may change
        )

    def add(self, episodes: Episodes) -> None:
        """Write more episodes.

        Raises:
            AccumbensError: one cannot be written; see `write`.
        """
        require_sound(episodes, self._facts)
        episodes = joined(self._facts, [episodes])  # of the types that are read again, as the digest is of them too
        _require_legal(episodes, self._facts)
        self._storage.update_episodes(_buffer(episodes, self._facts, index) for index in range(len(episodes.lengths)))
        self._statistics.add(episodes)
        self._digest.add(episodes)

    def complete(self, made: Mapping[str, Any]) -> None:
        """Write what is known at the end.

        Raises:
            AccumbensError: there are no episodes.
        """
        if not self._statistics.episodes:
            raise AccumbensError("no episodes: a data set needs at least one")
        facts = self._facts
        self.card = {"made": dict(made)} | self._statistics.document() | {"digest": self._digest.hexdigest()}
        self._storage.update_metadata(
            {
                "dataset_id": self.dataset_id,
                "minari_version": version("minari"),
                "algorithm_name": str(made["policy"]),
                "description": f"Episodes of {facts.name}, with {len(facts.agents)} agents, recorded by accumbens.",
                KEY: {"layout": LAYOUT, "facts": facts_to_document(facts), "card": self.card},
            }
        )
        (self._folder / CARD).write_text(card_text(self.dataset_id, facts, self.card), encoding="utf-8")


@contextmanager
def new_data_set(
    facts: TeamFacts, target: str | Path, made: Mapping[str, Any], dataset_id: str | None = None
) -> Iterator[NewDataSet]:
    """Give a new data set to add episodes to, which is there at the end or, if that fails, not at all.

    Args:
        facts: of the team.
        target: as of `write`.
        made: as of `write`.
        dataset_id: as of `write`.

    Raises:
        AccumbensError: as of `write`.
    """
    require_minari()
    _require_names(facts)
    target = Path(target)
    require_new(target)
    dataset_id = checked_id(dataset_id or _id_of(facts.name, target))
    with new_folder(target, CARD, staging=f".{target.name}.recording-{os.getpid()}") as folder:
        data = NewDataSet(facts, folder, dataset_id)
        yield data
        data.complete(made)


def require_new(target: Path) -> None:
    """Refuse a folder that holds anything: data are never overwritten.

    Raises:
        AccumbensError: it does.
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise AccumbensError(f"{target} exists already, and data are never overwritten: choose another folder or name")


def checked_id(dataset_id: str) -> str:
    """Return what Minari calls a data set.

    Raises:
        AccumbensError: it can have no such id.
    """
    require_minari()
    from minari.dataset.minari_dataset import parse_dataset_id

    try:
        parse_dataset_id(dataset_id)
    except (ValueError, TypeError) as error:  # of an id without a version it makes a number of None
        raise AccumbensError(
            f"{dataset_id!r} is no id of a Minari data set: expected NAMESPACE/NAME-vVERSION, of letters, digits, '-' "
            "and '_', such as team/fill-in-2/random-v0"
        ) from error
    return dataset_id


def _id_of(environment: str, target: Path) -> str:
    """An id by which Minari finds the data set, should it be moved to where Minari keeps them."""
    name = _word(target.resolve().name)
    parts = [_word(part) for part in environment.split("/") if part]
    return "/".join([*parts, name if re.search(r"-v\d+$", name) else f"{name}-v0"])


def _word(text: str) -> str:
    return re.sub(r"[^-\w]+", "-", text)


def _require_names(facts: TeamFacts) -> None:
    for agent in facts.agents:
        if not agent or "/" in agent or agent == ".":
            raise AccumbensError(f"agent {agent!r} cannot be written: HDF5 takes its name for a path")
    if len(set(facts.agents)) < len(facts.agents):
        raise AccumbensError(f"agents {', '.join(facts.agents)} cannot be written: two have the same name")


def _require_legal(episodes: Episodes, facts: TeamFacts) -> None:
    """Refuse what no reader would take for the doing of these agents."""
    inside = (np.arange(episodes.actions.shape[1]) < episodes.lengths[:, None])[..., None]
    own = np.clip(episodes.actions, 0, facts.num_actions - 1)
    may = np.take_along_axis(episodes.legal[:, : own.shape[1]], own[..., None], axis=-1)[..., 0]
    wrong = inside & ((own != episodes.actions) | ~may)
    if wrong.any():
        index, step, agent = (int(place[0]) for place in np.nonzero(wrong))
        raise AccumbensError(
            f"the action {episodes.actions[index, step, agent]} of {facts.agents[agent]!r} is illegal, in the episode "
            f"of seed {episodes.seeds[index]}, step {step}"
        )


def _spaces(facts: TeamFacts) -> tuple[Any, Any]:
    from gymnasium import spaces

    seen = spaces.Box(-np.inf, np.inf, (facts.observation_size,), np.float32)
    if facts.masks:
        seen = spaces.Dict({OBSERVATION: seen, MASK: spaces.Box(0, 1, (facts.num_actions,), np.int8)})
    actions = spaces.Discrete(facts.num_actions)
    return spaces.Dict(dict.fromkeys(facts.agents, seen)), spaces.Dict(dict.fromkeys(facts.agents, actions))


def _buffer(episodes: Episodes, facts: TeamFacts, index: int) -> Any:
    """One episode as Minari takes it, without what pads it."""
    from minari.data_collector import EpisodeBuffer

    length, seed = int(episodes.lengths[index]), int(episodes.seeds[index])
    seen, legal = episodes.observation[index, : length + 1], episodes.legal[index, : length + 1].astype(np.int8)
    actions, rewards = episodes.actions[index, :length].astype(np.int64), episodes.rewards[index, :length]

    def of(agent: int) -> Any:
        return {OBSERVATION: seen[:, agent], MASK: legal[:, agent]} if facts.masks else seen[:, agent]

    last = np.arange(length) == length - 1
    return EpisodeBuffer(
        seed=None if seed < 0 else seed,
        observations={name: of(agent) for agent, name in enumerate(facts.agents)},
        actions={name: actions[:, agent] for agent, name in enumerate(facts.agents)},
        rewards=rewards.mean(axis=1, dtype=np.float64),  # type: ignore[arg-type]  # arrays are what it writes
        terminations=last & episodes.terminated[index],
        truncations=last & episodes.truncated[index],
        infos={REWARDS: rewards, ALIVE: episodes.alive[index, : length + 1]},
    )
