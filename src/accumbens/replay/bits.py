"""Boolean observations, eight to a byte."""

import math

import jax.numpy as jnp
from jaxtyping import Array, Bool, UInt8


def packed_size(observation_shape: tuple[int, ...]) -> int:
    """Number of bytes that hold one boolean observation of this shape."""
    return math.ceil(math.prod(observation_shape) / 8)


def pack(observations: Bool[Array, "..."], observation_shape: tuple[int, ...]) -> UInt8[Array, "... bytes"]:
    """Flatten the trailing `observation_shape` and pack it into bytes; leading axes stay.

    Returns:
        `[..., packed_size(observation_shape)]`; the last byte is filled up with zero bits.
    """
    leading = observations.shape[: observations.ndim - len(observation_shape)]
    return jnp.packbits(observations.reshape(*leading, math.prod(observation_shape)), axis=-1)


def unpack(packed: UInt8[Array, "... bytes"], observation_shape: tuple[int, ...]) -> Bool[Array, "..."]:
    """The inverse of `pack`: observations `[..., *observation_shape]`."""
    bits = jnp.unpackbits(packed, axis=-1, count=math.prod(observation_shape))
    return bits.astype(bool).reshape(*packed.shape[:-1], *observation_shape)
