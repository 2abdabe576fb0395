"""Pushes on a hand while it moves: for ten steps, somewhere in a trial."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

STEPS = 125
"""Of a trial."""
_HALF, _FIRST, _LAST = 5, 20, 190


def pushes(probability: float, size: float, count: int, key: PRNGKeyArray) -> Float[Array, "count 125 2"]:
    """Return what is added to the hand's velocity.

    Args:
        probability: that a trial has a push, of each dimension on its own.
        size: of a push.
        count: trials.
        key: for the middle of the push, a step from 20 to 189; so some fall behind the last step.
    """
    whether_key, when_key = jax.random.split(key)
    whether = jax.random.bernoulli(whether_key, probability, (count, 1, 2))
    middle = jax.random.randint(when_key, (count, 1, 2), _FIRST, _LAST)
    step = jnp.arange(STEPS)[None, :, None]
    return jnp.where(whether & (step >= middle - _HALF) & (step < middle + _HALF), size, 0.0)
