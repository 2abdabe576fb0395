"""TD targets: pure functions; every cell's target comes from that cell's own values."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def double_q(
    reward: Float[Array, "*batch"],
    terminated: Bool[Array, "*batch"],
    online_next: Float[Array, "*batch cells actions"],
    target_next: Float[Array, "*batch cells actions"],
    discount: Float[Array, ""] | float,
) -> Float[Array, "*batch cells"]:
    """Return r + γ Q_target(s', argmax_a Q_online(s', a)), cell by cell.

    A truncated transition bootstraps like any other; only `terminated` stops it.

    Reference: van Hasselt et al. (2016), eq. 4; Guan et al. (2024), algorithm 1.
    """
    best = jnp.argmax(online_next, axis=-1, keepdims=True)
    bootstrap = jnp.take_along_axis(target_next, best, axis=-1)[..., 0]
    return reward[..., None] + discount * jnp.where(terminated[..., None], 0.0, bootstrap)


def q_lambda(
    reward: Float[Array, "time *batch"],
    terminated: Bool[Array, "time *batch"],
    truncated: Bool[Array, "time *batch"],
    next_values: Float[Array, "time *batch cells actions"],
    discount: Float[Array, ""] | float,
    trace_decay: Float[Array, ""] | float,
) -> Float[Array, "time *batch cells"]:
    """Return the Q(λ) return of every cell: G_t = r_t + γ [(1-λ) max_a Q(s_{t+1}, a) + λ G_{t+1}].

    Where an episode terminated, G_t = r_t; where it was truncated, and at the last step of the block,
    G_t = r_t + γ max_a Q(s_{t+1}, a). `next_values` are those of the true next observation.

    Reference: Peng & Williams (1994); Daley & Amato (2019); Gallici et al. (2025), section 4.
    """
    bootstrap = jnp.max(next_values, axis=-1)
    # The last row has nothing after it to trace back from.
    cut = truncated.at[-1].set(True)

    def backward(following, row):
        reward, terminated, cut, bootstrap = row
        blend = (1.0 - trace_decay) * bootstrap + trace_decay * following
        beyond = jnp.where(cut[..., None], bootstrap, blend)
        target = reward[..., None] + discount * jnp.where(terminated[..., None], 0.0, beyond)
        return target, target

    _, targets = jax.lax.scan(
        backward, jnp.zeros_like(bootstrap[-1]), (reward, terminated, cut, bootstrap), reverse=True
    )
    return targets
