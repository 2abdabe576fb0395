"""How every layer's update compares with the exact gradient, how large it is, and what the layer's units do."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.credit.protocol import Batch, Network, Rule


class Diagnostics(NamedTuple):
    """Of every layer, from the input to the output; the last two of hidden layers only.

    Attributes:
        angle: between the rule's gradient and the exact one on the same batch, in degrees; NaN if one of them is zero.
        sign_agreement: part of the numbers with an exact derivative other than zero whose sign the rule gets right.
        update_norm: Euclidean norm of the step that the optimiser would take.
        entropy: of a unit's choice, in nats.
        sparsity: fraction of active units.
    """

    angle: Float[Array, " layers"]
    sign_agreement: Float[Array, " layers"]
    update_norm: Float[Array, " layers"]
    entropy: Float[Array, " hidden"]
    sparsity: Float[Array, " hidden"]


def flat_layers(network: Any) -> list[Float[Array, " parameters"]]:
    """Return the parameters of every layer of a network, or of a tree like it, as one vector each."""
    return [
        jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(eqx.filter(layer, eqx.is_inexact_array))])
        for layer in network.layers
    ]


def angle(x: Float[Array, " numbers"], y: Float[Array, " numbers"]) -> Float[Array, ""]:
    """Return the angle between two vectors in degrees; NaN if one of them is zero.

    The arc cosine of the normalised product would be off by 0.02° at small angles in 32 bits, and very small vectors
    would have no norm; Kahan's formula, the tangent of half the angle, is exact to the last digits everywhere.
    """
    x, y = x / jnp.abs(x).max(), y / jnp.abs(y).max()
    x, y = x / jnp.linalg.norm(x), y / jnp.linalg.norm(y)
    return jnp.degrees(2 * jnp.arctan2(jnp.linalg.norm(x - y), jnp.linalg.norm(x + y)))


def cosine(one: Float[Array, "..."], other: Float[Array, "..."]) -> Float[Array, ""]:
    """Return the cosine of the angle between two arrays as vectors; NaN if one of them is zero."""
    return (one * other).sum() / (jnp.linalg.norm(one) * jnp.linalg.norm(other))


def sign_agreement(found: Float[Array, " numbers"], exact: Float[Array, " numbers"]) -> Float[Array, ""]:
    """Return the part of the numbers that are not zero in `exact` which have the same sign in `found`."""
    counted = exact != 0
    return (counted & (jnp.sign(found) == jnp.sign(exact))).sum() / counted.sum()


def diagnose(
    rule: Rule,
    network: Network,
    memory: Any,
    batch: Batch,
    key: PRNGKeyArray,
    step: Callable[[Any], Any],
    x: Float[Array, "examples *steps inputs"],
) -> Diagnostics:
    """Compare the update that a rule would make of a batch with the exact gradient.

    Args:
        rule: how the layers learn.
        network: as it is now.
        memory: the rule's state.
        batch: of which the update would be made.
        key: of the rule's noise.
        step: makes the optimiser's step of gradients.
        x: inputs on which the units are watched.
    """
    gradients = rule.update(network, memory, batch, key).gradients
    exact = eqx.filter_grad(lambda network: network.exact_loss(batch, key))(network)
    pairs = list(zip(flat_layers(gradients), flat_layers(exact), strict=True))
    watched = network.activities(x)
    return Diagnostics(
        angle=jnp.stack([angle(*pair) for pair in pairs]),
        sign_agreement=jnp.stack([sign_agreement(*pair) for pair in pairs]),
        update_norm=jnp.stack([jnp.linalg.norm(layer) for layer in flat_layers(step(gradients))]),
        entropy=jnp.stack([activity.entropy for activity in watched]) if watched else jnp.zeros(0),
        sparsity=jnp.stack([activity.sparsity for activity in watched]) if watched else jnp.zeros(0),
    )
