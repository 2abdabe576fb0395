"""What the units of one layer of a coagent network do with their input: draw an action, or pass a number on."""

import math
from abc import abstractmethod
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from accumbens.credit.networks.connections import Connection, Dense
from accumbens.credit.protocol import Activity
from accumbens.credit.settings import CoagentActionValueSettings, CoagentNetworkSettings, CoagentPolicySettings

SMALLEST_SIGMA = 0.001
"""Below this no schedule lets σ fall, as in the released code."""


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
        start = {"sigmoid": 0.0, "relu": settings.sigma, "exp": math.log(settings.sigma)}
        learned = settings.sigma_schedule == "learned"
        spread = jnp.full(units, start[settings.sigma_parametrisation]) if learned else jnp.asarray(settings.sigma)
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


class DiscreteUnits(Units):
    """Every unit has a preference z[a] for each of A actions, and draws one of them.

    Policy-gradient units draw action a with probability softmax(z)[a]. To action-value units z is what an action is
    worth; they take the best with probability 1 - ε and any action otherwise.

    Attributes:
        epsilon: ε; None of policy-gradient units.
    """

    connection: Connection
    bias: Float[Array, " numbers"]
    epsilon: Float[Array, ""] | None
    settings: CoagentNetworkSettings = eqx.field(static=True)
    draws: ClassVar[bool] = True

    @classmethod
    def create(cls, settings: CoagentNetworkSettings, key: PRNGKeyArray, inputs: int, units: int) -> "DiscreteUnits":
        """Return units with `settings.num_actions` preferences each."""
        connection, bias = uniform(key, inputs, units * settings.num_actions)
        epsilon = jnp.asarray(settings.epsilon) if isinstance(settings, CoagentActionValueSettings) else None
        return cls(connection=connection, bias=bias, epsilon=epsilon, settings=settings)

    @property
    def units(self) -> int:
        """Return how many there are."""
        return self.bias.shape[-1] // self.settings.num_actions

    def preferences(self, h: Float[Array, "... inputs"]) -> Float[Array, "... actions units"]:
        """Return z of every unit and action; units last, since long rows are computed quicker than many short ones."""
        z = self.pre_activation(h)
        return z.reshape(*z.shape[:-1], self.settings.num_actions, -1)

    def probabilities(self, z: Float[Array, "... actions units"]) -> Float[Array, "... actions units"]:
        """Return π of every unit and action."""
        if self.epsilon is None:
            return jax.nn.softmax(z, axis=-2)
        epsilon = jax.lax.stop_gradient(self.epsilon)
        return (1 - epsilon) * self.likeliest(z) + epsilon / self.settings.num_actions

    def likeliest(self, z: Float[Array, "... actions units"]) -> Float[Array, "... actions units"]:
        """Return, one-hot, the action with the largest preference."""
        return self.one_hot(z.argmax(axis=-2))

    def one_hot(self, action: Array) -> Float[Array, "... actions units"]:
        """Return the actions, whole numbers, one-hot."""
        return jax.nn.one_hot(action, self.settings.num_actions, dtype=self.bias.dtype, axis=-2)

    def drawn(
        self,
        z: Float[Array, "... actions units"],
        noise: Float[Array, "... units"],
        chosen: Bool[Array, " units"] | None = None,
    ) -> Float[Array, "... actions units"]:
        """Return, one-hot, the actions that uniform numbers from [0, 1) draw: as many as lie below the number in F."""
        distribution = self.probabilities(z)[..., :-1, :].cumsum(axis=-2)
        actions = self.one_hot((noise[..., None, :] >= distribution).sum(axis=-2))
        return actions if chosen is None else jnp.where(chosen, actions, self.likeliest(z))

    def emitted(self, actions: Float[Array, "... actions units"]) -> Float[Array, "... units"]:
        """Return what the units emit, or its mean if `actions` are probabilities: Σ_a v_a π_a."""
        values = jnp.linspace(0.0 if self.settings.emission == "unit" else -1.0, 1.0, self.settings.num_actions)
        return jnp.einsum("a,...au->...u", values, actions)

    def act(
        self,
        h: Float[Array, "... inputs"],
        noise: Float[Array, "... drawn"],
        chosen: Bool[Array, " units"] | None = None,
    ) -> Action:
        """Draw a ~ π(· | h); log π is that of softmax(z)."""
        z = self.preferences(h)
        actions = jax.lax.stop_gradient(self.drawn(z, noise, chosen))
        log_probability = (jax.nn.log_softmax(z, axis=-2) * actions).sum(axis=-2)
        log_probability = log_probability if chosen is None else log_probability * chosen
        return Action(self.emitted(actions), log_probability, Preferences((z * actions).sum(axis=-2), z.max(axis=-2)))

    def greedy(self, h: Float[Array, "... inputs"]) -> Float[Array, "... units"]:
        """Emit what the largest preference stands for."""
        return self.emitted(self.likeliest(self.preferences(h)))

    def smooth(self, h: Float[Array, "... inputs"], noise: Float[Array, "... drawn"]) -> Float[Array, "... units"]:
        """Emit the mean over softmax(z), also of action-value units, whose own choice has no derivative."""
        return self.emitted(jax.nn.softmax(self.preferences(h), axis=-2))

    def activity(self, h: Float[Array, "... inputs"]) -> Activity:
        """Return the entropy of π, and the part of the units whose likeliest action is not the first."""
        z = self.preferences(h)
        entropy = jax.scipy.special.entr(self.probabilities(z)).sum(axis=-2)
        return Activity(entropy.mean(), (z.argmax(axis=-2) > 0).mean())

    def constrained(self) -> "DiscreteUnits":
        """Return the layer with ε one update further: ε ← max(ε - decay, end)."""
        settings = self.settings
        if self.epsilon is None or not isinstance(settings, CoagentActionValueSettings) or not settings.epsilon_decay:
            return self
        epsilon = jnp.maximum(self.epsilon - settings.epsilon_decay, settings.epsilon_end)
        return eqx.tree_at(lambda layer: layer.epsilon, self, epsilon)


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
        """Return entropy 0: they choose nothing; and the part of the units that pass the ReLU."""
        return Activity(jnp.zeros(()), (self.greedy(h) > 0).mean())

    def constrained(self) -> "DeterministicUnits":
        """Return the layer as it is."""
        return self
