"""Rules that are not what they seem: the audit must see it, however it is hidden."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from accumbens.credit import marks
from accumbens.credit.audit import audit_rule, small_facts, small_settings, to_document, verdict
from accumbens.credit.audit.optimiser import crossings
from accumbens.credit.losses import losses, output_error
from accumbens.credit.networks.conventional import Conventional
from accumbens.credit.networks.vectorised import Vectorised
from accumbens.credit.protocol import Network, Rule, TaskFacts, Update
from accumbens.credit.registry import RULES

FACTS = small_facts(TaskFacts("classification", 64, 10))


def settings_of(name, **changes):
    return small_settings(dataclasses.replace(RULES[name].settings, layers=(64, 64), **changes))


def honest(name, **changes):
    return RULES[name].make(settings_of(name, **changes), FACTS)


def changed(rule, change):
    """A rule whose gradients are changed by `change(gradients, network, memory, batch)`."""

    def update(network, memory, batch, key):
        found = rule.update(network, memory, batch, key)
        return found._replace(gradients=change(found.gradients, network, memory, batch))

    return Rule(rule.init, update)


def of_first_bias(tree):
    return tree.layers[0].bias


def audit(rule, measured=False):
    return audit_rule(rule, FACTS, measured=measured)


@pytest.mark.parametrize("stopped", [False, True], ids=["open", "stopped"])
def test_gevb_that_uses_the_weights_above(stopped):
    """A thousandth of the exact signal is mixed into what the first layer is told, also behind stop_gradient."""

    def update(network, memory, batch, key):
        trace = network.forward(batch.x)
        e = output_error(trace.outputs, batch.y, FACTS.kind)
        exact = network.backward(jax.lax.stop_gradient(trace) if stopped else trace)
        told = [jnp.full_like(signal, 1 / len(e)) for signal in exact]
        told[0] += 1e-3 * (jax.lax.stop_gradient(exact[0]) if stopped else exact[0])
        return Update(network.gradients(trace, e, told), memory, losses(trace.outputs, batch.y, FACTS.kind).mean())

    init = honest("gevb").init
    assert audit(honest("gevb")).kind == "broadcast-vector"
    found = audit(Rule(init, update), measured=stopped)
    assert found.kind == "weight-transport"
    assert found.transport == {1: (2, 3)}
    if not stopped:
        return
    assert found.contradictions == []
    assert (found.measured.direct[0, 1:] > 0).all()
    assert (found.measured.direct[1:] == 0).all()
    assert found.measured.changed["weights:1"].tolist() == [True, False, False]


def test_a_coagent_that_sees_the_gradient_of_another():
    def leak(gradients, network, memory, batch):
        return eqx.tree_at(of_first_bias, gradients, of_first_bias(gradients) + 1e-6 * gradients.layers[1].bias.sum())

    assert audit(honest("coagent")).transport == {}
    found = audit(changed(honest("coagent"), leak))
    assert found.transport == {1: (2,)}
    assert found.rows[0].activity == (2,)
    assert found.rows[1:] == audit(honest("coagent")).rows[1:]


def test_weights_kept_in_memory():
    """Feedback that is made anew from the forward weights after every update: weight transport, an update late."""
    rule = honest("feedback-alignment")

    def update(network, memory, batch, key):
        found = rule.update(network, memory, batch, key)
        return found._replace(memory=[layer.connection for layer in network.layers[1:]])

    found = audit(Rule(rule.init, update))
    assert found.kind == "weight-transport"
    assert found.transport == {1: (2, 3), 2: (3,)}
    assert all(row.weights == () for row in found.rows)
    assert [memory.weights for memory in found.memories] == [(2,), (3,)]
    assert not any(memory.fixed for memory in found.memories)


def test_weights_that_pass_for_activity():
    def disguise(gradients, network, memory, batch):
        hidden = marks.activity(network.layers[2].connection.weight.sum(), 0)
        return eqx.tree_at(of_first_bias, gradients, of_first_bias(gradients) + hidden)

    found = audit(changed(honest("gevb"), disguise))
    assert found.transport[1] == (3,)
    assert "What layer 1 does is itself made of the weights of output." in verdict(found)


def test_targets_that_pass_for_activity():
    def disguise(gradients, network, memory, batch):
        hidden = marks.activity(batch.y.astype(jnp.float32).mean(), 0)
        return eqx.tree_at(of_first_bias, gradients, of_first_bias(gradients) + hidden)

    found = audit(changed(honest("coagent"), disguise))
    assert found.rows[0].error == "vector"
    assert "What layer 1 does is itself made of the targets." in verdict(found)


def test_weights_that_pass_for_a_loss():
    """A loss for each row of a matrix is more than one number for each example."""

    def disguise(gradients, network, memory, batch):
        rows = network.layers[1].connection.weight
        numbers = losses(rows, jnp.zeros(len(rows), jnp.int32), "classification")
        return eqx.tree_at(of_first_bias, gradients, of_first_bias(gradients) + numbers.sum())

    found = audit(changed(honest("coagent"), disguise))
    assert not found.reading.narrow
    assert found.transport[1] == (2,)


def test_a_clip_over_the_whole_network():
    rule = honest("gevb")
    assert crossings(rule, optax.adam(0.1)) == []
    clipped = crossings(rule, optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.1)))
    assert clipped == [(i, j) for i in range(3) for j in range(3) if i != j]


def test_a_statistic_over_layers_that_the_optimiser_remembers():
    """Adam whose second moments are one number for the whole network, used one step late."""

    def init(parameters):
        return jnp.ones(())

    def update(gradients, state, parameters=None):
        step = jax.tree.map(lambda g: -g / state, gradients)
        return step, optax.tree.norm(gradients)

    assert len(crossings(honest("gevb"), optax.GradientTransformation(init, update))) == 6


class Unmarked(Network):
    """A network of somebody who knows nothing of marks."""

    layers: tuple

    def predict(self, x):
        return x @ self.layers[0] @ self.layers[1]

    def exact_loss(self, batch, key):
        return losses(self.predict(batch.x), batch.y, FACTS.kind).mean()

    def activities(self, x):
        return []

    def constrained(self):
        return self


def make_unmarked(marked=False):
    def init(key):
        return Unmarked((jnp.ones((FACTS.inputs, 7)), jnp.ones((7, FACTS.outputs)))), ()

    def update(network, memory, batch, key):
        h = batch.x @ network.layers[0]
        h = marks.activity(h, 0) if marked else h
        outputs = h @ network.layers[1]
        e = output_error(marks.outputs(outputs) if marked else outputs, batch.y, FACTS.kind)
        first = batch.x.T @ jnp.broadcast_to(e.sum(axis=1, keepdims=True), h.shape)
        return Update(Unmarked((first, h.T @ e)), memory, e.mean())

    return Rule(init, update)


def test_without_marks_it_says_that_it_cannot_tell():
    found = audit(make_unmarked(), measured=True)
    assert not found.can_tell
    assert found.kind == "unknown"
    assert verdict(found)[0].startswith("Cannot tell: the network does not mark what it does (layer 1, output)")
    assert found.contradictions == []
    assert found.measured is not None
    assert audit(make_unmarked(marked=True)).kind == "broadcast-vector"


def test_without_marks_what_is_excluded_stays_excluded():
    """A layer that reads only its own weights does so with marks and without."""

    def update(network, memory, batch, key):
        return Update(Unmarked((network.layers[0], batch.x.T @ batch.x @ network.layers[0])), memory, jnp.zeros(()))

    def init(key):
        return Unmarked((jnp.ones((FACTS.inputs, 7)), jnp.ones((FACTS.inputs, 7)))), ()

    sentences = verdict(audit(Rule(init, update)))
    assert "Proven all the same: layer 1 reads no weights of output." in sentences
    assert not any("output reads no weights" in sentence for sentence in sentences)


def test_marks_in_a_loop_are_read_but_not_measured():
    rule = honest("gevb")

    def update(network, memory, batch, key):
        def turn(total, _):
            found = rule.update(network, memory, batch, key)
            floats = eqx.filter(found.gradients, eqx.is_inexact_array)
            return jax.tree.map(jnp.add, total, floats), found.loss

        zeros = jax.tree.map(jnp.zeros_like, eqx.filter(network, eqx.is_inexact_array))
        gradients, loss = jax.lax.scan(turn, zeros, None, length=3)
        return Update(gradients, memory, loss.mean())

    found = audit(Rule(rule.init, update), measured=True)
    assert found.loops
    assert found.measured is None
    assert found.kind == "broadcast-vector"
    assert found.rows == audit(rule).rows


def test_arrays_that_belong_to_no_layer_are_named():
    rule = honest("gevb")

    class Shared(Vectorised):
        shared: jax.Array

    def init(key):
        network, _ = rule.init(key)
        return Shared(network.layers, network.gates, network.facts, network.nonnegative, jnp.ones(())), ()

    def update(network, memory, batch, key):
        found = rule.update(network, memory, batch, key)
        gradients = eqx.tree_at(of_first_bias, found.gradients, of_first_bias(found.gradients) * network.shared)
        return found._replace(gradients=eqx.tree_at(lambda g: g.shared, gradients, gradients.layers[1].bias.sum()))

    found = audit(Rule(init, update))
    assert found.rows[0].elsewhere == ("shared",)
    assert "Updates read arrays of the network that belong to no layer: shared." in verdict(found)
    assert set(to_document(found)["labels"]["elsewhere"]) == {"network:shared"}


def test_an_own_pass_through_our_network_that_is_not_marked():
    """Node perturbation with a second pass of its own: told one number, which is made of everything."""

    def update(network, memory, batch, key):
        trace, h = network.forward(batch.x), batch.x
        noises = []
        for place, layer in enumerate(network.layers):
            noises.append(jax.random.normal(jax.random.fold_in(key, place), layer(h).shape))
            z = layer(h) + noises[-1]
            h = jax.nn.relu(z)
        told = losses(z, batch.y, FACTS.kind) - losses(trace.outputs, batch.y, FACTS.kind)
        return Update(network.gradients(trace, [told[:, None] * noise for noise in noises]), memory, told.mean())

    settings = settings_of("backprop")
    found = audit(Rule(lambda key: (Conventional.create(settings, FACTS, key), ()), update))
    assert found.kind == "scalar"
    assert all(row.noise for row in found.rows[:-1])
    assert "The scalar is also made of the weights of layers 1, 2, output, the input, noise." in verdict(found)
    assert np.array_equal([row.layer for row in found.rows], [1, 2, 3])
