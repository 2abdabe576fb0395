"""Losses of TD errors, element by element; the mean over a batch is taken by the learner."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float


def squared(td_error: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return δ², without a factor ½, as in the published code."""
    return jnp.square(td_error)


def huber(td_error: Float[Array, "..."], threshold: Float[Array, ""] | float = 1.0) -> Float[Array, "..."]:
    """Return δ² / 2 for |δ| ≤ κ and κ (|δ| - κ/2) beyond. Reference: Huber (1964); Mnih et al. (2015), κ = 1."""
    size = jnp.abs(td_error)
    return jnp.where(size <= threshold, 0.5 * jnp.square(td_error), threshold * (size - 0.5 * threshold))


def quantile_regression(
    quantiles: Float[Array, "*batch quantiles"],
    targets: Float[Array, "*batch targets"],
    element_loss: Callable[[Float[Array, "..."]], Float[Array, "..."]],
) -> Float[Array, "*batch"]:
    """Return Σ_i mean_j |τ_i - 1(δ_ij < 0)| L(δ_ij), with δ_ij = target_j - θ_i and τ_i = (i + ½) / N.

    L decides what is learned: |δ| or its Huber form quantiles, δ² expectiles.

    Reference: Dabney et al. (2018), eq. 9 and 10, algorithm 1.
    """
    number = quantiles.shape[-1]
    tau = ((jnp.arange(number) + 0.5) / number)[:, None]
    td_error = targets[..., None, :] - quantiles[..., :, None]
    weight = jnp.abs(tau - (td_error < 0))
    return (weight * element_loss(td_error)).mean(axis=-1).sum(axis=-1)


def quantile_huber(
    quantiles: Float[Array, "*batch quantiles"],
    targets: Float[Array, "*batch targets"],
    threshold: Float[Array, ""] | float = 1.0,
) -> Float[Array, "*batch"]:
    """Return the quantile Huber loss, Huber's loss divided by κ; with κ = 0 quantile regression on |δ|.

    Reference: Dabney et al. (2018), eq. 9 and 10.
    """
    if threshold == 0:
        return quantile_regression(quantiles, targets, jnp.abs)
    return quantile_regression(quantiles, targets, lambda td_error: huber(td_error, threshold) / threshold)


def expectile(
    quantiles: Float[Array, "*batch quantiles"], targets: Float[Array, "*batch targets"]
) -> Float[Array, "*batch"]:
    """Return the asymmetric square that the published AD-QRDQN minimises as shipped; it learns expectiles.

    Reference: Guan et al. (2024), published `ad_qrdqn.py` with `huber_loss=False`; Newey & Powell (1987).
    """
    return quantile_regression(quantiles, targets, squared)
