"""What a cell is, and the pieces cells share."""

from typing import NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


class CellOutput(NamedTuple):
    """What one cell computes from its inputs.

    Attributes:
        hidden: the activity that travels up, and through time.
        value: the cell's own prediction of the value, one number per action.
    """

    hidden: Float[Array, " hidden"]
    value: Float[Array, " actions"]


@runtime_checkable
class Cell(Protocol):
    """One layer: an unbatched Equinox module that knows nothing of time, reward or gradients."""

    def hidden(self, x: Float[Array, " inputs"]) -> Float[Array, " hidden"]:
        """Return only the activity; replaying a context needs no values."""
        ...

    def __call__(self, x: Float[Array, " inputs"]) -> CellOutput:
        """Return activity and value."""
        ...


def dense(key: PRNGKeyArray, inputs: int, outputs: int) -> Float[Array, "{inputs} {outputs}"]:
    """Return LeCun-normal weights, the initialiser of the published code; `x @ weights` applies them."""
    if outputs == 0:  # a cell that predicts nothing
        return jnp.zeros((inputs, 0))
    return jax.nn.initializers.lecun_normal()(key, (inputs, outputs), jnp.float32)


class Activity(eqx.Module):
    """h = LayerNorm(ReLU(W_h x + b)), the hidden activity of the released cell; the norm can be left out."""

    W_h: Float[Array, "inputs hidden"]
    b: Float[Array, " hidden"]
    norm: eqx.nn.LayerNorm | None

    def __init__(self, inputs: int, hidden: int, *, layer_norm: bool, key: PRNGKeyArray):
        """Draw the weights; biases are zero, the norm's scale is one."""
        self.W_h = dense(key, inputs, hidden)
        self.b = jnp.zeros(hidden)
        self.norm = eqx.nn.LayerNorm(hidden, eps=1e-6) if layer_norm else None

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " hidden"]:
        """Return h."""
        h = jax.nn.relu(x @ self.W_h + self.b)
        return h if self.norm is None else self.norm(h)
