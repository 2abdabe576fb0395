"""Episodes of different lengths, put side by side."""

from collections.abc import Sequence

import numpy as np

from accumbens.envs.teams.protocol import TeamFacts
from accumbens.teams.episodes import Episodes


def no_episodes(facts: TeamFacts) -> Episodes:
    """Return no episode of a team, as arrays of its sizes."""
    agents = len(facts.agents)
    return Episodes(
        observation=np.zeros((0, 1, agents, facts.observation_size), np.float32),
        legal=np.ones((0, 1, agents, facts.num_actions), bool),
        alive=np.zeros((0, 1, agents), bool),
        actions=np.zeros((0, 0, agents), np.int32),
        rewards=np.zeros((0, 0, agents), np.float32),
        lengths=np.zeros(0, np.int32),
        terminated=np.zeros(0, bool),
        truncated=np.zeros(0, bool),
        seeds=np.zeros(0, np.int64),
    )


def joined(facts: TeamFacts, parts: Sequence[Episodes]) -> Episodes:
    """Return the episodes of all parts, in their order, padded to the longest of all.

    Behind the end of an episode, whatever a part has there, everything is zero and no agent is alive; but all actions
    are legal, so that a softmax over the legal ones is finite there too.

    Args:
        facts: of the team.
        parts: each with episodes of its own number, padded to a length of its own.
    """
    parts = [no_episodes(facts), *parts]
    lengths = np.concatenate([part.lengths for part in parts]).astype(np.int32)
    steps = int(lengths.max(initial=0))
    blank = no_episodes(facts)

    def padded(name: str, times: int, filler: float) -> np.ndarray:
        empty: np.ndarray = getattr(blank, name)
        out = np.full((len(lengths), times, *empty.shape[2:]), filler, empty.dtype)
        begin = 0
        for part in parts:
            array = getattr(part, name)[:, :times]
            inside = np.arange(array.shape[1]) < part.lengths[:, None] + (times - steps)
            out[begin : begin + len(array), : array.shape[1]][inside] = array[inside]
            begin += len(array)
        return out

    def flat(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts]).astype(getattr(blank, name).dtype)

    return Episodes(
        observation=padded("observation", steps + 1, 0.0),
        legal=padded("legal", steps + 1, 1.0),
        alive=padded("alive", steps + 1, 0.0),
        actions=padded("actions", steps, 0.0),
        rewards=padded("rewards", steps, 0.0),
        lengths=lengths,
        terminated=flat("terminated"),
        truncated=flat("truncated"),
        seeds=flat("seeds"),
    )


def bytes_of_one(facts: TeamFacts) -> int:
    """Return the memory that an episode of a team takes if it is as long as it can be."""
    of_a_step = len(facts.agents) * (4 * facts.observation_size + facts.num_actions + 9)
    return (facts.max_episode_steps + 1) * of_a_step
