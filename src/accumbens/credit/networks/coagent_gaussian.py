"""Gaussian units: agents that draw their pre-activation from a normal distribution."""

import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from accumbens.credit.networks.coagent_units import Action, Units, uniform
from accumbens.credit.networks.connections import Connection
from accumbens.credit.protocol import Activity
from accumbens.credit.settings import CoagentPolicySettings

SMALLEST_SIGMA = 0.001
"""Below this no schedule lets σ fall, as in the released code."""


class GaussianUnits(Units):
    """z ~ N(W h + b, σ²), emitted through a ReLU; the units of an output layer emit z.

    Attributes:
        spread: σ, or with a learned schedule the parameter ρ of every unit's.
        rectified: whether the units have a ReLU.
    """

    connection: Connection
    bias: Float[Array, " units"]
    spread: Float[Array, "..."]
    settings: CoagentPolicySettings = eqx.field(static=True)
    rectified: bool = eqx.field(static=True)
    draws: ClassVar[bool] = True

    @classmethod
    def create(
        cls, settings: CoagentPolicySettings, key: PRNGKeyArray, inputs: int, units: int, last: bool
    ) -> "GaussianUnits":
        """Return units with the settings' first σ."""
        spread = jnp.asarray(settings.sigma)
        if settings.sigma_schedule == "learned":
            start = {"sigmoid": 0.0, "relu": settings.sigma, "exp": math.log(settings.sigma)}
            spread = jnp.full(units, start[settings.sigma_parametrisation])
        connection, bias = uniform(key, inputs, units)
        return cls(connection=connection, bias=bias, spread=spread, settings=settings, rectified=not last)

    def sigma(self) -> Float[Array, "..."]:
        """Return σ: one number, or one of every unit if it is learned."""
        if self.settings.sigma_schedule != "learned":
            return jax.lax.stop_gradient(self.spread)
        if self.settings.sigma_parametrisation == "sigmoid":
            found = 2 * self.settings.sigma * jax.nn.sigmoid(self.spread)
        else:
            found = {"relu": jax.nn.relu, "exp": jnp.exp}[self.settings.sigma_parametrisation](self.spread)
        return jnp.maximum(found, SMALLEST_SIGMA)

    @property
    def units(self) -> int:
        """Return how many there are."""
        return self.bias.shape[-1]

    def emitted(self, z: Float[Array, "... units"]) -> Float[Array, "... units"]:
        """Return what the units make of their pre-activation."""
        return jax.nn.relu(z) if self.rectified else z

    def act(
        self,
        h: Float[Array, "... inputs"],
        noise: Float[Array, "... drawn"],
        chosen: Bool[Array, " units"] | None = None,
    ) -> Action:
        """Draw z = μ + σ ε; log π = -½ ((z - μ)/σ)² - log σ, but for a constant."""
        mean, sigma = self.pre_activation(h), self.sigma()
        noise = noise if chosen is None else noise * chosen
        z = jax.lax.stop_gradient(mean + sigma * noise)
        log_probability = -0.5 * jnp.square((z - mean) / sigma) - jnp.log(sigma)
        return Action(self.emitted(z), log_probability if chosen is None else log_probability * chosen)

    def greedy(self, h: Float[Array, "... inputs"]) -> Float[Array, "... units"]:
        """Emit the mean."""
        return self.emitted(self.pre_activation(h))

    def smooth(self, h: Float[Array, "... inputs"], noise: Float[Array, "... drawn"]) -> Float[Array, "... units"]:
        """Emit μ + σ ε, whose derivative goes along μ and σ (reparametrised)."""
        return self.emitted(self.pre_activation(h) + self.sigma() * noise)

    def activity(self, h: Float[Array, "... inputs"]) -> Activity:
        """Return the differential entropy ½ log 2πeσ², and the part of the units whose mean passes the ReLU."""
        entropy = 0.5 * math.log(2 * math.pi * math.e) + jnp.log(self.sigma())
        return Activity(entropy.mean(), (self.greedy(h) > 0).mean())

    def constrained(self) -> "GaussianUnits":
        """Return the layer with a decayed σ one update further: σ ← max(rate σ, 0.001)."""
        if self.settings.sigma_schedule != "decayed":
            return self
        spread = jnp.maximum(self.settings.sigma_decay * self.spread, SMALLEST_SIGMA)
        return eqx.tree_at(lambda layer: layer.spread, self, spread)
