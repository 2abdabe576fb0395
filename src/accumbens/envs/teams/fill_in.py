"""Fill-In: several agents cover a grid together, and none sees more of it than the cells around its own.

What each should do depends on where the others have been and will go: whoever enters a cell that is filled already, or
that another agent takes at the same time, has wasted a step.

Reference: Tseng et al. (2022), "Offline Multi-Agent Reinforcement Learning with Knowledge Distillation", whose sizes,
rewards and observations are not known: those here are chosen, so that returns cannot be compared with the paper's.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Int8, PRNGKeyArray

from accumbens.envs.teams.drawing import agent_colour, disc, paler
from accumbens.envs.teams.protocol import Seen, TeamEnvironment, TeamFacts, TeamStep
from accumbens.errors import require

MOVES = np.array([(-1, 0), (0, 1), (1, 0), (0, -1), (0, 0)], np.int32)
"""Rows and columns by which the actions move: north, east, south, west, stay."""

_AROUND = np.array([(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)], np.int32)
_EMPTY, _FILLED, _OUTSIDE = 0, 1, 2


class FillInState(NamedTuple):
    """Where the agents are and what they have filled.

    Attributes:
        positions: row and column of each agent.
        filled_by: 0 for an empty cell, else one more than the index of the agent that filled it.
        elapsed: steps of the episode.
    """

    positions: Int[Array, "agents 2"]
    filled_by: Int8[Array, "size size"]
    elapsed: Int[Array, ""]


def fill_in(agents: int, size: int = 5, horizon: int = 20) -> TeamEnvironment:
    """Cover a grid: 0 for an agent that enters an empty cell, -1 for one that does not.

    All agents begin in different cells, drawn at random, which count as filled, and move at the same time: to the
    north, east, south or west, or not at all. A move off the grid is legal and has no effect. Any number of agents may
    be in one cell, and two may change places. Of several that enter an empty cell at once, the one with the lowest
    index gets the 0. So the sum of all agents' returns is the number of cells filled after the start, minus agents ×
    steps. The episode is terminated when no cell is empty, otherwise truncated after `horizon` steps.

    An agent sees its row and column, from 0 to 1; which of the 3 × 3 cells around its own, that one included, are
    filled, row by row; and which of them are outside of the grid. It sees neither the others nor the time.

    With n agents at most n cells are filled in a step, so that no team returns more than -(n·T - (size² - n)) / n as a
    mean over agents, T = ceil((size² - n) / n): -0.5 for two agents on 5 × 5 cells and -0.75 for four. Standing still
    returns -horizon.

    Args:
        agents: how many; fewer than there are cells.
        size: cells in a row, and rows; at least 2.
        horizon: steps after which an episode is truncated; at least 1.

    Raises:
        AccumbensError: an argument is out of its range.
    """
    require("size", size, ">= 2", size >= 2)
    require("agents", agents, f"from 1 to {size**2 - 1}: fewer than there are cells", 1 <= agents < size**2)
    require("horizon", horizon, ">= 1", horizon >= 1)
    cells = np.arange(size**2).reshape(size, size)
    numbers = np.arange(1, agents + 1, dtype=np.int8)
    earlier = np.tri(agents, k=-1, dtype=bool)
    legal = np.ones((agents, len(MOVES)), bool)
    alive = np.ones(agents, bool)

    def observe(positions: Int[Array, "agents 2"], filled_by: Int8[Array, "size size"]) -> Seen:
        filled = jnp.where(filled_by > 0, _FILLED, _EMPTY).astype(jnp.int8)
        bordered = jnp.pad(filled, 1, constant_values=_OUTSIDE)
        around = positions[:, None] + 1 + _AROUND
        window = bordered[around[..., 0], around[..., 1]]
        place = positions / jnp.float32(size - 1)
        observation = jnp.concatenate([place, window == _FILLED, window == _OUTSIDE], axis=1)
        return Seen(observation.astype(jnp.float32), jnp.asarray(legal), jnp.asarray(alive))

    def reset(key: PRNGKeyArray) -> tuple[FillInState, Seen]:
        starts = distinct(key, size**2, agents)
        positions = jnp.stack([starts // size, starts % size], axis=1)
        filled_by = jnp.sum((cells == starts[:, None, None]) * numbers[:, None, None], axis=0, dtype=jnp.int8)
        return FillInState(positions, filled_by, jnp.zeros((), jnp.int32)), observe(positions, filled_by)

    def step(key: PRNGKeyArray, state: FillInState, actions: Int[Array, " agents"]) -> tuple[FillInState, TeamStep]:
        positions = jnp.clip(state.positions + jnp.asarray(MOVES)[actions], 0, size - 1)
        entered = positions[:, 0] * size + positions[:, 1]
        taken = ((entered[:, None] == entered) & earlier).any(axis=1)
        fills = (cells == entered[:, None, None]) & (state.filled_by == 0) & ~taken[:, None, None]
        filled_by = state.filled_by + jnp.sum(fills * numbers[:, None, None], axis=0, dtype=jnp.int8)
        rewards = fills.any(axis=(1, 2)).astype(jnp.float32) - 1.0
        elapsed = state.elapsed + 1
        terminated = (filled_by > 0).all()
        outcome = TeamStep(observe(positions, filled_by), rewards, terminated, (elapsed >= horizon) & ~terminated)
        return FillInState(positions, filled_by, elapsed), outcome

    usual = size == 5 and horizon == 20
    return TeamEnvironment(
        TeamFacts(
            name=f"team/fill-in-{agents}" + ("" if usual else f"-{size}x{size}-{horizon}"),
            agents=tuple(f"agent_{index}" for index in range(agents)),
            observation_size=2 + 2 * len(_AROUND),
            num_actions=len(MOVES),
            max_episode_steps=horizon,
        ),
        reset,
        step,
        fill_in_board,
    )


def distinct(key: PRNGKeyArray, of: int, count: int) -> Int[Array, " count"]:
    """Draw `count` different numbers from 0 to `of - 1`, all ordered choices equally likely.

    Number k is drawn as its rank among those that the k numbers before it have left, and the ranks are then turned into
    numbers, last to first (a Lehmer code): `jax.random.choice` would sort all that there are, and the whole
    environment would take five times as long.
    """
    drawn = jax.random.randint(key, (count,), 0, of - np.arange(count), jnp.int32)
    for index in reversed(range(count - 1)):
        drawn = drawn.at[index + 1 :].add((drawn[index + 1 :] >= drawn[index]).astype(jnp.int32))
    return drawn


def fill_in_board(state: FillInState, cell: int = 48) -> np.ndarray:
    """Draw the grid: cells in the pale colour of who filled them, agents as discs in theirs.

    Agents that share a cell stand side by side.

    Args:
        state: of one copy.
        cell: pixels of a cell's side, of which 1 is its border.
    """
    filled_by, positions = np.asarray(state.filled_by), np.asarray(state.positions)
    colours = np.stack([np.full(3, 255, np.uint8), *(paler(agent_colour(index)) for index in range(len(positions)))])
    picture = np.repeat(np.repeat(colours[filled_by], cell, axis=0), cell, axis=1)
    picture[::cell] = picture[:, ::cell] = picture[-1] = picture[:, -1] = 190
    for index, (row, column) in enumerate(positions):
        here = np.flatnonzero((positions == positions[index]).all(axis=1))
        shift = (np.searchsorted(here, index) - (len(here) - 1) / 2) * cell / (len(here) + 1)
        centre = ((column + 0.5) * cell + shift, (row + 0.5) * cell)
        disc(picture, centre, cell * 0.3 / np.sqrt(len(here)), agent_colour(index))
    return picture


def fill_in_2() -> TeamEnvironment:
    """Fill-In with two agents on 5 × 5 cells, 20 steps."""
    return fill_in(2)


def fill_in_4() -> TeamEnvironment:
    """Fill-In with four agents on 5 × 5 cells, 20 steps."""
    return fill_in(4)
