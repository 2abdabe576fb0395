"""How the cells are wired: what each is given, what each connection does, and where gradients stop."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.cells import CellOutput, MLPCell, Stack

OBSERVATION = jnp.array([1.0, 2.0])
HIDDEN = (2, 3, 1)
CARRY = (jnp.array([10.0, 11.0]), jnp.array([20.0, 21.0, 22.0]), jnp.array([30.0]))


class Recorder(eqx.Module):
    """A cell that notes what it is given, and answers with 100 · (units) everywhere."""

    seen: list = eqx.field(static=True)
    units: int = eqx.field(static=True)
    actions: int = eqx.field(static=True)
    inputs: int = eqx.field(static=True)

    def __init__(self, inputs, hidden, actions, key):
        self.seen, self.units, self.actions, self.inputs = [], hidden, actions, inputs

    def hidden(self, x):
        self.seen.append(np.asarray(x).tolist())
        return jnp.full(self.units, 100.0 * self.units)

    def __call__(self, x, candidates=None):
        return CellOutput(self.hidden(x), jnp.zeros(self.actions))


def record(**wiring):
    stack = Stack(Recorder, 2, HIDDEN, 4, key=jax.random.key(0), **wiring)
    stack(OBSERVATION, CARRY)
    seen = [cell.seen[0] for cell in stack.cells]
    assert [len(x) for x in seen] == [cell.inputs for cell in stack.cells]
    stack.advance(OBSERVATION, CARRY)
    assert [cell.seen[1] for cell in stack.cells] == seen
    assert [x.tolist() for x in stack.inputs(OBSERVATION, CARRY)] == seen
    return seen


def test_every_cell_draws_its_own_weights():
    def make(inputs, hidden, actions, key):
        return key

    keys = Stack(make, 2, HIDDEN, 4, key=jax.random.key(0)).cells
    assert len({tuple(jax.random.key_data(key).tolist()) for key in keys}) == len(HIDDEN)


def test_order_of_inputs():
    # Below (or observation), observation again if not the first cell, itself one step ago, the cell above one step ago.
    assert record(input_skip=True, forward_gain=1.0, recurrent_gain=1.0) == [
        [1, 2, 10, 11, 20, 21, 22],
        [200, 200, 1, 2, 20, 21, 22, 30],
        [300, 300, 300, 1, 2, 30],
    ]


@pytest.mark.parametrize(
    ("wiring", "expected"),
    [
        ({}, [[1, 2, 10, 11, 20, 21, 22], [200, 200, 1, 2, 20, 21, 22, 30], [300, 300, 300, 1, 2, 30]]),
        (
            {"input_skip": False},
            [[1, 2, 10, 11, 20, 21, 22], [200, 200, 20, 21, 22, 30], [300, 300, 300, 30]],
        ),
        ({"forward_gain": None}, [[1, 2, 10, 11], [200, 200, 1, 2, 20, 21, 22], [300, 300, 300, 1, 2, 30]]),
        ({"recurrent_gain": None}, [[1, 2, 20, 21, 22], [200, 200, 1, 2, 30], [300, 300, 300, 1, 2]]),
        (
            {"forward_gain": 0.5, "recurrent_gain": 2.0},
            [[1, 2, 20, 22, 10, 10.5, 11], [200, 200, 1, 2, 40, 42, 44, 15], [300, 300, 300, 1, 2, 60]],
        ),
        (
            {"input_skip": False, "forward_gain": None, "recurrent_gain": None},
            [[1, 2], [200, 200], [300, 300, 300]],
        ),
    ],
)
def test_gains_and_connections_that_are_left_out(wiring, expected):
    assert record(**wiring) == expected


@pytest.mark.parametrize(("every_cell_predicts", "actions"), [(True, (4, 4, 4)), (False, (0, 0, 4))])
def test_only_the_top_cell_has_values_unless_every_cell_predicts(every_cell_predicts, actions):
    stack = Stack(Recorder, 2, HIDDEN, 4, key=jax.random.key(0), every_cell_predicts=every_cell_predicts)
    assert tuple(cell.actions for cell in stack.cells) == actions
    assert stack(OBSERVATION, CARRY)[0].shape == (np.count_nonzero(actions), 4)


def test_initial_carry_is_silence():
    carry = Stack(MLPCell, 2, HIDDEN, 4, key=jax.random.key(0)).initial_carry()
    assert [h.tolist() for h in carry] == [[0, 0], [0, 0, 0], [0]]


@pytest.mark.parametrize("forward_gain", [1.0, None])
@pytest.mark.parametrize("recurrent_gain", [1.0, None])
def test_influence_of_the_carry(forward_gain, recurrent_gain):
    """Which cell's carry can change which cell's values: entry (i, j) is whether the carry of j reaches cell i."""
    stack = Stack(
        MLPCell, 2, (16, 16, 16), 3, key=jax.random.key(1), forward_gain=forward_gain, recurrent_gain=recurrent_gain
    )
    key = jax.random.key(2)
    carry = tuple(jax.random.normal(jax.random.fold_in(key, i), (16,)) for i in range(3))
    values, _ = stack(OBSERVATION, carry)
    influence = np.zeros((3, 3))
    for j in range(3):
        changed = tuple(h + (i == j) for i, h in enumerate(carry))
        influence[:, j] = np.abs(stack(OBSERVATION, changed)[0] - values).max(axis=1)
    # Activity enters a cell from itself and from the cell above, and travels up in the same step.
    expected = np.zeros((3, 3), bool)
    if recurrent_gain is not None:
        expected |= np.tri(3, dtype=bool)
    if forward_gain is not None:
        expected |= np.tri(3, k=1, dtype=bool) & (np.arange(3) > 0)
    np.testing.assert_array_equal(influence != 0, expected)
    # Far above rounding: with few units a layer norm of which one is active would hide it.
    assert np.all(influence[expected] > 0.01)


@pytest.mark.parametrize("input_skip", [True, False])
def test_without_input_skip_upper_cells_see_the_observation_only_through_the_cell_below(input_skip):
    stack = Stack(MLPCell, 2, (4, 4), 3, key=jax.random.key(1), input_skip=input_skip)
    # A first cell whose activity is the same for every observation.
    blind = eqx.tree_at(lambda s: s.cells[0].activity.W_h, stack, replace_fn=jnp.zeros_like)
    values, other = (blind(observation, blind.initial_carry())[0] for observation in (OBSERVATION, -OBSERVATION))
    assert np.array_equal(values[0], other[0])
    assert np.array_equal(values[1], other[1]) == (not input_skip)


@pytest.mark.parametrize("credit", ["local", "backprop"])
def test_no_gradient_through_time(credit, quick_jit):
    stack = Stack(MLPCell, 2, HIDDEN, 4, key=jax.random.key(0))

    def sums(stack, carry):
        values, after = stack(OBSERVATION, carry, credit)
        return values.sum(), (after, stack.advance(OBSERVATION, carry))

    def sum_of_carries(stack, carry):
        return sum(h.sum() for h in jax.tree.leaves(sums(stack, carry)[1]))

    of_values, _ = quick_jit(jax.grad(sums, argnums=(0, 1), has_aux=True))(stack, CARRY)
    of_carries = quick_jit(jax.grad(sum_of_carries, argnums=(0, 1)))(stack, CARRY)
    for gradient in (of_values[1], of_carries):
        assert all(np.array_equal(g, np.zeros_like(g)) for g in jax.tree.leaves(gradient))
    assert all(any(np.any(g) for g in jax.tree.leaves(cell)) for cell in of_values[0].cells)
