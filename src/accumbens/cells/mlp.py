"""The plain cell: the same hidden activity, read out linearly."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.cells.protocol import Activity, CellOutput, dense


class MLPCell(eqx.Module):
    """h = LayerNorm(ReLU(W_h x + b)); Q = value_scale · (W_q h + b_q).

    With `layer_norm` off, a stack of these cells without wiring through time is an ordinary multi-layer perceptron.
    """

    activity: Activity
    W_q: Float[Array, "hidden actions"]
    b_q: Float[Array, " actions"]
    value_scale: float = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        hidden: int,
        actions: int,
        *,
        key: PRNGKeyArray,
        layer_norm: bool = True,
        value_scale: float = 1.0,
    ):
        """Draw the weights of a cell with `inputs` inputs, `hidden` units and `actions` values."""
        activity_key, value_key = jax.random.split(key)
        self.activity = Activity(inputs, hidden, layer_norm=layer_norm, key=activity_key)
        self.W_q = dense(value_key, hidden, actions)
        self.b_q = jnp.zeros(actions)
        self.value_scale = value_scale

    def hidden(self, x: Float[Array, " inputs"]) -> Float[Array, " hidden"]:
        """Return h."""
        return self.activity(x)

    def __call__(self, x: Float[Array, " inputs"]) -> CellOutput:
        """Return h and Q."""
        h = self.activity(x)
        return CellOutput(hidden=h, value=self.value_scale * (h @ self.W_q + self.b_q))
