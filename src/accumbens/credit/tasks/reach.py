"""Reaching with a hand: random reaches, or eight targets around the middle, as they are or rotated.

Reference: Kaleb et al. (2024) and its released code: a trial has 125 steps of 10 ms; the target is shown from step 20
on, and the signal to hold still ends at step `go` - 50, when the movement begins: a sigmoid of 100 steps. The goal adds
up the sigmoid's velocity by central differences, one step late, as there where networks learn and adapt.
"""

import dataclasses
import hashlib
import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.credit.protocol import TaskFacts
from accumbens.credit.tasks.protocol import Examples, Stream, Task
from accumbens.credit.tasks.pushes import STEPS, pushes
from accumbens.credit.tasks.settings import ReachSettings
from accumbens.credit.tasks.splits import check_seed
from accumbens.errors import require

TARGET_AT, GO, MOVING = 20, 70, 100
RADIUS, TARGETS, REACH = 5.0, 8, 6.0
PUSH = 10.0
_HOLD = {"random": REACH, "centre-out": RADIUS}


def make_reach(settings: ReachSettings, batch_size: int, data: Path | None = None) -> Task:
    """Return the task; its inputs are those of `networks.controlled.Seen`, its outputs positions of the hand.

    What tests are the eight targets without feedback and without pushes; `test_feedback` has feedback.

    Args:
        settings: movements, rotation, pushes, whether there is feedback while it is learned.
        batch_size: trials of one update.
        data: not needed.

    Raises:
        AccumbensError: a setting cannot be used.
    """
    check_seed(settings.split_seed)
    require("rotation", settings.rotation, "from -180 to 180", -180 <= settings.rotation <= 180)
    require("pushes", settings.pushes, "from 0 to 1", 0 <= settings.pushes <= 1)
    require("updates", settings.updates, "from 1 to 2147483647", 1 <= settings.updates < 2**31)

    def batch(state: Any, update: Array, key: PRNGKeyArray) -> tuple[Float[Array, "batch 125 8"], Array]:
        reach_key, push_key = jax.random.split(key)
        start, end = drawn(settings, batch_size, reach_key)
        return trials(settings, start, end, pushes(settings.pushes, PUSH, batch_size, push_key), settings.feedback)

    def held_out(feedback: bool) -> Examples:
        angle = 2 * np.pi * np.arange(TARGETS) / TARGETS
        end = RADIUS * jnp.stack([np.cos(angle), np.sin(angle)], axis=1)
        still = jnp.zeros((TARGETS, STEPS, 2))
        return Examples(*map(np.asarray, trials(settings, jnp.zeros_like(end), end, still, feedback)))

    what = ("reach", batch_size, sorted(dataclasses.asdict(settings).items()))
    return Task(
        TaskFacts("regression", 8, 2, steps=STEPS, controlled=True),
        Stream(settings.updates, lambda key: (), batch),
        held_out(False),
        held_out(False),
        hashlib.sha256(repr(what).encode()).hexdigest(),
        more={"feedback": held_out(True)},
    )


def drawn(settings: ReachSettings, count: int, key: PRNGKeyArray) -> tuple[Float[Array, "count 2"], Array]:
    """Return where reaches begin and end."""
    if settings.movements == "random":
        start, end = jax.random.uniform(key, (2, count, 2), minval=-REACH, maxval=REACH)
        return start, end
    angle = 2 * jnp.pi * jax.random.randint(key, (count,), 0, TARGETS) / TARGETS
    return jnp.zeros((count, 2)), RADIUS * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)


def profile() -> Float[np.ndarray, " 125"]:
    """Return the part of the way that should be done at every step: see above; sigmoid(10 s), s from -1 to 1."""
    moving = 1 / (1 + np.exp(-10 * np.linspace(-1, 1, MOVING, endpoint=False)))
    begin = GO - MOVING // 2
    place = np.concatenate([np.zeros(begin), moving, np.ones(STEPS - begin - MOVING)])
    late = np.concatenate([[0.0], np.gradient(place)[:-1]])
    return np.cumsum(late).astype(np.float32)


def trials(
    settings: ReachSettings,
    start: Float[Array, "count 2"],
    end: Float[Array, "count 2"],
    push: Float[Array, "count 125 2"],
    feedback: bool,
) -> tuple[Float[Array, "count 125 8"], Float[Array, "count 125 2"]]:
    """Return inputs and the positions that the hand should have, which are rotated while the inputs are not."""
    angle = math.radians(settings.rotation)
    rotation = jnp.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    way = end - start
    goal = jnp.asarray(profile())[None, :, None] * (way @ rotation.T)[:, None]
    step = jnp.arange(STEPS)
    target = jnp.where((step >= TARGET_AT)[None, :, None], way[:, None], 0.0)
    hold = jnp.where(step < GO - MOVING // 2, _HOLD[settings.movements], 0.0)
    hold, told = (jnp.broadcast_to(part, (len(way), STEPS))[..., None] for part in (hold, float(feedback)))
    return jnp.concatenate([target, hold, push, goal, told], axis=-1), goal
