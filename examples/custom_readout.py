"""A readout of your own: `accumbens train CartPole-v1 ad_pqn --set readout=examples.custom_readout:committee`"""

import equinox as eqx
import jax
import jax.numpy as jnp

import accumbens


class Committee(eqx.Module):
    """Q(a) = value_scale · Σ_i softmax(w)_i y_{a,i}: `size` opinions of an action, and learned weights."""

    w: jax.Array
    value_scale: float = eqx.field(static=True)
    size: int = eqx.field(static=True)

    def __call__(self, y):
        return self.value_scale * y @ jax.nn.softmax(self.w)


accumbens.register_readout("committee", lambda hidden, value_scale: Committee(jnp.zeros(4), value_scale, size=4))
