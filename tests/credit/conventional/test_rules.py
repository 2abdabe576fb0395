"""Random feedback and straight-through, against their equations in float64 NumPy."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from accumbens.credit.protocol import Batch, TaskFacts
from accumbens.credit.registry import RULES

FACTS = TaskFacts("classification", 7, 3)
BATCH = 6


def doubled(tree):
    """The tree in float64, where that is switched on."""
    return jax.tree.map(lambda x: jnp.asarray(np.asarray(x, np.float64)), tree)


def some_batch(facts=FACTS, size=BATCH):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(size, facts.inputs)), rng.integers(facts.outputs, size=size)
    return Batch(jnp.asarray(x), jnp.asarray(y), jnp.zeros((), jnp.int32))


def made(name, facts=FACTS, **changes):
    settings = dataclasses.replace(RULES[name].settings, **{"layers": (6, 4), **changes})
    rule = RULES[name].make(settings, facts)
    network, memory = rule.init(jax.random.key(0))
    return rule, doubled(network), doubled(memory)


def parameters(network):
    return [np.asarray(layer.connection.weight) for layer in network.layers], [
        np.asarray(layer.bias) for layer in network.layers
    ]


def error(outputs, y):
    p = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return (p / p.sum(axis=1, keepdims=True) - np.eye(outputs.shape[1])[y]) / len(y)


def forward(network, x):
    """Inputs of every layer, pre-activations of the hidden ones, and outputs of a ReLU network."""
    W, b = parameters(network)
    inputs, z = [np.asarray(x)], []
    for weight, bias in zip(W[:-1], b[:-1], strict=True):
        z.append(inputs[-1] @ weight.T + bias)
        inputs.append(np.maximum(z[-1], 0))
    return inputs, z, inputs[-1] @ W[-1].T + b[-1]


def assert_learns_from(update, inputs, signals):
    for layer, h, g in zip(update.gradients.layers, inputs, signals, strict=True):
        np.testing.assert_allclose(layer.connection.weight, g.T @ h, rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(layer.bias, g.sum(axis=0), rtol=1e-9, atol=1e-13)


def test_feedback_alignment():
    with jax.enable_x64(True):
        rule, network, memory = made("feedback-alignment")
        batch = some_batch()
        update = rule.update(network, memory, batch, jax.random.key(1))
        inputs, z, outputs = forward(network, batch.x)
        B2, B3 = (np.asarray(connection.weight) for connection in memory)
        e = error(outputs, np.asarray(batch.y))
        g2 = (e @ B3) * (z[1] > 0)
        g1 = (g2 @ B2) * (z[0] > 0)
        assert_learns_from(update, inputs, [g1, g2, e])
        for B, layer in zip(memory, network.layers[1:], strict=True):
            assert B.weight.shape == layer.connection.weight.shape
            assert (B.weight != layer.connection.weight).all()
            assert np.abs(B.weight).max() <= B.weight.shape[1] ** -0.5


@pytest.mark.parametrize("name", ["feedback-alignment", "direct-feedback-alignment"])
def test_feedback_is_not_learned(name, quick_jit):
    rule, network, memory = made(name)
    batch = some_batch()
    optimiser = optax.adam(0.1)
    state, learned, kept = optimiser.init(network), network, memory

    def step(network, memory, state):
        found = rule.update(network, memory, batch, jax.random.key(1))
        moved, state = optimiser.update(found.gradients, state)
        return optax.apply_updates(network, moved), found.memory, state

    for _ in range(3):
        learned, kept, state = quick_jit(step)(learned, kept, state)
    for before, after in zip(jax.tree.leaves(memory), jax.tree.leaves(kept), strict=True):
        np.testing.assert_array_equal(before, after)
    assert all((a != b).any() for a, b in zip(jax.tree.leaves(network), jax.tree.leaves(learned), strict=True))


def test_direct_feedback_alignment():
    with jax.enable_x64(True):
        rule, network, memory = made("direct-feedback-alignment")
        batch = some_batch()
        update = rule.update(network, memory, batch, jax.random.key(1))
        inputs, z, outputs = forward(network, batch.x)
        e = error(outputs, np.asarray(batch.y))
        B = np.asarray(memory)
        assert B.shape == (3, 6)
        signals = [(e @ B[:, : z_l.shape[1]]) * (z_l > 0) for z_l in z]
        assert_learns_from(update, inputs, [*signals, e])


def test_direct_feedback_of_mixed_signs_is_from_minus_one_to_one():
    _, _, memory = made("direct-feedback-alignment", layers=(400, 4))
    assert -1 <= memory.min() < -0.99
    assert 0.99 < memory.max() <= 1
    assert abs(memory.mean()) < 5 * (1 / 3 / memory.size) ** 0.5


@pytest.mark.parametrize("architecture", ["convolutional", "locally-connected"])
def test_direct_feedback_of_maps(architecture, quick_jit):
    facts = TaskFacts("classification", 64, 10, (1, 8, 8))
    rule, network, memory = made(
        "direct-feedback-alignment",
        facts,
        architecture=architecture,
        layers=(4, 2, 12),
        signs="nonnegative",
        initialisation="on-off",
    )
    assert memory.shape == (10, 4 * 8 * 8)
    assert 0 <= memory.min() < 0.05
    assert 0.95 < memory.max() <= 1
    with jax.enable_x64(True):
        batch = some_batch(facts)
        network, memory = doubled(network), doubled(memory)
        update = quick_jit(rule.update)(network, memory, batch, jax.random.key(1))
        trace = network.forward(batch.x)
        e = error(np.asarray(trace.outputs), np.asarray(batch.y))
        delivered = (e @ np.asarray(memory)).reshape(BATCH, 8, 8, 4) * (np.asarray(trace.z[0]) > 0)
        bias = delivered.sum(axis=0) if architecture == "locally-connected" else delivered.sum(axis=(0, 1, 2))
        np.testing.assert_allclose(update.gradients.layers[0].bias.squeeze(), bias, rtol=1e-9, atol=1e-13)
        exact = jax.grad(lambda network: network.exact_loss(batch, jax.random.key(1)))(network)
        for ours, theirs in zip(*map(jax.tree.leaves, (update.gradients.layers[-1], exact.layers[-1])), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("derivative", ["identity", "sigmoid"])
@pytest.mark.parametrize("name", ["straight-through", "straight-through-gated"])
def test_straight_through(name, derivative):
    with jax.enable_x64(True):
        rule, network, memory = made(name, derivative=derivative)
        batch = some_batch()
        update = rule.update(network, memory, batch, jax.random.key(5))
        trace = network.forward(batch.x, jax.random.key(5))
        W, b = parameters(network)
        h1, h2 = (np.asarray(h) for h in trace.h)
        assert set(np.unique(h1)) == set(np.unique(h2)) == {0.0, 1.0}
        e = error(h2 @ W[2].T + b[2], np.asarray(batch.y))
        slopes = []
        for z in map(np.asarray, trace.z[:2]):
            p = 1 / (1 + np.exp(-z))
            slopes.append(p * (1 - p) if derivative == "sigmoid" else 1)
        g2 = e @ W[2] * slopes[1] * (h2 if name.endswith("gated") else 1)
        g1 = g2 @ W[1] * slopes[0] * (h1 if name.endswith("gated") else 1)
        assert_learns_from(update, [np.asarray(batch.x), h1, h2], [g1, g2, e])
        np.testing.assert_allclose(trace.z[1], h1 @ W[1].T + b[1], rtol=1e-12)


def test_bernoulli_units_follow_their_probabilities():
    _, network, _ = made("straight-through", layers=(6,))
    batch = some_batch()
    draws = jax.vmap(lambda key: network.forward(batch.x, key).h[0])(jax.random.split(jax.random.key(2), 4000))
    p = 1 / (1 + np.exp(-np.asarray(network.forward(batch.x).z[0])))
    assert (np.abs(draws.mean(axis=0) - p) < 5 * np.sqrt(p * (1 - p) / 4000)).all()
    assert not (draws[0] == draws[1]).all()
    W, b = parameters(network)
    greedy = (p > 0.5) @ W[1].T + b[1]
    np.testing.assert_allclose(network.predict(batch.x), greedy, rtol=1e-4, atol=1e-5)
    [activity] = network.activities(batch.x)
    np.testing.assert_allclose(activity.sparsity, (p > 0.5).mean(), rtol=1e-5)
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p)).mean()
    np.testing.assert_allclose(activity.entropy, entropy, rtol=1e-4)
    mean_field = p @ W[1].T + b[1]
    expected = -np.log(np.exp(mean_field) / np.exp(mean_field).sum(axis=1, keepdims=True))[range(BATCH), batch.y].mean()
    np.testing.assert_allclose(network.exact_loss(batch, jax.random.key(0)), expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["straight-through", "feedback-alignment", "direct-feedback-alignment"])
def test_seeds_side_by_side_are_seeds_alone(name, quick_jit):
    rule, _, _ = made(name)
    batch = some_batch()

    def one(key):
        return rule.update(*rule.init(key), batch, key).gradients

    keys = jax.random.split(jax.random.key(3), 2)
    together = quick_jit(jax.vmap(one))(keys)
    alone = [quick_jit(one)(key) for key in keys]
    for both, *each in zip(jax.tree.leaves(together), *map(jax.tree.leaves, alone), strict=True):
        np.testing.assert_allclose(both, np.stack(each), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["feedback-alignment", "direct-feedback-alignment"])
def test_random_feedback_and_backprop_of_one_seed_start_alike(name):
    _, network, feedback = made(name)
    _, exact, _ = made("backprop")
    for mine, twin in zip(network.layers, exact.layers, strict=True):
        np.testing.assert_array_equal(mine.connection.weight, twin.connection.weight)
    if name == "feedback-alignment":  # and the feedback is like none of these weights
        for backward, forward_ in zip(feedback, exact.layers[1:], strict=True):
            correlation = np.corrcoef(backward.weight.ravel(), forward_.connection.weight.ravel())[0, 1]
            assert abs(correlation) < 0.7
