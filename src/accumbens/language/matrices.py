"""Matrices that a transformer multiplies by: as they are, kept in 8 bits, or with a low-rank correction that learns.

All are written as in the files of weights, (outputs, inputs), so what is applied to x is x Wᵀ.
"""

import math
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact, Int, Integer, PRNGKeyArray

BLOCK = 32
"""Values that share a scale in a quantised matrix."""


@runtime_checkable
class Matrix(Protocol):
    """Weights of shape (outputs, inputs)."""

    @property
    def shape(self) -> tuple[int, int]:
        """Outputs and inputs."""
        ...

    def __call__(self, x: Float[Array, "*any inputs"]) -> Float[Array, "*any outputs"]:
        """Return x Wᵀ."""
        ...

    def rows(self, ids: Int[Array, "*any"]) -> Float[Array, "*any inputs"]:
        """Return some rows, as an embedding does."""
        ...

    def full(self) -> Float[Array, "outputs inputs"]:
        """Return the weights as numbers."""
        ...


class Dense(eqx.Module):
    """A matrix of floating-point numbers."""

    weight: Inexact[Array, "outputs inputs"]

    @property
    def shape(self) -> tuple[int, int]:
        """Outputs and inputs."""
        return self.weight.shape  # pyright: ignore[reportReturnType]

    def __call__(self, x: Float[Array, "*any inputs"]) -> Float[Array, "*any outputs"]:
        """Return x Wᵀ."""
        return x @ self.weight.T

    def rows(self, ids: Int[Array, "*any"]) -> Float[Array, "*any inputs"]:
        """Return some rows."""
        return self.weight[ids]

    def full(self) -> Float[Array, "outputs inputs"]:
        """Return the weights."""
        return self.weight


class Quantised(eqx.Module):
    """A frozen matrix of bytes: w = scale q + low, with a scale and a low for every 32 values of a row.

    Takes 1.13 to 1.25 bytes a weight: files have scales of 16 bits, but XLA would widen one for each of its 32 values.
    It is turned into float32 where it is used, and once more on the way back, so that no numbers are kept in between.
    """

    q: Integer[Array, "outputs inputs"]
    scale: Float[Array, "outputs blocks"]
    low: Float[Array, "outputs blocks"] | None

    @property
    def shape(self) -> tuple[int, int]:
        """Outputs and inputs."""
        return self.q.shape  # pyright: ignore[reportReturnType]

    def __call__(self, x: Float[Array, "*any inputs"]) -> Float[Array, "*any outputs"]:
        """Return x Wᵀ."""
        return _applied(self, x)

    def rows(self, ids: Int[Array, "*any"]) -> Float[Array, "*any inputs"]:
        """Return some rows."""
        return _numbers(self.q[ids], self.scale[ids], None if self.low is None else self.low[ids])

    def full(self) -> Float[Array, "outputs inputs"]:
        """Return the weights, in float32."""
        return _numbers(self.q, self.scale, self.low)


def _numbers(
    q: Integer[Array, "*any inputs"], scale: Float[Array, "*any blocks"], low: Float[Array, "*any blocks"] | None
) -> Float[Array, "*any inputs"]:
    blocks = q.reshape(*scale.shape, BLOCK).astype(scale.dtype) * scale[..., None]
    if low is not None:
        blocks = blocks + low[..., None]
    return blocks.reshape(q.shape)


@jax.custom_vjp
def _applied(matrix: Quantised, x: Float[Array, "*any inputs"]) -> Float[Array, "*any outputs"]:
    return x @ matrix.full().T


_applied.defvjp(
    lambda matrix, x: (_applied(matrix, x), matrix),
    lambda matrix, derivative: (None, derivative @ matrix.full()),  # it is frozen: None is a derivative of zero
)


class LowRank(eqx.Module):
    """W + scale B A, where W is frozen, and A and B have few rows and columns (LoRA)."""

    base: Matrix
    A: Float[Array, "rank inputs"]
    B: Float[Array, "outputs rank"]
    scale: float = eqx.field(static=True)

    def __init__(self, base: Matrix, rank: int, scale: float, *, key: PRNGKeyArray):
        """Begin with B = 0, so that nothing changes; A is drawn as PEFT does it, evenly from ±1/√inputs."""
        outputs, inputs = base.shape
        bound = 1.0 / math.sqrt(inputs)
        self.base, self.scale = base, scale
        self.A = jax.random.uniform(key, (rank, inputs), minval=-bound, maxval=bound)
        self.B = jnp.zeros((outputs, rank))

    @property
    def shape(self) -> tuple[int, int]:
        """Outputs and inputs."""
        return self.base.shape

    def __call__(self, x: Float[Array, "*any inputs"]) -> Float[Array, "*any outputs"]:
        """Return x (W + scale B A)ᵀ."""
        return self.base(x) + self.scale * ((x @ self.A.T) @ self.B.T)

    def rows(self, ids: Int[Array, "*any"]) -> Float[Array, "*any inputs"]:
        """Return some rows."""
        return self.base.rows(ids) + self.scale * (self.B[ids] @ self.A)

    def full(self) -> Float[Array, "outputs inputs"]:
        """Return W + scale B A."""
        return self.base.full() + self.scale * (self.B @ self.A)
