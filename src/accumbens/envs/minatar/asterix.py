"""Asterix: collect gold and keep away from enemies, which cross the screen ever faster."""

from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt32

from accumbens.envs.minatar.common import SIZE, Game, below, happens, one_cell, render_fused

FIRST_SPAWN_INTERVAL = 10
FIRST_MOVE_INTERVAL = 5
RAMP_INTERVAL = 100
TOP, BOTTOM = 1, SIZE - 2
FULL_ROW = (1 << SIZE) - 1

# Indices that broadcast over `State.things`.
DIRECTIONS = np.arange(2)[:, None, None]
LEFTWARD, RIGHTWARD = 0, 1
KINDS = np.arange(2)[:, None]
ENEMY, GOLD = 0, 1


class Draws(NamedTuple):
    """What comes next: its direction, its kind, and a word from which its row among the empty ones is read."""

    direction: Int[Array, ""]
    kind: Int[Array, ""]
    place: UInt32[Array, ""]


class State(NamedTuple):
    """Things that cross the screen are boards, by direction (left, right) and kind (enemy, gold).

    The rows 1 to 8 hold at most one thing each. Timers count frames down; `ramp` counts how often it became harder.
    """

    player_x: Int[Array, ""]
    player_y: Int[Array, ""]
    things: Int[Array, "2 2 10"]
    spawn_timer: Int[Array, ""]
    spawn_interval: Int[Array, ""]
    move_timer: Int[Array, ""]
    move_interval: Int[Array, ""]
    ramp_timer: Int[Array, ""]
    ramp: Int[Array, ""]


def asterix(difficulty_ramping: bool = True) -> Game:
    """Describe the game; actions are nothing, left, up, right, down; channels are player, enemy, trail, gold."""
    return Game("asterix", 4, 5, 2, draw, begin, partial(advance, difficulty_ramping=difficulty_ramping), observe)


def draw(words: UInt32[Array, "2"]) -> Draws:
    """A fair direction, gold once in three; `below` leaves a word's lowest bit free for the direction."""
    return Draws(
        direction=(words[0] & 1).astype(jnp.int32),
        kind=jnp.where(happens(words[1], 1 / 3), GOLD, ENEMY),
        place=words[0],
    )


def begin(draws: Draws) -> State:
    """Nobody but the player."""
    del draws
    return State(
        player_x=jnp.int32(5),
        player_y=jnp.int32(5),
        things=jnp.zeros((2, 2, SIZE), jnp.int32),
        spawn_timer=jnp.int32(FIRST_SPAWN_INTERVAL),
        spawn_interval=jnp.int32(FIRST_SPAWN_INTERVAL),
        move_timer=jnp.int32(FIRST_MOVE_INTERVAL),
        move_interval=jnp.int32(FIRST_MOVE_INTERVAL),
        ramp_timer=jnp.int32(RAMP_INTERVAL),
        ramp=jnp.int32(0),
    )


def advance(
    state: State, action: Int[Array, ""], draws: Draws, *, difficulty_ramping: bool
) -> tuple[State, Float[Array, ""], Bool[Array, ""]]:
    """Let a thing enter, move the player, then everything else; contact counts before and after things move."""
    spawns = state.spawn_timer == 0
    things = jnp.where(spawns, enter(state.things, draws), state.things)

    player_x = jnp.clip(state.player_x + (action == 3) - (action == 1), 0, SIZE - 1)
    player_y = jnp.clip(state.player_y + (action == 4) - (action == 2), TOP, BOTTOM)
    player = one_cell(player_x, player_y)

    moves = state.move_timer == 0
    touched = things & player
    things = things & ~jnp.where(KINDS == GOLD, touched, 0)
    moved = jnp.where(DIRECTIONS == LEFTWARD, things >> 1, things << 1 & FULL_ROW)
    things = jnp.where(moves, moved, things)
    touched = touched | things & player
    things = things & ~jnp.where(KINDS == GOLD, touched, 0)

    following = State(
        player_x=player_x,
        player_y=player_y,
        things=things,
        spawn_timer=jnp.where(spawns, state.spawn_interval, state.spawn_timer) - 1,
        spawn_interval=state.spawn_interval,
        move_timer=jnp.where(moves, state.move_interval, state.move_timer) - 1,
        move_interval=state.move_interval,
        ramp_timer=state.ramp_timer,
        ramp=state.ramp,
    )
    if difficulty_ramping:
        following = harden(following)
    reward = jnp.any(touched[:, GOLD] != 0).astype(jnp.float32)
    return following, reward, jnp.any(touched[:, ENEMY] != 0)


def enter(things: Int[Array, "2 2 10"], draws: Draws) -> Int[Array, "2 2 10"]:
    """Put a new thing at its edge of an empty row, if there is one."""
    rows = jnp.arange(SIZE)
    empty = jnp.all(things == 0, axis=(0, 1)) & (rows >= TOP) & (rows <= BOTTOM)
    before = jnp.sum(empty & (rows < rows[:, None]), axis=1)
    chosen = empty & (before == below(draws.place, jnp.sum(empty)))
    edge = jnp.where(draws.direction == LEFTWARD, 1 << SIZE - 1, 1)
    return jnp.where((draws.direction == DIRECTIONS) & (draws.kind == KINDS) & chosen, edge, things)


def harden(state: State) -> State:
    """Shorten the spawn interval every 102 frames, and the move interval every other time, until both are 1."""
    ramping = (state.spawn_interval > 1) | (state.move_interval > 1)
    due = ramping & (state.ramp_timer < 0)
    odd = state.ramp % 2 == 1
    return state._replace(
        spawn_interval=jnp.where(due, jnp.maximum(state.spawn_interval - 1, 1), state.spawn_interval),
        move_interval=jnp.where(due & odd, jnp.maximum(state.move_interval - 1, 1), state.move_interval),
        ramp_timer=jnp.where(due, RAMP_INTERVAL, state.ramp_timer - ramping),
        ramp=state.ramp + due,
    )


def observe(state: State) -> Bool[Array, "10 10 4"]:
    """Channels: player, enemy, trail (the cell behind a thing), gold."""
    enemies, gold = state.things[:, ENEMY], state.things[:, GOLD]
    leftward, rightward = state.things[LEFTWARD], state.things[RIGHTWARD]
    return render_fused(
        one_cell(state.player_x, state.player_y),
        enemies[LEFTWARD] | enemies[RIGHTWARD],
        (leftward[ENEMY] | leftward[GOLD]) << 1 | (rightward[ENEMY] | rightward[GOLD]) >> 1,
        gold[LEFTWARD] | gold[RIGHTWARD],
    )
