"""Backpropagation is the gradient that automatic differentiation finds, in every network; and what networks emit."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.credit.networks.conventional import Conventional
from accumbens.credit.protocol import Batch, TaskFacts
from accumbens.credit.registry import RULES
from accumbens.credit.settings import ConventionalSettings, StraightThroughSettings
from accumbens.errors import AccumbensError

CLASSES = TaskFacts("classification", 36, 3, (1, 6, 6))
NUMBERS = TaskFacts("regression", 36, 2, (1, 6, 6))
FIXED = jnp.zeros((), jnp.int32)


def double(tree):
    """The tree in float64, its numbers moved a little, so that biases and symmetric pairs are no special case."""
    rng = np.random.default_rng(0)

    def moved(x):
        return jnp.asarray(x + rng.normal(scale=0.1, size=x.shape), jnp.float64)

    return jax.tree.map(lambda x: moved(x) if eqx.is_inexact_array(x) else x, tree)


def created(settings, facts, quick_jit):
    return quick_jit(lambda key: Conventional.create(settings, facts, key))(jax.random.key(0))


def some_batch(facts, size=5):
    rng = np.random.default_rng(1)
    x = jnp.asarray(rng.normal(size=(size, facts.inputs)))
    y = rng.integers(facts.outputs, size=size) if facts.kind == "classification" else rng.normal(size=(size, 2))
    return Batch(x, jnp.asarray(y), FIXED)


NETWORKS = [
    pytest.param(
        {"architecture": architecture, "units": units, "initialisation": initialisation, "signs": signs},
        id=f"{architecture}-{units}-{initialisation}-{signs}",
    )
    for architecture, units, initialisation, signs in [
        ("dense", "relu", "uniform", "mixed"),
        ("dense", "on-off", "on-off", "nonnegative"),
        ("convolutional", "relu", "normal", "mixed"),
        ("convolutional", "on-off", "on-off", "nonnegative"),
        ("locally-connected", "on-off", "normal", "mixed"),
        ("locally-connected", "relu", "on-off", "nonnegative"),
    ]
]


@pytest.mark.parametrize("network", NETWORKS)
def test_backprop_is_the_gradient(network, quick_jit):
    facts = NUMBERS if network["signs"] == "mixed" else CLASSES
    settings = ConventionalSettings(layers=(4, 6, 8), **network)
    with jax.enable_x64(True):
        rule = RULES["backprop"].make(settings, facts)
        net, memory = quick_jit(rule.init)(jax.random.key(0))
        net, batch = double(net).constrained(), some_batch(facts)

        def both(net, memory):
            exact = jax.value_and_grad(lambda net: net.exact_loss(batch, jax.random.key(1)))(net)
            return rule.update(net, memory, batch, jax.random.key(1)), exact

        update, (loss, exact) = quick_jit(both)(net, memory)
        np.testing.assert_allclose(update.loss, loss, rtol=1e-12)
        found, wanted = jax.tree.leaves(update.gradients), jax.tree.leaves(exact)
        assert len(found) == len(wanted) == 8
        for ours, theirs in zip(found, wanted, strict=True):
            assert ours.dtype == jnp.float64
            assert np.abs(theirs).max() > 1e-6
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-14)


def test_dense_network_in_numpy(quick_jit):
    settings = ConventionalSettings(layers=(6, 4), units="on-off", initialisation="on-off")
    with jax.enable_x64(True):
        net = double(created(settings, CLASSES, quick_jit))
        batch = some_batch(CLASSES)
        h = np.asarray(batch.x)
        for layer in net.layers[:-1]:
            z = h @ np.asarray(layer.connection.weight).T + np.asarray(layer.bias)
            h = np.array(
                [[v if (v <= 0 if unit % 2 == 0 else v >= 0) else 0 for unit, v in enumerate(row)] for row in z]
            )
        expected = h @ np.asarray(net.layers[-1].connection.weight).T + np.asarray(net.layers[-1].bias)
        outputs, activities = quick_jit(lambda net: (net.predict(batch.x), net.activities(batch.x)))(net)
        np.testing.assert_allclose(outputs, expected, rtol=1e-12)
        np.testing.assert_allclose(activities[-1].sparsity, (h != 0).mean(), rtol=1e-12)
        assert [float(activity.entropy) for activity in activities] == [0, 0]


def test_nonnegative_clamps_all_weights_but_the_first_and_no_bias(quick_jit):
    settings = ConventionalSettings(layers=(4, 6), initialisation="on-off", signs="nonnegative")
    moved = jax.tree.map(lambda x: x - 0.5, created(settings, CLASSES, quick_jit))
    clamped = moved.constrained()
    first, *others = clamped.layers
    assert (first.connection.weight < 0).any()
    for layer, before in zip(others, moved.layers[1:], strict=True):
        np.testing.assert_array_equal(layer.connection.weight, np.maximum(before.connection.weight, 0))
        np.testing.assert_array_equal(layer.bias, before.bias)
    mixed = dataclasses.replace(settings, signs="mixed")
    moved = jax.tree.map(lambda x: x - 0.5, created(mixed, CLASSES, quick_jit))
    assert eqx.tree_equal(moved.constrained(), moved)


@pytest.mark.parametrize("architecture", ["dense", "convolutional", "locally-connected"])
def test_on_off_pairs_start_as_negatives_of_one_another(architecture, quick_jit):
    settings = ConventionalSettings(
        layers=(8, 12, 16), architecture=architecture, units="on-off", initialisation="on-off", signs="nonnegative"
    )
    net = created(settings, CLASSES, quick_jit)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(20, 36)), jnp.float32)
    trace = quick_jit(lambda net: net.forward(x))(net)
    for z, h in zip(trace.z, trace.h, strict=True):
        scale = float(jnp.abs(z).max())
        np.testing.assert_allclose(z[..., 0::2], -z[..., 1::2], atol=1e-5 * scale)
        # OFF units are active where their ON units are: what both emit, sums to nothing.
        np.testing.assert_allclose(h[..., 0::2], -h[..., 1::2], atol=1e-5 * scale)
    for layer in net.layers[1:]:
        assert (layer.connection.weight >= 0).all()


@pytest.mark.parametrize("architecture", ["dense", "convolutional", "locally-connected"])
def test_initial_scales(architecture, quick_jit):
    facts = TaskFacts("classification", 64, 10, (1, 8, 8))
    stds = {"uniform": (3**-0.5, 3**-0.5), "normal": (1, 2**0.5), "on-off": (1, 2**0.5)}
    for initialisation in stds if architecture == "dense" else ["on-off"]:
        settings = ConventionalSettings(layers=(32, 48, 64), architecture=architecture, initialisation=initialisation)
        net = created(settings, facts, quick_jit)
        for index, layer in enumerate(net.layers):
            weight = np.asarray(layer.connection.weight)
            fan_in = weight.shape[-1] * (9 if weight.ndim > 2 else 1)
            if initialisation == "on-off" and index > 0:
                # relu(M) - relu(-M) = M, with M ~ N(0, 4 / fan-in) of half the columns.
                M = weight[..., 0::2] - weight[..., 1::2]
                even, odd = M[..., 0::2, :], M[..., 1::2, :]
                np.testing.assert_array_equal(even, -odd)
                np.testing.assert_allclose(even.std(), 2 * fan_in**-0.5, rtol=4 * even.size**-0.5)
                assert (weight == 0).mean() == 0.5
                assert (weight >= 0).all()
            else:
                np.testing.assert_allclose(
                    weight.std(), stds[initialisation][index > 0] * fan_in**-0.5, rtol=4 * weight.size**-0.5
                )
            largest = np.abs(np.asarray(layer.bias)).max()
            if initialisation == "uniform":  # of 10 numbers or more between ± a bound
                assert 0.5 * fan_in**-0.5 < largest <= fan_in**-0.5
            else:
                assert largest == 0


def test_what_cannot_be_used_is_refused():
    no_image = TaskFacts("classification", 36, 3)
    make = RULES["backprop"].make
    for settings, facts, words in [
        ({"architecture": "convolutional", "layers": (4, 4)}, no_image, "architecture=convolutional .* no images"),
        ({"architecture": "convolutional", "layers": (4,)}, CLASSES, "layers=.* two numbers or more"),
        ({"architecture": "convolutional", "layers": (4, 4, 4, 4)}, CLASSES, "layers=.* fewer numbers.*6 × 6"),
        ({"signs": "nonnegative"}, CLASSES, "initialisation=uniform .* on-off"),
        ({"units": "on-off", "layers": (3, 4)}, CLASSES, "even numbers with units=on-off"),
        ({"initialisation": "on-off", "layers": (4, 3)}, CLASSES, "even numbers with initialisation=on-off"),
        ({"units": "bernoulli"}, CLASSES, "units=bernoulli .* relu or on-off"),
    ]:
        with pytest.raises(AccumbensError, match=words):
            make(ConventionalSettings(**settings), facts).init(jax.random.key(0))
    with pytest.raises(AccumbensError, match=r"units=relu .* bernoulli"):
        RULES["straight-through"].make(StraightThroughSettings(units="relu"), CLASSES)
