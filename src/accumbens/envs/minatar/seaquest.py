"""Seaquest: a submarine shoots fish and other submarines, takes divers aboard and surfaces for air."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt32

from accumbens.envs.minatar.common import SIZE, Game, happens, once, render

LEFT, UP, RIGHT, DOWN, FIRE = 1, 2, 3, 4, 5
FULL_ROW = np.int32((1 << SIZE) - 1)
LEFT_EDGE, RIGHT_EDGE = np.int32(1), np.int32(1 << SIZE - 1)
DEEPEST = SIZE - 2
FULL_TANK, OXYGEN_PER_CELL = 200, 20
DIVER_SEATS = 6
DIVER_INTERVAL, STROKE_INTERVAL = 30, 6
RELOAD_FRAMES, SUB_RELOAD_FRAMES = 5, 11
FIRST_SPAWN_INTERVAL = 20
HARDEST = 19

# Boards have sixteen rows here, the last six always empty, for then XLA fills vector registers; and things that a CPU
# should compute once and not in every fused loop that reads them are stacked. Together: a step four times faster.
LANES = 16
ROWS = np.arange(LANES, dtype=np.int32)
Rows = Int[Array, "16"]

# Enemies in one row all go in the same direction, and no two of them share row, column and timer: the tests prove it.
# So one bit for each timer, row and column holds any number of enemies. `enemies[word, bit, row]` has, of the enemies
# whose timer is `3 * word + i`, that bit of their kind, in its bits from `10 * i`. Kinds from 1 to 11 are submarines
# that fire when `State.clock` is their kind.
Enemies = Int[Array, "2 4 16"]
KIND_BITS = np.arange(4, dtype=np.int32)[:, None]
FISH = 0b1100
EVERY_TIMER = 1 | 1 << SIZE | 1 << 2 * SIZE


class Draws(NamedTuple):
    """What enters the sea when it is time for an enemy or a diver."""

    enemy_goes_right: Bool[Array, ""]
    enemy_is_sub: Bool[Array, ""]
    enemy_row: Int[Array, ""]
    diver_goes_right: Bool[Array, ""]
    diver_row: Int[Array, ""]


class Diver(NamedTuple):
    """A diver in the sea; none if y is -1. There are never more than two: one leaves 59 frames after it entered."""

    x: Int[Array, ""]
    y: Int[Array, ""]
    goes_right: Bool[Array, ""]


class State(NamedTuple):
    """The player is at (x, y). Shots (the player's) and torpedoes are boards by direction: left, right.

    `rightward` has all cells set of the rows whose enemies go right. Timers count frames down; `difficulty` counts how
    often the player has surfaced, up to 19. `divers_aboard` is negative after a complete rescue, as in the original.
    """

    x: Int[Array, ""]
    y: Int[Array, ""]
    faces_right: Bool[Array, ""]
    at_surface: Bool[Array, ""]
    oxygen: Int[Array, ""]
    divers_aboard: Int[Array, ""]
    difficulty: Int[Array, ""]
    reload_timer: Int[Array, ""]
    spawn_timer: Int[Array, ""]
    diver_timer: Int[Array, ""]
    clock: Int[Array, ""]
    shots: Int[Array, "2 16"]
    torpedoes: Int[Array, "2 16"]
    enemies: Enemies
    rightward: Rows
    older_diver: Diver
    newer_diver: Diver


def seaquest(difficulty_ramping: bool = True) -> Game:
    """Describe the game; actions are nothing, left, up, right, down, fire.

    Channels are submarine's front, its back, shots, trails, torpedoes, fish, enemy submarines, oxygen gauge, divers
    aboard, divers in the sea.
    """
    return Game("seaquest", 10, 6, 1, draw, begin, partial(advance, difficulty_ramping=difficulty_ramping), observe)


def draw(words: UInt32[Array, "1"]) -> Draws:
    """Fair directions and rows from the lowest bits; a submarine once in three, to which those bits hardly matter."""
    word = words[0].astype(jnp.int32)
    return Draws(
        enemy_goes_right=word & 1 == 1,
        enemy_is_sub=happens(words[0], 1 / 3),
        enemy_row=1 + (word >> 1 & 7),
        diver_goes_right=word >> 4 & 1 == 1,
        diver_row=1 + (word >> 5 & 7),
    )


def begin(draws: Draws) -> State:
    """An empty sea, and the player at the surface."""
    del draws
    no_diver = Diver(jnp.int32(0), jnp.int32(-1), jnp.bool_(False))
    return State(
        x=jnp.int32(5),
        y=jnp.int32(0),
        faces_right=jnp.bool_(False),
        at_surface=jnp.bool_(True),
        oxygen=jnp.int32(FULL_TANK),
        divers_aboard=jnp.int32(0),
        difficulty=jnp.int32(0),
        reload_timer=jnp.int32(0),
        spawn_timer=jnp.int32(FIRST_SPAWN_INTERVAL),
        diver_timer=jnp.int32(DIVER_INTERVAL),
        clock=jnp.int32(SUB_RELOAD_FRAMES),
        shots=jnp.zeros((2, LANES), jnp.int32),
        torpedoes=jnp.zeros((2, LANES), jnp.int32),
        enemies=jnp.zeros((2, len(KIND_BITS), LANES), jnp.int32),
        rightward=jnp.zeros(LANES, jnp.int32),
        older_diver=no_diver,
        newer_diver=no_diver,
    )


def advance(
    state: State, action: Int[Array, ""], draws: Draws, *, difficulty_ramping: bool
) -> tuple[State, Float[Array, ""], Bool[Array, ""]]:
    """Let things enter, then move the player, shots, divers, enemies and torpedoes; last, see to the air."""
    interval = jnp.maximum(5 - (state.difficulty >> 1), 2)
    enemies, rightward = admit_enemy(state, draws, interval)
    older, newer = admit_diver(state, draws)
    diver_timer = jnp.where(state.diver_timer == 0, DIVER_INTERVAL, state.diver_timer) - 1
    spawn_timer = jnp.where(state.spawn_timer == 0, FIRST_SPAWN_INTERVAL - state.difficulty, state.spawn_timer) - 1

    fires = (action == FIRE) & (state.reload_timer == 0)
    fires = once(fires)
    x = jnp.clip(state.x + (action == RIGHT) - (action == LEFT), 0, SIZE - 1)
    y = jnp.clip(state.y + (action == DOWN) - (action == UP), 0, DEEPEST)
    faces_right = (action == RIGHT) | (state.faces_right & (action != LEFT))
    x, y = once((x, y))
    player = cell(x, y)

    from_muzzle = jnp.where(fires & (faces_right == np.arange(2)[:, None]), player, 0)
    shots = travel(state.shots | from_muzzle)
    flying = once(shots[0] | shots[1])
    struck = once(strike(enemies, flying))
    enemies = enemies & ~struck[:, None]
    missed = once(flying & ~merge(struck))

    swims = diver_timer % STROKE_INTERVAL == 0
    newer, aboard = swim(newer, swims, x, y, state.divers_aboard)
    older, aboard = swim(older, swims, x, y, aboard)
    newer, older, aboard = once((newer, older, aboard))

    # An enemy whose timer is 0 moves, and may run into a shot; if it is a submarine, it still fires.
    moved = move(enemies[0] & FULL_ROW, rightward)
    arrived = moved[0] | moved[1] | moved[2] | moved[3]
    rammed = jnp.any((merge(jax.lax.reduce_or(enemies, (1,))) | arrived) & player != 0)
    struck_now = once(arrived & missed & ~player)
    launched = launch(enemies, rightward, state.clock)
    soon, later = with_timer(interval, moved & ~struck_now)
    soon = soon | enemies[0] >> SIZE | (enemies[1] & FULL_ROW) << 2 * SIZE
    enemies = jnp.stack([soon, later | enemies[1] >> SIZE])

    torpedoes = state.torpedoes | launched
    torpedoes_after = travel(torpedoes)
    bombed = jnp.any((torpedoes | torpedoes_after) & player != 0)

    arrives = (y == 0) & ~state.at_surface
    stranded = arrives & (aboard == 0)
    surfaces = arrives & ~stranded
    complete = surfaces & (aboard == DIVER_SEATS)
    hits = jax.lax.population_count(flying ^ missed | struck_now).sum()
    reward = hits + jnp.where(complete, state.oxygen // OXYGEN_PER_CELL, 0)
    terminated = once(rammed | bombed | stranded | (state.oxygen <= 0))

    following = State(
        x=x,
        y=y,
        faces_right=faces_right,
        at_surface=(y == 0) & (surfaces | state.at_surface),
        oxygen=jnp.where(surfaces, FULL_TANK, state.oxygen - (y > 0)),
        divers_aboard=jnp.where(complete, 0, aboard) - surfaces,
        difficulty=jnp.minimum(state.difficulty + surfaces, HARDEST) if difficulty_ramping else state.difficulty,
        reload_timer=jnp.where(fires, RELOAD_FRAMES - 1, jnp.maximum(state.reload_timer - 1, 0)),
        spawn_timer=spawn_timer,
        diver_timer=diver_timer,
        clock=jnp.where(state.clock == 1, SUB_RELOAD_FRAMES, state.clock - 1),
        shots=shots & missed & ~struck_now,
        torpedoes=torpedoes_after,
        enemies=enemies,
        rightward=rightward,
        older_diver=older,
        newer_diver=newer,
    )
    return following, reward.astype(jnp.float32), terminated


def admit_enemy(state: State, draws: Draws, interval: Int[Array, ""]) -> tuple[Enemies, Rows]:
    """When it is time, let an enemy enter, unless one that goes the other way is in its row; also new `rightward`."""
    row = jnp.where(draws.enemy_row == ROWS, FULL_ROW, 0)
    heading = jnp.where(draws.enemy_goes_right, row, 0)
    opposing = merge(jax.lax.reduce_or(state.enemies, (1,))) & row & (state.rightward ^ heading)
    enters = (state.spawn_timer == 0) & ~jnp.any(opposing != 0)
    submarine = jnp.where(state.clock == SUB_RELOAD_FRAMES, 1, state.clock + 1)  # fires in ten frames
    kind = jnp.where(draws.enemy_is_sub, submarine, FISH)
    door = row & jnp.where(draws.enemy_goes_right, LEFT_EDGE, RIGHT_EDGE)
    entering = jnp.where(enters & (kind >> KIND_BITS & 1 == 1), door, 0)
    soon, later = with_timer(interval, entering)
    enemies = state.enemies | pair(soon, later)
    return enemies, jnp.where(enters, state.rightward & ~row | heading, state.rightward)


def admit_diver(state: State, draws: Draws) -> tuple[Diver, Diver]:
    """The older and the newer diver, after one has entered when it was time. The older one is gone by then."""
    entering = Diver(jnp.where(draws.diver_goes_right, 0, SIZE - 1), draws.diver_row, draws.diver_goes_right)
    enters = state.diver_timer == 0

    def choose(yes, no):
        return jnp.where(enters, yes, no)

    return jax.tree.map(choose, (state.newer_diver, entering), (state.older_diver, state.newer_diver))


def swim(
    diver: Diver, swims: Bool[Array, ""], x: Int[Array, ""], y: Int[Array, ""], aboard: Int[Array, ""]
) -> tuple[Diver, Int[Array, ""]]:
    """A diver swims on; if the player at (x, y) was or is now in its cell and has a seat left, it comes aboard."""
    ahead = jnp.where(swims, diver.x + jnp.where(diver.goes_right, 1, -1), diver.x)
    boards = (diver.y == y) & ((diver.x == x) | (ahead == x)) & (aboard < DIVER_SEATS)
    gone = boards | (ahead < 0) | (ahead >= SIZE)
    return Diver(jnp.where(gone, 0, ahead), jnp.where(gone, -1, diver.y), diver.goes_right), aboard + boards


def strike(enemies: Enemies, shots: Rows) -> Int[Array, "2 16"]:
    """The enemies that shots hit: in each cell the first fish to have come there, else the first submarine.

    Whoever came first has the smallest timer. Enemies share a cell only when all their timers are in the first word.
    """
    fish, subs = kinds(enemies)
    struck = first_timer(fish & shots * EVERY_TIMER)
    struck = struck | first_timer(subs & (shots & ~merge(struck)) * EVERY_TIMER)
    return struck


def launch(enemies: Enemies, rightward: Rows, clock: Int[Array, ""]) -> Int[Array, "2 16"]:
    """New torpedoes, by direction, where the submarines whose kind is `clock` are after they have moved."""
    ready = jax.lax.reduce_and(enemies ^ ((clock >> KIND_BITS & 1) - 1), (1,))
    cells = move(ready[0] & FULL_ROW, rightward) | merge(ready & np.array([[~FULL_ROW], [-1]], np.int32))
    return pair(cells & ~rightward, cells & rightward)


def with_timer(timer: Int[Array, ""], boards: Int[Array, "4 16"]) -> tuple[Int[Array, "4 16"], Int[Array, "4 16"]]:
    """The boards as both words of enemies with the given timer, which is 2 at least."""
    return jnp.where(timer < 3, boards << 2 * SIZE, 0), jnp.where(timer < 3, 0, boards << SIZE * (timer - 3))


def pair(first: Int[Array, "*shape"], second: Int[Array, "*shape"]) -> Int[Array, "2 *shape"]:
    """Both as one. Under `vmap`, `jnp.stack` puts the new axis before the batch's, and XLA has to transpose."""
    return jnp.concatenate([first[None], second[None]])


def first_timer(words: Int[Array, "2 16"]) -> Int[Array, "2 16"]:
    """Of three boards side by side, only the first one in which a cell is set."""
    first = words & FULL_ROW
    second = words >> SIZE & FULL_ROW & ~first
    third = words >> 2 * SIZE & ~(first | second)
    return first | second << SIZE | third << 2 * SIZE


def merge(words: Int[Array, "2 16"]) -> Rows:
    """The board of all enemies, whatever their timer."""
    boards = words[0] | words[1]
    return (boards | boards >> SIZE | boards >> 2 * SIZE) & FULL_ROW


def kinds(enemies: Enemies) -> tuple[Int[Array, "2 16"], Int[Array, "2 16"]]:
    """Fish and submarines by timer."""
    fish = enemies[:, 2] & enemies[:, 3]
    return fish, (enemies[:, 0] | enemies[:, 1] | enemies[:, 2] | enemies[:, 3]) ^ fish


def cell(x: Int[Array, ""], y: Int[Array, ""]) -> Rows:
    """The board with the single cell (x, y) set; empty where `y` is no row."""
    return jnp.where(y == ROWS, 1 << x, 0)


def travel(boards: Int[Array, "2 16"]) -> Int[Array, "2 16"]:
    """Boards by direction (left, right), moved by one column."""
    return jnp.stack([boards[0] >> 1, boards[1] << 1 & FULL_ROW])


def move(boards: Int[Array, "*boards 16"], rightward: Rows) -> Int[Array, "*boards 16"]:
    """Boards of enemies, moved by one column."""
    return boards << 1 & rightward | boards >> 1 & ~rightward


def observe(state: State) -> Bool[Array, "10 10 10"]:
    """Channels as in `seaquest`; a trail is the cell behind an enemy or a diver in the sea."""
    fish, subs = map(merge, kinds(state.enemies))
    older, newer = cell(*state.older_diver[:2]), cell(*state.newer_diver[:2])
    trails = move(fish | subs, state.rightward ^ FULL_ROW)
    for diver, goes_right in ((older, state.older_diver.goes_right), (newer, state.newer_diver.goes_right)):
        trails = trails | jnp.where(goes_right, diver >> 1, diver << 1)
    gauges = ROWS == SIZE - 1
    oxygen_cells = jnp.maximum(state.oxygen, 0) // OXYGEN_PER_CELL
    boards = jnp.stack(
        [
            cell(state.x, state.y),
            cell(state.x + jnp.where(state.faces_right, -1, 1), state.y),
            state.shots[0] | state.shots[1],
            trails,
            state.torpedoes[0] | state.torpedoes[1],
            fish,
            subs,
            jnp.where(gauges, (1 << oxygen_cells) - 1, 0),
            jnp.where(gauges, (1 << SIZE - 1) - (1 << SIZE - 1 - jnp.maximum(state.divers_aboard, 0)), 0),
            older | newer,
        ]
    )
    return render(*boards[:, :SIZE])
