"""Discrete units: agents that choose one of a few numbers to emit."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from accumbens.credit.networks.coagent_units import Action, Preferences, Units, uniform
from accumbens.credit.networks.connections import Connection
from accumbens.credit.protocol import Activity
from accumbens.credit.settings import CoagentActionValueSettings, CoagentNetworkSettings


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
