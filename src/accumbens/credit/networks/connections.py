"""Connections: the linear maps between layers, without biases, of one example. All networks are made of them."""

import functools
import itertools
from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

KERNEL = (3, 3)
"""Height and width of what one unit of a map sees; beyond the border it sees zeros."""

POOL = 2
"""Height and width of the squares of a map that are averaged before the next layer sees them."""


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


class Convolutional(Connection):
    """3 × 3 pixels of every channel to a unit, with the same weights everywhere: a map to a map of the same size."""

    weight: Float[Array, "3 3 outputs inputs"]

    def __call__(self, h: Float[Array, "height width inputs"]) -> Float[Array, "height width outputs"]:
        """Return Σ_d W_d h_d, with h_d the map moved by d."""
        return functools.reduce(jnp.add, [moved @ self.weight[d].T for d, moved in _moved(h)])


class LocallyConnected(Connection):
    """3 × 3 pixels of every channel to a unit, with weights of its own: a map to a map of the same size."""

    weight: Float[Array, "3 3 height width outputs inputs"]

    def __call__(self, h: Float[Array, "height width inputs"]) -> Float[Array, "height width outputs"]:
        """Return Σ_d W_d h_d, with h_d the map moved by d and W_d other weights for every place."""
        products = [jnp.einsum("yxoi,yxi->yxo", self.weight[d], moved) for d, moved in _moved(h)]
        return functools.reduce(jnp.add, products)


def _moved(h: Float[Array, "height width inputs"]) -> list[tuple[tuple[int, int], Array]]:
    """Return a map moved to all sides, with where it was moved to.

    A product of matrices for every one of them is as quick in a loop and for several seeds at once as elsewhere;
    XLA's own convolutions are then five to ten times slower on a CPU.
    """
    height, width, _ = h.shape
    padded = jnp.pad(h, ((1, 1), (1, 1), (0, 0)))
    return [((i, j), padded[i : i + height, j : j + width]) for i, j in itertools.product(*map(range, KERNEL))]


def arriving(h: Float[Array, "batch ..."], connection: Connection) -> Float[Array, "batch ..."]:
    """Return what a connection sees of the activity of the layer below.

    Maps are averaged over squares of 2 × 2. A dense connection sees them as one row, place after place, so that units
    that are neighbours among the channels are neighbours there too: pairs of ON and OFF units stay pairs.
    """
    if h.ndim == 2:
        return h
    examples, height, width, channels = h.shape
    rows, columns = height // POOL, width // POOL
    squares = h[:, : rows * POOL, : columns * POOL].reshape(examples, rows, POOL, columns, POOL, channels)
    pooled = squares.mean(axis=(2, 4))
    return pooled.reshape(examples, -1) if isinstance(connection, Dense) else pooled


def arranged(
    x: Float[Array, "batch inputs"], connection: Connection, image_shape: tuple[int, int, int] | None
) -> Float[Array, "batch ..."]:
    """Return examples as the connection of the first layer sees them: in rows, or as [height, width, channels]."""
    if isinstance(connection, Dense) or image_shape is None:
        return x
    return jnp.moveaxis(x.reshape(-1, *image_shape), 1, -1)


def clamped(layers: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return layers whose connections have no negative weights, but for those of the first layer."""
    first, *others = layers
    return first, *(
        eqx.tree_at(lambda layer: layer.connection.weight, layer, replace_fn=lambda weight: jnp.maximum(weight, 0))
        for layer in others
    )


def summed_to(like: Float[Array, "..."], values: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return sums of the values over the axes in which `like` has one number for all: units that share a bias."""
    axes = tuple(axis for axis, length in enumerate(like.shape) if length == 1)
    return values.sum(axis=axes, keepdims=True)
