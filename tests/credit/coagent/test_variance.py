"""What makes the coagents' gradient vary less: baselines, and averaging over draws of the network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.credit.protocol import Batch

INPUTS, EXAMPLES = 3, 8
DRAWS = 3000


def data():
    """Examples whose losses differ much: the target of each is another number."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(EXAMPLES, INPUTS)).astype(np.float32)
    return jnp.asarray(x), jnp.asarray(2 + 2 * x[:, :1])


@pytest.fixture(scope="module")
def variances(coagent, spread_out, quick_jit):
    """`variances(fitted, examples, **settings)`: of the gradient of each layer, over examples and draws."""
    x, y = data()

    def measure(fitted, examples=EXAMPLES, **settings):
        rule = coagent(INPUTS, 1, "regression", learning_rate=2**-7, **settings)

        @quick_jit
        def found(network, memory):
            def learn(memory, key):
                return rule.update(network, memory, Batch(x, y, jnp.zeros((), int)), key).memory, None

            def gradient(key):
                example, noise = jax.random.split(key)
                index = jax.random.randint(example, (1,), 0, examples)
                return rule.update(network, memory, Batch(x[index], y[index], jnp.zeros((), int)), noise).gradients

            if fitted:
                memory, _ = jax.lax.scan(learn, memory, jax.random.split(jax.random.key(2), 1000))
            drawn = jax.vmap(gradient)(jax.random.split(jax.random.key(7), DRAWS))
            return [sum(leaf.var(axis=0).sum() for leaf in jax.tree.leaves(layer)) for layer in drawn.layers]

        network, memory = quick_jit(rule.init)(jax.random.key(0))
        return np.array(found(spread_out(network, 0.7), memory))

    return measure


def test_variance_falls_with_what_the_baseline_knows(variances):
    names = ("none", "global", "state-global", "state-layer")
    none, constant, state, layer = (variances(name != "none", layers=(4, 4), baseline=name) for name in names)
    # The last layer is linear and draws nothing: no baseline reaches it.
    for other in (constant, state, layer):
        np.testing.assert_allclose(other[2], none[2], rtol=1e-4)
    assert (constant[:2] < 0.8 * none[:2]).all()
    assert (state[:2] < 0.8 * constant[:2]).all()
    # The first layer's own input is the network's. The second's is what the first drew, which tells less of the reward
    # here than the network's input, but more than nothing.
    np.testing.assert_allclose(layer[0], state[0], rtol=1e-4)
    assert layer[1] < 0.97 * constant[1]


def test_variance_of_a_gaussian_network_falls(variances):
    settings = {"layers": (4,), "units": "gaussian", "sigma": 0.5}
    none, state = (variances(name != "none", **settings, baseline=name) for name in ("none", "state-global"))
    assert (state < 0.8 * none).all()


def test_averaging_divides_the_variance(variances):
    # Of one example alone: what varies is the draw of the network.
    once, often = (variances(False, 1, layers=(4, 4), baseline="none", samples=samples) for samples in (1, 8))
    np.testing.assert_allclose(often, once / 8, rtol=0.1)
