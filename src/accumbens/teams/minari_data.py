"""Episodes of a team, read from a Minari data set: one of ours, or one that Minari's own collector wrote."""

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from accumbens.envs.teams.protocol import TeamFacts
from accumbens.errors import AccumbensError, UnknownNameError, described
from accumbens.teams.episodes import Episodes
from accumbens.teams.minari_layout import (
    DATA,
    KEY,
    LAYOUT,
    digest_of,
    facts_from_document,
    require_minari,
)
from accumbens.teams.minari_spaces import team_of
from accumbens.teams.padding import joined


class TeamData(NamedTuple):
    """A data set of a team.

    Attributes:
        facts: of the team, as far as the data tell.
        episodes: all of them.
        digest: SHA-256 of the episodes; see `Digest`.
    """

    facts: TeamFacts
    episodes: Episodes
    digest: str

    def arranged(self, agents: Sequence[str]) -> "TeamData":
        """Return the same data with the agents in the order of their environment; the digest stays.

        Raises:
            AccumbensError: they are other agents.
        """
        if sorted(agents) != sorted(self.facts.agents):
            raise AccumbensError(
                f"the data are of the agents {', '.join(self.facts.agents)}, the environment has {', '.join(agents)}"
            )
        order = [self.facts.agents.index(agent) for agent in agents]
        columns = {name: getattr(self.episodes, name)[:, :, order] for name in Episodes._fields[:5]}
        return self._replace(
            facts=self.facts._replace(agents=tuple(agents)), episodes=self.episodes._replace(**columns)
        )


def read(source: str | Path) -> TeamData:
    """Read a data set of several agents.

    Of a data set that is not ours every agent gets the one reward of a step, all are alive always, and the longest
    episode is the longest that there can be; its agents are in the order of its observation space, by name. Where
    observations or actions are of different sizes, the shorter are filled up and the missing actions illegal. An
    episode that neither terminated nor was truncated counts as truncated. A seed is -1 where none is recorded, or where
    64 bits with a sign cannot hold it.

    Args:
        source: the folder of a data set, or the id of one that lies where Minari keeps them.

    Raises:
        AccumbensError: there is none, Minari is not installed, or it cannot be used: it is damaged, of a layout that
            is not known, of one agent, has continuous actions or no episodes, an episode has no steps, other agents,
            illegal actions, or numbers that are not finite; or it is one of ours that was altered since.
    """
    require_minari()
    from minari.dataset.minari_storage import MinariStorage

    folder, metadata = _found(source)
    ours = metadata.get(KEY)
    if ours is not None and (not isinstance(ours, Mapping) or ours.get("layout") != LAYOUT):
        layout = ours.get("layout") if isinstance(ours, Mapping) else ours
        raise AccumbensError(f"{source} has the layout {layout!r} of accumbens, this version reads layout {LAYOUT}")
    for name in ("observation_space", "action_space"):
        if not isinstance(metadata.get(name), str):  # Minari would make the environment, so run code that a file names
            raise AccumbensError(f"{source} has no {name} in its metadata")
    try:  # a file can be damaged in as many ways as there are errors
        facts = None if ours is None else facts_from_document(ours["facts"])
        storage = MinariStorage.read(folder)
        count = int(metadata["total_episodes"])
        recorded = None if ours is None else str(ours["card"]["digest"])
    except Exception as error:
        raise _damaged(source, error) from error
    team = team_of(str(source), storage.observation_space, storage.action_space, facts)
    if count < 1:
        raise AccumbensError(f"{source} holds no episodes")
    parts = [team.episode(f"{source}, episode {i}", *row) for i, row in enumerate(_rows(source, storage, count))]
    if facts is None:
        longest = max(int(part.lengths[0]) for part in parts)
        facts = TeamFacts(_name(metadata), team.agents, team.observation_size, team.num_actions, longest, team.masks)
    episodes = joined(facts, parts)
    if episodes.lengths.max() > facts.max_episode_steps:
        raise AccumbensError(
            f"{source} has an episode of {episodes.lengths.max()} steps, its metadata say max_episode_steps="
            f"{facts.max_episode_steps}"
        )
    digest = digest_of(episodes)
    if recorded not in (None, digest):
        raise AccumbensError(
            f"{source} was altered after it had been recorded: its metadata keep the SHA-256 {recorded}, its episodes "
            f"have {digest}. Record it again, or take an unaltered copy"
        )
    return TeamData(facts, episodes, digest)


def _found(source: str | Path) -> tuple[Path, dict[str, Any]]:
    """The folder that Minari reads, and its metadata as they are."""
    try:
        given = Path(source).expanduser()
    except RuntimeError as error:  # there is no such user
        raise AccumbensError(f"{source} is no folder: {error}") from error
    for folder in (given / DATA, given, place_of(str(source)) / DATA):
        file = folder / "metadata.json"
        if file.is_file():
            try:
                document = json.loads(file.read_text(encoding="utf-8"))
                if not isinstance(document, dict):
                    raise ValueError("its metadata are no table")
            except (OSError, ValueError) as error:
                raise _damaged(source, error) from error
            return folder, document
    if given.is_dir():
        raise AccumbensError(f"{source} is no data set: expected a folder with {DATA}/metadata.json")
    known = local_ids()
    if not known:
        raise AccumbensError(f"{source} is no folder, and where Minari keeps data sets, {place_of('')}, there are none")
    raise UnknownNameError("data set, neither a folder nor an id of Minari's:", str(source), known)


def place_of(dataset_id: str) -> Path:
    """Return the folder of a data set that lies, or would lie, where Minari keeps them.

    Raises:
        AccumbensError: Minari is not installed.
    """
    require_minari()
    from minari.storage.datasets_root_dir import get_dataset_path

    return get_dataset_path(dataset_id)


def local_ids() -> list[str]:
    """List the ids of the data sets that lie where Minari keeps them.

    Raises:
        AccumbensError: Minari is not installed.
    """
    minari = require_minari()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Misconfigured dataset named", UserWarning)
        return list(minari.list_local_datasets())


def _name(metadata: Mapping[str, Any]) -> str:
    """What is known of the environment's name: what Gymnasium calls it, or else the id of the data set."""
    spec = json.loads(metadata.get("env_spec") or "{}")
    return str(spec.get("id") or metadata.get("dataset_id") or "unknown")


def _rows(source: str | Path, storage: Any, count: int) -> Iterator[tuple[dict[str, Any], int]]:
    """Each episode as Minari has it, with its seed."""
    try:
        seeds = [metadata.get("seed") for metadata in storage.get_episode_metadata(range(count))]
        for episode, seed in zip(storage.get_episodes(range(count)), seeds, strict=True):
            yield episode, seed if seed is not None and 0 <= seed < 2**63 else -1
    except Exception as error:
        raise _damaged(source, error) from error


def _damaged(source: str | Path, error: Exception) -> AccumbensError:
    return AccumbensError(f"{source} cannot be read as a Minari data set; is it damaged? {described(error)}")
