"""The checker of cells finds what it says it finds."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from accumbens.cells import AttentionCell, CellOutput, ConstantKeyCell, DotCell, GoodnessReadout, MLPCell, ScalarReadout
from accumbens.cells.checker import check_cell, check_readout
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


@pytest.mark.parametrize("cell", [Plain, AttentionCell, ConstantKeyCell, DotCell, MLPCell])
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


class First(Plain):
    def chosen(self, x, actions):
        output = self(x)
        return output._replace(value=output.value[..., jnp.zeros_like(actions)])

    def value(self, h):
        return super().value(h) + jnp.arange(self.actions)


class Broken(Plain):
    def hidden(self, x):
        return x @ self.Q


class Unnamed(Plain):
    def hidden(self, x):
        return x @ no_such_name  # noqa: F821


BROKEN = {
    NotFinite: "its gradient is not finite where x is",
    Shifted: "`hidden` and a call give different activities",
    Tuple: "it returns a tuple, not a CellOutput",
    Wide: r"the cell does not work: TypeError: dot_general|its hidden is float32\[14\], not float32\[5\]",
    NoReadout: r"its value with 3 actions is float32\[3\], not float32\[4,3\]",
    Unused: "another key gives the same parameters",
    Whole: "its parameters are of float32, int32, not arrays of float32",
    ActionInActivity: "`hidden` and a call give different activities",
    First: "`chosen` and a call give different outputs",
    Broken: r"the cell does not work: TypeError: dot_general .*\n.*test_checker.py, line \d+, in hidden\n.* x @ self.Q",
    Unnamed: r"the cell does not work: NameError: name 'no_such_name' is not defined\n.*\n    return x @ no_such_name",
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


class Read(eqx.Module):
    function: object = eqx.field(static=True)
    size: int = eqx.field(static=True, default=2)

    def __call__(self, y):
        return self.function(y)


def test_good_readouts_pass():
    check_readout(lambda hidden, value_scale: ScalarReadout(value_scale))
    check_readout(lambda hidden, value_scale: GoodnessReadout(hidden, "rms", value_scale=value_scale))


@pytest.mark.parametrize(
    ("made", "broken"),
    [
        (lambda: object(), "it is not an Equinox module with `size`"),
        (lambda: Read(lambda y: y[:, 0], size=0), "its size is 0"),
        (lambda: Read(lambda y: y), r"of 3 actions it reads float32\[3,2\], not float32\[3\]"),
        (lambda: Read(lambda y: y.argmax(axis=1)), r"of 3 actions it reads int32\[3\], not float32\[3\]"),
        (lambda: Read(lambda y: jnp.sqrt(y[:, 0] ** 2)), "its values or their gradient are not finite"),
        (
            lambda: Read(lambda y: y @ y),
            r"the readout does not work: TypeError: .*\n.*test_checker.py, line \d+, in <lambda>",
        ),
    ],
)
def test_broken_readouts_are_found(made, broken):
    with pytest.raises(AccumbensError, match=broken):
        check_readout(lambda hidden, value_scale: made())
