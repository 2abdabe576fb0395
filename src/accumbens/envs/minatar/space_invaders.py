"""Space Invaders: shoot the aliens, which drop bombs and come nearer, before they hit the cannon."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt32

from accumbens.envs.minatar.common import SIZE, Game, Rows, one_cell, render

LEFT, RIGHT, FIRE = 1, 2, 3
GROUND = SIZE - 1
LEFT_EDGE, RIGHT_EDGE = 1, 1 << SIZE - 1
RELOAD_FRAMES = 5
BOMB_FRAMES = 10
SLOWEST_MARCH, FASTEST_FULL_MARCH = 12, 6
WAVE = np.array([0b0011111100] * 4 + [0] * 6, np.int32)


class Draws(NamedTuple):
    """Nothing is left to chance."""


class State(NamedTuple):
    """Boards of aliens, of shots that fly up and of bombs that fall down; the rest are numbers.

    The aliens march one cell when `march_timer` is 0; then it starts again from `march_interval`, or from the number of
    aliens if that is smaller. A bomb falls when `bomb_timer` is 0; the cannon fires only when `reload_timer` is 0.
    """

    cannon: Int[Array, ""]
    aliens: Rows
    aliens_go_right: Bool[Array, ""]
    shots: Rows
    bombs: Rows
    march_interval: Int[Array, ""]
    march_timer: Int[Array, ""]
    bomb_timer: Int[Array, ""]
    reload_timer: Int[Array, ""]


def space_invaders(difficulty_ramping: bool = True) -> Game:
    """Describe the game; actions are nothing, left, right, fire.

    Channels are cannon, aliens, aliens if they go left, aliens if they go right, shots, bombs.
    """
    return Game(
        "space_invaders", 6, 4, 0, draw, begin, partial(advance, difficulty_ramping=difficulty_ramping), observe
    )


def draw(words: UInt32[Array, "0"]) -> Draws:
    """Nothing."""
    del words
    return Draws()


def begin(draws: Draws) -> State:
    """The first wave, on its way to the left."""
    del draws
    return State(
        cannon=jnp.int32(5),
        aliens=jnp.array(WAVE),
        aliens_go_right=jnp.bool_(False),
        shots=jnp.zeros(SIZE, jnp.int32),
        bombs=jnp.zeros(SIZE, jnp.int32),
        march_interval=jnp.int32(SLOWEST_MARCH),
        march_timer=jnp.int32(SLOWEST_MARCH),
        bomb_timer=jnp.int32(BOMB_FRAMES),
        reload_timer=jnp.int32(0),
    )


def advance(
    state: State, action: Int[Array, ""], draws: Draws, *, difficulty_ramping: bool
) -> tuple[State, Float[Array, ""], Bool[Array, ""]]:
    """Move the cannon, shots, bombs and aliens, in this order; then count the hits."""
    del draws
    fires = (action == FIRE) & (state.reload_timer == 0)
    cannon = jnp.clip(state.cannon + (action == RIGHT) - (action == LEFT), 0, SIZE - 1)
    target = one_cell(cannon, GROUND)
    shots = one_row_up(state.shots) | jnp.where(fires, one_cell(cannon, GROUND - 1), 0)
    bombs = one_row_down(state.bombs)

    marches = state.march_timer == 0
    march_timer = jnp.where(marches, jnp.minimum(population(state.aliens), state.march_interval), state.march_timer)
    ahead = jnp.where(state.aliens_go_right, RIGHT_EDGE, LEFT_EDGE)
    descends = marches & jnp.any(state.aliens & ahead != 0)
    marched = jnp.where(state.aliens_go_right, state.aliens << 1, state.aliens >> 1)
    # Aliens that leave the ground row end the episode, and in its final observation they are in the top row.
    descended = jnp.roll(state.aliens, 1)
    aliens = jnp.where(descends, descended, jnp.where(marches, marched, state.aliens))
    terminated = jnp.any((bombs | state.aliens | aliens) & target != 0) | (descends & (state.aliens[GROUND] != 0))

    drops = state.bomb_timer == 0
    bombs = bombs | jnp.where(drops, lowest_alien_nearest_to(cannon, aliens), 0)

    hits = aliens & shots
    aliens = aliens ^ hits
    cleared = jnp.all(aliens == 0)
    faster = jnp.maximum(state.march_interval - 1, FASTEST_FULL_MARCH)
    following = State(
        cannon=cannon,
        aliens=jnp.where(cleared, WAVE, aliens),
        aliens_go_right=state.aliens_go_right ^ descends,
        shots=shots ^ hits,
        bombs=bombs,
        march_interval=jnp.where(cleared, faster, state.march_interval) if difficulty_ramping else state.march_interval,
        march_timer=march_timer - 1,
        bomb_timer=jnp.where(drops, BOMB_FRAMES, state.bomb_timer) - 1,
        reload_timer=jnp.where(fires, RELOAD_FRAMES - 1, jnp.maximum(state.reload_timer - 1, 0)),
    )
    return following, population(hits).astype(jnp.float32), terminated


def observe(state: State) -> Bool[Array, "10 10 6"]:
    """Channels: cannon, aliens, aliens if they go left, aliens if they go right, shots, bombs."""
    return render(
        one_cell(state.cannon, GROUND),
        state.aliens,
        jnp.where(state.aliens_go_right, 0, state.aliens),
        jnp.where(state.aliens_go_right, state.aliens, 0),
        state.shots,
        state.bombs,
    )


def one_row_up(rows: Rows) -> Rows:
    """The board moved up; the top row leaves it."""
    return jnp.concatenate([rows[1:], jnp.zeros_like(rows[:1])])


def one_row_down(rows: Rows) -> Rows:
    """The board moved down; the ground row leaves it."""
    return jnp.concatenate([jnp.zeros_like(rows[:1]), rows[:-1]])


def population(rows: Rows) -> Int[Array, ""]:
    """The number of cells set."""
    return jax.lax.population_count(rows).sum(dtype=jnp.int32)


def lowest_alien_nearest_to(cannon: Int[Array, ""], aliens: Rows) -> Rows:
    """The board with the lowest alien of the nearest occupied column; the left one of two that are equally near."""
    occupied = jax.lax.reduce_or(aliens, (0,))
    left = 31 - jax.lax.clz(occupied & (2 << cannon) - 1)
    at_or_right = occupied >> cannon
    right = cannon + jax.lax.population_count((at_or_right & -at_or_right) - 1)
    column = jnp.where((left >= 0) & ((cannon - left <= right - cannon) | (at_or_right == 0)), left, right)
    rows = np.arange(SIZE)
    lowest = jnp.max(jnp.where(aliens >> column & 1 == 1, rows, -1))
    return jnp.where(rows == lowest, 1 << column, 0)
