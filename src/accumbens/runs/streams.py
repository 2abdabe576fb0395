"""Named streams of random numbers: adding noise in one place never moves another, and twins see the same noise."""

from enum import IntEnum

import jax
from jaxtyping import Array, Int, Integer, PRNGKeyArray

from accumbens.generator import make_key


class Stream(IntEnum):
    """What the random numbers are for."""

    PARAMETERS = 0
    FIRST_STATES = 1
    ENVIRONMENT = 2
    EXPLORATION = 3
    LEARNING = 4
    EVALUATION = 5


def stream_key(seed: Integer[Array, ""], stream: Stream, step: Int[Array, ""] | int) -> PRNGKeyArray:
    """Return the key of (seed, stream, step)."""
    return jax.random.fold_in(jax.random.fold_in(make_key(seed), stream), step)
