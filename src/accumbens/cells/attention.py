"""The cells of Artificial Dopamine: as released (`AttentionCell`) and as written in the paper (`DotCell`)."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.cells.protocol import Activity, CellOutput, dense


def standardise_rows(W: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
    """Return W with rows of zero mean and unit standard deviation; constant rows become zero."""
    centred = W - W.mean(-1, keepdims=True)
    variance = jnp.square(centred).mean(-1, keepdims=True)
    # The square root has no derivative at zero, where a silent cell that sees nothing would be.
    return centred / (jnp.sqrt(jnp.maximum(variance, 1e-30)) + 1e-6)


class AttentionCell(eqx.Module):
    """The released cell: the weights that read the value from h are themselves computed from x.

    h = LayerNorm(ReLU(W_h x + b)); W = z2ᵀ z1 with z1 (rank × hidden) and z2 (rank × actions) linear in x;
    each row of W is standardised over hidden, then squashed by tanh; Q = value_scale · W h.

    With `value_scale` 1 an untrained Q has a standard deviation of about 0.63·√hidden.

    Reference: Guan et al. (2024), the published `AttentionADCell`. The paper's section 3.1 has no norms: `DotCell`.
    """

    activity: Activity
    W_z1: Float[Array, "inputs rank*hidden"]
    W_z2: Float[Array, "inputs rank*actions"]
    rank: int = eqx.field(static=True)
    standardise: bool = eqx.field(static=True)
    value_scale: float = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        hidden: int,
        actions: int,
        *,
        key: PRNGKeyArray,
        rank: int = 8,
        standardise: bool = True,
        layer_norm: bool = True,
        value_scale: float = 1.0,
    ):
        """Draw the weights of a cell with `inputs` inputs, `hidden` units and `actions` values."""
        activity_key, z1_key, z2_key = jax.random.split(key, 3)
        self.activity = Activity(inputs, hidden, layer_norm=layer_norm, key=activity_key)
        self.W_z1 = dense(z1_key, inputs, rank * hidden)
        self.W_z2 = dense(z2_key, inputs, rank * actions)
        self.rank, self.standardise, self.value_scale = rank, standardise, value_scale

    def hidden(self, x: Float[Array, " inputs"]) -> Float[Array, " hidden"]:
        """Return h."""
        return self.activity(x)

    def __call__(self, x: Float[Array, " inputs"]) -> CellOutput:
        """Return h and Q."""
        h = self.activity(x)
        z1 = (x @ self.W_z1).reshape(self.rank, -1)
        z2 = (x @ self.W_z2).reshape(self.rank, -1)
        W = z2.T @ z1
        if self.standardise:
            W = standardise_rows(W)
        return CellOutput(hidden=h, value=self.value_scale * (jnp.tanh(W) @ h))


class DotCell(eqx.Module):
    """The cell of the paper's equations: h = ReLU(W_in x); Q(a) = tanh(W_att,a x) · h.

    One full weight matrix per action, no bias, no layer norm, no standardisation.

    Reference: Guan et al. (2024), section 3.1.
    """

    W_in: Float[Array, "inputs hidden"]
    W_att: Float[Array, "inputs actions*hidden"]
    value_scale: float = eqx.field(static=True)

    def __init__(self, inputs: int, hidden: int, actions: int, *, key: PRNGKeyArray, value_scale: float = 1.0):
        """Draw the weights of a cell with `inputs` inputs, `hidden` units and `actions` values."""
        in_key, attention_key = jax.random.split(key)
        self.W_in = dense(in_key, inputs, hidden)
        self.W_att = dense(attention_key, inputs, actions * hidden)
        self.value_scale = value_scale

    def hidden(self, x: Float[Array, " inputs"]) -> Float[Array, " hidden"]:
        """Return h."""
        return jax.nn.relu(x @ self.W_in)

    def __call__(self, x: Float[Array, " inputs"]) -> CellOutput:
        """Return h and Q."""
        h = self.hidden(x)
        attention = jnp.tanh(x @ self.W_att).reshape(-1, h.size)
        return CellOutput(hidden=h, value=self.value_scale * (attention @ h))
