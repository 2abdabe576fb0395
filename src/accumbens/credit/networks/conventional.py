"""Conventional networks: units that pass on one number each."""

import itertools
from typing import Any, Literal, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.credit.losses import losses
from accumbens.credit.networks.connections import Connection, Dense
from accumbens.credit.protocol import Activity, Batch, Kind, Network, TaskFacts
from accumbens.credit.settings import ConventionalSettings


class Layer(eqx.Module):
    """z = W h + b."""

    connection: Connection
    bias: Float[Array, "..."]


class Trace(NamedTuple):
    """What a network did with a batch, layer by layer.

    Attributes:
        inputs: of every layer, the output layer included, [batch, ...] each.
        slopes: derivative of every hidden layer's activity with respect to its pre-activation, [batch, ...] each.
        outputs: of the network, [batch, outputs].
    """

    inputs: list[Array]
    slopes: list[Array]
    outputs: Array


class Conventional(Network):
    """Layers of units with one number each; the last layer is linear.

    Attributes:
        layers: weights and biases.
        kind: of the task.
        units: what a hidden unit does with its pre-activation.
    """

    layers: tuple[Layer, ...]
    kind: Kind = eqx.field(static=True)
    units: Literal["relu"] = eqx.field(static=True, default="relu")

    @classmethod
    def create(cls, settings: ConventionalSettings, facts: TaskFacts, key: PRNGKeyArray) -> Self:
        """Return a network with weights and biases drawn from U(±1/√inputs), PyTorch's default."""
        widths = [facts.inputs, *settings.layers, facts.outputs]
        layers = []
        for (inputs, outputs), layer_key in zip(
            itertools.pairwise(widths), jax.random.split(key, len(widths) - 1), strict=True
        ):
            bound, (weight_key, bias_key) = inputs**-0.5, jax.random.split(layer_key)
            weight = jax.random.uniform(weight_key, (outputs, inputs), minval=-bound, maxval=bound)
            bias = jax.random.uniform(bias_key, (outputs,), minval=-bound, maxval=bound)
            layers.append(Layer(Dense(weight), bias))
        return cls(tuple(layers), facts.kind)

    def forward(self, x: Float[Array, "batch inputs"]) -> Trace:
        """Return what every layer does with a batch."""
        inputs, slopes, h = [], [], x
        for layer in self.layers[:-1]:
            inputs.append(h)
            z = jax.vmap(layer.connection)(h) + layer.bias
            slopes.append((z > 0).astype(z.dtype))
            h = jax.nn.relu(z)
        return Trace([*inputs, h], slopes, jax.vmap(self.layers[-1].connection)(h) + self.layers[-1].bias)

    def gradients(self, trace: Trace, signals: list[Float[Array, "batch ..."]]) -> Self:
        """Return what every layer makes of the signal that reaches its units: dW = Σ signal hᵀ, db = Σ signal.

        Args:
            trace: of the batch.
            signals: for every layer, an estimate of the derivative of the batch's loss with respect to the
                pre-activations, [batch, ...] each.
        """

        def gradient(layer: Layer, h: Array, signal: Array) -> Layer:
            return Layer(
                eqx.tree_at(lambda c: c.weight, layer.connection, layer.connection.weight_gradient(h, signal)),
                signal.sum(axis=0),
            )

        found = map(gradient, self.layers, trace.inputs, signals)
        return eqx.tree_at(lambda network: network.layers, self, tuple(found))

    def predict(self, x: Float[Array, "batch inputs"]) -> Float[Array, "batch outputs"]:
        """Return logits, or predicted numbers."""
        return self.forward(x).outputs

    def exact_loss(self, batch: Batch, key: PRNGKeyArray) -> Float[Array, ""]:
        """Return the mean loss of the batch."""
        return losses(self.predict(batch.x), batch.y, self.kind).mean()

    def activities(self, x: Float[Array, "batch inputs"]) -> list[Activity]:
        """Return the part of units that are active; they choose nothing, so their entropy is 0."""
        hidden: list[Any] = self.forward(x).inputs[1:]
        return [Activity(jnp.zeros(()), (h != 0).mean()) for h in hidden]

    def constrained(self) -> Self:
        """Return the network as it is."""
        return self
