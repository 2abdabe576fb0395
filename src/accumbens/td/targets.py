"""TD targets: pure functions; every cell's target comes from that cell's own values."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from accumbens.td.values import SCALAR, Layout


def double_q(
    reward: Float[Array, "*batch"],
    terminated: Bool[Array, "*batch"],
    online_next: Float[Array, "..."],
    target_next: Float[Array, "..."],
    discount: Float[Array, ""] | float,
    layout: Layout = SCALAR,
) -> Float[Array, "..."]:
    """Return r + γ Q_target(s', argmax_a Q_online(s', a)), cell by cell; of quantiles, r + γ θ_target(s', a*).

    A truncated transition bootstraps like any other; only `terminated` stops it.

    Args:
        reward: of the transitions.
        terminated: whether s' is terminal.
        online_next: values of s', `[*batch, cells, actions]` or `[*batch, cells, quantiles, actions]`.
        target_next: the same, by the target network.
        discount: γ.
        layout: of the values.

    Returns:
        `[*batch, cells]` or `[*batch, cells, quantiles]`.

    Reference: van Hasselt et al. (2016), eq. 4; Guan et al. (2024), algorithm 1.
    """
    bootstrap = layout.at(target_next, layout.greedy(layout.expected(online_next)))
    reward, terminated = (_like(part, bootstrap) for part in (reward, terminated))
    return reward + discount * jnp.where(terminated, 0.0, bootstrap)


def q_lambda(
    reward: Float[Array, "time *batch"],
    terminated: Bool[Array, "time *batch"],
    truncated: Bool[Array, "time *batch"],
    next_values: Float[Array, "time ..."],
    discount: Float[Array, ""] | float,
    trace_decay: Float[Array, ""] | float,
    layout: Layout = SCALAR,
) -> Float[Array, "time ..."]:
    """Return the Q(λ) return of every cell: G_t = r_t + γ [(1-λ) max_a Q(s_{t+1}, a) + λ G_{t+1}].

    Where an episode terminated, G_t = r_t; where it was truncated, and at the last step of the block,
    G_t = r_t + γ max_a Q(s_{t+1}, a). `next_values` are those of the true next observation,
    `[time, *batch, cells, actions]` or `[time, *batch, cells, quantiles, actions]`; without the actions, that is the
    shape of the result. Of quantiles, the same sum is taken quantile by quantile: the inverse distribution functions
    are blended (ours: the papers have no Q(λ) of quantiles).

    Reference: Peng & Williams (1994); Daley & Amato (2019); Gallici et al. (2025), section 4.
    """
    bootstrap = layout.best(next_values)
    # The last row has nothing after it to trace back from.
    cut = truncated.at[-1].set(True)
    reward, terminated, cut = (_like(part, bootstrap) for part in (reward, terminated, cut))

    def backward(following, row):
        reward, terminated, cut, bootstrap = row
        blend = (1.0 - trace_decay) * bootstrap + trace_decay * following
        beyond = jnp.where(cut, bootstrap, blend)
        target = reward + discount * jnp.where(terminated, 0.0, beyond)
        return target, target

    _, targets = jax.lax.scan(
        backward, jnp.zeros_like(bootstrap[-1]), (reward, terminated, cut, bootstrap), reverse=True
    )
    return targets


def _like(part: Array, values: Array) -> Array:
    """`part` with axes of length 1 behind it, so that it is broadcast over cells and quantiles."""
    return part.reshape(part.shape + (1,) * (values.ndim - part.ndim))
