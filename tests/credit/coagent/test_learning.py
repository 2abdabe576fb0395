"""Coagents learn classes that lie apart, and numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from accumbens.credit.protocol import Batch, TaskFacts
from accumbens.credit.registry import RULES


@pytest.fixture(scope="module")
def blobs():
    """300 examples of three classes whose means lie apart, in five dimensions."""
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=300)
    x = rng.normal(size=(3, 5))[y] * 2 + 0.5 * rng.normal(size=(300, 5))
    return jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.int32)


def trained(rule, x, y, updates, learning_rate=2**-7, size=32):
    """The network after updates with RMSprop."""
    optimiser = optax.rmsprop(learning_rate, decay=0.99, eps=1e-8, eps_in_sqrt=False)

    def step(state, key):
        network, memory, optimiser_state = state
        index = jax.random.randint(key, (size,), 0, len(x))
        found = rule.update(network, memory, Batch(x[index], y[index], jnp.zeros((), int)), key)
        steps, optimiser_state = optimiser.update(found.gradients, optimiser_state, network)
        return (optax.apply_updates(network, steps).constrained(), found.memory, optimiser_state), found.loss

    @jax.jit
    def run(key):
        network, memory = rule.init(key)
        keys = jax.random.split(jax.random.key(1), updates)
        (network, *_), _ = jax.lax.scan(step, (network, memory, optimiser.init(network)), keys)
        return network

    return run(jax.random.key(0))


@pytest.mark.parametrize(
    ("settings", "updates"),
    [
        ({"layers": (16, 16)}, 1500),
        ({"layers": (16,), "units": "gaussian", "sigma": 1.0, "sigma_schedule": "decayed", "sigma_decay": 0.999}, 1500),
        ({"layers": (16, 8), "num_actions": 4, "emission": "symmetric", "baseline": "state-global", "samples": 4}, 800),
    ],
)
def test_coagents_learn_classes(coagent, blobs, settings, updates):
    x, y = blobs
    network = trained(coagent(5, 3, **settings), x, y, updates)
    assert float((network.predict(x).argmax(axis=1) == y).mean()) > 0.95


def test_coagents_learn_numbers(blobs):
    x, _ = blobs
    y = jnp.tanh(x[:, :1] - x[:, 1:2])
    entry = RULES["coagent"]
    rule = entry.make(entry.settings, TaskFacts("regression", 5, 1))
    network = trained(rule, x, y, 2000)
    assert float(jnp.square(network.predict(x) - y).mean()) < 0.3 * float(y.var())
