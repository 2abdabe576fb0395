"""Arcade games of Octax, CHIP-8 programs on an emulator in JAX, seen as pictures; they need the extra `octax`.

The screen has 32 × 64 pixels, on or off. A step is four frames of 11 instructions each with one key pressed, or none,
and the agent sees all four. As a picture is large for networks that are trained on a few cores, every 2 × 2 pixels are
one here, on if any of them is: 16 × 32, of which a ball of one pixel stays a pixel.

Octax plays more games than are offered here. In 0.1.1 a delay timer that has run out goes to 255 instead of staying at
0, and counts once a step instead of once a frame, so only games that Octax plays without timers are here. Of these one
never ends (`shooting_stars`), one draws no random numbers, so that a policy without chance would play the same episode
again and again (`vertical_brix`), and one seldom pays anything to who plays at random (`tank`). All episodes of a game
begin alike. The programs come with Octax; they are their authors' and no part of accumbens.

Reference: Radji et al. (2025), "Octax: Accelerated CHIP-8 Arcade Environments for Reinforcement Learning in JAX".
"""

import contextlib
import functools
import importlib
import importlib.util
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import sequential_vmap
from jaxtyping import Array, Bool, Int, PRNGKeyArray

from accumbens.envs.jax import strongly_typed
from accumbens.envs.protocol import Environment, Observation, State, Step
from accumbens.envs.wrappers import time_limit
from accumbens.errors import AccumbensError

ACTIONS = {"brix": 3, "pong": 3, "spacejam": 5}
"""The games, and how many actions each has: its keys, and the last for none."""

FRAMES = 4
"""Frames of one step, all of which are seen."""

_ROWS, _COLUMNS, _POOL = 32, 64, 2
_MAX_STEPS = 4500
"""The time limit of Octax: five minutes at 60 frames a second."""


def arcade(game: str) -> Environment:
    """Play a game for its score, as in Octax: the same actions, rewards and ends.

    `brix` breaks bricks with a ball, 1 for each, until the ball is lost. `pong` is played against an opponent, 1 for a
    point made and -1 for one lost, until either has 9. `spacejam` flies through a tunnel, 1 or 3 for each of its
    stars, until it has touched something twice. Episodes are truncated after 4500 steps.

    Args:
        game: one of `ACTIONS`.

    Raises:
        AccumbensError: the extra is not installed.
    """
    name = f"octax/{game}"
    if not all(map(importlib.util.find_spec, ("octax", "cv2"))):
        raise AccumbensError(
            f"environment {name!r} needs Octax and OpenCV, which are not both installed. In a checkout run 'uv sync "
            """--extra octax', elsewhere 'pip install "accumbens[octax]"'."""
        )

    @functools.cache
    def make() -> tuple[Any, State]:
        with jax.ensure_compile_time_eval(), _quiet():  # arrays that it made would outlive whatever is being traced
            program, _ = importlib.import_module("octax.environments").create_environment(game)
            # Random numbers come from the keys of the steps; its own would only be one more thing to remember.
            return program, strongly_typed(program.cached_reset_state.replace(rng=None))

    def reset(key: PRNGKeyArray) -> tuple[State, Observation]:
        program, first = make()
        return first, _seen(program.pad_frame(first.display))

    def step(key: PRNGKeyArray, state: State, action: Int[Array, ""]) -> tuple[State, Step]:
        program, _ = make()
        play = partial(_play, program)
        # A processor takes one branch of a program at a time, and all of them for copies side by side.
        state, frames = (sequential_vmap(play) if jax.default_backend() == "cpu" else play)(key, state, action)
        score = (program.score_fn(state) * 1.0).astype(jnp.float32)
        reward = score - state.current_score
        state = state.replace(current_score=score)
        return state, Step(_seen(frames), reward, program.terminated_fn(state), jnp.zeros((), bool))

    shape = (_ROWS // _POOL, _COLUMNS // _POOL, FRAMES)
    bounds = np.array(False), np.array(True)
    env = Environment(name, reset, step, shape, np.dtype(bool), *bounds, ACTIONS[game], None)
    return time_limit(env, _MAX_STEPS)


GAMES: dict[str, Callable[[], Environment]] = {f"octax/{game}": partial(arcade, game) for game in ACTIONS}


def _play(
    program: Any, key: PRNGKeyArray, state: State, action: Int[Array, ""]
) -> tuple[State, Bool[Array, "frames width height"]]:
    """Run the instructions of one step with a key pressed; the last action presses none.

    `step` of Octax does the same, but keeps the screen after every instruction, not after every frame: half as fast.
    """
    run_instruction = importlib.import_module("octax.env").run_instruction
    keys = program.action_set
    pressed = (jnp.arange(16) == keys[jnp.minimum(action, len(keys) - 1)]) & (action < len(keys))

    def frame(state: State, _: None) -> tuple[State, Bool[Array, "width height"]]:
        state = jax.lax.fori_loop(0, program.instructions_per_step, lambda _, s: run_instruction(s, None)[0], state)
        return state, state.display

    with _quiet():
        state = state.replace(rng=key, keypad=state.keypad | pressed)
        state, frames = jax.lax.scan(frame, state, length=FRAMES)
    silent = jnp.zeros((), jnp.uint8)
    return state.replace(rng=None, keypad=state.keypad & ~pressed, delay_timer=silent, sound_timer=silent), frames


def _seen(frames: Bool[Array, "frames width height"]) -> Bool[Array, "rows columns frames"]:
    """Return the frames as channels, at half the resolution."""
    blocks = frames.transpose(2, 1, 0).reshape(_ROWS // _POOL, _POOL, _COLUMNS // _POOL, _POOL, FRAMES)
    return blocks.any((1, 3))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence what JAX 0.8 and later say of conversions between the emulator's types of integers (octax 0.1.1)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "scatter inputs have incompatible types", FutureWarning)
        yield
