"""Our gradients through time beside those of `braintrace`; see `braintrace_oracle.py`."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.credit.networks.recurrent_units import Gate, Rates
from accumbens.credit.rules.online import advance, no_traces
from accumbens.tracing.compile import quick_jit

DOCUMENT = json.loads(Path(__file__).with_name("braintrace.json").read_text(encoding="utf-8"))
CASE = {name: jnp.asarray(value, jnp.float32) for name, value in DOCUMENT["case"].items()}
UNITS = Rates(Gate(CASE["weight"], CASE["bias"]), len(CASE["bias"]), 1.0, "tanh")


def backwards():
    """The gradient by backpropagation through time, and the activity at every step."""

    def loss(units):
        _, h = jax.lax.scan(lambda s, x: (units(s, x), units.activity(units(s, x))), units.silent(), CASE["x"])
        return (h * CASE["target"]).sum(), h

    gradients, h = quick_jit(jax.grad(loss, has_aux=True))(UNITS)
    return gradients.parameters, h


def forwards(own_connection):
    """The gradient by traces: every step's error times the trace of then."""

    def step(carried, now):
        state, traces = advance(UNITS, *carried, now[0], own_connection)
        (signal,) = jax.vjp(UNITS.activity, state)[1](now[1])
        return (state, traces), jax.tree.map(lambda E: jnp.einsum("na,na...->n...", signal, E), traces)

    first = (UNITS.silent(), no_traces(UNITS))
    _, found = quick_jit(lambda: jax.lax.scan(step, first, (CASE["x"], CASE["target"])))()
    return jax.tree.map(lambda part: part.sum(axis=0), found)


def assert_same(mine, theirs):
    np.testing.assert_allclose(mine.weight, theirs["weight"], rtol=1e-5, atol=2e-6)
    np.testing.assert_allclose(mine.bias, theirs["bias"], rtol=1e-5, atol=2e-6)


def test_exact():
    gradients, activity = backwards()
    assert_same(gradients, DOCUMENT["found"]["snap_2"])
    np.testing.assert_allclose(activity, DOCUMENT["found"]["snap_2"]["activity"], atol=1e-6)


@pytest.mark.parametrize(("algorithm", "own_connection"), [("snap_1", True), ("d_rtrl", False)])
def test_traces_that_leave_something_out(algorithm, own_connection):
    assert_same(forwards(own_connection), DOCUMENT["found"][algorithm])


def test_the_algorithms_differ_on_this_case():
    weights = [np.array(found["weight"]) for found in DOCUMENT["found"].values()]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.linalg.norm(weights[one] - weights[other]) > 0.1 * np.linalg.norm(weights[0])
