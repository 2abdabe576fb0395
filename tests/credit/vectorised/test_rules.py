"""Backpropagation and GEVB in vectorised networks: exact gradients, the right signs, and the same way in the limit."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from accumbens.credit.diagnostics import angle, flat_layers
from accumbens.credit.networks.vectorised import Vectorised
from accumbens.credit.protocol import Batch, TaskFacts
from accumbens.credit.registry import RULES

FACTS = TaskFacts("classification", 36, 3, (1, 6, 6))
NUMBERS = TaskFacts("regression", 36, 2, (1, 6, 6))
NUMBER = TaskFacts("regression", 36, 1)
LAYERS = (4, 6, 8)
KEY = jax.random.key(1)


def some_batch(facts=FACTS, size=5):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(size, facts.inputs))
    y = rng.integers(facts.outputs, size=size)
    y = y if facts.kind == "classification" else rng.normal(size=(size, facts.outputs))
    return Batch(jnp.asarray(x), jnp.asarray(y), jnp.zeros((), jnp.int32))


@functools.cache
def network_of(facts, quick_jit, **settings):
    """A network in float64 whose numbers were moved a little."""
    rule = RULES["gevb"].make(dataclasses.replace(RULES["gevb"].settings, **settings), facts)
    network, _ = quick_jit(rule.init)(jax.random.key(0))
    rng = np.random.default_rng(0)
    moved = jax.tree.map(
        lambda x: jnp.asarray(np.asarray(x) + rng.normal(scale=0.05, size=x.shape)) if eqx.is_inexact_array(x) else x,
        network,
    )
    return moved.constrained()


def rule_of(name, facts):
    return RULES[name].make(RULES[name].settings, facts)


@pytest.mark.parametrize(
    ("architecture", "signs", "facts"),
    [
        ("dense", "nonnegative", FACTS),
        ("dense", "mixed", NUMBER),
        ("convolutional", "nonnegative", FACTS),
        ("convolutional", "mixed", NUMBERS),
        ("locally-connected", "nonnegative", NUMBERS),
        ("locally-connected", "mixed", FACTS),
    ],
)
def test_backprop_is_the_gradient(architecture, signs, facts, quick_jit):
    with jax.enable_x64(True):
        rule, batch = rule_of("vectorised-backprop", facts), some_batch(facts)
        network = network_of(facts, quick_jit, layers=LAYERS, architecture=architecture, signs=signs)

        def both(network):
            return rule.update(network, (), batch, KEY), eqx.filter_value_and_grad(
                lambda network: network.exact_loss(batch, KEY)
            )(network)

        update, (loss, exact) = quick_jit(both)(network)
        np.testing.assert_allclose(update.loss, loss, rtol=1e-12)
        assert eqx.tree_equal(update.gradients.gates, network.gates)
        found, wanted = jax.tree.leaves(update.gradients.layers), jax.tree.leaves(exact.layers)
        assert len(found) == len(wanted) == 8
        for ours, theirs in zip(found, wanted, strict=True):
            assert ours.dtype == jnp.float64
            assert np.abs(theirs).max() > 1e-6
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-14)


def test_gevb_written_out(quick_jit):
    with jax.enable_x64(True):
        network = network_of(FACTS, quick_jit, layers=LAYERS, architecture="dense", signs="nonnegative")
        rule, batch = rule_of("gevb", FACTS), some_batch()
        update = quick_jit(rule.update)(network, (), batch, KEY)
        trace = quick_jit(Vectorised.forward)(network, batch.x)
        inputs, gates = ([np.asarray(array) for array in arrays] for arrays in (trace.inputs, trace.gates))
        p = np.exp(np.asarray(trace.outputs))
        e = p / p.sum(axis=1, keepdims=True) - np.eye(3)[np.asarray(batch.y)]
        signals = [*gates, np.ones((5, 1))]
        for index, (layer, h, g) in enumerate(zip(update.gradients.layers, inputs, signals, strict=True)):
            dW, db = np.zeros(layer.connection.weight.shape), np.zeros(layer.bias.shape)
            for b in range(5):
                dW += np.einsum("k,i,j->kij", e[b], g[b], h[b]) / 5 if index == 0 else np.outer(g[b], h[b].T @ e[b]) / 5
                db += np.outer(e[b], g[b]) / 5
            np.testing.assert_allclose(layer.connection.weight, dW, rtol=1e-10, atol=1e-14)
            np.testing.assert_allclose(layer.bias, db, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("architecture", ["convolutional", "locally-connected"])
def test_gevb_of_maps_tells_every_place_the_same(architecture, quick_jit):
    """As in the released code, a unit of a map is told 1 / B: not less for the average over squares behind it."""
    with jax.enable_x64(True):
        network = network_of(FACTS, quick_jit, layers=LAYERS, architecture=architecture, signs="nonnegative")
        batch = some_batch()
        update = quick_jit(rule_of("gevb", FACTS).update)(network, (), batch, KEY)
        trace = quick_jit(Vectorised.forward)(network, batch.x)
        e = np.exp(np.asarray(trace.outputs))
        e = e / e.sum(axis=1, keepdims=True) - np.eye(3)[np.asarray(batch.y)]
        for layer, gate in zip(update.gradients.layers, trace.gates, strict=False):
            db = np.einsum("b...,bk->k...", gate, e) / 5
            if architecture == "convolutional" and gate.ndim == 4:
                db = db.sum(axis=(1, 2), keepdims=True)
            np.testing.assert_allclose(layer.bias, db, rtol=1e-10, atol=1e-14)


def of_every_example(facts, quick_jit, **settings):
    """Gradients of hidden layers by GEVB and by backpropagation, [examples, ...], as if every example were a batch."""
    network, batch = network_of(facts, quick_jit, layers=LAYERS, **settings), some_batch(facts, 12)
    gevb, exact = rule_of("gevb", facts), rule_of("vectorised-backprop", facts)

    def one(network, x, y):
        alone = Batch(x[None], y[None], batch.epoch)
        return [rule.update(network, (), alone, KEY).gradients.layers[:-1] for rule in (gevb, exact)]

    found = quick_jit(jax.vmap(one, (None, 0, 0)))(network, batch.x, batch.y)
    return zip(*(map(np.asarray, jax.tree.leaves(gradients)) for gradients in found), strict=True)


@pytest.mark.parametrize(("architecture", "facts"), [("dense", FACTS), ("locally-connected", NUMBERS)])
def test_gevb_never_has_the_wrong_sign_in_a_nonnegative_network(architecture, facts, quick_jit):
    with jax.enable_x64(True):
        for found, exact in of_every_example(facts, quick_jit, architecture=architecture, signs="nonnegative"):
            counted = np.abs(exact) > 1e-15
            assert counted.mean() > 0.02
            np.testing.assert_array_equal(np.sign(found[counted]), np.sign(exact[counted]))


def test_gevb_often_has_the_wrong_sign_in_a_mixed_network(quick_jit):
    with jax.enable_x64(True):
        for found, exact in of_every_example(FACTS, quick_jit, architecture="locally-connected", signs="mixed"):
            counted = np.abs(exact) > 1e-15
            assert (np.sign(found) == np.sign(exact))[counted].mean() < 0.9


def test_gevb_becomes_backprop_as_layers_widen(quick_jit):
    """The angle between the two gradients of a first layer falls as the root of the width above it.

    The last hidden layer stays where its one output row leaves it, at the angle whose cosine is √(1/π).
    """
    batch, first = some_batch(FACTS, 32), []
    for width in (64, 1024):
        settings = dataclasses.replace(RULES["gevb"].settings, layers=(32, width))
        gevb, exact = (RULES[name].make(settings, FACTS) for name in ("gevb", "vectorised-backprop"))

        def angles(key, gevb=gevb, exact=exact):
            network, _ = gevb.init(key)
            found = (flat_layers(rule.update(network, (), batch, KEY).gradients) for rule in (gevb, exact))
            return [angle(*pair) for pair in zip(*found, strict=True)]

        below, last, output = np.mean(quick_jit(jax.vmap(angles))(jax.random.split(jax.random.key(0), 3)), axis=1)
        first.append(below)
        assert last == pytest.approx(np.degrees(np.arccos(np.pi**-0.5)), abs=5)
        assert output == pytest.approx(0, abs=0.1)
    tangents = np.tan(np.radians(first))
    np.testing.assert_allclose(tangents[0] / tangents[1], 4, rtol=0.25)
    assert first[-1] < 8


def test_learns_and_stays_nonnegative(quick_jit):
    rule = RULES["gevb"].make(dataclasses.replace(RULES["gevb"].settings, layers=(16, 8)), FACTS)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(96, 36))
    batch = Batch(
        jnp.asarray(x, jnp.float32), jnp.asarray(x[:, :12].reshape(96, 3, 4).sum(-1).argmax(-1)), jnp.zeros((), int)
    )
    optimiser = optax.adam(0.01)

    def learned(key):
        network, memory = rule.init(key)

        def step(carry, _):
            network, state = carry
            found = rule.update(network, memory, batch, KEY)
            moved, state = optimiser.update(eqx.filter(found.gradients, eqx.is_inexact_array), state)
            return (eqx.apply_updates(network, moved).constrained(), state), found.loss

        start = network, optimiser.init(eqx.filter(network, eqx.is_inexact_array))
        (after, _), losses = jax.lax.scan(step, start, length=60)
        return network, after, losses

    before, after, losses = quick_jit(jax.vmap(learned))(jax.random.split(jax.random.key(0), 2))
    assert (losses[:, -1] < 0.5 * losses[:, 0]).all()
    assert eqx.tree_equal(before.gates, after.gates)
    for layer in after.layers[1:]:
        assert (layer.connection.weight >= 0).all()
    assert (after.layers[0].connection.weight != before.layers[0].connection.weight).any()
