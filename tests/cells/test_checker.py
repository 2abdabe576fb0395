"""The checker of cells finds what it says it finds."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from accumbens.cells import AttentionCell, CellOutput, DotCell, MLPCell, ScalarReadout
from accumbens.cells.checker import check_cell
from accumbens.errors import AccumbensError


class Plain(eqx.Module):
    W: jax.Array
    Q: jax.Array
    readout: eqx.Module
    actions: int = eqx.field(static=True)

    def __init__(self, inputs, hidden, actions, *, key, readout):
        self.W = jax.random.normal(key, (inputs, hidden))
        self.Q = jnp.ones((hidden, actions * readout.size))
        self.readout, self.actions = readout, actions

    def hidden(self, x):
        return jnp.tanh(x @ self.W)

    def value(self, h):
        return self.readout((h @ self.Q).reshape(self.actions, -1)) if self.actions else jnp.zeros(0)

    def __call__(self, x, candidates=None):
        h = self.hidden(x)
        return CellOutput(h, self.value(h))


@pytest.mark.parametrize("cell", [Plain, AttentionCell, DotCell, MLPCell])
def test_good_cells_pass(cell):
    check_cell(cell)


class NotFinite(Plain):
    def hidden(self, x):
        return jnp.sqrt(jnp.abs(x @ self.W))  # has no derivative where a cell sees nothing


class Shifted(Plain):
    def __call__(self, x, candidates=None):
        h = self.hidden(x)
        return CellOutput(h + 1, self.value(h))


class Tuple(Plain):
    def __call__(self, x, candidates=None):
        return self.hidden(x), self.value(self.hidden(x))


class Wide(Plain):
    def hidden(self, x):
        return jnp.concatenate([x, x])


class NoReadout(Plain):
    def value(self, h):
        return (h @ self.Q)[: self.actions]


class Unused(Plain):
    def __init__(self, inputs, hidden, actions, *, key, readout):
        super().__init__(inputs, hidden, actions, key=jax.random.key(0), readout=readout)


class Whole(Plain):
    def __init__(self, inputs, hidden, actions, *, key, readout):
        super().__init__(inputs, hidden, actions, key=key, readout=readout)
        self.Q = jnp.ones((hidden, actions * readout.size), jnp.int32)


class ActionInActivity(Plain):
    def __init__(self, inputs, hidden, actions, *, key, readout, action_features=None):
        super().__init__(inputs, hidden, actions, key=key, readout=readout)

    def __call__(self, x, candidates=None):
        if candidates is None:
            return super().__call__(x)
        h = self.hidden(x) + candidates.sum()
        return CellOutput(h, candidates.sum(axis=1) + h.sum())


class Broken(Plain):
    def hidden(self, x):
        return x @ self.Q


BROKEN = {
    NotFinite: "its gradient is not finite where x is",
    Shifted: "`hidden` and a call give different activities",
    Tuple: "it returns a tuple, not a CellOutput",
    Wide: r"the cell does not work: dot_general|its hidden is float32\[14\], not float32\[5\]",
    NoReadout: r"its value with 3 actions is float32\[3\], not float32\[4, 3\]",
    Unused: "another key gives the same parameters",
    Whole: "its parameters are of float32, int32, not arrays of float32",
    ActionInActivity: "`hidden` and a call give different activities",
    Broken: "the cell does not work",
}


@pytest.mark.parametrize("cell", BROKEN, ids=lambda cell: cell.__name__)
def test_broken_promises_are_found(cell):
    with pytest.raises(AccumbensError, match=BROKEN[cell]):
        check_cell(cell)


def test_what_does_not_make_cells():
    with pytest.raises(AccumbensError, match="it takes no argument 'readout'"):
        check_cell(lambda inputs, hidden, actions, *, key: None)
    with pytest.raises(AccumbensError, match="it is not an Equinox module with `hidden`"):
        check_cell(lambda inputs, hidden, actions, *, key, readout: ScalarReadout())
