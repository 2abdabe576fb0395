"""Units that learn what their actions are worth: their targets by hand, how they choose, and that they learn."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from accumbens.credit.protocol import Batch, TaskFacts
from accumbens.credit.rules.coagent_action_value import make_coagent_action_value
from accumbens.credit.settings import CoagentActionValueSettings
from accumbens.errors import AccumbensError

EXAMPLES = 6


def make(**settings):
    return make_coagent_action_value(CoagentActionValueSettings(**settings), TaskFacts("classification", 3, 2))


@pytest.mark.parametrize("target", ["monte-carlo", "sarsa", "q"])
def test_one_update_by_hand(batch_of, spread_out, quick_jit, played, target):
    rule = make(layers=(4, 3), num_actions=3, value_target=target, epsilon=0.5)
    network, memory = quick_jit(rule.init)(jax.random.key(0))
    network, batch, key = spread_out(network), batch_of(EXAMPLES, 3, 2), jax.random.key(1)
    found = quick_jit(rule.update)(network, memory, batch, key)
    episode, losses = played(network, batch, key)
    reward = -np.asarray(losses[0], np.float64)
    greedy = []
    for layer, step, gradient in zip(network.layers, episode.steps, found.gradients.layers, strict=False):
        o = np.asarray(step.observation[0], np.float64)
        z = o @ np.asarray(layer.connection.weight, np.float64).T + np.asarray(layer.bias, np.float64)
        z = z.reshape(EXAMPLES, 3, -1)
        action = np.rint(np.asarray(step.action[0]) * 2).astype(int)
        taken = np.take_along_axis(z, action[:, None], axis=1)[:, 0]
        greedy.append((action == z.argmax(axis=1)).mean())
        expected = np.repeat(reward[:, None], taken.shape[1], axis=1)
        if target != "monte-carlo":
            following = taken if target == "sarsa" else z.max(axis=1)
            expected[:, :-1] = (expected[:, :-1] + following[:, 1:]) / 2
        signal = np.zeros_like(z)
        np.put_along_axis(signal, action[:, None], 2 * (taken - expected)[:, None] / EXAMPLES, axis=1)
        signal = signal.reshape(EXAMPLES, -1)
        np.testing.assert_allclose(gradient.connection.weight, signal.T @ o, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(gradient.bias, signal.sum(axis=0), rtol=1e-3, atol=1e-5)
        assert float(gradient.epsilon) == 0
    # Of half the actions, two thirds are not the best.
    assert all(0.4 < part < 0.95 for part in greedy)
    assert float(found.loss) == pytest.approx(-reward.mean(), rel=1e-5)

    h = np.asarray(episode.steps[-1].action[0], np.float64)
    outputs = h @ np.asarray(network.layers[-1].connection.weight, np.float64).T + np.asarray(network.layers[-1].bias)
    error = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True) - np.eye(2)[np.asarray(batch.y)]
    np.testing.assert_allclose(found.gradients.layers[-1].connection.weight, error.T @ h / EXAMPLES, atol=1e-5)


def test_epsilon_falls_to_its_end(quick_jit):
    network, _ = quick_jit(make(epsilon=0.5, epsilon_decay=0.2, epsilon_end=0.05).init)(jax.random.key(0))
    found = []
    for _ in range(4):
        network = network.constrained()
        found.append(float(network.layers[0].epsilon))
    np.testing.assert_allclose(found, [0.3, 0.1, 0.05, 0.05], rtol=1e-5)
    steady, _ = quick_jit(make(epsilon=0.001).init)(jax.random.key(0))
    assert float(steady.constrained().layers[0].epsilon) == pytest.approx(0.001)


@pytest.mark.parametrize("target", ["monte-carlo", "q"])
def test_action_values_learn(quick_jit, target):
    rng = np.random.default_rng(0)
    y = jnp.asarray(rng.integers(2, size=200), jnp.int32)
    x = jnp.asarray(np.where(np.asarray(y)[:, None] > 0, 1.0, -1.0) + 0.7 * rng.normal(size=(200, 3)), jnp.float32)
    rule = make(layers=(8,), value_target=target, epsilon=0.3, epsilon_decay=0.001)
    optimiser = optax.rmsprop(2**-7, decay=0.99, eps=1e-8, eps_in_sqrt=False)

    def step(state, key):
        network, memory, optimiser_state = state
        found = rule.update(network, memory, Batch(x, y, jnp.zeros((), int)), key)
        steps, optimiser_state = optimiser.update(found.gradients, optimiser_state, network)
        return (optax.apply_updates(network, steps).constrained(), found.memory, optimiser_state), None

    @quick_jit
    def run(key):
        network, memory = rule.init(key)
        keys = jax.random.split(jax.random.key(1), 600)
        (network, *_), _ = jax.lax.scan(step, (network, memory, optimiser.init(network)), keys)
        return network

    network = run(jax.random.key(0))
    assert float((network.predict(x).argmax(axis=1) == y).mean()) > 0.95
    assert float(network.activities(x)[0].sparsity) > 0.05


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epsilon": 1.5}, "from 0 to 1"),
        ({"epsilon_decay": -0.1}, "from 0 to 1"),
        ({"epsilon_end": 0.2, "epsilon_decay": 0.1}, "from 0 to epsilon = 0.1"),
        ({"epsilon_end": 0.05}, "its default, unless epsilon_decay > 0"),
        ({"num_actions": 1}, ">= 2"),
        ({"layers": (4,), "partition": "d", "value_target": "q"}, "monte-carlo, its default, unless a hidden layer"),
    ],
)
def test_refused(settings, message):
    with pytest.raises(AccumbensError, match=message):
        make(**settings)
