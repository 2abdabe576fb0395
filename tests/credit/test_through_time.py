"""Credit through time: every rule's gradient against another way to compute it, in 64 bits."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.credit.networks.recurrent import Recurrent
from accumbens.credit.protocol import Batch, TaskFacts
from accumbens.credit.rules import through_time
from accumbens.credit.rules.online import make_e_prop, make_rtrl, make_snap_1
from accumbens.credit.rules.through_time import make_truncated_backprop_through_time
from accumbens.credit.settings import OnlineSettings, PenalisedSettings, RecurrentSettings, TruncatedSettings

STEPS = 7
FACTS = {
    "classification": TaskFacts("classification", 3, 4, steps=STEPS),
    "regression": TaskFacts("regression", 3, 2, steps=STEPS),
}
UNITS = ("simple", "lstm", "gru", "diagonal")


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def make_backprop_through_time(settings, facts):
    """The rule, without penalties, in the network of another rule."""
    same = {"layers": settings.layers, "units": settings.units}
    return through_time.make_backprop_through_time(PenalisedSettings(**same), facts)


def batch_of(facts, steps=STEPS, size=3):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(size, steps, facts.inputs))
    if facts.kind == "classification":
        y = rng.integers(0, facts.outputs, (size, steps)).astype(np.int32)
        y[0, :2], y[1, -1] = -1, -1
    else:
        y = rng.normal(size=(size, steps, facts.outputs))
        y[0, :2], y[1, -1] = np.nan, np.nan
    return Batch(jnp.asarray(x), jnp.asarray(y), jnp.int32(0))


def leaves(tree):
    return jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array))


def update_of(make, settings, facts, batch, change=lambda network: network):
    rule = make(settings, facts)
    network, memory = rule.init(jax.random.key(1))
    network = change(jax.tree.map(lambda leaf: leaf.astype(jnp.float64), network))
    return rule.update(network, memory, batch, jax.random.key(2))


def assert_same(one, other, tolerance=1e-10):
    for mine, theirs in zip(leaves(one.gradients), leaves(other.gradients), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(one.loss, other.loss, rtol=tolerance)


@pytest.mark.parametrize("kind", FACTS)
@pytest.mark.parametrize("units", UNITS)
def test_the_gradient_is_that_of_finite_differences(units, kind):
    facts, settings = FACTS[kind], RecurrentSettings(layers=(3,), units=units)
    batch = batch_of(facts)
    rule = make_backprop_through_time(settings, facts)
    network = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), rule.init(jax.random.key(1))[0])
    found = rule.update(network, (), batch, jax.random.key(0)).gradients
    rng, parts, structure = np.random.default_rng(3), *jax.tree.flatten(network)
    direction = [jnp.asarray(rng.normal(size=leaf.shape)) for leaf in parts]

    def loss(step):
        moved = jax.tree.unflatten(structure, [p + step * d for p, d in zip(parts, direction, strict=True)])
        return float(moved.exact_loss(batch, jax.random.key(0)))

    along = sum(float((g * d).sum()) for g, d in zip(leaves(found), direction, strict=True))
    np.testing.assert_allclose(along, (loss(1e-6) - loss(-1e-6)) / 2e-6, rtol=1e-6)


@pytest.mark.parametrize("kind", FACTS)
@pytest.mark.parametrize("units", UNITS)
def test_truncation_beyond_the_sequence_is_the_exact_gradient(units, kind):
    facts, batch = FACTS[kind], batch_of(FACTS[kind])
    exact = update_of(make_backprop_through_time, RecurrentSettings(layers=(4,), units=units), facts, batch)
    for truncation in (STEPS, STEPS + 3):
        settings = TruncatedSettings(layers=(4,), units=units, truncation=truncation)
        assert_same(update_of(make_truncated_backprop_through_time, settings, facts, batch), exact)


@pytest.mark.parametrize("truncation", [1, 2, 3, 4])
def test_no_gradient_crosses_a_cut(truncation):
    """The gradient is that of a loss whose states are held constant at the cuts."""
    facts, batch = FACTS["classification"], batch_of(FACTS["classification"])
    settings = TruncatedSettings(layers=(4,), units="lstm", truncation=truncation)

    class Cut(Recurrent):
        def follow(self, x, state=None):
            units, readout = self.layers
            state, outputs = units.silent(), []
            for t in range(len(x)):
                state = units(jax.lax.stop_gradient(state) if t % truncation == 0 else state, x[t])
                outputs.append(readout(units.activity(state)))
            return type("Read", (), {"outputs": jnp.stack(outputs)})

    found = update_of(make_truncated_backprop_through_time, settings, facts, batch)
    expected = update_of(make_backprop_through_time, settings, facts, batch, lambda n: Cut(n.layers, n.facts))
    assert_same(found, expected)
    exact = update_of(make_backprop_through_time, settings, facts, batch)
    assert any(not np.allclose(*pair) for pair in zip(leaves(found.gradients), leaves(exact.gradients), strict=True))


@pytest.mark.parametrize("kind", FACTS)
@pytest.mark.parametrize("steps", [1, STEPS])
def test_rtrl_is_the_exact_gradient(kind, steps):
    facts, batch, settings = FACTS[kind], batch_of(FACTS[kind], STEPS), OnlineSettings(layers=(5,))
    batch = batch._replace(x=batch.x[1:, :steps], y=batch.y[1:, :steps])
    if steps == 1:
        batch = batch_of(facts._replace(steps=1), 8)
        batch = batch._replace(x=batch.x[:, 3:4], y=batch.y[:, 3:4])
    assert_same(
        update_of(make_rtrl, settings, facts, batch), update_of(make_backprop_through_time, settings, facts, batch)
    )


@pytest.mark.parametrize("make", [make_snap_1, make_e_prop])
@pytest.mark.parametrize("units", UNITS)
def test_without_connections_between_units_approximations_are_exact(units, make):
    """But for the connections themselves: their gradient counts other units' activity, whose own past is theirs."""
    facts, batch, settings = (
        FACTS["regression"],
        batch_of(FACTS["regression"]),
        RecurrentSettings(layers=(4,), units=units),
    )

    def unconnected(network):
        cell = network.layers[0]
        if not cell.connected:
            return network
        if units == "gru":
            gate = cell.parameters[1]
            return eqx.tree_at(lambda n: n.layers[0].parameters[1].weight, network, jnp.zeros_like(gate.weight))
        weight = cell.parameters.weight.at[..., facts.inputs :].set(0.0)
        return eqx.tree_at(lambda n: n.layers[0].parameters.weight, network, weight)

    found = update_of(make, settings, facts, batch, unconnected)
    assert_same(found, update_of(make_backprop_through_time, settings, facts, batch, unconnected))


@pytest.mark.parametrize("units", ["simple", "gru", "lstm"])
def test_one_unit_that_sees_itself_is_exact_with_snap_1_and_not_with_e_prop(units):
    facts, batch, settings = (
        FACTS["regression"],
        batch_of(FACTS["regression"]),
        RecurrentSettings(layers=(1,), units=units),
    )
    exact = update_of(make_backprop_through_time, settings, facts, batch)
    assert_same(update_of(make_snap_1, settings, facts, batch), exact)
    other = update_of(make_e_prop, settings, facts, batch)
    assert any(not np.allclose(*pair) for pair in zip(leaves(other.gradients), leaves(exact.gradients), strict=True))


def test_traces_follow_their_sum():
    """Of simple units, e-prop's trace is φ'(v) of nothing but the last step, snap-1's a product of slopes."""
    facts, settings = FACTS["regression"], RecurrentSettings(layers=(3,), units="simple")
    network = Recurrent.create(settings, facts, jax.random.key(0))
    network = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), network)
    from accumbens.credit.rules.online import advance, no_traces

    units, x = network.layers[0], np.random.default_rng(1).normal(size=(STEPS, facts.inputs))
    W = np.asarray(units.parameters.weight)
    state, traces = units.silent(), no_traces(units)
    v, E = np.zeros(3), np.zeros((3, facts.inputs + 3))
    for t in range(STEPS):
        state, traces = advance(units, state, traces, jnp.asarray(x[t]), True)
        h = np.tanh(v)
        seen = np.concatenate([x[t], h])
        D = np.diag(W[:, facts.inputs :]) * (1 - h**2)
        v = W @ seen + np.asarray(units.parameters.bias)
        E = D[:, None] * E + seen
        np.testing.assert_allclose(state[:, 0], v, rtol=1e-12)
        np.testing.assert_allclose(traces.weight[:, 0], E, rtol=1e-12)


def test_the_units_are_those_of_the_literature():
    """LSTM and GRU against Equinox and by hand; diagonal units against complex arithmetic."""
    rng = np.random.default_rng(2)
    facts = FACTS["regression"]

    def units_of(name):
        network = Recurrent.create(RecurrentSettings(layers=(4,), units=name), facts, jax.random.key(3))
        return jax.tree.map(lambda leaf: leaf.astype(jnp.float64), network.layers[0])

    x = jnp.asarray(rng.normal(size=facts.inputs))
    lstm = units_of("lstm")
    state = jnp.asarray(rng.normal(size=(4, 2)))
    theirs = eqx.nn.LSTMCell(facts.inputs, 4, key=jax.random.key(0), dtype=jnp.float64)
    W = jnp.moveaxis(lstm.parameters.weight, 1, 0).reshape(16, -1)
    theirs = eqx.tree_at(
        lambda c: (c.weight_ih, c.weight_hh, c.bias),
        theirs,
        (W[:, : facts.inputs], W[:, facts.inputs :], lstm.parameters.bias.T.ravel()),
    )
    h, c = theirs(x, (state[:, 1], state[:, 0]))
    np.testing.assert_allclose(lstm(state, x), jnp.stack([c, h], axis=1), rtol=1e-12)

    gru, h = units_of("gru"), jnp.asarray(rng.normal(size=(4, 1)))
    seen, fed = (
        np.asarray(gate.weight @ vector + gate.bias) for gate, vector in zip(gru.parameters, (x, h[:, 0]), strict=True)
    )
    r, z = (1 / (1 + np.exp(-(seen[:, k] + fed[:, k]))) for k in (0, 1))
    n = np.tanh(seen[:, 2] + r * fed[:, 2])
    np.testing.assert_allclose(gru(h, x)[:, 0], (1 - z) * n + z * np.asarray(h[:, 0]), rtol=1e-12)

    diagonal, s = units_of("diagonal"), rng.normal(size=4) + 1j * rng.normal(size=4)
    p = jax.tree.map(np.asarray, diagonal.parameters)
    lam = np.exp(-np.exp(p.nu) + 1j * np.exp(p.theta))
    driven = np.sqrt(1 - np.abs(lam) ** 2) * ((p.weight[:, 0] + 1j * p.weight[:, 1]) @ np.asarray(x))
    after = diagonal(jnp.stack([jnp.asarray(s.real), jnp.asarray(s.imag)], axis=1), x)
    np.testing.assert_allclose(after[:, 0] + 1j * after[:, 1], lam * s + driven, rtol=1e-12)


def test_a_second_hidden_layer_is_refused():
    from accumbens.errors import AccumbensError

    settings = dataclasses.replace(RecurrentSettings(), layers=(4, 4))
    with pytest.raises(AccumbensError, match="layers=4,4"):
        make_backprop_through_time(settings, FACTS["regression"]).init(jax.random.key(0))
    with pytest.raises(AccumbensError, match="units=lstm"):
        make_rtrl(RecurrentSettings(layers=(4,)), FACTS["regression"])
