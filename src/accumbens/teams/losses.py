"""What a team's policies are told: by the data, and by a teacher.

All are means over the steps and agents of windows, weighted: padding and the dead have no weight.

Reference: Tseng et al. (2022), "Offline multi-agent reinforcement learning with knowledge distillation", section 3;
Park et al. (2019), "Relational knowledge distillation", for angles of features.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

SMALLEST = 1e-8
"""Added to squared lengths, so that features of zero have no infinite slope."""
_EDGE = 1e-6  # cosines stay that far from ±1, where the slope of arccos is not finite


def action_loss(
    logits: Float[Array, "*any actions"], action: Int[Array, "*any"], weight: Float[Array, "*any"]
) -> Float[Array, ""]:
    """Return L_action, the cross-entropy of the actions of the data, in nats."""
    taken = jnp.take_along_axis(jax.nn.log_softmax(logits), action[..., None], axis=-1)[..., 0]
    return weighted(-taken, weight)


def divergence(
    teacher: Float[Array, "*any actions"], student: Float[Array, "*any actions"], weight: Float[Array, "*any"]
) -> Float[Array, ""]:
    """Return L_KL = KL(teacher || student) of what they would do, from their logits, in nats."""
    log_p, log_q = jax.nn.log_softmax(teacher), jax.nn.log_softmax(student)
    return weighted((jnp.exp(log_p) * (log_p - log_q)).sum(axis=-1), weight)


def feature_distance(
    teacher: Float[Array, "*any width"], student: Float[Array, "*any width"], weight: Float[Array, "*any"]
) -> Float[Array, ""]:
    """Return L_feature = ||f^_i - f_i||², the mean over their numbers."""
    return weighted(jnp.square(teacher - student).mean(axis=-1), weight)


def angles(
    features: Float[Array, "*any agents width"], others: Float[Array, "*any agents width"] | None = None
) -> Float[Array, "*any agents agents"]:
    """Return the angle of every agent's features to every other's, in radians: arccos of their cosine similarity.

    Args:
        features: of the first agent of each pair.
        others: of the second; None takes the same.
    """
    one = _unit(features)
    cosines = jnp.einsum("...iw,...jw->...ij", one, one if others is None else _unit(others))
    return jnp.arccos(jnp.clip(cosines, -1.0 + _EDGE, 1.0 - _EDGE))


def _unit(features: Float[Array, "*any width"]) -> Float[Array, "*any width"]:
    return features / jnp.sqrt(jnp.square(features).sum(axis=-1, keepdims=True) + SMALLEST)


def relation(
    teacher: Float[Array, "*any agents width"],
    student: Float[Array, "*any agents width_of_students"],
    weight: Float[Array, "*any agents"],
    others: Float[Array, "*any agents width_of_students"] | None = None,
) -> Float[Array, ""]:
    """Return L_rel, of agent i the sum over j ≠ i of Huber(angle(f^_i, f^_j), angle(f_i, f_j)), with δ = 1.

    Args:
        teacher: its features of each agent, mapped by M.
        student: the features of each, mapped by N.
        weight: of each agent at each step; a pair counts where both do.
        others: what stands for the features of agent j; None takes the same, so that an angle moves both.
    """
    apart = angles(student, others) - angles(teacher)
    huber = jnp.where(jnp.abs(apart) <= 1.0, 0.5 * apart**2, jnp.abs(apart) - 0.5)
    pairs = weight[..., :, None] * weight[..., None, :] * (1.0 - jnp.eye(weight.shape[-1]))
    return (huber * pairs).sum() / jnp.maximum(weight.sum(), 1.0)


def weighted(values: Float[Array, "*any"], weight: Float[Array, "*any"]) -> Float[Array, ""]:
    """Return the weighted mean; 0 where nothing has weight."""
    return (values * weight).sum() / jnp.maximum(weight.sum(), 1.0)
