"""What the baselines are after some batches: by hand, and by least squares."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest


def run(rule, quick_jit, batches):
    """The network, the memory and the loss after each batch, the network left as it is."""
    network, memory = quick_jit(rule.init)(jax.random.key(0))
    update, found = quick_jit(rule.update), []
    for place, batch in enumerate(batches):
        result = update(network, memory, batch, jax.random.key(place))
        memory = result.memory
        found.append((memory, float(result.loss), result.gradients))
    return network, found


def test_running_reward_by_hand(coagent, batch_of, quick_jit):
    rule = coagent(3, 2, layers=(4,))
    _, found = run(rule, quick_jit, [batch_of(6, 3, 2, seed=seed) for seed in range(4)])
    expected = None
    for memory, loss, _ in found:
        expected = -loss if expected is None else expected
        expected = 0.99 * expected - 0.01 * loss
        assert float(memory.baseline.mean) == pytest.approx(expected, rel=1e-5)
    assert found[0][1] != pytest.approx(found[1][1], rel=1e-3)


def test_first_batch_has_no_baseline(coagent, batch_of, flat, quick_jit):
    batch = batch_of(6, 3, 2)
    without = run(coagent(3, 2, layers=(4,), baseline="none"), quick_jit, [batch, batch])[1]
    for baseline in ("global", "state-layer"):
        found = run(coagent(3, 2, layers=(4,), baseline=baseline), quick_jit, [batch, batch])[1]
        np.testing.assert_allclose(flat(found[0][2]), flat(without[0][2]), atol=1e-6)
        assert np.abs(flat(found[1][2]) - flat(without[1][2])).max() > 1e-4


@pytest.mark.parametrize(("baseline", "number"), [("state-global", 1), ("state-layer", 3)])
def test_first_step_of_linear_values_by_hand(coagent, batch_of, played, quick_jit, baseline, number):
    """From V = 0 the gradient of (R - V)² is -2 mean R o; RMSprop's first step is α g / (0.1 |g| + 1e-8)."""
    alpha = 2**-6
    rule = coagent(3, 2, layers=(4, 5), units="gaussian", sigma=1.0, baseline=baseline, learning_rate=alpha)
    batch = batch_of(6, 3, 2)
    network, [(memory, _, _)] = run(rule, quick_jit, [batch])
    episode, losses = played(network, batch, jax.random.key(0))
    rewards = -np.asarray(losses[0], np.float64)
    values = memory.baseline[0]
    assert len(values) == number
    for value, step in zip(values, episode.steps, strict=False):
        o = np.asarray(step.observation[0], np.float64)
        gradient = -2 * (rewards[:, None] * o).mean(axis=0)
        np.testing.assert_allclose(value.weight, -alpha * gradient / (0.1 * np.abs(gradient) + 1e-8), rtol=1e-4)
        gradient = -2 * rewards.mean()
        np.testing.assert_allclose(value.bias, -alpha * gradient / (0.1 * np.abs(gradient) + 1e-8), rtol=1e-4)


def test_linear_values_reach_least_squares(coagent, batch_of, played, quick_jit):
    rule = coagent(3, 1, "regression", layers=(4,), baseline="state-layer", learning_rate=2**-10)
    batch = batch_of(20, 3, 1, "regression")
    network, memory = quick_jit(rule.init)(jax.random.key(0))

    @quick_jit
    def fitted(memory, keys):
        return jax.lax.scan(lambda m, key: (rule.update(network, m, batch, key).memory, None), memory, keys)[0]

    (value,), _ = fitted(memory, jax.random.split(jax.random.key(1), 6000)).baseline
    rewards = -np.asarray(played(network, batch, jax.random.key(2), 2000)[1]).mean(axis=0)
    design = np.column_stack([np.asarray(batch.x), np.ones(20)])
    expected = np.linalg.lstsq(design, rewards, rcond=None)[0]
    np.testing.assert_allclose([*np.asarray(value.weight), float(value.bias)], expected, atol=0.05)
    assert np.abs(expected).max() > 0.3


def test_averaged_draws_share_one_baseline(coagent, batch_of, played, quick_jit):
    rule = coagent(3, 2, layers=(4,), samples=5)
    batch = batch_of(6, 3, 2)
    network, [(memory, loss, _)] = run(rule, quick_jit, [batch])
    losses = played(network, batch, jax.random.key(0), 5)[1]
    assert losses.shape == (5, 6)
    assert loss == pytest.approx(float(jnp.mean(losses)), rel=1e-5)
    assert float(memory.baseline.mean) == pytest.approx(-loss, rel=1e-5)
