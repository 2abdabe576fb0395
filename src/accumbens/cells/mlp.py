"""The plain cell: the same hidden activity, read out linearly."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.cells.protocol import Activity, Candidates, CellOutput, Convolution, dense
from accumbens.cells.readout import Readout, ScalarReadout


class MLPCell(eqx.Module):
    """h = LayerNorm(ReLU(W_h x + b)); y = W_q h + b_q; the readout makes values of y.

    With `layer_norm` off, a stack of these cells without wiring through time is an ordinary multi-layer perceptron.
    It cannot be conditioned on the action: added to a linear readout, an action would be worth the same in all states.
    """

    activity: Activity
    W_q: Float[Array, "hidden outputs"]
    b_q: Float[Array, " outputs"]
    readout: Readout
    actions: int = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        hidden: int,
        actions: int,
        *,
        key: PRNGKeyArray,
        layer_norm: bool = True,
        readout: Readout | None = None,
        convolution: Convolution | None = None,
    ):
        """Draw the weights; the arguments are those of `AttentionCell`."""
        activity_key, value_key = jax.random.split(key)
        self.activity = Activity(inputs, hidden, layer_norm=layer_norm, key=activity_key, convolution=convolution)
        self.readout = ScalarReadout() if readout is None else readout
        outputs = actions * self.readout.size
        self.W_q = dense(value_key, hidden, outputs)
        self.b_q = jnp.zeros(outputs)
        self.actions = actions

    def hidden(self, x: Float[Array, " inputs"]) -> Float[Array, " hidden"]:
        """Return h."""
        return self.activity(x)

    def __call__(self, x: Float[Array, " inputs"], candidates: Candidates = None) -> CellOutput:
        """Return h and the values of all actions."""
        del candidates
        h = self.activity(x)
        if self.actions == 0:
            return CellOutput(hidden=h, value=jnp.zeros(0))
        y = h @ self.W_q + self.b_q
        return CellOutput(hidden=h, value=self.readout(y.reshape(self.actions, self.readout.size)))
