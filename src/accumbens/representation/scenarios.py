"""Scenarios: kinds of states that every environment has, and how strongly each unit answers to them.

They are told from what happened around a state, with quartiles of what was recorded, so they need no knowledge of the
environment; a state can be of several:

- `episode starts`: within the first 5 steps of an episode;
- `reward soon`, `punishment soon`: now or in the next 2 steps a reward above (below) the upper (lower) quartile of all;
- `episode ends soon`: in a terminal state within 10 steps, by no means a time limit;
- `high value`, `low value`: the value that the network acts on is in the upper (lower) quarter;
- `better than expected`, `worse than expected`: the TD error, mean over cells, is in the upper (lower) quarter;
- `would do a`: the greedy action; of more than 8, the most frequent.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Shaped

from accumbens.agents import network
from accumbens.agents.protocol import EnvironmentFacts
from accumbens.agents.settings import AgentSettings
from accumbens.cells import Activity, Cell, RecurrentCell, Stack
from accumbens.training.play import Moment

START, SOON, END = 5, 3, 10
MOST_ACTIONS = 8
CHUNK = 64
FEWEST_STATES = 5
"""A scenario of fewer states, or one that every state is of, says nothing and is left out."""


class Scenario(NamedTuple):
    """A kind of states: its name, and which of the recorded ones it is (the axes of time and copies made one)."""

    name: str
    member: Bool[np.ndarray, " states"]


def find_scenarios(
    recording: Moment, value: Float[np.ndarray, "time envs"], greedy: Int[np.ndarray, "time envs choices"]
) -> list[Scenario]:
    """Return the scenarios of a recording, which has a time axis first.

    Args:
        recording: what happened.
        value: that the network acts on.
        greedy: the greedy action of every state, or the choices it consists of, numbered through.
    """
    ended = recording.terminated | recording.truncated
    reward, error = recording.reward, recording.td_error.mean(axis=-1)
    found = {
        "episode starts": _age(ended) < START,
        "reward soon": _soon(reward > np.quantile(reward, 0.75), ended, SOON),
        "punishment soon": _soon(reward < np.quantile(reward, 0.25), ended, SOON),
        "episode ends soon": _soon(recording.terminated, ended, END),
        "high value": value > np.quantile(value, 0.75),
        "low value": value < np.quantile(value, 0.25),
        "better than expected": error > np.quantile(error, 0.75),
        "worse than expected": error < np.quantile(error, 0.25),
    }
    actions, counts = np.unique(greedy, return_counts=True)
    for action in sorted(actions[np.argsort(-counts, kind="stable")][:MOST_ACTIONS]):
        found[f"would do {action}"] = (greedy == action).any(axis=-1)
    scenarios = [Scenario(name, member.ravel()) for name, member in found.items()]
    return [each for each in scenarios if FEWEST_STATES <= each.member.sum() < each.member.size]


def _age(ended: Bool[np.ndarray, "time envs"]) -> Int[np.ndarray, "time envs"]:
    """Steps since the episode's start."""
    age = np.zeros(ended.shape, int)
    for time in range(1, len(ended)):
        age[time] = np.where(ended[time - 1], 0, age[time - 1] + 1)
    return age


def _soon(
    event: Bool[np.ndarray, "time envs"], ended: Bool[np.ndarray, "time envs"], steps: int
) -> Bool[np.ndarray, "time envs"]:
    """Whether it happens in this step or one of the next, `steps` in all, of the same episode."""
    found, same_episode = event.copy(), np.ones(event.shape, bool)
    for ahead in range(1, steps):
        same_episode = same_episode[: len(event) - ahead] & ~ended[ahead - 1 : len(event) - 1]
        found[: len(event) - ahead] |= event[ahead:] & same_episode
    return found


def make_firing(settings: AgentSettings, env: EnvironmentFacts) -> Callable[..., tuple[Array, ...]]:
    """Return `firing(stack, observation [states, ...], carry) -> [states, units]` of every cell.

    That is the activity before any LayerNorm, which would let a unit that never fires follow all others.

    Args:
        settings: of the agent.
        env: the static facts of its environment.
    """
    encode = network.make_encoder(settings, env)

    def before_norm(cell: Any) -> Cell:
        if isinstance(cell, RecurrentCell):
            return eqx.tree_at(lambda c: c.inner, cell, before_norm(cell.inner))
        if not isinstance(getattr(cell, "activity", None), Activity):
            return cell
        return eqx.tree_at(lambda c: c.activity.norm, cell, None, is_leaf=lambda node: node is None)

    def firing(stack: Stack, observation: Array, carry: Any) -> tuple[Array, ...]:
        cells = [before_norm(cell) for cell in stack.cells]

        def of_state(row: tuple[Array, Any]) -> tuple[Array, ...]:
            return tuple(cell.hidden(x) for cell, x in zip(cells, stack.inputs(*row), strict=True))

        return jax.lax.map(of_state, (encode(observation), carry), batch_size=CHUNK)

    return firing


class Responses(NamedTuple):
    """How the units of a cell answer to scenarios.

    Attributes:
        mean: activity of every unit in every scenario.
        score: how far that is from its mean over all states, in its standard deviations; 0 for a unit that never
            changes.
        silent: units that never change; those that are rectified never fire.
    """

    mean: Float[np.ndarray, "units scenarios"]
    score: Float[np.ndarray, "units scenarios"]
    silent: Bool[np.ndarray, " units"]


def respond(firing: Float[np.ndarray, "states units"], scenarios: Sequence[Scenario]) -> Responses:
    """Return the responses of all units; there must be a scenario.

    Args:
        firing: activity in all states.
        scenarios: kinds of them.
    """
    firing = firing.astype(np.float64)
    deviation = firing.std(axis=0)
    silent = deviation <= 1e-7 * np.maximum(np.abs(firing).max(axis=0), 1e-30)
    mean = np.stack([firing[scenario.member].mean(axis=0) for scenario in scenarios], axis=1)
    score = (mean - firing.mean(axis=0)[:, None]) / np.where(silent, 1.0, deviation)[:, None]
    return Responses(mean, np.where(silent[:, None], 0.0, score), silent)


def by_preference(score: Shaped[np.ndarray, "units scenarios"]) -> Int[np.ndarray, " units"]:
    """Return the order of units by the scenario that each is most active in, and within it by how much."""
    best = score.argmax(axis=1)
    return np.lexsort((-score[np.arange(len(score)), best], best))
