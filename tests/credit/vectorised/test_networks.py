"""Vectorised networks: what they compute, from equations written out in NumPy, and how they start."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.credit.networks.vectorised import Vectorised, angles_to_ones
from accumbens.credit.protocol import TaskFacts
from accumbens.credit.settings import VectorisedSettings
from accumbens.errors import AccumbensError

FACTS = TaskFacts("classification", 36, 3, (1, 6, 6))
MNIST = TaskFacts("classification", 784, 10, (1, 28, 28))
ARCHITECTURES = ["dense", "convolutional", "locally-connected"]


@functools.cache
def created(quick_jit, facts=FACTS, seed=0, **settings):
    return quick_jit(lambda key: Vectorised.create(VectorisedSettings(**settings), facts, key))(jax.random.key(seed))


def double(network):
    """The network in float64, its numbers moved a little."""
    rng = np.random.default_rng(0)
    return jax.tree.map(
        lambda x: jnp.asarray(np.asarray(x) + rng.normal(scale=0.1, size=x.shape)) if eqx.is_inexact_array(x) else x,
        network,
    )


def images(facts, size=8):
    """Pictures that are mostly blank, as digits are: -1, with a fifth of other numbers."""
    rng = np.random.default_rng(0)
    shape = (size, facts.inputs)
    return np.where(rng.random(shape) < 0.8, -1, rng.uniform(-1, 1, shape))


def expanded(x, components):
    """[components · inputs, components]: input k·N + j has x_j in component k and zeros in the others."""
    columns = np.zeros((components * len(x), components))
    for k in range(components):
        columns[k * len(x) : (k + 1) * len(x), k] = x
    return columns


def test_the_expansion_of_the_input_is_never_made_but_meant(quick_jit):
    start = created(quick_jit, layers=(4, 6))
    with jax.enable_x64(True):
        network = double(start)
        x = images(FACTS)
        outputs = quick_jit(Vectorised.predict)(network, jnp.asarray(x))
        first, *others = network.layers
        W1 = np.concatenate(list(np.asarray(first.connection.weight)), axis=1)
        weights = [W1, *(np.asarray(layer.connection.weight) for layer in others)]
        biases = [np.asarray(layer.bias).T for layer in network.layers]
        assert W1.shape == (4, 3 * 36)
        for example, output in zip(x, outputs, strict=True):
            h = expanded(example, 3)
            for W, b, t in zip(weights[:-1], biases[:-1], network.gates, strict=True):
                z = W @ h + b
                h = np.array(
                    [vector if np.dot(gate, vector) >= 0 else 0 * vector for gate, vector in zip(t.T, z, strict=True)]
                )
            np.testing.assert_allclose(output, (weights[-1] @ h + biases[-1])[0], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_gates_are_fixed_and_come_in_opposite_pairs(architecture, quick_jit):
    network = created(quick_jit, layers=(8, 12, 16), architecture=architecture)
    for t, units in zip(network.gates, (8, 12, 16), strict=True):
        assert (t.shape[0], t.shape[-1]) == (3, units)
        assert t.size == 3 * units
        assert set(np.unique(t)) == {-1, 1}
        np.testing.assert_array_equal(t[..., 0::2], -t[..., 1::2])
    learned = eqx.filter(network, eqx.is_inexact_array)
    assert all(t is None for t in learned.gates)
    assert len(jax.tree.leaves(learned)) == 2 * len(network.layers)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_on_and_off_units_start_balanced(architecture, quick_jit):
    network = created(quick_jit, layers=(8, 12, 16), architecture=architecture)
    trace = quick_jit(Vectorised.forward)(network, jnp.asarray(images(FACTS), jnp.float32))
    for gate in trace.gates:
        np.testing.assert_array_equal(gate[..., 0::2], gate[..., 1::2])
        assert 0.2 < gate.mean() < 0.8
    for h in trace.inputs[1:]:  # neighbours stay neighbours in the row that a dense layer sees of a map
        scale = float(jnp.abs(h).max())
        np.testing.assert_allclose(h[..., 0::2], -h[..., 1::2], atol=1e-5 * scale)
        assert abs(float(h.mean())) < 1e-6 * scale
    first = np.asarray(network.layers[0].connection.weight)
    even, odd = first[..., 0::2, :], first[..., 1::2, :]
    np.testing.assert_array_equal(even, -odd)
    fan_in = 36 if architecture == "dense" else 9
    np.testing.assert_allclose(even.std(), fan_in**-0.5, rtol=4 * even.size**-0.5)
    assert abs(np.corrcoef(first[0].ravel(), first[1].ravel())[0, 1]) < 5 * first[0].size ** -0.5
    for layer in network.layers[1:]:
        assert (layer.connection.weight >= 0).all()


def test_mixed_signs_start_without_pairs(quick_jit):
    network = created(quick_jit, MNIST, layers=(256, 128), signs="mixed")
    for layer, variance in zip(network.layers[:2], (1 / 784, 2 / 256), strict=True):
        weight = np.asarray(layer.connection.weight)
        np.testing.assert_allclose(weight.var(), variance, rtol=0.1)
        assert abs((weight < 0).mean() - 0.5) < 0.03
    assert network.constrained() is network


def test_constrained_clamps_all_weights_but_the_first_and_no_bias(quick_jit):
    network = created(quick_jit, layers=(4, 6))
    moved = jax.tree.map(lambda x: x - 0.2 if eqx.is_inexact_array(x) else x, network)
    clamped = moved.constrained()
    assert eqx.tree_equal(clamped.layers[0], moved.layers[0])
    assert (moved.layers[0].connection.weight < 0).any()
    for layer, before in zip(clamped.layers[1:], moved.layers[1:], strict=True):
        np.testing.assert_array_equal(layer.connection.weight, np.maximum(before.connection.weight, 0))
        np.testing.assert_array_equal(layer.bias, before.bias)
    assert eqx.tree_equal(clamped.gates, network.gates)


def test_activities_are_open_gates(quick_jit):
    network = created(quick_jit, layers=(4, 6))
    x = jnp.asarray(images(FACTS), jnp.float32)
    trace, activities = quick_jit(lambda network: (network.forward(x), network.activities(x)))(network)
    assert [float(a.sparsity) for a in activities] == pytest.approx([float(g.mean()) for g in trace.gates])
    assert [float(a.entropy) for a in activities] == [0, 0]


def test_angles_of_dense_networks_fall_with_width_as_derived(quick_jit):
    """The columns of relu(M) times the output row, half of it zeros: cos² = 1 / (1 + 2π (π - 1) / V), V units above.

    Of the V units above a hidden layer a quarter send something back: half are open, and the output row sees half of
    them, with half-normal weights w, E[w²] / E[w]² = π/2. The weights in between, relu(M), have variance / mean² =
    π - 1. The last hidden layer gets the output row itself: cos² = E[relu(M)]² / E[relu(M)²] = 1/π, at any width.
    """
    x = jnp.asarray(images(MNIST, 32), jnp.float32)
    for widths in [(64, 128), (64, 2048)]:

        def start(key, widths=widths):
            return angles_to_ones(Vectorised.create(VectorisedSettings(layers=widths), MNIST, key), x)

        below, last = quick_jit(jax.vmap(start))(jax.random.split(jax.random.key(0), 3)).mean(axis=0)
        derived = np.degrees(np.arccos((1 + 2 * np.pi * (np.pi - 1) / widths[1]) ** -0.5))
        np.testing.assert_allclose(below, derived, rtol=0.1)  # 18°, 4.6°
        np.testing.assert_allclose(last, np.degrees(np.arccos(np.pi**-0.5)), atol=2.5)  # 55.7°


def test_angles_of_mixed_networks_start_near_90_degrees(quick_jit):
    network = created(quick_jit, MNIST, layers=(256, 128), signs="mixed")
    angles = quick_jit(angles_to_ones)(network, jnp.asarray(images(MNIST), jnp.float32))
    assert np.abs(angles - 90).max() < 12


@pytest.mark.parametrize(
    ("architecture", "layers", "published"),
    [("convolutional", (64, 32, 1024), (10.7, 6.9, 56.1)), ("locally-connected", (32, 32, 1024), (12.0, 6.6, 55.5))],
)
def test_angles_of_maps_are_the_published_ones(architecture, layers, published, quick_jit):
    """The notebook on alignment in the code released with Clark et al., 2021: angles at the start, on MNIST.

    That of the first layer, which a few dozen channels decide, was 11° to 17° over seeds on MNIST; others move less.
    """
    network = created(quick_jit, MNIST, architecture=architecture, layers=layers)
    angles = quick_jit(angles_to_ones)(network, jnp.asarray(images(MNIST, 2), jnp.float32))
    np.testing.assert_allclose(angles[1:], published[1:], atol=0.8)
    np.testing.assert_allclose(angles[0], published[0], atol=3)


def test_what_cannot_be_used_is_refused():
    for settings, facts, words in [
        ({"layers": (4, 3)}, FACTS, "even numbers with vectorised networks"),
        ({"architecture": "convolutional"}, TaskFacts("regression", 4, 1), "architecture=convolutional .* no images"),
    ]:
        with pytest.raises(AccumbensError, match=words):
            Vectorised.create(VectorisedSettings(**settings), facts, jax.random.key(0))
