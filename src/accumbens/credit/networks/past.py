"""The states of a trial as they were met, and how the hand's position depends on the recurrent weights through them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from accumbens.credit.networks.controlled import ALPHA, DT, Moment, Reaching


class Past(NamedTuple):
    """The steps of a trial so far; rows of steps to come are zero.

    Attributes:
        rates: r before each step.
        slopes: ReLU'(x) after each step.
        steps: how many there are.
    """

    rates: Float[Array, "steps units"]
    slopes: Float[Array, "steps units"]
    steps: Int[Array, ""]

    @classmethod
    def none(cls, network: Reaching) -> "Past":
        """Return that of a trial before its first step."""
        nothing = jnp.zeros((network.facts.steps or 0, network.layers[0].count))
        return cls(nothing, nothing, jnp.int32(0))

    def lengthened(self, before: Moment, after: Moment) -> "Past":
        """Return the past with one step more."""
        rates = self.rates.at[self.steps].set(jax.nn.relu(before.x))
        slopes = self.slopes.at[self.steps].set((after.x > 0).astype(after.x.dtype))
        return Past(rates, slopes, self.steps + 1)

    def sent_back(self, network: Reaching, signal: Float[Array, " 2"]) -> Float[Array, "units units"]:
        """Return the derivative of signal · output with respect to W_rec, what was fed back being constant.

        The output is the position of the hand now, which all velocities so far add up to; of a task whose error is
        direct, the velocity now.

        Args:
            network: with the weights of now, whatever those of earlier steps were.
            signal: with -ε it is the gradient of the mean of ε².
        """
        units, readout = network.layers
        size = 1.0 if network.facts.direct else DT
        of_rates = size * (signal @ readout.weight)

        def back(number: Array, carried: tuple[Array, Array]) -> tuple[Array, Array]:
            delta, deltas = carried
            at = self.steps - 1 - number
            of_output = jnp.where(number == 0, of_rates, 0.0) if network.facts.direct else of_rates
            delta = (1 - ALPHA) * delta + self.slopes[at] * (of_output + ALPHA * (delta @ units.W_rec))
            return delta, deltas.at[at].set(delta)

        nothing = jnp.zeros(units.count), jnp.zeros_like(self.rates)
        _, deltas = jax.lax.fori_loop(0, self.steps, back, nothing)  # a scan would go over steps to come, too
        return ALPHA * deltas.T @ self.rates
