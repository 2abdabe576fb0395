"""Breakout: bounce a ball with a paddle and break the wall above."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, UInt32

from accumbens.envs.minatar.common import SIZE, Game, one_cell, render

WALL_TOP, WALL_ROWS = 1, 3
NUM_BRICKS = WALL_ROWS * SIZE
FULL_WALL = (1 << NUM_BRICKS) - 1
PADDLE_ROW = SIZE - 1


class Draws(NamedTuple):
    """The one thing that chance decides: whether the ball begins in the right corner."""

    right: Bool[Array, ""]


class State(NamedTuple):
    """The wall is one integer: bit `10 * row + column` is a brick, rows counted from the wall's top.

    The trail is where the ball was one frame ago. While `striking`, that is when the last frame met a brick, the ball
    passes through bricks without breaking them.
    """

    paddle: Int[Array, ""]
    ball_x: Int[Array, ""]
    ball_y: Int[Array, ""]
    velocity_x: Int[Array, ""]
    velocity_y: Int[Array, ""]
    trail_x: Int[Array, ""]
    trail_y: Int[Array, ""]
    wall: Int[Array, ""]
    striking: Bool[Array, ""]


def breakout() -> Game:
    """Describe the game; actions are nothing, left, right; channels are paddle, ball, trail, brick."""
    return Game("breakout", 4, 3, 1, draw, begin, advance, observe)


def draw(words: UInt32[Array, "1"]) -> Draws:
    """Toss for the ball's corner."""
    return Draws(right=words[0] >> 31 == 1)


def begin(draws: Draws) -> State:
    """A full wall, and the ball just below it in a corner, falling inwards."""
    x = jnp.where(draws.right, jnp.int32(SIZE - 1), 0)
    y = jnp.int32(WALL_TOP + WALL_ROWS - 1)
    return State(
        paddle=jnp.int32(4),
        ball_x=x,
        ball_y=y,
        velocity_x=jnp.where(draws.right, jnp.int32(-1), 1),
        velocity_y=jnp.int32(1),
        trail_x=x,
        trail_y=y,
        wall=jnp.int32(FULL_WALL),
        striking=jnp.bool_(False),
    )


def advance(state: State, action: Int[Array, ""], draws: Draws) -> tuple[State, Float[Array, ""], Bool[Array, ""]]:
    """Move the paddle, then the ball by one diagonal step, and let it bounce."""
    del draws
    paddle = jnp.clip(state.paddle + (action == 2) - (action == 1), 0, SIZE - 1)

    # Side walls turn the ball before anything else; against a corner it stays in its column.
    ahead_x, ahead_y = state.ball_x + state.velocity_x, state.ball_y + state.velocity_y
    x = jnp.clip(ahead_x, 0, SIZE - 1)
    velocity_x = jnp.where(ahead_x == x, state.velocity_x, -state.velocity_x)

    at_ceiling = ahead_y < 0
    slot = (ahead_y - WALL_TOP) * SIZE + x
    brick = jnp.where((slot >= 0) & (slot < NUM_BRICKS), 1 << jnp.clip(slot, 0, NUM_BRICKS - 1), 0)
    in_brick = state.wall & brick != 0
    breaks = in_brick & ~state.striking

    # The wall is rebuilt when the ball reaches the paddle's row, whether or not it is caught. A ball that comes from
    # right above the paddle goes straight up again; one that lands on the paddle goes back where it came from.
    at_paddle_row = ahead_y == PADDLE_ROW
    above = at_paddle_row & (state.ball_x == paddle)
    caught = at_paddle_row & ((state.ball_x == paddle) | (x == paddle))
    wall = jnp.where(breaks, state.wall & ~brick, state.wall)
    wall = jnp.where(at_paddle_row & (wall == 0), FULL_WALL, wall)

    following = State(
        paddle=paddle,
        ball_x=x,
        ball_y=jnp.where(at_ceiling, 0, jnp.where(breaks | caught, state.ball_y, ahead_y)),
        velocity_x=jnp.where(caught & ~above, -velocity_x, velocity_x),
        velocity_y=jnp.where(at_ceiling | breaks | caught, -state.velocity_y, state.velocity_y),
        trail_x=state.ball_x,
        trail_y=state.ball_y,
        wall=wall,
        striking=in_brick,
    )
    return following, breaks.astype(jnp.float32), at_paddle_row & ~caught


def observe(state: State) -> Bool[Array, "10 10 4"]:
    """Channels: paddle, ball, trail, brick."""
    rows = jnp.arange(SIZE) - WALL_TOP
    bricks = jnp.where((rows >= 0) & (rows < WALL_ROWS), state.wall >> SIZE * jnp.clip(rows, 0, WALL_ROWS - 1), 0)
    return render(
        one_cell(state.paddle, PADDLE_ROW),
        one_cell(state.ball_x, state.ball_y),
        one_cell(state.trail_x, state.trail_y),
        bricks,
    )
