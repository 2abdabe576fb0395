"""Equal Space: agents in the plane keep equal distances between all of them, and each sees only the nearest other.

Reference: Tseng et al. (2022), "Offline Multi-Agent Reinforcement Learning with Knowledge Distillation", whose sizes,
rewards and observations are not known: those here are chosen, so that returns cannot be compared with the paper's. The
motion is that of the particle worlds of Lowe et al. (2017), "Multi-agent actor-critic for mixed cooperative-competitive
environments", without collisions.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from accumbens.envs.teams.drawing import agent_colour, disc, line
from accumbens.envs.teams.protocol import Seen, TeamEnvironment, TeamFacts, TeamStep
from accumbens.errors import require

PUSHES = np.array([(0, 1), (1, 0), (0, -1), (-1, 0), (0, 0)], np.float32)
"""x and y of the unit accelerations of the actions: north, east, south, west, none."""

TIME_STEP, ACCELERATION, DAMPING = 0.1, 5.0, 0.25
TARGET = 1.0
"""d*, the distance that all pairs should have, half of the arena's side."""


class EqualSpaceState(NamedTuple):
    """Where the agents are and how they move.

    Attributes:
        positions: x and y of each agent, both from -1 to 1.
        velocities: per unit of time, of which a step takes 0.1.
        elapsed: steps of the episode.
    """

    positions: Float[Array, "agents 2"]
    velocities: Float[Array, "agents 2"]
    elapsed: Int[Array, ""]


def equal_space(agents: int = 3, horizon: int = 25) -> TeamEnvironment:
    """Keep all mutual distances equal: minus how much they differ from each other, and their mean from a target.

    Agent i has the position x_i in the square [-1, 1]² and the velocity v_i. Positions begin uniform in the square and
    velocities at 0. An action chooses u_i: north, east, south, west, or none, for which u_i = 0. Then

        v_i ← (1 - 0.25) v_i + 5 u_i Δt,   x_i ← x_i + v_i Δt,   Δt = 0.1,

    and an agent that would leave the square stops at its border: x_i is clipped, and the component of v_i that led
    outside becomes 0. So the greatest speed is 2, or 0.2 per step. With d_p the distance of pair p of the P pairs, d̄
    their mean and d* = 1, *every* agent is paid

        r = -(1/P) Σ_p |d_p - d̄| / d*  -  |d̄ - d*| / d*

    for where the step has led. The first term is the spread; the second keeps a team that collapses to one point, whose
    distances are equal too, at -1. r = 0 if and only if all distances are d*: for three agents an equilateral
    triangle with sides of 1, which may stand anywhere. For more than three there is no such place in the plane, and the
    best is below 0. The episode is truncated after `horizon` steps and never terminated.

    An agent sees its own position, its own velocity, and where the nearest of the others is from it (of several, the
    one with the lowest index): six numbers. It sees neither the other agents, nor which one the nearest is, nor the
    time.

    Args:
        agents: how many; at least 3, for the one distance of two is always equal to itself.
        horizon: steps after which an episode is truncated; at least 1.

    Raises:
        AccumbensError: an argument is out of its range.
    """
    require("agents", agents, ">= 3: one distance is always equal to itself", agents >= 3)
    require("horizon", horizon, ">= 1", horizon >= 1)
    first, second = np.triu_indices(agents, k=1)
    legal = np.ones((agents, len(PUSHES)), bool)
    alive = np.ones(agents, bool)
    itself = np.where(np.eye(agents, dtype=bool), np.float32(np.inf), np.float32(0))

    def observe(positions: Float[Array, "agents 2"], velocities: Float[Array, "agents 2"]) -> Seen:
        towards = positions - positions[:, None]
        nearest = jnp.argmin(jnp.sum(towards**2, axis=2) + itself, axis=1)
        seen = jnp.take_along_axis(towards, nearest[:, None, None], axis=1)[:, 0]
        observation = jnp.concatenate([positions, velocities, seen], axis=1)
        return Seen(observation, jnp.asarray(legal), jnp.asarray(alive))

    def reset(key: PRNGKeyArray) -> tuple[EqualSpaceState, Seen]:
        positions = jax.random.uniform(key, (agents, 2), jnp.float32, -1.0, 1.0)
        velocities = jnp.zeros((agents, 2), jnp.float32)
        return EqualSpaceState(positions, velocities, jnp.zeros((), jnp.int32)), observe(positions, velocities)

    def step(key: PRNGKeyArray, state: EqualSpaceState, actions: Int[Array, " agents"]):
        velocities = (1 - DAMPING) * state.velocities + ACCELERATION * TIME_STEP * jnp.asarray(PUSHES)[actions]
        free = state.positions + velocities * TIME_STEP
        positions = jnp.clip(free, -1.0, 1.0)
        velocities = jnp.where(positions == free, velocities, 0.0)
        distances = jnp.linalg.norm(positions[first] - positions[second], axis=1)
        reward = -penalty(distances)
        elapsed = state.elapsed + 1
        outcome = TeamStep(
            observe(positions, velocities), jnp.full(agents, reward), jnp.zeros((), bool), elapsed >= horizon
        )
        return EqualSpaceState(positions, velocities, elapsed), outcome

    return TeamEnvironment(
        TeamFacts(
            name=f"team/equal-space-{agents}" + ("" if horizon == 25 else f"-{horizon}"),
            agents=tuple(f"agent_{index}" for index in range(agents)),
            observation_size=6,
            num_actions=len(PUSHES),
            max_episode_steps=horizon,
        ),
        reset,
        step,
        equal_space_board,
    )


def penalty(distances: Float[Array, " pairs"]) -> Float[Array, ""]:
    """Return how far distances are from all being the target: their spread and the error of their mean."""
    mean = jnp.mean(distances)
    return (jnp.mean(jnp.abs(distances - mean)) + jnp.abs(mean - TARGET)) / TARGET


def equal_space_board(state: EqualSpaceState, side: int = 288) -> np.ndarray:
    """Draw the square with the agents as discs, and a line for every pair: grey if its distance is the target.

    A line turns red the closer the pair is than that, and blue the further it is apart; both are whole at 30 %.

    Args:
        state: of one copy.
        side: pixels of the square's side, without its margin.
    """
    margin, positions = 16, np.asarray(state.positions, np.float64)
    picture = np.full((side + 2 * margin, side + 2 * margin, 3), 255, np.uint8)
    for edge in (margin - 1, side + margin):
        picture[edge, margin - 1 : side + margin + 1] = picture[margin - 1 : side + margin + 1, edge] = 190
    centres = [(margin + (x + 1) / 2 * side, margin + (1 - y) / 2 * side) for x, y in positions]
    for first, second in zip(*np.triu_indices(len(positions), k=1), strict=True):
        error = float(np.linalg.norm(positions[first] - positions[second])) / TARGET - 1.0
        line(picture, centres[first], centres[second], _line_colour(error))
    for index, centre in enumerate(centres):
        disc(picture, centre, 10.0, agent_colour(index))
    return picture


def _line_colour(error: float) -> np.ndarray:
    far, right = np.array((0, 90, 220)) if error > 0 else np.array((214, 40, 40)), np.array((150, 150, 150))
    return np.round(right + min(abs(error) / 0.3, 1.0) * (far - right)).astype(np.uint8)


def equal_space_3() -> TeamEnvironment:
    """Equal Space with three agents, 25 steps."""
    return equal_space(3)
