"""What units draw, emit and report, how σ moves, and which units of a layer draw."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.credit.networks.coagent import CoagentNetwork
from accumbens.credit.networks.coagent_discrete import DiscreteUnits
from accumbens.credit.networks.coagent_gaussian import GaussianUnits
from accumbens.credit.networks.coagent_units import DeterministicUnits
from accumbens.credit.protocol import TaskFacts
from accumbens.credit.rules.coagent import chosen_units
from accumbens.credit.settings import (
    CoagentActionValueSettings,
    CoagentNetworkSettings,
    CoagentPolicySettings,
    CoagentSettings,
)


def discrete(preferences, epsilon=None, **settings):
    """Units without input: their biases are their preferences, [actions, units]."""
    preferences = jnp.asarray(preferences, jnp.float32)
    actions, units = preferences.shape
    if epsilon is None:
        settings = CoagentNetworkSettings(num_actions=actions, **settings)
    else:
        settings = CoagentActionValueSettings(num_actions=actions, epsilon=epsilon, **settings)
    layer = DiscreteUnits.create(settings, jax.random.key(0), 1, units)
    layer = eqx.tree_at(lambda layer: layer.bias, layer, preferences.reshape(-1))
    return layer, jnp.zeros(1)


PREFERENCES = [[0.3, -1.0], [1.1, 0.5], [-0.4, 2.0]]


def softmax(z):
    z = np.asarray(z, np.float64)
    return np.exp(z) / np.exp(z).sum(axis=0)


@pytest.mark.parametrize(
    "create",
    [
        lambda key: DiscreteUnits.create(CoagentNetworkSettings(num_actions=2), key, 25, 40),
        lambda key: GaussianUnits.create(CoagentPolicySettings(), key, 25, 40, False),
        lambda key: DeterministicUnits.create(key, 25, 40, False),
    ],
)
def test_parameters_begin_between_plus_and_minus_one_over_the_root_of_the_inputs(create):
    layer = create(jax.random.key(0))
    for parameter in (layer.connection.weight, layer.bias):
        assert 0.18 < np.abs(parameter).max() <= 0.2
        np.testing.assert_allclose(np.std(parameter), 0.2 / 3**0.5, rtol=0.2)


@pytest.mark.parametrize("epsilon", [None, 0.3])
def test_actions_are_drawn_with_their_probabilities(epsilon):
    layer, nothing = discrete(PREFERENCES, epsilon)
    expected = softmax(PREFERENCES)
    if epsilon is not None:
        expected = 0.7 * np.eye(3)[np.argmax(PREFERENCES, axis=0)].T + 0.1
    z = layer.preferences(nothing)
    np.testing.assert_allclose(layer.probabilities(z), expected, rtol=1e-5)
    # Evenly spaced numbers meet every action as often as its probability says.
    noise = jnp.broadcast_to((jnp.arange(10_000) + 0.5)[:, None] / 10_000, (10_000, 2))
    drawn = layer.drawn(jnp.broadcast_to(z, (10_000, *z.shape)), noise)
    assert (drawn.sum(axis=1) == 1).all()
    np.testing.assert_allclose(drawn.mean(axis=0), expected, atol=2e-4)


def test_log_probability_is_that_of_what_was_drawn():
    layer, nothing = discrete(PREFERENCES)
    action = layer.act(nothing, jnp.array([0.0, 0.999]))
    np.testing.assert_allclose(action.value, [0, 1])
    expected = np.log(softmax(PREFERENCES)[[0, 2], [0, 1]])
    np.testing.assert_allclose(action.log_probability, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("emission", "values"), [("unit", [0, 0.25, 0.5, 0.75, 1]), ("symmetric", [-1, -0.5, 0, 0.5, 1])]
)
def test_emission(emission, values):
    layer, nothing = discrete(np.diag([3.0] * 5), emission=emission)
    np.testing.assert_allclose(layer.greedy(nothing), values, atol=1e-6)
    mean = softmax(np.diag([3.0] * 5)).T @ np.array(values)
    np.testing.assert_allclose(layer.smooth(nothing, jnp.zeros(5)), mean, rtol=1e-5, atol=1e-6)


def test_activity_of_discrete_units():
    for epsilon in (None, 0.3):
        layer, nothing = discrete([*PREFERENCES[:2], [-0.4, -2.0]], epsilon)
        policy = np.asarray(layer.probabilities(layer.preferences(nothing)), np.float64)
        found = layer.activity(nothing)
        assert float(found.entropy) == pytest.approx(-(policy * np.log(policy)).sum(axis=0).mean(), rel=1e-5)
        assert float(found.sparsity) == 1
    layer, nothing = discrete([[2.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, -1.0]])
    assert float(layer.activity(nothing).sparsity) == 0.25
    certain, nothing = discrete([[500.0], [-500.0]])
    assert float(certain.activity(nothing).entropy) == 0


def gaussian(units=4, last=False, **settings):
    settings = CoagentPolicySettings(units="gaussian", **settings)
    return GaussianUnits.create(settings, jax.random.key(0), 3, units, last)


def test_activity_of_gaussian_units():
    layer, x = gaussian(sigma=0.5), jnp.asarray(np.random.default_rng(0).normal(size=(7, 3)), jnp.float32)
    found = layer.activity(x)
    assert float(found.entropy) == pytest.approx(0.5 * np.log(2 * np.pi * np.e * 0.25), rel=1e-6)
    mean = np.asarray(x) @ np.asarray(layer.connection.weight).T + np.asarray(layer.bias)
    assert float(found.sparsity) == pytest.approx((mean > 0).mean())
    assert 0 < float(found.sparsity) < 1


def test_gaussian_units_draw_their_pre_activation():
    noise = jnp.asarray(np.random.default_rng(0).normal(size=(7, 4)), jnp.float32)
    x = jnp.asarray(np.random.default_rng(1).normal(size=(7, 3)), jnp.float32)
    for last in (False, True):
        layer = gaussian(sigma=2.0, last=last)
        z = np.asarray(layer.pre_activation(x)) + 2 * np.asarray(noise)
        action = layer.act(x, noise)
        np.testing.assert_allclose(action.value, z if last else np.maximum(z, 0), rtol=1e-5)
        # But for the constant ½ log 2π.
        expected = -0.5 * np.square(noise) - np.log(2)
        np.testing.assert_allclose(action.log_probability, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("parametrisation", ["sigmoid", "relu", "exp"])
def test_learned_sigma_starts_at_sigma_and_has_a_floor(parametrisation):
    layer = gaussian(sigma=4.0, sigma_schedule="learned", sigma_parametrisation=parametrisation)
    np.testing.assert_allclose(layer.sigma(), np.full(4, 4.0), rtol=1e-6)
    assert layer.spread.shape == (4,)
    slope = jax.jacfwd(lambda spread: eqx.tree_at(lambda x: x.spread, layer, spread).sigma())(layer.spread)
    expected = {"sigmoid": 2.0, "relu": 1.0, "exp": 4.0}[parametrisation]
    np.testing.assert_allclose(slope, expected * np.eye(4), rtol=1e-6, atol=1e-6)
    low = eqx.tree_at(lambda layer: layer.spread, layer, jnp.full(4, -50.0))
    np.testing.assert_allclose(low.sigma(), np.full(4, 0.001))
    assert eqx.tree_equal(layer.constrained(), layer)


def test_decayed_sigma_shrinks_down_to_a_floor(coagent, batch_of, quick_jit):
    rule = coagent(3, 2, layers=(4,), units="gaussian", sigma=0.02, sigma_schedule="decayed", sigma_decay=0.5)
    network, memory = quick_jit(rule.init)(jax.random.key(0))
    gradients = quick_jit(rule.update)(network, memory, batch_of(5, 3, 2), jax.random.key(1)).gradients
    found = []
    for _ in range(6):
        assert all(float(layer.spread) == 0 for layer in gradients.layers)
        network = network.constrained()
        found.append([float(layer.sigma()) for layer in network.layers])
    expected = [0.01, 0.005, 0.0025, 0.00125, 0.001, 0.001]
    np.testing.assert_allclose(found, np.array([expected, expected]).T, rtol=1e-5)
    before = CoagentNetwork.create(network.settings, TaskFacts("classification", 3, 2), jax.random.key(0))
    entropies = [float(each.activities(batch_of(5, 3, 2).x)[0].entropy) for each in (before, network)]
    assert entropies[0] - entropies[1] == pytest.approx(np.log(20), rel=1e-5)


def learning_units(gradients):
    """For each hidden layer the units whose weights have a derivative, actions of a unit lying units apart."""
    return [
        set(np.flatnonzero(np.abs(np.asarray(layer.bias)).reshape(-1, units).max(axis=0) > 0))
        for layer, units in zip(gradients.layers[:-1], (6, 5), strict=True)
    ]


@pytest.mark.parametrize("units", ["discrete", "gaussian"])
def test_units_that_are_not_chosen_are_greedy_and_do_not_learn(coagent, batch_of, quick_jit, units):
    rule = coagent(3, 2, layers=(6, 5), units=units, stochastic_units=2)
    network, memory = quick_jit(rule.init)(jax.random.key(0))
    update = quick_jit(rule.update)

    def learning(epoch, seed, memory=memory):
        batch = batch_of(20, 3, 2, seed=seed, epoch=epoch)
        return learning_units(update(network, memory, batch, jax.random.key(seed)).gradients)

    first = learning(0, 0)
    assert [len(layer) for layer in first] == [2, 2]
    assert learning(0, 1) == first
    others = [learning(epoch, 1) for epoch in range(1, 6)]
    assert any(other != first for other in others)
    assert all([len(layer) for layer in other] == [2, 2] for other in others)
    assert set().union(*(other[0] for other in others)) > first[0]

    chosen = tuple(jnp.arange(size) < 2 for size in (6, 5))
    x = batch_of(20, 3, 2).x
    step = quick_jit(lambda x: network.play(x, jax.random.key(3), 1, (*chosen, None)))(x).steps[0]
    greedy = np.asarray(network.layers[0].greedy(x))
    np.testing.assert_allclose(step.action[0, :, 2:], greedy[:, 2:], rtol=1e-5, atol=1e-6)
    assert (np.asarray(step.action[0, :, :2]) != greedy[:, :2]).any()


def test_layers_of_one_width_choose_for_themselves(coagent, quick_jit):
    settings = CoagentSettings(layers=(6, 6), stochastic_units=3)
    network, memory = quick_jit(coagent(3, 2, layers=(6, 6), stochastic_units=3).init)(jax.random.key(0))
    chosen = quick_jit(jax.vmap(lambda epoch: chosen_units(network, settings, memory.key, epoch)[:2]))
    first, second = chosen(jnp.arange(8))
    assert (first.sum(axis=1) == 3).all()
    assert (second.sum(axis=1) == 3).all()
    assert (first != second).any(axis=1).sum() >= 5  # three of six are the same by chance once in twenty


@pytest.mark.parametrize("extra", [{}, {"stochastic_units": 4}, {"units": "gaussian"}])
def test_layers_stop_one_after_the_other(coagent, batch_of, quick_jit, extra):
    rule = coagent(3, 2, layers=(6, 5), stage_epochs=2, **extra)
    network, memory = quick_jit(rule.init)(jax.random.key(0))
    update = quick_jit(rule.update)
    learning = []
    for epoch in range(6):
        batch = batch_of(20, 3, 2, epoch=epoch)
        found = update(network, memory, batch, jax.random.key(epoch))
        learning.append([len(layer) for layer in learning_units(found.gradients)])
    first, second = (4, 4) if "stochastic_units" in extra else (6, 5)
    assert learning == [[first, second]] * 2 + [[0, second]] * 2 + [[0, 0]] * 2
    if "units" not in extra:  # all do what is likeliest: the loss is that of a greedy network, and the output learns
        exact = jax.nn.log_softmax(network.predict(batch.x))[jnp.arange(20), batch.y]
        assert float(found.loss) == pytest.approx(-float(exact.mean()), rel=1e-5)
        assert (np.asarray(found.gradients.layers[-1].bias) != 0).all()


def test_stages_count_layers_that_draw(coagent, batch_of, quick_jit):
    rule = coagent(3, 2, layers=(6, 5), partition="ds", stage_epochs=1)
    network, memory = quick_jit(rule.init)(jax.random.key(0))
    update = quick_jit(rule.update)
    for epoch in (0, 1):
        gradients = update(network, memory, batch_of(20, 3, 2, epoch=epoch), jax.random.key(0)).gradients
        assert [bool(np.any(layer.bias)) for layer in gradients.layers] == [epoch == 0, epoch == 0, True]


def test_seeds_side_by_side_are_the_seeds_alone(coagent, batch_of, flat, quick_jit):
    rule = coagent(3, 2, layers=(6, 5), baseline="state-layer", stochastic_units=3)
    keys, batch = jax.random.split(jax.random.key(0), 3), batch_of(4, 3, 2)
    networks, memories = quick_jit(jax.vmap(rule.init))(keys)
    found = quick_jit(jax.vmap(rule.update, in_axes=(0, 0, None, 0)))(networks, memories, batch, keys)
    network, memory = quick_jit(rule.init)(keys[1])
    alone = quick_jit(rule.update)(network, memory, batch, keys[1])
    second = jax.tree.map(lambda leaf: leaf[1], found)
    np.testing.assert_allclose(flat(second.gradients), flat(alone.gradients), atol=1e-6)
    np.testing.assert_allclose(flat(second.memory.baseline), flat(alone.memory.baseline), atol=1e-6)
