"""Freeway: cross eight lanes of traffic as often as possible."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, UInt32

from accumbens.envs.minatar.common import SIZE, Game, below, one_cell, render

NUM_CARS = 8
SLOWEST = 5
CHICKEN_COLUMN = 4
BOTTOM = SIZE - 1
PAUSE = 3
LAST_FRAME = 2500


class Draws(NamedTuple):
    """New drivers, for when the chicken arrives: frames per cell, from 1 to 5, and whether the car goes right."""

    period: Int[Array, "8"]
    rightward: Bool[Array, "8"]


class State(NamedTuple):
    """One car in each of the rows 1 to 8, described by arrays of eight.

    `pause` is the number of frames until the chicken can move again, `car_wait` the same for each car, `frame` the
    number of frames so far.
    """

    chicken: Int[Array, ""]
    pause: Int[Array, ""]
    frame: Int[Array, ""]
    car_x: Int[Array, "8"]
    car_wait: Int[Array, "8"]
    period: Int[Array, "8"]
    rightward: Bool[Array, "8"]


def freeway() -> Game:
    """Describe the game; actions are nothing, up, down; channels are chicken, car, and a trail for each speed."""
    return Game("freeway", 2 + SLOWEST, 3, NUM_CARS // 2, draw, begin, advance, observe)


def draw(words: UInt32[Array, "4"]) -> Draws:
    """Read the periods and directions of two cars from each word."""
    kinds = 2 * SLOWEST
    pair = below(words, kinds**2)
    kind = jnp.concatenate([pair // kinds, pair % kinds])
    return Draws(period=1 + kind % SLOWEST, rightward=kind >= SLOWEST)


def begin(draws: Draws) -> State:
    """All cars wait at the left edge, the chicken at the bottom."""
    return State(
        chicken=jnp.int32(BOTTOM),
        pause=jnp.int32(PAUSE),
        frame=jnp.int32(0),
        car_x=jnp.zeros(NUM_CARS, jnp.int32),
        car_wait=draws.period,
        period=draws.period,
        rightward=draws.rightward,
    )


def advance(state: State, action: Int[Array, ""], draws: Draws) -> tuple[State, Float[Array, ""], Bool[Array, ""]]:
    """Move the chicken, then the cars; whoever is hit, or arrives, begins again at the bottom."""
    moves = (state.pause == 0) & (action != 0)
    row = jnp.where(moves, jnp.clip(state.chicken + jnp.where(action == 2, 1, -1), 0, BOTTOM), state.chicken)
    pause = jnp.where(moves, PAUSE, state.pause)

    arrives = row == 0
    row = jnp.where(arrives, BOTTOM, row)
    period = jnp.where(arrives, draws.period, state.period)
    rightward = jnp.where(arrives, draws.rightward, state.rightward)
    wait = jnp.where(arrives, draws.period, state.car_wait)

    # A car hits where it stands and where it goes. No car drives in the bottom row, so one hit is all there can be.
    drives = wait == 0
    x = jnp.where(drives, beside(state.car_x, rightward), state.car_x)
    hits = (jnp.arange(1, NUM_CARS + 1) == row) & ((state.car_x == CHICKEN_COLUMN) | (x == CHICKEN_COLUMN))

    following = State(
        chicken=jnp.where(jnp.any(hits), BOTTOM, row),
        pause=jnp.maximum(pause - 1, 0),
        frame=state.frame + 1,
        car_x=x,
        car_wait=jnp.where(drives, period, wait - 1),
        period=period,
        rightward=rightward,
    )
    return following, arrives.astype(jnp.float32), following.frame > LAST_FRAME


def beside(x: Int[Array, " rows"], rightward: Bool[Array, " rows"]) -> Int[Array, " rows"]:
    """One column further, on a road whose ends meet."""
    return jnp.where(rightward, jnp.where(x == SIZE - 1, 0, x + 1), jnp.where(x == 0, SIZE - 1, x - 1))


def observe(state: State) -> Bool[Array, "10 10 7"]:
    """Channels: chicken, car, and the cell behind a car, in five channels from the fastest to the slowest."""
    x, period, rightward = (jnp.pad(lanes, 1) for lanes in (state.car_x, state.period, state.rightward))
    behind = 1 << beside(x, ~rightward)
    return render(
        one_cell(CHICKEN_COLUMN, state.chicken),
        jnp.where(period > 0, 1 << x, 0),
        *(jnp.where(period == speed, behind, 0) for speed in range(1, SLOWEST + 1)),
    )
