"""Vectorised networks: units that pass on a vector, with a component for every output; Clark et al., 2021.

A weight is one number for all K components of a vector. So the derivative of the loss with respect to a unit's vector
is the error vector e of the output times one number, the unit's signal g: backpropagation has to carry only g.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int8, PRNGKeyArray

from accumbens.credit import marks
from accumbens.credit.losses import losses
from accumbens.credit.networks.architecture import Shape, shapes_of
from accumbens.credit.networks.connections import Connection, arranged, arriving, clamped, summed_to
from accumbens.credit.networks.initialisation import initial_weight, require_pairs
from accumbens.credit.protocol import Activity, Batch, Network, TaskFacts
from accumbens.credit.settings import VectorisedSettings


class InputLayer(eqx.Module):
    """The first layer, z_k = W_k x + b_k: one connection for every component.

    It is the layer of vector units whose K·N inputs are the N numbers of the example, once in every component: input
    k·N + j is x_j in component k and zero in the others. What would be multiplied by the zeros is left out.

    Attributes:
        connection: W_1 … W_K: one connection whose weights have a leading axis of components.
        bias: b, [components, ...].
    """

    connection: Connection
    bias: Float[Array, "components ..."]

    def __call__(self, x: Float[Array, "batch ..."]) -> Float[Array, "batch components ..."]:
        """Return z of every example."""
        return jax.vmap(lambda connection: jax.vmap(connection)(x), out_axes=1)(self.connection) + self.bias

    def gradient(
        self, x: Float[Array, "batch ..."], g: Float[Array, "batch ..."], e: Float[Array, "batch components"]
    ) -> "InputLayer":
        """Return dW_k,ij = Σ g_i e_k x_j and db_k,i = Σ g_i e_k, sums over the examples, in the form of a layer."""
        weight = jax.vmap(lambda connection, e_k: connection.weight_gradient(x, scaled(g, e_k)), (0, 1))
        return _as(self, weight(self.connection, e), bias_gradient(self.bias, g, e))


class VectorLayer(eqx.Module):
    """z = W h + b with vectors h_j; a weight is a number.

    Attributes:
        connection: W.
        bias: b, [components, ...].
    """

    connection: Connection
    bias: Float[Array, "components ..."]

    def __call__(self, h: Float[Array, "batch components ..."]) -> Float[Array, "batch components ..."]:
        """Return z of every example."""
        return jax.vmap(jax.vmap(self.connection))(h) + self.bias

    def gradient(
        self, h: Float[Array, "batch components ..."], g: Float[Array, "batch ..."], e: Float[Array, "batch components"]
    ) -> "VectorLayer":
        """Return dW_ij = Σ g_i (h_j · e) and db_i = Σ g_i e, sums over the examples, in the form of a layer."""
        return _as(self, self.connection.weight_gradient(along(h, e), g), bias_gradient(self.bias, g, e))


class VectorTrace(NamedTuple):
    """What a network did with a batch, layer by layer.

    Attributes:
        inputs: what every layer saw, [batch, ...] of the first, [batch, components, ...] of the others.
        gates: 1 where a hidden unit passed on its vector, 0 where it emitted none, [batch, ...] each.
        outputs: of the network, [batch, outputs].
    """

    inputs: list[Array]
    gates: list[Array]
    outputs: Float[Array, "batch outputs"]


class Vectorised(Network):
    """Layers of units with a vector each; the last layer is one unit, whose vector is the output.

    Attributes:
        layers: weights and biases.
        gates: t of every hidden layer, [components, ...], of 1 and -1, opposite in the two units of a pair. They are
            fixed, and whole numbers, by which optimisers and differentiation know it.
        facts: of the task.
        nonnegative: no weight but those of the first layer may be negative.
    """

    layers: tuple[InputLayer | VectorLayer, ...]
    gates: tuple[Int8[Array, "components ..."], ...]
    facts: TaskFacts = eqx.field(static=True)
    nonnegative: bool = eqx.field(static=True)

    @classmethod
    def create(cls, settings: VectorisedSettings, facts: TaskFacts, key: PRNGKeyArray) -> "Vectorised":
        """Return a network with random weights and gates; its biases are zero.

        Raises:
            AccumbensError: the settings do not fit the task.
        """
        require_pairs(settings.layers, "vectorised networks")
        components, nonnegative = facts.outputs, settings.signs == "nonnegative"
        initialisation = "on-off" if nonnegative else "normal"
        shapes = shapes_of(settings.architecture, settings.layers, facts, outputs=1)
        first_key, *keys, gate_key = jax.random.split(key, len(shapes) + 1)

        def connection(shape: Shape, first: bool, key: PRNGKeyArray) -> Connection:
            return shape.connection(initial_weight(shape, initialisation, first, key))

        biases = [jnp.zeros((components, *shape.bias)) for shape in shapes]
        first = jax.vmap(lambda key: connection(shapes[0], True, key))(jax.random.split(first_key, components))
        others = [
            VectorLayer(connection(shape, False, key), bias)
            for shape, bias, key in zip(shapes[1:], biases[1:], keys, strict=True)
        ]
        gates = []
        for shape, key in zip(shapes[:-1], jax.random.split(gate_key, len(shapes) - 1), strict=True):
            t = jax.random.rademacher(key, (components, shape.outputs // 2), dtype=jnp.int8)
            gates.append(jnp.stack([t, -t], axis=-1).reshape(components, *(1,) * len(shape.side), shape.outputs))
        return cls((InputLayer(first, biases[0]), *others), tuple(gates), facts, nonnegative)

    def forward(self, x: Float[Array, "batch inputs"]) -> VectorTrace:
        """Return what every layer does with a batch: h = z if t · z ≥ 0, else 0."""
        inputs, gates = [arranged(x, self.layers[0].connection, self.facts.image_shape)], []
        hidden = zip(self.layers[:-1], self.layers[1:], self.gates, strict=True)
        for place, (layer, above, t) in enumerate(hidden):
            z = marks.activity(layer(inputs[-1]), place)
            gate = marks.activity(((t * z).sum(axis=1) >= 0).astype(z.dtype), place)
            gates.append(gate)
            inputs.append(jax.vmap(lambda h, connection=above.connection: arriving(h, connection))(z * gate[:, None]))
        return VectorTrace(inputs, gates, marks.outputs(self.layers[-1](inputs[-1])[..., 0]))

    def backward(self, trace: VectorTrace) -> list[Float[Array, "batch ..."]]:
        """Return the exact signals of all layers, those of hidden units not yet through their gates m.

        g_L = 1 / B, then W_{l+1}ᵀ (m_{l+1} g_{l+1}) below.
        """
        signals = [jnp.full((len(trace.outputs), 1), 1 / len(trace.outputs), trace.outputs.dtype)]
        open_gates = [*trace.gates, jnp.ones_like(signals[0])][1:]
        hidden = zip(self.layers[1:], trace.inputs[1:], trace.gates, open_gates, strict=True)
        for above, seen, below, gate in reversed(list(hidden)):
            arrived = above.connection.transpose(seen[:, 0], signals[0] * gate)
            _, pull = jax.vjp(lambda h, connection=above.connection: arriving(h, connection), below)
            signals.insert(0, pull(arrived)[0])
        return signals

    def gradients(
        self, trace: VectorTrace, e: Float[Array, "batch outputs"], signals: list[Float[Array, "batch ..."]]
    ) -> "Vectorised":
        """Return what every layer makes of the error vector, of the signal that reaches its units, and of its gates.

        Args:
            trace: of the batch.
            e: derivative of every example's own loss with respect to its outputs.
            signals: for every layer, a number for every unit, [batch, ...] each; those of hidden units have yet to pass
                their gates, that of the output unit passes as it is.
        """
        *hidden, last = signals
        gated = [*(gate * signal for gate, signal in zip(trace.gates, hidden, strict=True)), last]
        found = [layer.gradient(h, g, e) for layer, h, g in zip(self.layers, trace.inputs, gated, strict=True)]
        return eqx.tree_at(lambda network: network.layers, self, tuple(found))

    def predict(self, x: Float[Array, "batch inputs"]) -> Float[Array, "batch outputs"]:
        """Return logits, or predicted numbers."""
        return self.forward(x).outputs

    def exact_loss(self, batch: Batch, key: PRNGKeyArray) -> Float[Array, ""]:
        """Return the mean loss of the batch; gates are steps, so they pass no gradient to what opens them."""
        return losses(self.predict(batch.x), batch.y, self.facts.kind).mean()

    def activities(self, x: Float[Array, "batch inputs"]) -> list[Activity]:
        """Return the part of units that are active; they choose nothing, so their entropy is 0."""
        return [Activity(jnp.zeros(()), gate.mean()) for gate in self.forward(x).gates]

    def constrained(self) -> "Vectorised":
        """Return the network, without negative weights behind the first layer if it is nonnegative."""
        return eqx.tree_at(lambda network: network.layers, self, clamped(self.layers)) if self.nonnegative else self


def angles_to_ones(network: Vectorised, x: Float[Array, "batch inputs"]) -> Float[Array, " hidden"]:
    """Return, for every hidden layer, how far its exact signal is from the same signal for all units.

    The angle between W_{l+1}ᵀ g_{l+1} and (1, …, 1) in degrees, mean over examples. Where it is zero, a layer that is
    told nothing but the error vector learns exactly what backpropagation would teach it.
    """
    signals = [signal.reshape(len(x), -1) for signal in network.backward(network.forward(x))[:-1]]
    cosines = [signal.sum(axis=1) / (jnp.linalg.norm(signal, axis=1) * signal.shape[1] ** 0.5) for signal in signals]
    return jnp.asarray([jnp.degrees(jnp.arccos(jnp.clip(cosine, -1, 1))).mean() for cosine in cosines])


def along(h: Float[Array, "batch components ..."], e: Float[Array, "batch components"]) -> Float[Array, "batch ..."]:
    """Return h_j · e of every unit."""
    return jnp.einsum("bk...,bk->b...", h, e)


def scaled(g: Float[Array, "batch ..."], factor: Float[Array, " batch"]) -> Float[Array, "batch ..."]:
    """Return every example's numbers times its factor."""
    return g * factor.reshape(-1, *(1,) * (g.ndim - 1))


def bias_gradient(
    bias: Float[Array, "components ..."], g: Float[Array, "batch ..."], e: Float[Array, "batch components"]
) -> Float[Array, "components ..."]:
    """Return Σ g_i e over the examples, and over the units that share a bias."""
    return summed_to(bias, jnp.einsum("b...,bk->k...", g, e))


def _as(layer: Any, weight: Array, bias: Array) -> Any:
    """Return the layer with other numbers."""
    return eqx.tree_at(lambda layer: (layer.connection.weight, layer.bias), layer, (weight, bias))
