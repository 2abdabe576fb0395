"""Nets that features go through before the angles between them are taken: M for a teacher's, N for a team's."""

import math

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray


class MappingNet(eqx.Module):
    """One layer of rectified units, and a linear one."""

    inner: Float[Array, "units width"]
    outer: Float[Array, "units units"]

    def __call__(self, features: Float[Array, "*any width"]) -> Float[Array, "*any units"]:
        """Return what angles are taken of."""
        return jax.nn.relu(features @ self.inner.T) @ self.outer.T


def make_mapping(width: int, units: int, *, key: PRNGKeyArray) -> MappingNet:
    """Draw the weights of a net, normal with variance 1 / inputs."""
    inner, outer = jax.random.split(key)
    return MappingNet(
        jax.random.normal(inner, (units, width)) * math.sqrt(2 / width),
        jax.random.normal(outer, (units, units)) / math.sqrt(units),
    )
