"""Sine waves: one number says the frequency, and two outputs have to draw sine and cosine.

Reference: the released code of Kaleb et al. (2024), `Sinewave`. A trial has 125 steps; the first 20 are silent. There
is no position: the error is that of the outputs themselves. What is adapted to is a shift of the frequency, which the
input does not tell. Held out are eight frequencies at equal distances, where the released code draws them.
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
from accumbens.credit.tasks.settings import SineSettings
from accumbens.credit.tasks.splits import check_seed
from accumbens.errors import require

SILENT, LOWEST, HIGHEST, HELD_OUT = 20, 1.0, 4.0, 8
PUSH = 0.25


def make_sine_waves(settings: SineSettings, batch_size: int, data: Path | None = None) -> Task:
    """Return the task; inputs and outputs are those of `networks.controlled.Seen`, the goal being the waves.

    Args:
        settings: shift of the frequency, pushes, whether there is feedback while it is learned.
        batch_size: trials of one update.
        data: not needed.

    Raises:
        AccumbensError: a setting cannot be used.
    """
    check_seed(settings.split_seed)
    shift = settings.frequency_shift
    require("pushes", settings.pushes, "from 0 to 1", 0 <= settings.pushes <= 1)
    require("frequency_shift", shift, "> -1 and at most 16", -LOWEST < shift <= 16)
    require("updates", settings.updates, "from 1 to 2147483647", 1 <= settings.updates < 2**31)

    def batch(state: Any, update: Array, key: PRNGKeyArray) -> tuple[Float[Array, "batch 125 8"], Array]:
        frequency_key, push_key = jax.random.split(key)
        frequency = jax.random.uniform(frequency_key, (batch_size,), minval=LOWEST, maxval=HIGHEST)
        return trials(frequency, shift, pushes(settings.pushes, PUSH, batch_size, push_key), settings.feedback)

    def held_out(feedback: bool) -> Examples:
        still = jnp.zeros((HELD_OUT, STEPS, 2))
        return Examples(*map(np.asarray, trials(jnp.linspace(LOWEST, HIGHEST, HELD_OUT), shift, still, feedback)))

    what = ("sine-waves", batch_size, sorted(dataclasses.asdict(settings).items()))
    return Task(
        TaskFacts("regression", 8, 2, steps=STEPS, controlled=True, direct=True),
        Stream(settings.updates, lambda key: (), batch),
        held_out(False),
        held_out(False),
        hashlib.sha256(repr(what).encode()).hexdigest(),
        more={"feedback": held_out(True)},
    )


def waves(frequency: Float[Array, " count"]) -> Float[Array, "count 125 2"]:
    """Return sine and cosine; frequencies are in cycles per trial. The cosine begins where it is first 0."""
    since = (jnp.arange(STEPS) - SILENT)[None]
    angle = 2 * math.pi * frequency[:, None] * since / STEPS
    quarter = jnp.floor(0.99 + STEPS / (4 * frequency[:, None]))
    sine, cosine = jnp.where(since >= 0, jnp.sin(angle), 0.0), jnp.where(since >= quarter, jnp.cos(angle), 0.0)
    return jnp.stack([sine, cosine], axis=-1)


def trials(
    frequency: Float[Array, " count"], shift: float, push: Float[Array, "count 125 2"], feedback: bool
) -> tuple[Float[Array, "count 125 8"], Float[Array, "count 125 2"]]:
    """Return inputs and waves, whose frequency is shifted while that in the inputs is not."""
    goal = waves(frequency + shift)
    told = jnp.where(jnp.arange(STEPS) >= SILENT, frequency[:, None], 0.0)[..., None]
    nothing, fed_back = jnp.zeros_like(push), jnp.full_like(told, float(feedback))
    return jnp.concatenate([told, nothing, push, goal, fed_back], axis=-1), goal
