"""Random feedback: the error travels to the layers over fixed random matrices that learn nothing of the weights."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.credit.losses import losses, output_error
from accumbens.credit.networks.connections import Connection
from accumbens.credit.networks.conventional import Conventional, require_certain
from accumbens.credit.protocol import Batch, Rule, TaskFacts, Update
from accumbens.credit.settings import ConventionalSettings

FEEDBACK = 2**32 - 1
"""What the key of the random weights is folded with: a network of one seed is the same with and without them."""


def make_feedback_alignment(settings: ConventionalSettings, facts: TaskFacts) -> Rule:
    """Return the rule: as backpropagation, but g_l = (B_{l+1}ᵀ g_{l+1}) · f'(z_l); Lillicrap et al., 2016.

    B has the shape of W and is drawn as W is, once and independently.

    Raises:
        AccumbensError: the units are Bernoulli units, which have no derivative.
    """
    require_certain(settings)

    def init(key: PRNGKeyArray) -> tuple[Conventional, list[Connection]]:
        feedback = Conventional.create(settings, facts, jax.random.fold_in(key, FEEDBACK))
        return Conventional.create(settings, facts, key), [layer.connection for layer in feedback.layers[1:]]

    def update(network: Conventional, feedback: list[Connection], batch: Batch, key: PRNGKeyArray) -> Update:
        trace = network.forward(batch.x)
        error = output_error(trace.outputs, batch.y, facts.kind) / batch.x.shape[0]
        gradients = network.gradients(trace, network.backward(trace, error, connections=feedback))
        return Update(gradients, feedback, losses(trace.outputs, batch.y, facts.kind).mean())

    return Rule(init, update)


def make_direct_feedback_alignment(settings: ConventionalSettings, facts: TaskFacts) -> Rule:
    """Return the rule: g_l = (Bᵀ e) · f'(z_l) for every hidden layer; Nøkland, 2016.

    One B serves all layers, as in Clark et al., 2021: [outputs, units of the largest hidden layer], of which a smaller
    layer takes the first columns; entries from U[-1, 1], or U[0, 1] if the network is nonnegative.

    Raises:
        AccumbensError: the units are Bernoulli units, which have no derivative.
    """
    require_certain(settings)

    def init(key: PRNGKeyArray) -> tuple[Conventional, Float[Array, "outputs units"]]:
        network = Conventional.create(settings, facts, key)
        trace = jax.eval_shape(network.forward, jax.ShapeDtypeStruct((1, facts.inputs), jnp.float32))
        largest = max((math.prod(h.shape) for h in trace.h), default=0)
        least = 0.0 if settings.signs == "nonnegative" else -1.0
        feedback_key = jax.random.fold_in(key, FEEDBACK)
        return network, jax.random.uniform(feedback_key, (facts.outputs, largest), minval=least, maxval=1.0)

    def update(
        network: Conventional, feedback: Float[Array, "outputs units"], batch: Batch, key: PRNGKeyArray
    ) -> Update:
        trace = network.forward(batch.x)
        error = output_error(trace.outputs, batch.y, facts.kind) / batch.x.shape[0]
        delivered = error @ feedback
        signals = [delivered[:, : math.prod(slope.shape[1:])].reshape(slope.shape) * slope for slope in trace.slopes]
        loss = losses(trace.outputs, batch.y, facts.kind).mean()
        return Update(network.gradients(trace, [*signals, error]), feedback, loss)

    return Rule(init, update)
