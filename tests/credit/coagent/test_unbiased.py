"""The mean of what coagents learn is the gradient of the expected loss: by enumeration, by quadrature, by sampling."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

SLACK = 4.5
"""Standard errors that a mean of samples may be off."""


def weights(network):
    """Weights and biases in float64, layer by layer."""
    return [
        (np.asarray(layer.connection.weight, np.float64), np.asarray(layer.bias, np.float64))
        for layer in network.layers
    ]


def loss_of(outputs, y):
    """Cross-entropy of a class, squared error of numbers."""
    if np.ndim(y) == 0:
        return np.log(np.exp(outputs - outputs.max()).sum()) + outputs.max() - outputs[y]
    return np.square(outputs - y).mean()


class Enumeration:
    """All configurations of a small discrete network for one example: independent of the code under test.

    A unit's preferences for its actions lie units apart: action a of unit u is row a * units + u.
    """

    def __init__(self, hidden, actions, values):
        self.hidden, self.actions, self.values = hidden, actions, np.asarray(values)
        self.configurations = list(itertools.product(range(actions), repeat=sum(hidden)))

    def probability_and_loss(self, layers, configuration, x, y):
        h, probability, place = x, 1.0, 0
        for (weight, bias), units in zip(layers, self.hidden, strict=False):
            z = (weight @ h + bias).reshape(self.actions, units)
            policy = np.exp(z) / np.exp(z).sum(axis=0)
            chosen = np.array(configuration[place : place + units])
            probability *= np.prod(policy[chosen, np.arange(units)])
            h, place = self.values[chosen], place + units
        weight, bias = layers[-1]
        return probability, loss_of(weight @ h + bias, y)

    def expected_loss(self, layers, x, y):
        found = [self.probability_and_loss(layers, c, x, y) for c in self.configurations]
        assert np.isclose(sum(probability for probability, _ in found), 1)
        return sum(probability * loss for probability, loss in found)

    def gradient(self, layers, x, y, h=1e-5):
        """Central differences of the expected loss, numbers in the order of the network's leaves."""
        found = []
        for array in (array for layer in layers for array in layer):
            for index in np.ndindex(array.shape):
                before = array[index]
                array[index] = before + h
                above = self.expected_loss(layers, x, y)
                array[index] = before - h
                found.append((above - self.expected_loss(layers, x, y)) / (2 * h))
                array[index] = before
        return np.array(found)


def keys_of_all(quick_jit, network, x, configurations):
    """A key for every configuration: the first of many with which the network draws it."""
    keys = jax.random.split(jax.random.key(1), 6000)

    def drawn(key):
        steps = network.play(x, key).steps
        return jnp.concatenate([step.action[0, 0] for step in steps])

    emitted = np.asarray(quick_jit(jax.vmap(drawn))(keys))
    levels = np.unique(emitted)
    found = {tuple(row): place for place, row in reversed(list(enumerate(np.searchsorted(levels, emitted))))}
    assert len(found) == len(configurations), "more keys are needed"
    return keys[np.array([found[c] for c in configurations])]


CASES = {
    "bernoulli": ((2, 2), 2, [0, 1], {}),
    "three actions": ((2, 1), 3, [-1, 0, 1], {"num_actions": 3, "emission": "symmetric"}),
}


@pytest.mark.parametrize(
    ("case", "baseline", "kind"),
    [
        ("bernoulli", "none", "regression"),
        ("bernoulli", "global", "classification"),
        ("bernoulli", "state-global", "classification"),
        ("bernoulli", "state-layer", "classification"),
        ("three actions", "state-layer", "regression"),
    ],
)
def test_enumerated_mean_is_the_gradient(coagent, batch_of, spread_out, flat, quick_jit, case, baseline, kind):
    hidden, actions, values, extra = CASES[case]
    rule = coagent(2, 3, kind, layers=hidden, baseline=baseline, learning_rate=0.1, **extra)
    network, memory = quick_jit(rule.init)(jax.random.key(0))
    network = spread_out(network, 0.7)
    update = quick_jit(rule.update)
    # Baselines that are neither zero nor fitted.
    for step in range(5):
        memory = update(network, memory, batch_of(1, 2, 3, kind, seed=step), jax.random.key(step)).memory

    batch = batch_of(1, 2, 3, kind, seed=9)
    x, y = np.asarray(batch.x[0], np.float64), np.asarray(batch.y[0])
    oracle, layers = Enumeration(hidden, actions, values), weights(network)
    keys = keys_of_all(quick_jit, network, batch.x, oracle.configurations)
    probabilities = [oracle.probability_and_loss(layers, c, x, y)[0] for c in oracle.configurations]
    found = quick_jit(jax.vmap(lambda key: rule.update(network, memory, batch, key)))(keys)
    gradients = np.stack([flat(jax.tree.map(lambda leaf, i=i: leaf[i], found.gradients)) for i in range(len(keys))])
    exact = oracle.gradient(layers, x, y)
    np.testing.assert_allclose(np.array(probabilities) @ gradients, exact, atol=2e-6)
    assert np.abs(exact).min() > 1e-6
    assert np.isclose(np.array(probabilities) @ np.asarray(found.loss), oracle.expected_loss(layers, x, y), atol=1e-6)


def moments(rule, network, memory, batch, flat, draws, seed=3):
    """Mean and standard error of the gradient over keys."""

    @jax.jit
    def gradients(keys):
        found = jax.vmap(lambda key: rule.update(network, memory, batch, key).gradients)(keys)
        return jnp.concatenate([leaf.reshape(len(keys), -1) for leaf in jax.tree.leaves(found)], axis=1)

    found = np.asarray(gradients(jax.random.split(jax.random.key(seed), draws)), np.float64)
    return found.mean(axis=0), found.std(axis=0) / np.sqrt(draws)


def test_mean_of_many_draws(coagent, batch_of, spread_out, flat, quick_jit):
    rule = coagent(2, 3, layers=(2, 2), samples=2)
    network, memory = quick_jit(rule.init)(jax.random.key(0))
    network, batch = spread_out(network), batch_of(2, 2, 3)
    memory = quick_jit(rule.update)(network, memory, batch, jax.random.key(1)).memory
    mean, error = moments(rule, network, memory, batch, flat, 20_000)
    oracle, layers = Enumeration((2, 2), 2, [0, 1]), weights(network)
    examples = zip(np.asarray(batch.x, np.float64), np.asarray(batch.y), strict=True)
    exact = np.mean([oracle.gradient(layers, x, y) for x, y in examples], axis=0)
    assert (np.abs(mean - exact) < SLACK * error + 1e-6).all()
    assert np.linalg.norm(error) < 0.1 * np.linalg.norm(exact)


SIGMA = 0.8


def expected_squared_error(parameters, x, y):
    """E (w₂ ReLU(z) + b₂ + σ₂ ε - y)², z ~ N(w₁ x + b₁, σ₁²), on a fine grid of z."""
    w1, b1, rho1, w2, b2, rho2 = parameters
    sigma1, sigma2 = np.exp(rho1), np.exp(rho2)
    grid, spacing = np.linspace(-9, 9, 20_001, retstep=True)
    density = np.exp(-0.5 * grid**2) / np.sqrt(2 * np.pi)
    mean = w2 * np.maximum(w1 * x + b1 + sigma1 * grid, 0) + b2
    return ((mean - y) ** 2 * density).sum() * spacing + sigma2**2


def numerical_gradient(parameters, x, y, h=1e-4):
    steps = np.eye(len(parameters)) * h
    above = [expected_squared_error(parameters + step, x, y) for step in steps]
    below = [expected_squared_error(parameters - step, x, y) for step in steps]
    return (np.array(above) - below) / (2 * h)


@pytest.fixture(scope="module")
def one_unit(coagent, quick_jit):
    rule = coagent(1, 1, "regression", layers=(1,), units="gaussian", sigma=SIGMA, sigma_schedule="learned", samples=64)
    network, memory = rule.init(jax.random.key(0))
    values = iter([0.9, 0.3, np.log(SIGMA), 1.2, -0.4, np.log(SIGMA)])
    network = jax.tree.map(lambda leaf: jnp.full(leaf.shape, next(values), jnp.float32), network)
    return rule, network, memory


def test_gaussian_unit_by_integration(one_unit, batch_of, flat, quick_jit):
    rule, network, memory = one_unit
    batch = batch_of(1, 1, 1, "regression", seed=2)
    update = quick_jit(rule.update)
    for step in range(3):
        memory = update(network, memory, batch, jax.random.key(step)).memory
    exact = numerical_gradient(flat(network), float(batch.x[0, 0]), float(batch.y[0, 0]))
    mean, error = moments(rule, network, memory, batch, flat, 8000)
    assert (np.abs(mean - exact) < SLACK * error).all()
    assert np.linalg.norm(error) < 0.05 * np.linalg.norm(exact)


def test_exact_loss_of_a_gaussian_network_has_the_same_mean_gradient(one_unit, batch_of, flat):
    _, network, _ = one_unit
    batch = batch_of(1, 1, 1, "regression", seed=2)
    exact = numerical_gradient(flat(network), float(batch.x[0, 0]), float(batch.y[0, 0]))

    @jax.jit
    def gradients(keys):
        found = jax.vmap(lambda key: jax.grad(lambda network: network.exact_loss(batch, key))(network))(keys)
        return jnp.concatenate([leaf.reshape(len(keys), -1) for leaf in jax.tree.leaves(found)], axis=1)

    found = np.asarray(gradients(jax.random.split(jax.random.key(4), 100_000)), np.float64)
    error = found.std(axis=0) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - exact) < SLACK * error + 1e-6).all()
    assert np.linalg.norm(error) < 0.05 * np.linalg.norm(exact)


@pytest.mark.parametrize("samples", [1, 3])
def test_exact_loss_of_a_gaussian_network_is_that_of_the_first_draw(coagent, batch_of, played, quick_jit, samples):
    rule = coagent(3, 2, layers=(5, 4), units="gaussian", partition="sd", sigma=SIGMA)
    network, _ = quick_jit(rule.init)(jax.random.key(0))
    batch, key = batch_of(6, 3, 2), jax.random.key(7)
    losses = np.asarray(played(network, batch, key, samples)[1])
    exact = quick_jit(lambda network: network.exact_loss(batch, key))(network)
    assert float(exact) == pytest.approx(losses[0].mean(), rel=1e-5)
    assert len(set(losses[:, 0])) == samples
