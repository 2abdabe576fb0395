"""How updates compare with the exact gradient: against NumPy, and where vectors are zero."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accumbens.credit.diagnostics import angle, diagnose, flat_layers, sign_agreement
from accumbens.credit.program import make_program
from accumbens.credit.protocol import Batch, Rule, TaskFacts
from accumbens.credit.registry import RULES

LENGTH = 6
numbers = st.lists(st.floats(-1e3, 1e3, width=32), min_size=LENGTH, max_size=LENGTH).map(
    lambda values: np.array(values, np.float32)
)
measure = jax.jit(lambda x, y: (angle(x, y), sign_agreement(x, y)))


def numpy_angle(x, y):
    x, y = x.astype(np.float64), y.astype(np.float64)
    x, y = x / np.abs(x).max(), y / np.abs(y).max()
    perpendicular = np.linalg.norm(np.outer(x, y) - np.outer(y, x)) / math.sqrt(2)  # |x||y| sin
    return math.degrees(math.atan2(perpendicular, x @ y))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(x=numbers, y=numbers)
def test_angles_and_signs(x, y):
    found, agreement = measure(x, y)
    # The machine takes numbers below its normal ones for zero.
    x, y = (np.where(np.abs(v) < np.finfo(np.float32).tiny, 0, v) for v in (x, y))
    if np.any(x) and np.any(y):
        np.testing.assert_allclose(found, numpy_angle(x, y), rtol=1e-5, atol=1e-4)
    else:
        assert np.isnan(found)
    counted = y != 0
    if counted.any():
        np.testing.assert_allclose(agreement, np.mean(np.sign(x[counted]) == np.sign(y[counted])), rtol=1e-6)
    else:
        assert np.isnan(agreement)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_angles_of_any_size(scale):
    x, y = np.array([1, 2, 3, 0, 0, 0], np.float32), np.array([-2, 1, 0, 0, 0, 0], np.float32)
    for other, expected in ((x, 0), (7 * x, 0), (-x, 180), (y, 90)):
        np.testing.assert_allclose(measure(x * np.float32(scale), other)[0], expected, atol=1e-5)
    small = x + np.array([0, 0, 0, 1e-4, 0, 0], np.float32)
    np.testing.assert_allclose(measure(x, small)[0], math.degrees(math.atan(1e-4 / math.sqrt(14))), rtol=1e-3)


def some_batch(facts, size=20):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(size, facts.inputs)).astype(np.float32)
    return Batch(jnp.asarray(x), jnp.asarray(rng.integers(0, facts.outputs, size).astype(np.int32)), jnp.int32(0))


FACTS = TaskFacts("classification", 5, 3)


def made(name="backprop", **changes):
    settings = dataclasses.replace(RULES[name].settings, **{"layers": (4, 6)} | changes)
    return RULES[name].make(settings, FACTS)


def test_of_backprop(quick_jit):
    rule, batch, key = made(), some_batch(FACTS), jax.random.key(1)

    @quick_jit
    def look(batch):
        network, memory = rule.init(jax.random.key(0))
        found = diagnose(
            rule, network, memory, batch, key, lambda tree: jax.tree.map(lambda g: -0.5 * g, tree), batch.x
        )
        return network, rule.update(network, memory, batch, key).gradients, found

    network, gradients, found = look(batch)
    np.testing.assert_allclose(found.angle, [0, 0, 0], atol=0.01)
    np.testing.assert_array_equal(found.sign_agreement, [1, 1, 1])
    for index, layer in enumerate(gradients.layers):
        flat = np.concatenate([np.asarray(leaf).ravel() for leaf in jax.tree.leaves(layer)])
        np.testing.assert_allclose(found.update_norm[index], 0.5 * np.linalg.norm(flat), rtol=1e-5)
    np.testing.assert_array_equal(found.entropy, [0, 0])
    h = np.asarray(batch.x)
    for index in (0, 1):
        layer = network.layers[index]
        h = np.maximum(h @ np.asarray(layer.connection.weight).T + np.asarray(layer.bias), 0)
        np.testing.assert_allclose(found.sparsity[index], (h > 0).mean(), rtol=1e-6)


def test_every_layer_is_a_vector():
    network = made().init(jax.random.key(0))[0]
    sizes = [4 * 5 + 4, 6 * 4 + 6, 3 * 6 + 3]
    assert [vector.shape for vector in flat_layers(network)] == [(size,) for size in sizes]


def test_of_a_rule_that_is_wrong_in_a_known_way(quick_jit):
    exact = made()

    def update(network, memory, batch, key):
        found = exact.update(network, memory, batch, key)
        first, second, third = found.gradients.layers
        nothing = jax.tree.map(jnp.zeros_like, second)
        layers = (jax.tree.map(jnp.negative, first), nothing, jax.tree.map(lambda g: 3 * g, third))
        return found._replace(gradients=dataclasses.replace(found.gradients, layers=layers))

    rule, batch = Rule(exact.init, update), some_batch(FACTS)

    @quick_jit
    def look(batch):
        network, memory = rule.init(jax.random.key(0))
        return diagnose(rule, network, memory, batch, jax.random.key(1), lambda tree: tree, batch.x)

    found = look(batch)
    np.testing.assert_allclose(found.angle, [180, np.nan, 0], atol=0.01)
    np.testing.assert_array_equal(found.sign_agreement, [0, 0, 1])
    assert found.update_norm[1] == 0


def test_the_update_is_that_of_the_next_batch(make_examples, quick_jit):
    """The norm in an evaluation is that of the step that the next update then takes."""
    task = make_examples("classification", 40, 3, 3)
    task.train.x[:, 0] /= 40
    settings = dataclasses.replace(RULES["backprop"].settings, layers=(4,), batch_size=8)
    program = make_program(task, RULES["backprop"].make(settings, task.facts), settings)
    state = quick_jit(program.init)(jnp.arange(2, dtype=jnp.uint32))
    advance, evaluate = quick_jit(program.advance), quick_jit(program.evaluate)
    for updates in (0, 3, 5):
        state = advance(state, program.data, jnp.int32(updates))
        announced = evaluate(state, program.data).diagnostics.update_norm
        before = [[np.asarray(leaf) for leaf in jax.tree.leaves(layer)] for layer in state.seeds.network.layers]
        state = advance(state, program.data, jnp.int32(1))
        for index, layer in enumerate(state.seeds.network.layers):
            moved = [np.asarray(b) - a for a, b in zip(before[index], jax.tree.leaves(layer), strict=True)]
            norms = np.sqrt(sum(np.square(m).reshape(2, -1).sum(axis=1) for m in moved))
            np.testing.assert_allclose(announced[:, index], norms, rtol=1e-3)
