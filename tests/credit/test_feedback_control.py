"""Feedback control: the network, the task and the rules against NumPy in 64 bits, step by step."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.credit.networks.controlled import ALPHA, DT, Reaching, Seen
from accumbens.credit.protocol import Batch, TaskFacts
from accumbens.credit.rules.feedback_learning import make_online_gradient, make_rflo
from accumbens.credit.settings import FeedbackLearningSettings, PenalisedSettings
from accumbens.credit.tasks.pushes import STEPS, pushes
from accumbens.credit.tasks.reach import GO, TARGETS, make_reach, profile
from accumbens.credit.tasks.settings import ReachSettings, SineSettings
from accumbens.credit.tasks.waves import make_sine_waves
from accumbens.errors import AccumbensError
from accumbens.tracing.compile import quick_jit

UNITS, SHORT = 6, 9
FACTS = TaskFacts("regression", 8, 2, steps=SHORT, controlled=True)
SETTINGS = FeedbackLearningSettings(layers=(UNITS,), learning_rate=0.05)


@pytest.fixture
def double():
    with jax.enable_x64(True):
        yield


def trial(rng, size=1):
    x = rng.normal(size=(size, SHORT, 8))
    x[..., 7] = 1.0
    x[..., 5:7] = np.cumsum(rng.normal(size=(size, SHORT, 2)), axis=1)
    return Batch(jnp.asarray(x), jnp.asarray(x[..., 5:7]), jnp.int32(0))


def network_of(make=make_rflo, settings=SETTINGS, facts=FACTS):
    network = make(settings, facts).init(jax.random.key(2))[0]
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float64), network)


def relu(x):
    return np.maximum(x, 0)


class ByHand:
    """The network of the equations; `change(t, x, r_before, error)` is added to W_rec after every step."""

    def __init__(self, network, x, direct=False):
        units, readout = network.layers
        self.W_in, self.W, self.W_fb, self.b_fb, self.W_out, self.b_out = (
            np.array(leaf) for leaf in (units.W_in, units.W_rec, *units.feedback, *readout)
        )
        self.x, self.errors, self.xs, self.direct = x, [], [], direct

    def run(self, rows, change=lambda *_: 0.0):
        x, goal = self.x, rows[0, 5:7]
        error, told = self.W_out @ relu(x) + self.b_out, np.zeros(2)
        for t, row in enumerate(rows):
            before = relu(x)
            driven = self.W_in @ row[:3] + self.W @ before + self.W_fb @ (row[7] * told) + self.b_fb
            x = (1 - ALPHA) * x + ALPHA * driven
            v = self.W_out @ relu(x) + self.b_out
            error = row[5:7] - v - row[3:5] if self.direct else error + (row[5:7] - goal) - DT * (v + row[3:5])
            goal, told = row[5:7], error
            self.errors.append(error)
            self.xs.append(x)
            self.W = self.W + change(t, x, before, error)
        return self


def first_x(network, key):
    return np.asarray(jax.random.uniform(key, (1, UNITS), minval=-0.1, maxval=0.1)[0])


@pytest.mark.parametrize("direct", [False, True])
def test_the_network_is_that_of_the_equations(double, direct):
    network, batch = network_of(facts=FACTS._replace(direct=direct)), trial(np.random.default_rng(0), 2)
    found = network.predict(batch.x)
    for row, outputs in zip(batch.x, found, strict=True):
        hand = ByHand(network, np.zeros(UNITS), direct).run(np.asarray(row))
        np.testing.assert_allclose(outputs, np.asarray(row)[:, 5:7] - np.array(hand.errors), rtol=1e-10, atol=1e-12)
    key = jax.random.key(5)
    one = trial(np.random.default_rng(1))
    hand = ByHand(network, first_x(network, key), direct).run(np.asarray(one.x[0]))
    np.testing.assert_allclose(network.exact_loss(one, key), np.square(hand.errors).mean(), rtol=1e-10)


@pytest.mark.parametrize("presynaptic", [False, True])
@pytest.mark.parametrize("signal", ["feedback", "readout"])
def test_rflo_is_a_direct_sum(double, signal, presynaptic):
    settings = dataclasses.replace(SETTINGS, signal=signal, presynaptic=presynaptic)
    network, batch, key = network_of(settings=settings), trial(np.random.default_rng(3)), jax.random.key(7)
    found = quick_jit(make_rflo(settings, FACTS).update)(network, (), batch, key)
    hand = ByHand(network, first_x(network, key))
    slopes, befores = [], []

    def change(t, x, before, error):
        slopes.append(np.ones(UNITS) if presynaptic else (x > 0).astype(float))
        befores.append(before)
        P = sum(ALPHA * (1 - ALPHA) ** (t - s) * np.outer(slopes[s], befores[s]) for s in range(t + 1))
        through = hand.W_fb if signal == "feedback" else hand.W_out.T
        return settings.learning_rate * (through @ error)[:, None] * P

    hand.run(np.asarray(batch.x[0]), change)
    units = network.layers[0]
    descended = (np.asarray(units.W_rec) - hand.W) / settings.learning_rate
    np.testing.assert_allclose(found.gradients.layers[0].W_rec, descended, rtol=1e-8, atol=1e-11)
    np.testing.assert_allclose(found.loss, np.square(hand.errors).mean(), rtol=1e-9)
    others = eqx.tree_at(lambda n: n.layers[0].W_rec, found.gradients, jnp.zeros((UNITS, UNITS)))
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(others)), "only the recurrent weights learn"


def test_rflo_is_exact_where_nothing_recurs(double):
    """Rates held, all units active: P is the derivative of x with respect to the weights."""
    rng, steps = np.random.default_rng(4), 5
    rates, W = rng.uniform(size=(steps, UNITS)), rng.normal(size=(UNITS, UNITS))

    def x_after(W):
        x = jnp.zeros(UNITS)
        for r in rates:
            x = (1 - ALPHA) * x + ALPHA * (W @ r)
        return x

    P = np.zeros((UNITS, UNITS))
    for r in rates:
        P = ALPHA * np.outer(np.ones(UNITS), r) + (1 - ALPHA) * P
    signal = rng.normal(size=UNITS)
    exact = jax.grad(lambda W: signal @ x_after(W))(jnp.asarray(W))
    np.testing.assert_allclose(signal[:, None] * P, exact, rtol=1e-10)


@pytest.mark.parametrize("direct", [False, True])
def test_the_online_gradient_is_that_of_every_steps_error(double, direct):
    """With a rate too small to matter: the gradient of the sum over t of the mean of ε_t², the feedback held."""
    settings, facts = dataclasses.replace(SETTINGS, learning_rate=1e-9), FACTS._replace(direct=direct)
    network = network_of(settings=settings, facts=facts)
    batch, key = trial(np.random.default_rng(6)), jax.random.key(8)
    found = quick_jit(make_online_gradient(settings, facts).update)(network, (), batch, key).gradients
    rows, first = Seen.of(batch.x[0]), jnp.asarray(first_x(network, key))

    def total(W):
        changed = eqx.tree_at(lambda n: n.layers[0].W_rec, network, W)
        moment, sums = changed.start(first, rows.goal[0]), 0.0
        for t in range(SHORT):
            moment = moment._replace(told=jax.lax.stop_gradient(moment.told))
            moment = changed.step(moment, jax.tree.map(lambda part, t=t: part[t], rows))
            sums += jnp.square(moment.error).mean()
        return sums

    exact = quick_jit(jax.grad(total))(network.layers[0].W_rec)
    size = [np.linalg.norm(network.layers[0].feedback.weight), np.linalg.norm(network.layers[1].weight)]
    np.testing.assert_allclose(found.layers[0].W_rec, exact * size[0] / size[1], rtol=1e-4, atol=1e-6)
    unscaled = make_online_gradient(dataclasses.replace(settings, signal="readout"), facts)
    found = quick_jit(unscaled.update)(network, (), batch, key).gradients
    np.testing.assert_allclose(found.layers[0].W_rec, exact, rtol=1e-4, atol=1e-6)

    # The exact gradient that a fit's angles are measured with is of what learns alone.
    loss = quick_jit(jax.grad(lambda network: network.exact_loss(batch, key)))(network)
    np.testing.assert_allclose(loss.layers[0].W_rec, exact / SHORT, rtol=1e-7, atol=1e-12)
    others = eqx.tree_at(lambda n: n.layers[0].W_rec, loss, jnp.zeros((UNITS, UNITS)))
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(others))


def test_pretraining_sends_the_error_through_the_feedback_too(double):
    learning = Reaching.create(SETTINGS, FACTS, jax.random.key(2))
    network = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), learning)
    batch, key = trial(np.random.default_rng(6)), jax.random.key(8)
    exact = jax.grad(lambda network: network.exact_loss(batch, key))(network)
    assert all(np.any(leaf) for leaf in jax.tree.leaves(exact))
    step, at = 1e-6, lambda n: n.layers[0].W_rec
    for place in ((0, 1), (3, 2)):
        changed = [eqx.tree_at(at, network, at(network).at[place].add(sign * step)) for sign in (1, -1)]
        up, down = (one.exact_loss(batch, key) for one in changed)
        np.testing.assert_allclose(at(exact)[place], (up - down) / (2 * step), rtol=1e-5, atol=1e-9)


def test_the_profile_is_the_formula():
    """Central differences of the sigmoid, added up, one step late."""
    place = (
        [0.0] * (GO - 50) + [1 / (1 + np.exp(-10 * (-1 + 0.02 * k))) for k in range(100)] + [1.0] * (STEPS - GO - 50)
    )
    velocity = [0.0] + [(place[t + 1] - place[t - 1]) / 2 for t in range(1, STEPS - 1)]
    np.testing.assert_allclose(profile(), np.cumsum([0.0, *velocity]), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(profile()[GO], (place[GO - 1] + place[GO]) / 2, rtol=1e-5)
    np.testing.assert_allclose(profile()[-1], 1, atol=1e-3)


def test_the_eight_targets_and_their_rotation():
    settings = ReachSettings(movements="centre-out", rotation=30.0, pushes=0.0, updates=3)
    task, plain = make_reach(settings, 4), make_reach(dataclasses.replace(settings, rotation=0.0), 4)
    seen, goal = Seen.of(jnp.asarray(task.test.x)), task.test.y
    assert goal.shape == (TARGETS, STEPS, 2)
    np.testing.assert_array_equal(seen.goal, goal)
    np.testing.assert_array_equal(seen.u, Seen.of(jnp.asarray(plain.test.x)).u)
    turned = np.degrees(np.angle(goal[:, -1] @ [1, 1j]) - np.angle(plain.test.y[:, -1] @ [1, 1j])) % 360
    np.testing.assert_allclose(turned, 30, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(goal[:, -1], axis=1), 5, rtol=1e-3)
    assert not seen.u[:, :20, :2].any()
    np.testing.assert_allclose(seen.u[:, 20:, :2], np.broadcast_to(plain.test.y[:, -1:], (TARGETS, 105, 2)), atol=2e-3)
    assert (seen.u[:, : GO - 50, 2] == 5).all()
    assert not seen.u[:, GO - 50 :, 2].any()
    assert not seen.feedback.any()
    assert Seen.of(jnp.asarray(task.more["feedback"].x)).feedback.all()


def test_random_reaches_and_pushes_are_as_often_as_they_should_be():
    task = make_reach(ReachSettings(updates=2), 4000)
    x, y = jax.jit(task.train.batch)((), 0, jax.random.key(0))
    seen = Seen.of(x)
    way = np.asarray(y)[:, -1]
    np.testing.assert_allclose(way.mean(axis=0), 0, atol=0.25)
    np.testing.assert_allclose(way.std(axis=0), np.sqrt(2) * 12 / np.sqrt(12), rtol=0.05)
    assert (seen.u[:, : GO - 50, 2] == 6).all()
    drawn = np.asarray(pushes(0.25, 10.0, 20000, jax.random.key(1)))
    assert set(np.unique(drawn)) == {0.0, 10.0}
    steps = (drawn > 0).sum(axis=1)
    # The middle of a push is at steps 20 to 189; from 125 on nothing is seen of it.
    np.testing.assert_allclose((steps > 0).mean(), 0.25 * 110 / 170, rtol=0.05)
    assert steps.max() == 10
    assert np.flatnonzero(drawn.any(axis=(0, 2))).min() == 15


def test_sine_waves_are_those_of_the_released_code():
    """Written here from its lines: in NumPy, trial by trial."""
    task = make_sine_waves(SineSettings(frequency_shift=0.5), 4)
    seen = Seen.of(jnp.asarray(task.test.x))
    time = np.linspace(0, 2 * np.pi, STEPS, endpoint=False)
    for row, told, frequency in zip(task.test.y, seen.u, np.linspace(1, 4, 8), strict=True):
        expected = np.zeros((STEPS, 2))
        expected[20:] = np.stack([f((frequency + 0.5) * time[:-20]) for f in (np.sin, np.cos)], axis=1)
        expected[: 20 + int(0.99 + STEPS / (4 * (frequency + 0.5))), 1] = 0
        np.testing.assert_allclose(row, expected, atol=2e-5)
        assert not told[:20].any()
        np.testing.assert_allclose(told[20:], np.broadcast_to([frequency, 0, 0], (105, 3)), rtol=1e-6)
    assert task.facts.direct
    assert not seen.feedback.any()
    x, _ = jax.jit(task.train.batch)((), 0, jax.random.key(0))
    assert set(np.unique(Seen.of(x).push)) <= {0.0, 0.25}
    with pytest.raises(AccumbensError, match="frequency_shift=-1"):
        make_sine_waves(SineSettings(frequency_shift=-1.0), 1)


def test_penalties_are_added_to_what_is_descended_and_not_to_the_loss(double):
    from accumbens.credit.rules.through_time import make_backprop_through_time

    settings = PenalisedSettings(layers=(UNITS,), units=None, weight_penalty=0.3, activity_penalty=0.7)
    network, batch, key = network_of(), trial(np.random.default_rng(9), 3), jax.random.key(1)

    def total(network):
        norms = sum(jnp.sqrt(jnp.square(leaf).sum()) for leaf in jax.tree.leaves(network))
        rates = jax.nn.relu(network.moments(batch.x, key).x)
        return network.exact_loss(batch, key) + 0.3 * norms + 0.7 * jnp.square(rates).mean()

    found = make_backprop_through_time(settings, FACTS).update(network, (), batch, key)
    np.testing.assert_allclose(found.loss, network.exact_loss(batch, key), rtol=1e-12)
    exact = jax.grad(total)(network)
    for mine, theirs in zip(jax.tree.leaves(found.gradients), jax.tree.leaves(exact), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10)
    bounded = dataclasses.replace(settings, max_gradient_norm=0.2)
    clipped = make_backprop_through_time(bounded, FACTS).update(network, (), batch, key)
    norm = np.sqrt(sum(np.square(leaf).sum() for leaf in jax.tree.leaves(clipped.gradients)))
    np.testing.assert_allclose(norm, 0.2, rtol=1e-6)


def test_what_cannot_be_is_refused():
    with pytest.raises(AccumbensError, match="batch_size=2"):
        make_rflo(dataclasses.replace(SETTINGS, batch_size=2), FACTS)
    with pytest.raises(AccumbensError, match="rotation=200"):
        make_reach(ReachSettings(rotation=200.0), 1)
    with pytest.raises(AccumbensError, match="layers=3,3"):
        Reaching.create(dataclasses.replace(SETTINGS, layers=(3, 3)), FACTS, jax.random.key(0))
