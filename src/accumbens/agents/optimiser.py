"""The optimiser of one cell: clip, Adam or rectified Adam, and the learning rate, in few passes over memory.

Updates of small batches are bound by memory, and optax's chain of the same three goes over it more often. Clip and bias
corrections are therefore numbers that are multiplied on, not arrays. The state is that of optax's chain.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

EPSILON = 1e-8


def degrees_of_freedom(t: Float[Array, ""], b2: Float[Array, ""] | float) -> Float[Array, ""]:
    """Return ρ_t = ρ_∞ - 2 t b^t / (1 - b^t), ρ_∞ = 2 / (1 - b) - 1: how many squares the second moment is made of.

    With b = 0.999 the two terms are 1999 and, at first, 1994 or so: from their difference in float32 (optax 0.2.8) the
    first rectified steps are wrong by half a per cent, in a way that depends on the last bits of b^t.
    Here x = -t log b, and the difference is taken inside 1 - x / (e^x - 1) = x/2 - x²/12 + x⁴/720 - …

    Reference: Liu et al. (2020), eq. 5.
    """
    rate = -math.log(b2)
    x = t * rate
    series = x * (1 / 2 - x * (1 / 12 - x**2 * (1 / 720 - x**2 * (1 / 30240 - x**2 / 1209600))))
    part = jnp.where(x < 0.5, series, 1.0 - x / jnp.expm1(x))
    return (2.0 / (1.0 - b2) - 1.0 - 2.0 / rate) + 2.0 / rate * part


def cell_optimiser(
    kind: Literal["adam", "radam"], schedule: Callable, max_norm: Float[Array, ""] | float, b1: float, b2: float
) -> optax.GradientTransformation:
    """Return the optimiser; its `update` gets the gradient of one cell and sees no other.

    Args:
        kind: Adam, or its rectified form.
        schedule: learning rate as a function of the number of updates done.
        max_norm: the gradient is clipped to this global norm.
        b1: decay of the first moment.
        b2: decay of the second moment.

    Reference: Kingma & Ba (2015), algorithm 1; Liu et al. (2020), "On the variance of the adaptive learning rate and
    beyond", algorithm 2, rectified from ρ_t >= 5 on as in optax (the paper: > 4).
    """
    optax_chain = optax.chain(
        optax.clip_by_global_norm(max_norm),
        optax.scale_by_adam(b1=b1, b2=b2),
        optax.scale_by_learning_rate(schedule),
    )

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        del params
        clipping, moments, scheduled = state
        norm = jnp.asarray(optax.tree.norm(updates))
        clip = jnp.where(norm < max_norm, 1.0, max_norm / norm)
        count = optax.safe_increment(moments.count)
        t = jnp.asarray(count, norm.dtype)
        # 1 / (1 - b^t); the plain difference has lost digits where b^t is near one.
        correction1, correction2 = (-1.0 / jnp.expm1(t * math.log(b)) if b else 1.0 for b in (b1, b2))
        mu = jax.tree.map(lambda m, g: b1 * m + (1.0 - b1) * (clip * g), moments.mu, updates)
        nu = jax.tree.map(lambda v, g: b2 * v + (1.0 - b2) * jnp.square(clip * g), moments.nu, updates)
        step = -schedule(scheduled.count) * correction1
        rectified = jnp.asarray(kind == "adam")
        if kind == "radam" and b2:  # without a memory of squares ρ stays at 1, and nothing is ever rectified
            rho_end, rho = 2.0 / (1.0 - b2) - 1.0, degrees_of_freedom(t, b2)
            rectified = rho >= 5.0
            ratio = (rho - 4.0) * (rho - 2.0) * rho_end / ((rho_end - 4.0) * (rho_end - 2.0) * rho)
            step = step * jnp.where(rectified, jnp.sqrt(jnp.maximum(ratio, 0.0)), 1.0)
        root = jnp.sqrt(correction2)

        def change(m: jax.Array, v: jax.Array) -> jax.Array:
            return step * m / jnp.where(rectified, root * jnp.sqrt(v) + EPSILON, 1.0)

        changes = jax.tree.map(change, mu, nu)
        after = scheduled._replace(count=optax.safe_increment(scheduled.count))
        return changes, (clipping, moments._replace(count=count, mu=mu, nu=nu), after)

    return optax.GradientTransformation(optax_chain.init, update)
