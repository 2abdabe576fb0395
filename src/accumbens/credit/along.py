"""What RFLO asks for at every step of a trial, beside the gradient and a second-order step of the same error.

At step t the error is ε, and J the derivative of the output with respect to W_rec, sent back through the trial as it
was met, the error fed back being constant. The gradient of the mean of ε² is then -Jᵀε, and the Gauss-Newton step
Jᵀ(JJᵀ + λ)⁻¹ε: Newton's without the part of the Hessian that vanishes with ε. The whole Hessian, which the released
code of Kaleb et al. (2024) inverts, has 10⁸ numbers at every step for 100 units.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from accumbens.credit.diagnostics import cosine
from accumbens.credit.networks.controlled import ALPHA, DT, Moment, Reaching, Seen
from accumbens.credit.networks.past import Past
from accumbens.credit.rules.feedback_learning import rflo_step
from accumbens.credit.settings import FeedbackLearningSettings

DAMPING = 1e-3
"""λ."""


class Along(NamedTuple):
    """Of every step of a trial.

    Attributes:
        error: norm of ε.
        gradient: cosine of RFLO's step with the negative gradient of the mean of ε²; NaN if one of them is zero.
        second_order: the same with the Gauss-Newton step.
        jacobian: Frobenius norm of the derivative of the rates with respect to those one step before.
    """

    error: Float[Array, " steps"]
    gradient: Float[Array, " steps"]
    second_order: Float[Array, " steps"]
    jacobian: Float[Array, " steps"]


def along_trial(
    settings: FeedbackLearningSettings, network: Reaching, x: Float[Array, "steps 8"], start: Float[Array, " units"]
) -> tuple[Along, Float[Array, ""]]:
    """Return what happens in a trial in which RFLO learns, and how efficient it was.

    Args:
        settings: of RFLO: signal, trace and rate.
        network: before the trial.
        x: what it is given.
        start: x of the units before the first step.

    Returns:
        every step, and the norm of the trial's change of W_rec over the sum of the norms of its steps; NaN if nothing
        changed.
    """
    seen = Seen.of(x)

    def one(carried: Any, row: tuple[Seen, Array]) -> tuple[Any, Along]:
        W_rec, moment, trace, past, path = carried
        seen, told = row
        now = eqx.tree_at(lambda n: n.layers[0].W_rec, network, W_rec)
        after = now.step(moment, seen)
        trace, change = rflo_step(settings, now, trace, moment, after)
        past = past.lengthened(moment, after)
        J = jax.vmap(lambda signal: past.sent_back(now, signal))(jnp.eye(2))
        found = Along(
            error=jnp.linalg.norm(after.error),
            gradient=cosine(change, jnp.tensordot(after.error, J, 1)),
            second_order=cosine(change, gauss_newton(J, after.error)),
            jacobian=jnp.linalg.norm(jacobian(now, moment, after, told)),
        )
        path += settings.learning_rate * jnp.linalg.norm(change)
        return (W_rec + settings.learning_rate * change, after, trace, past, path), found

    W_rec = network.layers[0].W_rec
    begin = (W_rec, network.start(start, seen.goal[0]), jnp.zeros_like(W_rec), Past.none(network), jnp.zeros(()))
    told = seen.feedback[:, 0].at[0].set(0.0)  # nothing is fed back at first
    (changed, *_, path), found = jax.lax.scan(one, begin, (seen, told))
    return found, jnp.linalg.norm(changed - W_rec) / path


def gauss_newton(
    J: Float[Array, "2 units units"], error: Float[Array, " 2"], damping: float = DAMPING
) -> Float[Array, "units units"]:
    """Return (JᵀJ + λ)⁻¹Jᵀε, which is Jᵀ(JJᵀ + λ)⁻¹ε: two equations instead of units² of them."""
    rows = J.reshape(len(J), -1)
    return jnp.tensordot(jnp.linalg.solve(rows @ rows.T + damping * jnp.eye(len(J)), error), J, 1)


def jacobian(network: Reaching, before: Moment, after: Moment, told: Float[Array, ""]) -> Float[Array, "units units"]:
    """Return the derivative of the rates with respect to those one step before, through active units.

    What a unit keeps of itself counts, and so does the way through hand, error and feedback weights.

    Args:
        network: with the weights of the step.
        before: the moment before.
        after: the moment.
        told: 1 if the error of `before` was fed back, else 0.
    """
    units, readout = network.layers
    size = 1.0 if network.facts.direct else DT
    seen = units.W_rec - told * size * (units.feedback.weight @ readout.weight)
    kept = (1 - ALPHA) * jnp.diag((before.x > 0).astype(seen.dtype))
    return (after.x > 0)[:, None] * (kept + ALPHA * seen)
