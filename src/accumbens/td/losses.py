"""Losses of one TD error, element by element; the mean over a batch is taken by the learner."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def squared(td_error: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return δ², without a factor ½, as in the published code."""
    return jnp.square(td_error)


def huber(td_error: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return δ² / 2 for |δ| ≤ 1 and |δ| - 1/2 beyond. Reference: Huber (1964); Mnih et al. (2015)."""
    size = jnp.abs(td_error)
    return jnp.where(size <= 1.0, 0.5 * jnp.square(td_error), size - 0.5)


LOSSES = {"squared": squared, "huber": huber}
