"""The cells of Artificial Dopamine and ARQ: as released (`AttentionCell`), and as in AD's equations (`DotCell`)."""

import abc
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from accumbens.cells.protocol import Activity, Candidates, CellOutput, Convolution, dense, dense_of
from accumbens.cells.readout import Readout, ScalarReadout


def standardise_factors(
    z1: Float[Array, "rank hidden"], z2: Float[Array, "rank outputs"]
) -> tuple[Float[Array, "rank hidden"], Float[Array, "rank outputs"]]:
    """Return factors of the matrix that z2ᵀ z1 becomes when each row gets zero mean and unit standard deviation.

    Mean and variance of a row follow from the mean and the rank × rank covariance C of z1's columns: row i of z2ᵀ z1
    has the variance z2_iᵀ C z2_i. So the matrix itself is formed once, when it is used. Constant rows become zero.
    """
    centred = z1 - z1.mean(-1, keepdims=True)
    covariance = centred @ centred.T / z1.shape[-1]
    # Not z2 * (covariance @ z2): XLA's fusion of that product crashes on CPUs for some sizes (jaxlib 0.10.2).
    variance = jnp.einsum("ki,kl,li->i", z2, covariance, z2)
    # The square root has no derivative at zero, where a silent cell that sees nothing would be.
    return centred, z2 / (jnp.sqrt(jnp.maximum(variance, 1e-30)) + 1e-6)


def attention_weights(
    z1: Float[Array, "rank hidden"], z2: Float[Array, "rank outputs"], standardise: bool
) -> Float[Array, "outputs hidden"]:
    """Return tanh(W) with W = z2ᵀ z1, its rows standardised or not; differentiable in reverse mode only."""
    if standardise:
        z1, z2 = standardise_factors(z1, z2)
    return jnp.tanh(_product(z1, z2))


@jax.custom_vjp
def _product(z1: Float[Array, "rank hidden"], z2: Float[Array, "rank outputs"]) -> Float[Array, "outputs hidden"]:
    """Return z2ᵀ z1.

    JAX would make z1's gradient transposed, with the few numbers of the rank innermost, which is slow on a CPU: a tenth
    of ARQ's learning.
    """
    return z2.T @ z1


def _product_back(z: tuple[Array, Array], derivative: Float[Array, "outputs hidden"]) -> tuple[Array, Array]:
    z1, z2 = z
    return z2 @ derivative, z1 @ derivative.T


_product.defvjp(lambda z1, z2: (_product(z1, z2), (z1, z2)), _product_back)


def outputs_of(z2: Float[Array, "rank outputs"], actions: Int[Array, " chosen"], size: int) -> Float[Array, "rank _"]:
    """Return the columns that belong to some actions, by a product: the transpose of a gather is a slow scatter."""
    blocks = z2.reshape(z2.shape[0], -1, size)
    return jnp.einsum("kas,na->kns", blocks, jax.nn.one_hot(actions, blocks.shape[1])).reshape(z2.shape[0], -1)


class _AttentiveCell(eqx.Module):
    """What the cells here share: the outputs y are read from h by weights that are made from x."""

    readout: eqx.AbstractVar[Readout]
    actions: eqx.AbstractVar[int]

    @abc.abstractmethod
    def hidden(self, x: Float[Array, " inputs"]) -> Float[Array, " hidden"]:
        """Return h."""

    @abc.abstractmethod
    def attention(
        self, x: Float[Array, " inputs"], candidates: Candidates = None
    ) -> Float[Array, "*candidates outputs hidden"]:
        """Return the weights by which the outputs are read from h."""

    def __call__(self, x: Float[Array, " inputs"], candidates: Candidates = None) -> CellOutput:
        """Return h and the values, of the candidates if the cell is conditioned on the action."""
        h = self.hidden(x)
        if self.actions == 0:
            return CellOutput(hidden=h, value=jnp.zeros(0))
        return CellOutput(hidden=h, value=self._values(self.attention(x, candidates) @ h))

    def _values(self, y: Float[Array, "*candidates outputs"]) -> Float[Array, "..."]:
        return self.readout(y.reshape(-1, self.readout.size))


class _FactoredCell(_AttentiveCell):
    """A cell whose weights are tanh(W), W = z2ᵀ z1 with z1 (rank × hidden) and z2 (rank × outputs)."""

    activity: eqx.AbstractVar[Activity]
    W_z2: eqx.AbstractVar[Float[Array, "inputs_and_features rank*outputs"]]
    rank: eqx.AbstractVar[int]
    standardise: eqx.AbstractVar[bool]

    @abc.abstractmethod
    def keys(
        self, x: Float[Array, " inputs"], candidates: Candidates = None
    ) -> Float[Array, "*candidates rank hidden"]:
        """Return z1."""

    def hidden(self, x: Float[Array, " inputs"]) -> Float[Array, " hidden"]:
        return self.activity(x)

    def chosen(self, x: Float[Array, " inputs"], actions: Int[Array, " actions"]) -> CellOutput:
        """Return h and the values of some actions by their numbers; for a cell that is not conditioned on them."""
        z2 = outputs_of(self._split(x @ self.W_z2), actions, self.readout.size)
        h = self.hidden(x)
        return CellOutput(hidden=h, value=self._values(attention_weights(self.keys(x), z2, self.standardise) @ h))

    def attention(
        self, x: Float[Array, " inputs"], candidates: Candidates = None
    ) -> Float[Array, "*candidates outputs hidden"]:
        """Return tanh(W), the weights by which the outputs are read from h."""
        z1, z2 = self.keys(x, candidates), self._split(dense_of(x, self.W_z2, candidates))
        weights = partial(attention_weights, standardise=self.standardise)
        if candidates is None:
            return weights(z1, z2)
        return jax.vmap(weights, in_axes=(0 if z1.ndim == 3 else None, 0))(z1, z2)

    def _split(self, z: Float[Array, "*candidates width"]) -> Float[Array, "*candidates rank _"]:
        return z.reshape(*z.shape[:-1], self.rank, -1)


class AttentionCell(_FactoredCell):
    """The released cell: the weights that read the output from h are themselves computed from x.

    h = LayerNorm(ReLU(W_h x + b)); W = z2ᵀ z1 with z1 (rank × hidden) and z2 (rank × outputs) linear in x; each row of
    W is standardised over hidden, then squashed by tanh; y = W h; the readout makes values of y.

    Conditioned on the action, z1 and z2 are linear in [x, a], and y is computed for every candidate a; otherwise y has
    a block for every action. With a goodness readout and conditioning this is the cell of ARQ, otherwise that of AD.

    With a scalar readout and `value_scale` 1 an untrained Q has a standard deviation of about 0.63·√hidden; with `rms`
    an untrained Q is about that large.

    Reference: Guan et al. (2024), the published `AttentionADCell` (the paper's section 3.1 has no norms: `DotCell`);
    ARQ paper (2026), section 4, algorithm 2 and code, where h does not see the action (the equations disagree).
    """

    activity: Activity
    W_z1: Float[Array, "inputs_and_features rank*hidden"]
    W_z2: Float[Array, "inputs_and_features rank*outputs"]
    readout: Readout
    actions: int = eqx.field(static=True)
    rank: int = eqx.field(static=True)
    standardise: bool = eqx.field(static=True)

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
        readout: Readout | None = None,
        action_features: int | None = None,
        convolution: Convolution | None = None,
    ):
        """Draw the weights.

        Args:
            inputs: length of x.
            hidden: length of h.
            actions: number of actions the cell values; 0 for a cell that predicts nothing.
            key: random key.
            rank: of W.
            standardise: standardise the rows of W.
            layer_norm: normalise h.
            readout: one number per action if None.
            action_features: length of a; None for a cell that is not conditioned on the action.
            convolution: for an image at the beginning of x.
        """
        activity_key, z1_key, z2_key = jax.random.split(key, 3)
        self.activity = Activity(inputs, hidden, layer_norm=layer_norm, key=activity_key, convolution=convolution)
        self.readout = ScalarReadout() if readout is None else readout
        outputs = self.readout.size * (actions if action_features is None else min(actions, 1))
        seen = inputs + (action_features or 0)
        self.W_z1 = dense(z1_key, seen, rank * hidden if outputs else 0)
        self.W_z2 = dense(z2_key, seen, rank * outputs)
        self.actions, self.rank, self.standardise = actions, rank, standardise

    def keys(
        self, x: Float[Array, " inputs"], candidates: Candidates = None
    ) -> Float[Array, "*candidates rank hidden"]:
        """Return z1, linear in x and the candidate."""
        return self._split(dense_of(x, self.W_z1, candidates))


class ConstantKeyCell(_FactoredCell):
    """The released cell with one thing less: z1, the keys of the hidden units, is learned and does not depend on x.

    h = LayerNorm(ReLU(W_h x + b)); W = z2ᵀ z1 with z2 (rank × outputs) linear in x and z1 (rank × hidden) a parameter;
    y = tanh(W) h, rows of W standardised or not; the readout makes values of y.

    To compute z1 from x is rank × hidden × inputs of the rank × hidden × inputs + hidden × inputs + rank × outputs ×
    inputs products of a released cell, four fifths at rank 4. Ours; neither paper has it.
    """

    activity: Activity
    z1: Float[Array, "rank hidden"]
    W_z2: Float[Array, "inputs_and_features rank*outputs"]
    readout: Readout
    actions: int = eqx.field(static=True)
    rank: int = eqx.field(static=True)
    standardise: bool = eqx.field(static=True)

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
        readout: Readout | None = None,
        action_features: int | None = None,
        convolution: Convolution | None = None,
    ):
        """Draw the weights, the keys from a standard normal; the arguments are those of `AttentionCell`."""
        activity_key, z1_key, z2_key = jax.random.split(key, 3)
        self.activity = Activity(inputs, hidden, layer_norm=layer_norm, key=activity_key, convolution=convolution)
        self.readout = ScalarReadout() if readout is None else readout
        outputs = self.readout.size * (actions if action_features is None else min(actions, 1))
        self.z1 = jax.random.normal(z1_key, (rank, hidden if outputs else 0))
        self.W_z2 = dense(z2_key, inputs + (action_features or 0), rank * outputs)
        self.actions, self.rank, self.standardise = actions, rank, standardise

    def keys(self, x: Float[Array, " inputs"], candidates: Candidates = None) -> Float[Array, "rank hidden"]:
        """Return z1, the same for all x and candidates."""
        return self.z1


class DotCell(_AttentiveCell):
    """The cell of AD's equations: h = ReLU(W_in x); y = tanh(W_att x) h, for every output a full weight vector.

    No bias, no layer norm, no standardisation; the readout makes values of y.

    Reference: Guan et al. (2024), section 3.1.
    """

    W_in: Float[Array, "inputs hidden"]
    W_att: Float[Array, "inputs_and_features outputs*hidden"]
    readout: Readout
    actions: int = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        hidden: int,
        actions: int,
        *,
        key: PRNGKeyArray,
        readout: Readout | None = None,
        action_features: int | None = None,
    ):
        """Draw the weights; the arguments are those of `AttentionCell`."""
        in_key, attention_key = jax.random.split(key)
        self.readout = ScalarReadout() if readout is None else readout
        outputs = self.readout.size * (actions if action_features is None else min(actions, 1))
        self.W_in = dense(in_key, inputs, hidden)
        self.W_att = dense(attention_key, inputs + (action_features or 0), outputs * hidden)
        self.actions = actions

    def hidden(self, x: Float[Array, " inputs"]) -> Float[Array, " hidden"]:
        """Return h."""
        return jax.nn.relu(x @ self.W_in)

    def attention(
        self, x: Float[Array, " inputs"], candidates: Candidates = None
    ) -> Float[Array, "*candidates outputs hidden"]:
        """Return tanh(W_att x), the weights by which the outputs are read from h."""
        attention = jnp.tanh(dense_of(x, self.W_att, candidates))
        return attention.reshape(*attention.shape[:-1], -1, self.W_in.shape[1])
