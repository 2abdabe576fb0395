"""A small coagent rule by its settings, and parameters as NumPy sees them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.credit.protocol import Batch, TaskFacts
from accumbens.credit.rules.coagent import make_coagent
from accumbens.credit.settings import CoagentSettings


@pytest.fixture(scope="session")
def coagent():
    """`coagent(inputs, outputs, kind, **settings)`: the rule."""

    def make(inputs, outputs, kind="classification", **settings):
        return make_coagent(CoagentSettings(**settings), TaskFacts(kind, inputs, outputs))

    return make


@pytest.fixture(scope="session")
def batch_of():
    """`batch_of(examples, inputs, outputs, kind)`: examples from a normal distribution."""

    def make(examples, inputs, outputs, kind="classification", seed=0, epoch=0):
        rng = np.random.default_rng(seed)
        classes = rng.integers(outputs, size=examples)
        y = classes.astype(np.int32) if kind == "classification" else rng.normal(size=(examples, outputs))
        y = y if kind == "classification" else y.astype(np.float32)
        x = rng.normal(size=(examples, inputs)).astype(np.float32)
        return Batch(jnp.asarray(x), jnp.asarray(y), jnp.asarray(epoch))

    return make


@pytest.fixture(scope="session")
def spread_out():
    """`spread_out(network, scale)`: the network with weights and biases from a normal distribution."""

    def make(network, scale=1.0, seed=5):
        rng = np.random.default_rng(seed)

        def drawn(leaf):
            return jnp.asarray(rng.normal(scale=scale, size=leaf.shape).astype(np.float32))

        def changed(layer):
            weight, bias = drawn(layer.connection.weight), drawn(layer.bias)
            return eqx.tree_at(lambda layer: (layer.connection.weight, layer.bias), layer, (weight, bias))

        return eqx.tree_at(lambda network: network.layers, network, tuple(map(changed, network.layers)))

    return make


@pytest.fixture(scope="session")
def flat():
    """`flat(tree)`: all numbers of a network, or of a tree like it, as one float64 vector."""

    def make(tree):
        return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(tree)])

    return make


@pytest.fixture(scope="session")
def played(quick_jit):
    """`played(network, batch, key, samples)`: the episode that a rule sees with this key, and every example's loss."""

    def play(network, batch, key, samples=1):
        @quick_jit
        def found(network):
            episode = network.play(batch.x, key, samples)
            return episode, network.loss(episode.outputs, batch.y)

        return found(network)

    return play
