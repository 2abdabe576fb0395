"""The critic: a value for every token's state, read from a transformer's hidden activity."""

import math
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.errors import require


class ValueHead(eqx.Module):
    """Rectified layers without biases, and one number at the end, which is 0 at the start."""

    layers: tuple[Float[Array, "outputs inputs"], ...]

    def __init__(self, width: int, sizes: Sequence[int] = (1024, 512), *, key: PRNGKeyArray):
        """Draw the weights, LeCun-normal.

        Args:
            width: of the transformer.
            sizes: units of every layer before the last.
            key: of the weights.

        Raises:
            AccumbensError: a size is not positive.
        """
        require("sizes", list(sizes), "positive", all(size > 0 for size in sizes))
        widths = [width, *sizes]
        keys = jax.random.split(key, len(widths))
        drawn = [
            jax.random.normal(k, (outputs, inputs)) / math.sqrt(inputs)
            for k, inputs, outputs in zip(keys, widths[:-1], widths[1:], strict=False)
        ]
        self.layers = (*drawn, jnp.zeros((1, widths[-1])))

    def __call__(self, hidden: Float[Array, "*any width"]) -> Float[Array, "*any"]:
        """Return the values."""
        x = hidden
        for layer in self.layers[:-1]:
            x = jax.nn.relu(x @ layer.T)
        return (x @ self.layers[-1].T)[..., 0]
