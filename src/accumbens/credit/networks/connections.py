"""Connections: the linear maps between layers, without biases, of one example. All networks are made of them."""

from abc import abstractmethod

import equinox as eqx
import jax
from jaxtyping import Array, Float


class Connection(eqx.Module):
    """A linear map from the activity of one layer to the next."""

    weight: eqx.AbstractVar[Array]

    @abstractmethod
    def __call__(self, h: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return W h of one example."""

    def transpose(self, h: Float[Array, "batch ..."], signal: Float[Array, "batch ..."]) -> Float[Array, "batch ..."]:
        """Return Wᵀ signal of every example; `h` is any activity of the right shape."""
        return jax.vmap(lambda h, signal: jax.vjp(self, h)[1](signal)[0])(h, signal)

    def weight_gradient(self, h: Float[Array, "batch ..."], signal: Float[Array, "batch ..."]) -> Array:
        """Return Σ_batch signal hᵀ: the gradient of Σ signal · (W h) with respect to the weight, in its shape."""

        def along(weight: Array) -> Array:
            return jax.vmap(eqx.tree_at(lambda connection: connection.weight, self, weight))(h)

        return jax.vjp(along, self.weight)[1](signal)[0]


class Dense(Connection):
    """All to all: [inputs] -> [outputs]."""

    weight: Float[Array, "outputs inputs"]

    def __call__(self, h: Float[Array, " inputs"]) -> Float[Array, " outputs"]:
        """Return W h."""
        return self.weight @ h
