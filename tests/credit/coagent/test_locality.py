"""No gradient passes between coagents, and a coagent of several layers is one network with one score."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

# For a network of two hidden layers: the layers of every coagent, the output's included.
COAGENTS = {
    ("gaussian", "ss"): [[0], [1], [2]],
    ("gaussian", "ds"): [[0, 1], [2]],
    ("gaussian", "sd"): [[0], [1, 2]],
    ("gaussian", "dd"): [[0, 1, 2]],
    ("discrete", "ss"): [[0], [1], [2]],
    ("discrete", "ds"): [[0, 1], [2]],
    ("discrete", "sd"): [[0], [1, 2]],
    ("discrete", "dd"): [[0, 1, 2]],
}


def reached(gradients):
    """The layers with a derivative other than zero."""
    return [
        place
        for place, layer in enumerate(gradients.layers)
        if any((leaf != 0).any() for leaf in jax.tree.leaves(layer))
    ]


@pytest.mark.parametrize(("units", "partition"), COAGENTS)
def test_what_a_coagent_learns_from_is_derived_by_its_own_parameters_alone(
    coagent, batch_of, spread_out, quick_jit, units, partition
):
    rule = coagent(3, 2, layers=(5, 4), units=units, partition=partition)
    network = spread_out(quick_jit(rule.init)(jax.random.key(0))[0])
    batch = batch_of(6, 3, 2)

    def objectives(network):
        """Every coagent's log-probability, and the loss: exact for an output that draws nothing."""
        episode = network.play(batch.x, jax.random.key(1))
        scores = [step.log_probability.sum() for step in episode.steps]
        return jnp.stack([*scores, network.loss(episode.outputs, batch.y).mean()])

    jacobian = jax.tree.map(np.asarray, quick_jit(jax.jacrev(objectives))(network))
    expected = COAGENTS[units, partition]
    rows = len(jax.tree.leaves(jacobian)[0])
    found = [reached(jax.tree.map(lambda leaf, row=row: leaf[row], jacobian)) for row in range(rows)]
    # The last row is the loss: nothing of it passes through what was drawn.
    assert found == ([*expected, []] if units == "gaussian" else expected)


def test_a_network_that_draws_its_output_alone_has_the_score_of_one_gaussian(coagent, batch_of, quick_jit):
    sigma = 0.7
    rule = coagent(3, 2, "regression", layers=(5, 4), units="gaussian", partition="dd", sigma=sigma)
    network, memory = quick_jit(rule.init)(jax.random.key(0))
    update = quick_jit(rule.update)
    before = batch_of(6, 3, 2, "regression", seed=1)
    first = update(network, memory, before, jax.random.key(3))
    batch = batch_of(6, 3, 2, "regression")
    key = jax.random.key(4)
    found = update(network, first.memory, batch, key)

    x, y = np.asarray(batch.x, np.float64), np.asarray(batch.y, np.float64)
    weights = [np.asarray(layer.connection.weight, np.float64) for layer in network.layers]
    biases = [np.asarray(layer.bias, np.float64) for layer in network.layers]
    h = [x]
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        h.append(np.maximum(h[-1] @ weight.T + bias, 0))
    mean = h[-1] @ weights[-1].T + biases[-1]
    drawn = mean + sigma * np.asarray(network.noise(key, 1, 6)[-1][0], np.float64)
    advantage = -np.square(drawn - y).mean(axis=1) + float(first.loss)
    signal = -advantage[:, None] * (drawn - mean) / sigma**2 / len(x)
    expected = []
    for level in (2, 1, 0):
        expected.insert(0, (signal.T @ h[level], signal.sum(axis=0)))
        signal = signal @ weights[level] * (h[level] > 0)
    for layer, (weight, bias) in zip(found.gradients.layers, expected, strict=True):
        np.testing.assert_allclose(layer.connection.weight, weight, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(layer.bias, bias, rtol=1e-3, atol=1e-4)
    assert float(found.gradients.layers[-1].spread) == 0


def test_a_discrete_network_that_draws_nothing_is_backprop(coagent, batch_of, flat, quick_jit):
    rule = coagent(3, 2, layers=(5, 4), partition="dd")
    network, memory = quick_jit(rule.init)(jax.random.key(0))
    batch = batch_of(6, 3, 2)
    found = quick_jit(rule.update)(network, memory, batch, jax.random.key(1)).gradients
    exact = quick_jit(jax.grad(lambda network: network.exact_loss(batch, jax.random.key(2))))(network)
    np.testing.assert_allclose(flat(found), flat(exact), atol=1e-6)


def test_gaussian_gradient_by_hand(coagent, batch_of, quick_jit):
    """dW_l = -mean (R - b) (z - μ) / σ² hᵀ, with what was drawn read off the episode."""
    sigma = 1.5
    rule = coagent(3, 2, layers=(4,), units="gaussian", sigma=sigma, baseline="none")
    network, memory = quick_jit(rule.init)(jax.random.key(0))
    batch, key = batch_of(6, 3, 2), jax.random.key(1)
    found = quick_jit(rule.update)(network, memory, batch, key)
    noise = [np.asarray(each[0], np.float64) for each in network.noise(key, 1, 6)]
    h = np.asarray(batch.x, np.float64)
    inputs = []
    for layer, drawn in zip(network.layers, noise, strict=True):
        inputs.append(h)
        z = h @ np.asarray(layer.connection.weight, np.float64).T + np.asarray(layer.bias) + sigma * drawn
        h = np.maximum(z, 0)
    shifted = np.exp(z - z.max(axis=1, keepdims=True))
    losses = -np.log(shifted[np.arange(6), np.asarray(batch.y)] / shifted.sum(axis=1))
    assert float(found.loss) == pytest.approx(losses.mean(), rel=1e-5)
    for layer, seen, drawn in zip(found.gradients.layers, inputs, noise, strict=True):
        signal = losses[:, None] * drawn / sigma / 6
        np.testing.assert_allclose(layer.connection.weight, signal.T @ seen, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(layer.bias, signal.sum(axis=0), rtol=1e-3, atol=1e-5)
