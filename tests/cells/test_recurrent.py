"""Recurrent units: their equation, and their traces against backpropagation through time in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.cells import AttentionCell
from accumbens.cells.protocol import output_of
from accumbens.cells.recurrent import PHASE, RADII, RecurrentCell, RecurrentUnits

INPUTS, UNITS, TIME = 3, 4, 40
ENDS = np.isin(np.arange(TIME), [0, 6, 7, 25])
"""Episodes of 1, 6, 1, 18 and 14 steps; an episode begins after each of these."""


@pytest.fixture
def units():
    with jax.enable_x64(True):
        yield jax.tree.map(lambda leaf: leaf.astype(np.float64), RecurrentUnits(INPUTS, UNITS, key=jax.random.key(0)))


@pytest.fixture
def data(units):
    """What is taken in, weights of the losses, and a state."""
    rng = np.random.default_rng(0)
    return tuple(jnp.asarray(rng.normal(size=shape)) for shape in ((TIME, INPUTS), (TIME, 2 * UNITS), (2 * UNITS,)))


def loss(state, weights):
    """A loss of one step that is not linear in the state."""
    return jnp.sum(jnp.tanh(weights * state)) + jnp.square(state @ weights)


def through_time(units, x, weights, first):
    """The losses of all steps, to be differentiated backwards through time; `first` is a constant."""

    def step(state, row):
        x, weights, ended = row
        state = units(state, x)
        return jnp.where(ended, 0.0, state), loss(state, weights)

    return jax.lax.scan(step, first, (x, weights, ENDS))[1]


@jax.jit
def forward_in_time(units, x, weights, ends, begun):
    """The gradient of the loss of every step, from traces alone, and where that ends; nothing is kept of the past."""

    def step(running, row):
        state, traces = running
        x, weights, ended = row

        def loss_now(units):
            return loss(units(units.tell(state, traces), x), weights)

        after = units(state, x), units.traces_after(traces, state, x)
        running = jax.tree.map(lambda leaf: jnp.where(ended, 0.0, leaf), after)
        return running, jax.grad(loss_now)(units)

    return jax.lax.scan(step, begun, (x, weights, ends))


def close(one, other):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10 * np.abs(b).max())


def test_a_unit_is_a_complex_number_that_turns_and_shrinks(units, data):
    state, x = data[2], data[0][0]
    s, W = state[:UNITS] + 1j * state[UNITS:], np.asarray(units.W[:, :UNITS] + 1j * units.W[:, UNITS:])
    factor = np.exp(-np.exp(units.nu) + 1j * np.exp(units.theta))
    expected = factor * s + np.sqrt(1 - np.abs(factor) ** 2) * (x @ W)
    np.testing.assert_allclose(units(state, x), np.concatenate([expected.real, expected.imag]), rtol=1e-12)


@pytest.mark.parametrize("block", [TIME, 16, 1])
def test_traces_give_the_gradient_of_every_step_s_loss(units, data, block):
    """Also where they are handed on from block to block, in the middle of an episode."""
    x, weights, _ = data
    first = jnp.zeros(2 * UNITS)
    back = jax.jit(jax.jacrev(through_time))(units, x, weights, first)
    running, found = (first, units.no_traces()), []
    for start in range(0, TIME, block):
        rows = slice(start, start + block)
        running, gradients = forward_in_time(units, x[rows], weights[rows], ENDS[rows], running)
        found.append(gradients)
    close(jax.tree.map(lambda *leaves: np.concatenate(leaves), *found), back)


def test_traces_are_the_derivatives_of_the_state(units, data):
    x, _, first = data

    def last(units):
        return jax.lax.scan(lambda state, x: (units(state, x), None), first, x)[0]

    jacobian = jax.jit(jax.jacfwd(last))(units)
    state, traces = first, units.no_traces()
    for row in x:
        state, traces = units(state, row), units.traces_after(traces, state, row)
    own = np.arange(UNITS)
    for part in range(2):
        rows = slice(part * UNITS, (part + 1) * UNITS)
        for name in ("nu", "theta"):
            full = getattr(jacobian, name)[rows]
            np.testing.assert_allclose(getattr(traces, name)[part], full[own, own], rtol=1e-10)
            assert np.count_nonzero(full) == UNITS, "no unit reads another"
        np.testing.assert_allclose(traces.weights[part].T, jacobian.W[rows][own, :, own], rtol=1e-10)


def test_telling_changes_no_number_and_goes_nowhere_else(units, data):
    state, traces = data[2], units.no_traces()
    np.testing.assert_array_equal(units.tell(state, traces), state)
    back = jax.grad(lambda state, traces: units.tell(state, traces).sum(), argnums=(0, 1))(state, traces)
    assert not any(leaf.any() for leaf in jax.tree.leaves(back))


@pytest.fixture(scope="module")
def cell():
    """A cell of 2 recurrent units that sees 3 numbers, its own activity of 9 and 2 more numbers."""
    keys = jax.random.split(jax.random.key(0))
    inner = AttentionCell(9, 5, 3, key=keys[0], rank=2)
    return RecurrentCell(RecurrentUnits(5, 2, key=keys[1]), inner, own=3, num_hidden=9)


def test_a_cell_sees_the_rest_and_the_new_state_of_its_units(cell):
    x = jnp.asarray(np.random.default_rng(0).normal(size=14), jnp.float32)
    rest, state = jnp.concatenate([x[:3], x[12:]]), x[3:7]
    state = cell.units(state, rest)
    inner = cell.inner(jnp.concatenate([rest, state]))
    hidden, values = cell(x)
    np.testing.assert_array_equal(hidden, jnp.concatenate([state, inner.hidden]))
    np.testing.assert_array_equal(values, inner.value)
    np.testing.assert_array_equal(cell.hidden(x), hidden)
    chosen = output_of(cell, x, jnp.array([2, 0]))
    np.testing.assert_allclose(chosen.value, values[jnp.array([2, 0])], rtol=1e-5)


def test_of_its_own_past_a_cell_reads_the_state_alone(cell):
    x = jnp.asarray(np.random.default_rng(0).normal(size=14), jnp.float32)
    other = x.at[7:12].add(1.0)
    np.testing.assert_array_equal(cell(x).value, cell(other).value)
    np.testing.assert_array_equal(cell(x).hidden, cell(other).hidden)
    assert np.abs(cell(x).value - cell(x.at[6].add(1.0)).value).max() > 0


def test_where_units_begin():
    units = RecurrentUnits(2, 4000, key=jax.random.key(1))
    radius, phase = np.exp(-np.exp(units.nu)), np.exp(units.theta)
    assert RADII[0] <= radius.min() < radius.max() <= RADII[1] + 1e-6
    assert 0 < phase.min() < phase.max() <= PHASE * (1 + 1e-6)
    np.testing.assert_allclose(np.mean(radius**2), (RADII[0] ** 2 + RADII[1] ** 2) / 2, atol=0.005)
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(units))
