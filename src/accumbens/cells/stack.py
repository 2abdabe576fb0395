"""The stack: how cells are wired, and the only place where gradients stop."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.cells.protocol import Candidates, Cell, output_of
from accumbens.cells.recurrent import TracedCell, Traces

Credit = Literal["local", "backprop"]
Past = Literal["none", "own", "all"]
Carry = tuple[Float[Array, "... _hidden"], ...]


class Gains(NamedTuple):
    """Gains that differ between stacks of one program: factors on a connection, None where it is left out."""

    forward: Float[Array, ""] | None
    recurrent: Float[Array, ""] | None


class Stack(eqx.Module):
    """Cells wired upward in the same step, and downward and to themselves one step later.

    The inputs of a cell are, in this order: the activity of the cell below (the observation for the first cell), the
    observation again (`input_skip`, cells after the first), its own activity one step ago (`recurrent`), and the
    activity of the cell above one step ago (`forward`, all but the top cell).

    Attributes:
        cells: from the observation upward.
        input_skip: give the observation to every cell.
        forward_gain: factor on the forward-in-time connection; None leaves the connection out.
        recurrent_gain: factor on the recurrent connection; None leaves the connection out.
        every_cell_predicts: every cell has a value and learns from it; otherwise only the top cell does.
        gains: if they are given, they take the place of the two gains.

    Reference: Guan et al. (2024), section 3.1; input order and recurrence as in the published code.
    """

    cells: tuple[Cell, ...]
    hidden_sizes: tuple[int, ...] = eqx.field(static=True)
    input_skip: bool = eqx.field(static=True)
    forward_gain: float | None = eqx.field(static=True)
    recurrent_gain: float | None = eqx.field(static=True)
    every_cell_predicts: bool = eqx.field(static=True)
    gains: Gains | None = None

    def __init__(
        self,
        make_cell: Callable[..., Cell],
        observation_size: int,
        hidden_sizes: tuple[int, ...],
        num_actions: int,
        *,
        key: PRNGKeyArray,
        make_first_cell: Callable[..., Cell] | None = None,
        input_skip: bool = True,
        forward_gain: float | None = 1.0,
        recurrent_gain: float | None = 1.0,
        every_cell_predicts: bool = True,
        tell_own: bool = False,
    ):
        """Make and wire the cells; `make_cell(inputs, hidden, actions, key=...)` builds one.

        A cell that does not predict gets `actions` 0; `make_first_cell` makes the first cell another way. With
        `tell_own` a maker is also given `own`, where in its inputs a cell's own activity begins.
        """
        self.hidden_sizes = hidden_sizes
        self.input_skip = input_skip
        self.forward_gain = forward_gain
        self.recurrent_gain = recurrent_gain
        self.every_cell_predicts = every_cell_predicts
        top = len(hidden_sizes) - 1
        cells = []
        for index, hidden in enumerate(hidden_sizes):
            inputs = observation_size if index == 0 else hidden_sizes[index - 1]
            inputs += observation_size if input_skip and index > 0 else 0
            told = {"own": inputs} if tell_own else {}
            inputs += hidden if recurrent_gain is not None else 0
            inputs += hidden_sizes[index + 1] if forward_gain is not None and index < top else 0
            actions = num_actions if every_cell_predicts or index == top else 0
            make = make_cell if index > 0 or make_first_cell is None else make_first_cell
            cells.append(make(inputs, hidden, actions, key=jax.random.fold_in(key, index), **told))
        self.cells, self.gains = tuple(cells), None

    def initial_carry(self) -> Carry:
        """Return the carry at an episode's start: every cell silent."""
        return tuple(jnp.zeros(hidden) for hidden in self.hidden_sizes)

    def _inputs(self, index: int, observation: Array, below: Array, carry: Carry) -> Float[Array, " inputs"]:
        parts = [below]
        if self.input_skip and index > 0:
            parts.append(observation)
        forward, recurrent = (self.forward_gain, self.recurrent_gain) if self.gains is None else self.gains
        if recurrent is not None:
            parts.append(recurrent * carry[index])
        if forward is not None and index < len(self.cells) - 1:
            parts.append(forward * carry[index + 1])
        return jnp.concatenate(parts)

    def inputs(self, observation: Float[Array, " observation"], carry: Carry) -> tuple[Float[Array, " _inputs"], ...]:
        """Return what every cell sees in this step."""
        below, inputs = observation, []
        for index, cell in enumerate(self.cells):
            inputs.append(self._inputs(index, observation, below, carry))
            below = cell.hidden(inputs[-1])
        return tuple(inputs)

    def __call__(
        self,
        observation: Float[Array, " observation"],
        carry: Carry,
        credit: Credit = "local",
        candidates: Candidates = None,
    ) -> tuple[Float[Array, "cells *quantiles actions"], Carry]:
        """Advance one step.

        Args:
            observation: flat observation.
            carry: hidden activity of every cell one step ago; never differentiated through.
            credit: `local` stops the gradient at every cell, `backprop` nowhere.
            candidates: the actions to value; see `Candidates`.

        Returns:
            the values of every predicting cell, of the candidates or of all actions, and the new carry.
        """
        values, activities = self.walk(range(len(self.cells)), observation, observation, carry, credit, candidates)
        return jnp.stack(values), jax.lax.stop_gradient(activities)

    def walk(
        self,
        indices: range,
        below: Float[Array, " _"],
        observation: Float[Array, " observation"],
        carry: Carry,
        credit: Credit,
        candidates: Candidates,
        read: Callable[[int, Array], Any] = lambda number, values: values,
        past: Past = "none",
    ) -> tuple[list[Any], Carry]:
        """Evaluate some cells, one above the other.

        Args:
            indices: which cells.
            below: activity of the cell below the first of them; the observation for the first cell of all.
            observation: flat observation.
            carry: of all cells.
            credit: where the gradient stops.
            candidates: the actions to value.
            read: `read(number, values)` is what is kept of the values of the predicting cell of that number, such as
                its loss: then nothing else of the cell needs to be remembered.
            past: of the carry, what is differentiated through: nothing, by each cell its own activity, or all of it.

        Returns:
            what was kept of every predicting cell, and the activity of every cell walked.
        """
        constant = carry if past == "all" else jax.lax.stop_gradient(carry)
        kept, activities = [], []
        for index in indices:
            if credit == "local":
                below = jax.lax.stop_gradient(below)
            number = index if self.every_cell_predicts else 0
            predicts = self.every_cell_predicts or index == len(self.cells) - 1
            seen = constant if past != "own" else (*constant[:index], carry[index], *constant[index + 1 :])
            x = self._inputs(index, observation, below, seen)
            below, values = output_of(self.cells[index], x, candidates if predicts else None)
            activities.append(below)
            if predicts:
                kept.append(read(number, values))
        return kept, tuple(activities)

    def with_gains(self, gains: Gains | None) -> "Stack":
        """Return the stack with other gains; None are its own."""
        return eqx.tree_at(lambda stack: stack.gains, self, gains, is_leaf=lambda leaf: leaf is None)

    def no_traces(self) -> tuple[Traces, ...]:
        """Return the traces of all cells at an episode's start; of a stack of cells that have any."""
        return tuple(cell.no_traces() for cell in self._traced())

    def traces_after(
        self, traces: tuple[Traces, ...], observation: Float[Array, " observation"], carry: Carry
    ) -> tuple[Traces, ...]:
        """Return the traces of the new carry from those of the old, all else that a cell sees taken as constant."""
        parts = zip(self._traced(), traces, self.inputs(observation, carry), strict=True)
        return tuple(cell.traces_after(trace, x) for cell, trace, x in parts)

    def tell(self, carry: Carry, traces: tuple[Traces, ...]) -> Carry:
        """Return the carry with the derivatives that its traces say, of each cell with respect to its own parameters.

        `walk` with `past="own"` on it has the gradient of backpropagation through all of the episode until now.
        """
        parts = zip(self._traced(), carry, traces, strict=True)
        return tuple(cell.tell(hidden, trace) for cell, hidden, trace in parts)

    def _traced(self) -> tuple[TracedCell, ...]:
        return cast(tuple[TracedCell, ...], self.cells)

    def advance(self, observation: Float[Array, " observation"], carry: Carry) -> Carry:
        """Return the new carry without computing values, as a replayed context needs."""
        below, activities = observation, []
        for index, cell in enumerate(self.cells):
            below = cell.hidden(self._inputs(index, observation, below, carry))
            activities.append(below)
        return jax.lax.stop_gradient(tuple(activities))
