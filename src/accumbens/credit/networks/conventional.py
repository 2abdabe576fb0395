"""Conventional networks: units that pass on one number each."""

import itertools
from collections.abc import Sequence
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.credit import marks
from accumbens.credit.losses import losses
from accumbens.credit.networks.architecture import shapes_of
from accumbens.credit.networks.connections import Connection, arranged, arriving, clamped, summed_to
from accumbens.credit.networks.initialisation import initial_weight, require_pairs
from accumbens.credit.protocol import Activity, Batch, Network, TaskFacts
from accumbens.credit.settings import ConventionalSettings
from accumbens.errors import require


class Layer(eqx.Module):
    """z = W h + b."""

    connection: Connection
    bias: Float[Array, "..."]

    def __call__(self, h: Float[Array, "batch ..."]) -> Float[Array, "batch ..."]:
        """Return z of every example."""
        return jax.vmap(self.connection)(h) + self.bias

    def gradient(self, h: Float[Array, "batch ..."], signal: Float[Array, "batch ..."]) -> "Layer":
        """Return dW = Σ signal hᵀ and db = Σ signal, sums over the examples, in the form of a layer."""
        weight = self.connection.weight_gradient(h, signal)
        return eqx.tree_at(
            lambda layer: (layer.connection.weight, layer.bias),
            self,
            (weight, summed_to(self.bias, signal.sum(axis=0))),
        )


class Trace(NamedTuple):
    """What a network did with a batch, layer by layer.

    Attributes:
        inputs: what every layer's connection saw, the output layer's included, [batch, ...] each.
        z: pre-activation of every hidden layer, [batch, ...] each.
        h: activity of every hidden layer, as z.
        slopes: derivative of the activity with respect to the pre-activation, as z.
        outputs: of the network, [batch, outputs].
    """

    inputs: list[Array]
    z: list[Array]
    h: list[Array]
    slopes: list[Array]
    outputs: Array


class Conventional(Network):
    """Layers of units with one number each; the last layer is linear.

    Attributes:
        layers: weights and biases.
        facts: of the task.
        units: what a hidden unit does with its pre-activation.
        nonnegative: no weight but those of the first layer may be negative.
    """

    layers: tuple[Layer, ...]
    facts: TaskFacts = eqx.field(static=True)
    units: Literal["relu", "on-off", "bernoulli"] = eqx.field(static=True)
    nonnegative: bool = eqx.field(static=True)

    @classmethod
    def create(cls, settings: ConventionalSettings, facts: TaskFacts, key: PRNGKeyArray) -> "Conventional":
        """Return a network with random weights; its biases are zero, but with `initialisation=uniform`, as in PyTorch.

        Raises:
            AccumbensError: the settings exclude one another, or do not fit the task.
        """
        allowed = "on-off with signs=nonnegative"
        fits = settings.initialisation == "on-off" or settings.signs == "mixed"
        require("initialisation", settings.initialisation, allowed, fits)
        if settings.units == "on-off":
            require_pairs(settings.layers, "units=on-off")
        if settings.initialisation == "on-off":
            require_pairs(settings.layers, "initialisation=on-off")
        shapes = shapes_of(settings.architecture, settings.layers, facts, facts.outputs)
        layers = []
        for index, (shape, layer_key) in enumerate(zip(shapes, jax.random.split(key, len(shapes)), strict=True)):
            weight_key, bias_key = jax.random.split(layer_key)
            weight = initial_weight(shape, settings.initialisation, index == 0, weight_key)
            bound = shape.fan_in**-0.5 if settings.initialisation == "uniform" else 0.0
            bias = jax.random.uniform(bias_key, shape.bias, minval=-bound, maxval=bound)
            layers.append(Layer(shape.connection(weight), bias))
        return cls(tuple(layers), facts, settings.units, settings.signs == "nonnegative")

    def forward(self, x: Float[Array, "batch inputs"], key: PRNGKeyArray | None = None) -> Trace:
        """Return what every layer does with a batch.

        Args:
            x: inputs.
            key: decides what Bernoulli units emit, 1 with probability sigmoid(z); None: they emit the likelier number.
        """
        keys = [None] * len(self.layers) if key is None else list(jax.random.split(key, len(self.layers)))
        inputs, all_z, all_h, slopes = [arranged(x, self.layers[0].connection, self.facts.image_shape)], [], [], []
        hidden = zip(self.layers[:-1], self.layers[1:], keys[:-1], strict=True)
        for place, (layer, above, layer_key) in enumerate(hidden):
            z = marks.activity(layer(inputs[-1]), place)
            h, slope = self._emitted(z, layer_key)
            h = marks.activity(h, place)
            all_z.append(z)
            all_h.append(h)
            slopes.append(slope)
            inputs.append(arriving(h, above.connection))
        return Trace(inputs, all_z, all_h, slopes, marks.outputs(self.layers[-1](inputs[-1])))

    def backward(
        self,
        trace: Trace,
        error: Float[Array, "batch outputs"],
        connections: Sequence[Connection] | None = None,
        slopes: Sequence[Float[Array, "batch ..."]] | None = None,
    ) -> list[Float[Array, "batch ..."]]:
        """Carry an error backwards, layer by layer: g_L = e, g_l = (Vᵀ g_{l+1}) · slope_l.

        Args:
            trace: of the batch.
            error: e, at the outputs.
            connections: V of all layers but the first; None: the connections of the layers themselves, V = W.
            slopes: of all hidden layers; None: those of the trace.

        Returns:
            For every layer, the signal at its pre-activations.
        """
        connections = [layer.connection for layer in self.layers[1:]] if connections is None else connections
        slopes = trace.slopes if slopes is None else slopes
        signals = [error]
        hidden = zip(connections, trace.inputs[1:], trace.h, slopes, strict=True)
        for connection, seen, h, slope in reversed(list(hidden)):
            arrived = connection.transpose(seen, signals[0])
            _, pull = jax.vjp(lambda h, connection=connection: arriving(h, connection), h)
            signals.insert(0, pull(arrived)[0] * slope)
        return signals

    def gradients(self, trace: Trace, signals: list[Float[Array, "batch ..."]]) -> "Conventional":
        """Return what every layer makes of the signal that reaches its units: dW = Σ signal hᵀ, db = Σ signal.

        Args:
            trace: of the batch.
            signals: for every layer, an estimate of the derivative of the batch's loss with respect to the
                pre-activations, [batch, ...] each.
        """
        found = [layer.gradient(*given) for layer, *given in zip(self.layers, trace.inputs, signals, strict=True)]
        return eqx.tree_at(lambda network: network.layers, self, tuple(found))

    def predict(self, x: Float[Array, "batch inputs"]) -> Float[Array, "batch outputs"]:
        """Return logits, or predicted numbers."""
        return self.forward(x).outputs

    def exact_loss(self, batch: Batch, key: PRNGKeyArray) -> Float[Array, ""]:
        """Return the mean loss of the batch; with Bernoulli units, that of the mean field: all emit sigmoid(z)."""
        if self.units != "bernoulli":
            return losses(self.predict(batch.x), batch.y, self.facts.kind).mean()
        h = arranged(batch.x, self.layers[0].connection, self.facts.image_shape)
        for place, (layer, above) in enumerate(itertools.pairwise(self.layers)):
            z = marks.activity(layer(h), place)
            h = arriving(marks.activity(jax.nn.sigmoid(z), place), above.connection)
        return losses(marks.outputs(self.layers[-1](h)), batch.y, self.facts.kind).mean()

    def activities(self, x: Float[Array, "batch inputs"]) -> list[Activity]:
        """Return the part of units that are active; only Bernoulli units choose, the others' entropy is 0."""
        trace = self.forward(x)
        return [Activity(self._entropy(z).mean(), (h != 0).mean()) for z, h in zip(trace.z, trace.h, strict=True)]

    def constrained(self) -> "Conventional":
        """Return the network, without negative weights behind the first layer if it is nonnegative."""
        if not self.nonnegative:
            return self
        return eqx.tree_at(lambda network: network.layers, self, clamped(self.layers))

    def _emitted(self, z: Float[Array, "batch ..."], key: PRNGKeyArray | None) -> tuple[Array, Array]:
        """Return what units emit, and its derivative: of Bernoulli units, as if they emitted z (straight-through)."""
        if self.units == "bernoulli":
            on = z > 0 if key is None else jax.random.bernoulli(key, jax.nn.sigmoid(z))
            return on.astype(z.dtype), jnp.ones_like(z)
        gate = z > 0 if self.units == "relu" else jnp.where(jnp.arange(z.shape[-1]) % 2 == 0, z <= 0, z >= 0)
        return z * gate, gate.astype(z.dtype)

    def _entropy(self, z: Float[Array, "batch ..."]) -> Float[Array, "batch ..."]:
        """Return the entropy of every unit's choice, in nats."""
        if self.units != "bernoulli":
            return jnp.zeros_like(z)
        return jax.nn.sigmoid(z) * jax.nn.softplus(-z) + jax.nn.sigmoid(-z) * jax.nn.softplus(z)


def require_certain(settings: ConventionalSettings) -> None:
    """Refuse units that draw what they emit.

    Raises:
        AccumbensError: names them.
    """
    require("units", settings.units, "relu or on-off with this rule", settings.units != "bernoulli")
