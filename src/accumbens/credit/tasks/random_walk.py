"""The piecewise random walk of Gupta et al., 2021: a stream whose examples are the more correlated, the harder it is.

The generator is that of the released code: v is the variance of all inputs, whatever the difficulty d.
"""

import dataclasses
import hashlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from accumbens.credit.protocol import TaskFacts
from accumbens.credit.tasks.protocol import Examples, Stream, Task
from accumbens.credit.tasks.settings import RandomWalkSettings
from accumbens.credit.tasks.splits import check_seed
from accumbens.errors import require

BOUND = 1.0
VARIANCE = (BOUND / 2) ** 2
"""v: of the inputs of the whole stream, and of the examples that validate and test."""
MOST_HELD_OUT = 10_000
"""Examples that validate, and that test, at most; the released code has no such bound."""


def make_random_walk(settings: RandomWalkSettings, batch_size: int, data: Path | None = None) -> Task:
    """Return the task. What validates and tests is independent and identically distributed, whatever the difficulty.

    Args:
        settings: the difficulty, and how long the stream is.
        batch_size: examples of one update.
        data: not needed.

    Raises:
        AccumbensError: a setting cannot be used.
    """
    d, means, segments = settings.difficulty, settings.means, settings.segments
    check_seed(settings.split_seed)
    require("difficulty", d, "from 0 to 1", 0 <= d <= 1)
    require("means", means, ">= 1", means >= 1)
    require("segments", segments, ">= 1", segments >= 1)
    require("means * segments", means * segments, "below 2147483648", means * segments < 2**31)

    def batch(
        S: Float[Array, " means"], update: Int[Array, ""], key: PRNGKeyArray
    ) -> tuple[Float[Array, "batch 1"], Float[Array, "batch 1"]]:
        """Draw x ~ N(S_t, (1 - d)v), and what is to be predicted."""
        x = S[update // segments] + jnp.sqrt((1 - d) * VARIANCE) * jax.random.normal(key, (batch_size, 1))
        return x, jnp.sin(2 * jnp.pi * x**2)

    held_out = min(max(means * segments * batch_size // 100, 1), MOST_HELD_OUT)
    generator = np.random.default_rng(settings.split_seed)
    valid, test = (_independent(generator, held_out) for _ in range(2))
    what = ("piecewise-random-walk", batch_size, sorted(dataclasses.asdict(settings).items()))
    stream = Stream(means * segments, lambda key: walk(key, d, means), batch)
    digest = hashlib.sha256(repr(what).encode()).hexdigest()
    return Task(TaskFacts("regression", 1, 1), stream, valid, test, digest)


def walk(key: PRNGKeyArray, d: float, means: int) -> Float[Array, " means"]:
    """Return the mean S_t of every segment: S_0 ~ N(0, dv), S_t = (1 - c)S_{t-1} + N(0, d²v), c = 1 - √(1 - d).

    Its stationary variance is that of S_0, its correlation from one step to the next 1 - c.
    """
    first, steps = jax.random.split(key)
    start = jnp.sqrt(d * VARIANCE) * jax.random.normal(first)
    noise = d * jnp.sqrt(VARIANCE) * jax.random.normal(steps, (means - 1,))
    kept = jnp.sqrt(1.0 - d)  # 1 - c

    def step(S: Array, change: Array) -> tuple[Array, Array]:
        S = kept * S + change
        return S, S

    _, S = jax.lax.scan(step, start, noise)
    return jnp.concatenate([start[None], S])


def _independent(generator: np.random.Generator, count: int) -> Examples:
    x = generator.normal(0, np.sqrt(VARIANCE), (count, 1))
    return Examples(x.astype(np.float32), np.sin(2 * np.pi * x**2).astype(np.float32))
