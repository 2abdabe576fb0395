"""What the units of one layer of a coagent network do with their input: draw an action, or pass a number on."""

from abc import abstractmethod
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from accumbens.credit.networks.connections import Connection, Dense
from accumbens.credit.protocol import Activity


class Preferences(NamedTuple):
    """What every discrete unit of a layer makes of its actions.

    Attributes:
        taken: z of the action it took.
        best: its largest z.
    """

    taken: Float[Array, "... units"]
    best: Float[Array, "... units"]


class Action(NamedTuple):
    """What the units of a layer did.

    Attributes:
        value: what they emit; of units that draw, nothing can be differentiated through it.
        log_probability: log π(a | o) of every unit; None of units that do not draw.
        preferences: of discrete units.
    """

    value: Float[Array, "... units"]
    log_probability: Float[Array, "... units"] | None
    preferences: Preferences | None = None


def uniform(key: PRNGKeyArray, inputs: int, outputs: int) -> tuple[Dense, Float[Array, " outputs"]]:
    """Return weights and biases drawn from U(±1/√inputs), PyTorch's default."""
    bound, (weight_key, bias_key) = inputs**-0.5, jax.random.split(key)
    weight = jax.random.uniform(weight_key, (outputs, inputs), minval=-bound, maxval=bound)
    return Dense(weight), jax.random.uniform(bias_key, (outputs,), minval=-bound, maxval=bound)


class Units(eqx.Module):
    """One layer: z = W h + b, and what the units make of z.

    Attributes:
        connection: W.
        bias: b.
        draws: whether the units choose what they emit.
    """

    draws: ClassVar[bool]
    connection: eqx.AbstractVar[Connection]
    bias: eqx.AbstractVar[Array]

    def pre_activation(self, h: Float[Array, "... inputs"]) -> Float[Array, "... numbers"]:
        """Return z."""
        return jnp.vectorize(self.connection, signature="(i)->(o)")(h) + self.bias

    @property
    def inputs(self) -> int:
        """Return how many numbers a unit sees."""
        return self.connection.weight.shape[-1]

    @property
    @abstractmethod
    def units(self) -> int:
        """Return how many there are."""

    @abstractmethod
    def act(
        self,
        h: Float[Array, "... inputs"],
        noise: Float[Array, "... drawn"],
        chosen: Bool[Array, " units"] | None = None,
    ) -> Action:
        """Return what the units do while they learn.

        Args:
            h: their input.
            noise: what they draw by, a number for each: standard normal of Gaussian units, uniform from [0, 1) of
                discrete ones; units that do not draw need none.
            chosen: units that draw, the others do what is likeliest and have log-probability 0; None for all.
        """

    @abstractmethod
    def greedy(self, h: Float[Array, "... inputs"]) -> Float[Array, "... units"]:
        """Return what the units do when they do what is likeliest."""

    @abstractmethod
    def smooth(self, h: Float[Array, "... inputs"], noise: Float[Array, "... drawn"]) -> Float[Array, "... units"]:
        """Return something the units do that can be differentiated with respect to their input and parameters."""

    @abstractmethod
    def activity(self, h: Float[Array, "... inputs"]) -> Activity:
        """Return the units' entropy and sparsity."""

    @abstractmethod
    def constrained(self) -> "Units":
        """Return the layer after an optimiser step."""


class DeterministicUnits(Units):
    """h = ReLU(W h + b), or without the ReLU in an output layer: the gradient flows through."""

    connection: Connection
    bias: Float[Array, " units"]
    rectified: bool = eqx.field(static=True)
    draws: ClassVar[bool] = False

    @classmethod
    def create(cls, key: PRNGKeyArray, inputs: int, units: int, last: bool) -> "DeterministicUnits":
        """Return units; those of the output layer have no ReLU."""
        connection, bias = uniform(key, inputs, units)
        return cls(connection=connection, bias=bias, rectified=not last)

    @property
    def units(self) -> int:
        """Return how many there are."""
        return self.bias.shape[-1]

    def act(
        self,
        h: Float[Array, "... inputs"],
        noise: Float[Array, "... drawn"],
        chosen: Bool[Array, " units"] | None = None,
    ) -> Action:
        """Pass the numbers on."""
        return Action(self.greedy(h), None)

    def greedy(self, h: Float[Array, "... inputs"]) -> Float[Array, "... units"]:
        """Pass the numbers on."""
        z = self.pre_activation(h)
        return jax.nn.relu(z) if self.rectified else z

    def smooth(self, h: Float[Array, "... inputs"], noise: Float[Array, "... drawn"]) -> Float[Array, "... units"]:
        """Pass the numbers on."""
        return self.greedy(h)

    def activity(self, h: Float[Array, "... inputs"]) -> Activity:
        """Return entropy 0: they choose nothing; and the fraction of units that pass the ReLU."""
        return Activity(jnp.zeros(()), (self.greedy(h) > 0).mean())

    def constrained(self) -> "DeterministicUnits":
        """Return the layer as it is."""
        return self
