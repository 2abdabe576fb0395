"""Cells that compute what they always did, but name the signals that pass through them.

A tap is an identity that names its array in the traced program, some taps on the way forward, some on the way back,
where they see the gradient. So the learning of an agent can be looked at from inside without touching its code: its
state is given tapped cells, and whatever it does with cells it does with these.

Names, each followed by the cell's number:

- `parameters`: a cell's parameters on their way into its computation.
- `input`: what reaches a cell from below, from the observation and through time.
- `prediction`: a value that a gradient will be taken of; `bootstrap`: a value that is only looked at.
- `error`: the derivative of the losses with respect to the predicted value, the signal that enters the cell.
- `arrival`: a derivative that comes back to the activity of a cell from outside of it.
- `context`: the same, where only the activity was asked for, as when a context is replayed.
- `gradient`: the derivative of the losses with respect to the cell's parameters.
"""

import functools
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float, Int

from accumbens.cells import Candidates, Cell, CellOutput, TracedCell, Traces
from accumbens.cells.protocol import output_of

PREFIX = "audit"


def name_of(kind: str, cell: int) -> str:
    """Return the name of a signal in the traced program."""
    return f"{PREFIX}:{kind}:{cell}"


def parse_name(name: str) -> tuple[str, int] | None:
    """Return kind and cell of a name of ours; None for somebody else's."""
    prefix, _, rest = name.partition(":")
    kind, _, cell = rest.partition(":")
    return (kind, int(cell)) if prefix == PREFIX else None


def _mark(tree: Any, kind: str, cell: int) -> Any:
    return checkpoint_name(tree, name_of(kind, cell))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _tap(forward: str, backward: str, cell: int, tree: Any) -> Any:
    """Name a tree on the way forward, and its derivative on the way back; an empty name names nothing."""
    del backward
    return _mark(tree, forward, cell) if forward else tree


_tap.defvjp(
    lambda forward, backward, cell, tree: (_tap(forward, backward, cell, tree), None),
    lambda forward, backward, cell, residual, derivative: (_mark(derivative, backward, cell),),
)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _tap_value(cell: int, value: Array, disturbance: Float[Array, ""]) -> Array:
    del disturbance
    return _mark(value, "bootstrap", cell)


_tap_value.defvjp(
    lambda cell, value, disturbance: (_mark(value, "prediction", cell), disturbance),
    lambda cell, disturbance, error: (
        _mark(error, "error", cell) + disturbance.astype(error.dtype),
        jnp.zeros_like(disturbance),
    ),
)


class Disturbance:
    """What is added to the error of every cell; set while a program is traced."""

    def __init__(self, errors: Float[Array, " cells"] | None = None):
        """Remember the numbers; None disturbs nothing."""
        self.errors = errors

    def of(self, cell: int) -> Float[Array, ""]:
        """Return the number of one cell."""
        return jnp.zeros(()) if self.errors is None else self.errors[cell]


class TappedCell(eqx.Module):
    """A cell whose signals have names; see the module."""

    cell: Cell
    number: int = eqx.field(static=True)
    disturbance: Disturbance = eqx.field(static=True)

    def _inside(self, x: Float[Array, " inputs"]) -> tuple[Cell, Float[Array, " inputs"]]:
        weights, rest = eqx.partition(self.cell, eqx.is_inexact_array)
        weights = _tap("parameters", "gradient", self.number, weights)
        return eqx.combine(weights, rest), _mark(x, "input", self.number)

    def hidden(self, x: Float[Array, " inputs"]) -> Float[Array, " hidden"]:
        """Return the activity alone."""
        cell, x = self._inside(x)
        return _tap("", "context", self.number, cell.hidden(x))

    def __call__(self, x: Float[Array, " inputs"], candidates: Candidates = None) -> CellOutput:
        """Return activity and values."""
        return self._outputs(x, candidates)

    def chosen(self, x: Float[Array, " inputs"], actions: Int[Array, " actions"]) -> CellOutput:
        """Return activity and the values of some actions, computed as the cell itself would."""
        return self._outputs(x, actions)

    def no_traces(self) -> Traces:
        """Return the traces at an episode's start, of a cell that has any."""
        return self._traced(self.cell).no_traces()

    def traces_after(self, traces: Traces, x: Float[Array, " inputs"]) -> Traces:
        """Return the traces one step later."""
        cell, x = self._inside(x)
        return self._traced(cell).traces_after(traces, x)

    def tell(self, activity: Float[Array, " hidden"], traces: Traces) -> Float[Array, " hidden"]:
        """Return the activity with the derivatives of its traces, which are some of the cell's gradient."""
        cell, activity = self._inside(activity)
        return self._traced(cell).tell(activity, traces)

    def _traced(self, cell: Cell) -> TracedCell:
        return cast(TracedCell, cell)

    def _outputs(self, x: Float[Array, " inputs"], candidates: Candidates) -> CellOutput:
        cell, x = self._inside(x)
        output = output_of(cell, x, candidates)
        return CellOutput(
            hidden=_tap("", "arrival", self.number, output.hidden),
            value=_tap_value(self.number, output.value, self.disturbance.of(self.number)),
        )


def is_cell(node: Any) -> bool:
    """Whether a node of a tree is a cell, or something of the shape of one, such as its moments in an optimiser."""
    return isinstance(node, eqx.Module) and isinstance(node, Cell)


def tap(tree: Any, cells: tuple[Cell, ...], disturbance: Disturbance) -> Any:
    """Return a tree in which everything of the shape of one of these cells is tapped.

    Args:
        tree: such as the state of an agent: networks, copies of them, optimiser states.
        cells: of the network that acts; which of them a node stands for is told by its structure and shapes, and where
            several are alike by its place in the tree.
        disturbance: of the errors.
    """
    forms = [_form(cell) for cell in cells]

    def tapped(path: tuple[Any, ...], node: Any) -> Any:
        if not is_cell(node):
            return node
        alike = [number for number, form in enumerate(forms) if form == _form(node)]
        places = [key.idx for key in path if isinstance(key, jax.tree_util.SequenceKey) and key.idx in alike]
        return TappedCell(node, (places or alike)[0], disturbance) if alike else node

    return jax.tree_util.tree_map_with_path(tapped, tree, is_leaf=is_cell)


def _form(cell: Any) -> tuple[Any, ...]:
    leaves, structure = jax.tree.flatten(eqx.filter(cell, lambda leaf: hasattr(leaf, "shape")))
    return structure, tuple(leaf.shape for leaf in leaves)
