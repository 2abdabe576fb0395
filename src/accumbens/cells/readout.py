"""Readouts: how values are read from the output of a cell, which has `size` numbers for every action."""

from typing import Literal, Protocol, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

Goodness = Literal["rms", "mean", "mean_square", "variance"]


@runtime_checkable
class Readout(Protocol):
    """From the output of a cell to its values; an Equinox module, unbatched."""

    @property
    def size(self) -> int:
        """Numbers that are read for one action."""
        ...

    def __call__(self, y: Float[Array, "actions size"]) -> Float[Array, "*quantiles actions"]:
        """Return the values."""
        ...


class ScalarReadout(eqx.Module):
    """Q(a) = value_scale · y_a: one number per action."""

    value_scale: float = eqx.field(static=True, default=1.0)
    size: int = eqx.field(static=True, default=1)

    def __call__(self, y: Float[Array, "actions 1"]) -> Float[Array, " actions"]:
        """Return Q."""
        return self.value_scale * y[:, 0]


class QuantileReadout(eqx.Module):
    """θ_i(a) = value_scale · y_{a,i}: `size` quantiles of the return per action; quantile i is at τ = (i + ½) / size.

    Reference: Dabney et al. (2018), section 4; one such readout per cell as in Guan et al. (2024), section 5 (AD-QR).
    """

    size: int = eqx.field(static=True)
    value_scale: float = eqx.field(static=True, default=1.0)

    def __call__(self, y: Float[Array, "actions size"]) -> Float[Array, "size actions"]:
        """Return the quantiles."""
        return self.value_scale * y.T


def goodness_of(y: Float[Array, "*actions width"], kind: Goodness) -> Float[Array, "*actions"]:
    """Return how strongly the vector y is active.

    `rms` is the root mean square about the mean, that is the standard deviation; `variance` its square; `mean_square`
    is not centred. All but `mean` are never negative. The gradient is finite everywhere, also where y is constant.

    Reference: ARQ paper (2026), eq. 14 (`rms`) and table 2.
    """
    if kind == "mean":
        return y.mean(-1)
    if kind == "mean_square":
        return jnp.square(y).mean(-1)
    variance = jnp.square(y - y.mean(-1, keepdims=True)).mean(-1)
    # The square root has no derivative at zero; below 1e-30 it is taken as constant.
    return variance if kind == "variance" else jnp.sqrt(jnp.maximum(variance, 1e-30))


class GoodnessReadout(eqx.Module):
    """Q(a) = value_scale · goodness(y_a) + offset, with y_a a vector of any width.

    The offset is learned by the cell, and absent in the paper, whose values are therefore never negative.

    Reference: ARQ paper (2026), section 4.
    """

    offset: Float[Array, ""] | None
    size: int = eqx.field(static=True)
    goodness: Goodness = eqx.field(static=True)
    value_scale: float = eqx.field(static=True)

    def __init__(self, size: int, goodness: Goodness = "rms", *, value_scale: float = 1.0, value_offset: bool = False):
        """Make the readout; the offset starts at zero."""
        self.offset = jnp.zeros(()) if value_offset else None
        self.size, self.goodness, self.value_scale = size, goodness, value_scale

    def __call__(self, y: Float[Array, "actions size"]) -> Float[Array, " actions"]:
        """Return Q."""
        value = self.value_scale * goodness_of(y, self.goodness)
        return value if self.offset is None else value + self.offset
