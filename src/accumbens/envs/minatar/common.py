"""What the MinAtar games share: the form of a game, bitboards, random numbers, and sticky actions.

The rules are those of MinAtar 1.0.15 (Young and Tian, 2019, arXiv:1903.03176), in the `-v1` form: minimal action set,
sticky actions with probability 0.1, difficulty ramping.

A *board* is ten integers: bit `x` of `rows[y]` is the cell in column `x`, counted from the left, of row `y`, counted
from the top. Sprites move by shifts, collide by `&`, and no gather or scatter is needed.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, UInt32

from accumbens.envs.protocol import Environment, Observation, Step

SIZE = 10
BIT_HALVES = np.array([0x55555555, ~0x55555555], np.int32)

GameState = Any
Draws = Any
Rows = Int[Array, "10"]


class Game(NamedTuple):
    """The rules of one game as pure functions; the randomness comes in as ready-made values.

    Attributes:
        name: the original's module name, such as `space_invaders`.
        num_channels: number of boards in an observation.
        num_actions: size of the minimal action set; action `i` is the i-th of the original's `minimal_action_set()`.
        num_words: how many random 32-bit words one step, or one beginning, uses at most.
        draw: `draw(words) -> draws`: all that chance decides in one step, or in one beginning, read from the words.
        begin: `begin(draws) -> state`: an episode's first state.
        advance: `advance(state, action, draws) -> (state, reward, terminated)`: one frame.
        observe: `observe(state) -> Bool[10, 10, num_channels]`.
    """

    name: str
    num_channels: int
    num_actions: int
    num_words: int
    draw: Callable[[UInt32[Array, " words"]], Draws]
    begin: Callable[[Draws], GameState]
    advance: Callable[[GameState, Int[Array, ""], Draws], tuple[GameState, Float[Array, ""], Bool[Array, ""]]]
    observe: Callable[[GameState], Bool[Array, "10 10 channels"]]


class StickyState(NamedTuple):
    """A game's state and the action that was executed last."""

    game: GameState
    last_action: Int[Array, ""]


class Chance(NamedTuple):
    """All that chance decides in one step: whether the last action sticks, and what the game needs."""

    sticks: Bool[Array, ""]
    draws: Draws


def draw_chance(game: Game, key: PRNGKeyArray, sticky_action_probability: float = 0.1) -> Chance:
    """The random decisions that `make(game)` takes in the step, or the reset, that gets `key`."""
    words = jax.random.bits(key, (1 + game.num_words,), jnp.uint32)
    return Chance(happens(words[0], sticky_action_probability), game.draw(words[1:]))


def make(game: Game, sticky_action_probability: float = 0.1) -> Environment:
    """Wrap a game as an environment in which, with the given probability, the last executed action is repeated.

    An episode begins as if its last action had been 0, "do nothing". The original does so in its first episode; later
    ones remember the last action of the episode before, which a pure `reset` cannot know.
    """

    def reset(key: PRNGKeyArray) -> tuple[StickyState, Observation]:
        first = game.begin(draw_chance(game, key).draws)
        return finished((StickyState(first, jnp.int32(0)), game.observe(first)))

    def step(key: PRNGKeyArray, state: StickyState, action: Int[Array, ""]) -> tuple[StickyState, Step]:
        chance = draw_chance(game, key, sticky_action_probability)
        executed = jnp.where(chance.sticks, state.last_action, action.astype(jnp.int32))
        following, reward, terminated = game.advance(state.game, executed, chance.draws)
        # With 64-bit types switched on, sums are wider than what they came from.
        following = jax.tree.map(lambda new, old: new.astype(old.dtype), following, state.game)
        # The barrier makes XLA finish the rules first, where it would compute them again for every pixel.
        observation = game.observe(jax.lax.optimization_barrier(following))
        outcome = Step(observation, reward, terminated, truncated=jnp.bool_(False))
        return StickyState(following, executed), outcome

    return Environment(
        name=f"minatar/{game.name}",
        reset=reset,
        step=step,
        observation_shape=(SIZE, SIZE, game.num_channels),
        observation_dtype=np.dtype(bool),
        observation_low=np.array(False),
        observation_high=np.array(True),
        num_actions=game.num_actions,
        max_episode_steps=None,
    )


def happens(word: UInt32[Array, "*shape"], probability: float) -> Bool[Array, "*shape"]:
    """An event of the given probability, exact to 2⁻³², read from a random word."""
    threshold = round(probability * 2**32)
    return word <= np.uint32(threshold - 1) if threshold > 0 else jnp.zeros(word.shape, bool)


def below(word: UInt32[Array, "*shape"], bound: int | Int[Array, "*shape"]) -> Int[Array, "*shape"]:
    """A uniform integer from 0 to `bound - 1`, for bounds up to 256, read from the upper 24 bits of a random word.

    Two numbers' probabilities differ by 2⁻²⁴ at most.
    """
    return (((word >> 8) * jnp.asarray(bound).astype(jnp.uint32)) >> 24).astype(jnp.int32)


def one_cell(x: Int[Array, ""] | int, y: Int[Array, ""] | int) -> Rows:
    """The board with the single cell (x, y) set; empty where `y` is no row. `x` must not be negative."""
    return jnp.where(np.arange(SIZE) == y, 1 << jnp.asarray(x, jnp.int32), 0)


def finished(values: Any) -> Any:
    """The same values, computed here once. XLA would compute the rules again for every pixel that depends on them."""
    return jax.lax.optimization_barrier(values)


def once(values: Any) -> Any:
    """The same integers and truth values, computed here once also where many fused loops read them.

    XLA on a CPU drops barriers before it fuses, but never computes a reduction twice: so this is one, over both halves
    of the bits.
    """

    def reduced(value: Array) -> Array:
        if value.dtype == bool:
            return reduced(value.astype(jnp.int32)) != 0
        return jax.lax.reduce_or(value & BIT_HALVES.reshape(2, *(1,) * value.ndim), (0,))

    return jax.tree.map(reduced, values)


def render(*boards: Rows) -> Bool[Array, "10 10 channels"]:
    """Spread boards, one per channel, into an observation; bits beyond the tenth column are dropped."""
    return _columns(finished(jnp.stack(boards)).T)


def render_fused(*boards: Rows) -> Bool[Array, "10 10 channels"]:
    """As `render`, fused with the rules: in Asterix, and there alone, XLA makes a program of it four times faster."""
    channels = np.arange(len(boards))
    rows = jnp.int32(0)
    for channel, board in enumerate(boards):
        rows += jnp.where(channels == channel, board[:, None], 0)
    return _columns(rows)


def _columns(rows: Int[Array, "10 channels"]) -> Bool[Array, "10 10 channels"]:
    return (rows[:, None, :] >> np.arange(SIZE)[:, None] & 1).astype(bool)
