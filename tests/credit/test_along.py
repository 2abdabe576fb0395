"""What is measured along a trial, against derivatives of the whole trial in 64 bits."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.credit.along import DAMPING, along_trial, gauss_newton
from accumbens.credit.diagnostics import cosine
from accumbens.credit.networks.controlled import Reaching, Seen
from accumbens.credit.protocol import TaskFacts
from accumbens.credit.settings import FeedbackLearningSettings
from accumbens.tracing.compile import quick_jit

UNITS, STEPS = 4, 7
FACTS = TaskFacts("regression", 8, 2, steps=STEPS, controlled=True)
SETTINGS = FeedbackLearningSettings(layers=(UNITS,), learning_rate=1e-9)


@pytest.fixture
def double():
    with jax.enable_x64(True):
        yield


def made(told=1.0, facts=FACTS):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(STEPS, 8))
    x[:, 5:7] = np.cumsum(rng.normal(size=(STEPS, 2)), axis=0)
    x[:, 7] = told
    network = Reaching.create(SETTINGS, facts, jax.random.key(3), adapting=True)
    network = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), network)
    return network, jnp.asarray(x), jnp.asarray(rng.uniform(size=UNITS))


def errors(network, x, start):
    """ε of every step; what is fed back is constant."""
    return network.follow(x, start).error


@pytest.mark.parametrize("facts", [FACTS, FACTS._replace(direct=True)])
@pytest.mark.parametrize("told", [0.0, 1.0])
def test_alignment_is_that_of_the_whole_trials_derivatives(double, told, facts):
    network, x, start = made(told, facts)
    found, _ = quick_jit(lambda n: along_trial(SETTINGS, n, x, start))(network)

    def with_weights(W):
        return errors(eqx.tree_at(lambda n: n.layers[0].W_rec, network, W), x, start)

    W = network.layers[0].W_rec
    J = -np.asarray(quick_jit(jax.jacrev(with_weights))(W)).reshape(STEPS, 2, -1)
    e = np.asarray(errors(network, x, start))
    np.testing.assert_allclose(found.error, np.linalg.norm(e, axis=1), rtol=1e-9)
    moments = network.follow(x, start)
    P, r, slopes = np.zeros((UNITS, UNITS)), np.maximum(np.vstack([start, moments.x]), 0), np.asarray(moments.x) > 0
    for t in range(STEPS):
        P = 0.2 * np.outer(slopes[t], r[t]) + 0.8 * P
        step = ((network.layers[0].feedback.weight @ e[t])[:, None] * P).ravel()
        # With n = 4 the damped matrix is small enough to be inverted whole.
        newton = np.linalg.pinv(J[t].T @ J[t] + DAMPING * np.eye(UNITS**2)) @ (J[t].T @ e[t])
        for column, direction in (("gradient", J[t].T @ e[t]), ("second_order", newton)):
            expected = step @ direction / np.linalg.norm(step) / np.linalg.norm(direction)
            np.testing.assert_allclose(getattr(found, column)[t], expected, rtol=1e-6)


def test_the_second_order_step_is_newtons_where_the_error_is_small(double):
    """The whole Hessian of the mean of ε² against its Gauss-Newton part: they come together as ε vanishes."""
    network, x, start = made()
    W, at = network.layers[0].W_rec, STEPS - 1

    def error_with(W):
        return errors(eqx.tree_at(lambda n: n.layers[0].W_rec, network, W), x, start)[at]

    J, e = quick_jit(jax.jacrev(error_with))(W), error_with(W)
    curved = np.asarray(quick_jit(jax.jacfwd(jax.jacrev(error_with)))(W)).reshape(2, UNITS**2, UNITS**2)
    rows, angles = np.asarray(J).reshape(2, -1), []
    for size in (1e-2, 1e-4):
        hessian = rows.T @ rows + np.tensordot(size * e, curved, 1)
        newton = -np.linalg.pinv(hessian + DAMPING * np.eye(UNITS**2)) @ (rows.T @ (size * e))
        found = gauss_newton(-J, size * e)
        angles.append(1 - float(cosine(found.ravel(), jnp.asarray(newton))))
    assert angles[1] < 1e-3 * angles[0] < 1e-2


@pytest.mark.parametrize("facts", [FACTS, FACTS._replace(direct=True)])
@pytest.mark.parametrize("told", [0.0, 1.0])
def test_the_jacobian_is_that_of_one_step(double, told, facts):
    network, x, start = made(told, facts)
    network = dataclasses.replace(network, adapting=False)  # the way through the feedback counts
    found, _ = quick_jit(lambda n: along_trial(SETTINGS, n, x, start))(network)
    seen, moment = Seen.of(x), network.start(start, Seen.of(x).goal[0])
    for t in range(STEPS):
        row = jax.tree.map(lambda part, t=t: part[t], seen)

        def rates(r, before=moment, row=row, first=t == 0):
            x = jnp.where(before.x > 0, r, before.x)  # units that are silent keep what they have
            moved = before._replace(x=x)
            if not first:
                size = 1.0 if facts.direct else 0.01
                told = before.told - size * (network.layers[1].weight @ (r - jax.nn.relu(before.x)))
                moved = moved._replace(told=told)
            silent = jnp.where(before.x > 0, 0.0, r)  # … but others hear a change of their rate
            heard = 0.2 * network.layers[0].W_rec @ silent
            after = network.step(moved, row)
            return jax.nn.relu(after.x + jnp.where(after.x > 0, heard, 0.0))

        exact = jax.jacobian(rates)(jax.nn.relu(moment.x))
        np.testing.assert_allclose(found.jacobian[t], np.linalg.norm(exact), rtol=1e-9)
        moment = network.step(moment, row)


def test_efficiency_is_the_way_as_the_crow_flies_over_the_way_that_was_gone(double):
    settings = dataclasses.replace(SETTINGS, learning_rate=0.05)
    network, x, start = made()
    _, efficiency = quick_jit(lambda n: along_trial(settings, n, x, start))(network)
    moment, P, W, way = network.start(start, x[0, 5:7]), 0.0, network.layers[0].W_rec, 0.0
    for row in x:
        now = eqx.tree_at(lambda n: n.layers[0].W_rec, network, W)
        after = now.step(moment, Seen.of(row))
        P = 0.2 * np.outer(after.x > 0, np.maximum(moment.x, 0)) + 0.8 * P
        change = 0.05 * (network.layers[0].feedback.weight @ after.error)[:, None] * P
        moment, W, way = after, W + change, way + np.linalg.norm(change)
    assert efficiency == pytest.approx(np.linalg.norm(W - network.layers[0].W_rec) / way, rel=1e-9)
    assert 0 < efficiency < 1
