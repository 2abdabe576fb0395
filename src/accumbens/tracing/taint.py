"""Dependency analysis of a traced program: which labels of its inputs can reach which of its results.

The program is a jaxpr, what JAX compiles. It is walked through once with masks (see `rules`) in place of numbers:
through inner functions, loops (to a fixed point), and both sides of every branch. An entry that stays False is a proof:
there is no path at all, by differentiable operations or others, for any values. An entry that is True says that there
is a path, not that it carries something.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jax.extend import core
from jaxtyping import Bool

from accumbens.tracing.primitives import Mask, anywhere, apply_rule, labels_of, shape_of

OnMark = Callable[[str, Mask], Mask]
"""`on_mark(name, mask) -> mask`: called where the program names an array; may look at its labels and replace them."""

OnEquation = Callable[[Any, list[Mask], list[Mask]], list[Mask]]
"""`on_equation(equation, operands, results) -> results`: called for every equation that has no inner program."""

UNROLLED = 8
"""By default, loops of at most this many turns are walked one by one, which is exact; longer ones to a fixed point."""


class Walk:
    """One walk through a program.

    Attributes:
        labels: names of the labels, in the order of a mask's last axis.
    """

    def __init__(
        self,
        labels: Sequence[str],
        on_mark: OnMark,
        on_equation: OnEquation | None = None,
        unrolled: int = UNROLLED,
    ):
        """Prepare; `run` walks.

        Args:
            labels: names of the labels.
            on_mark: see `OnMark`.
            on_equation: see `OnEquation`; None leaves all results as they are.
            unrolled: loops of at most this many turns are walked turn by turn.
        """
        self.labels = list(labels)
        self._on_mark, self._on_equation, self._unrolled = on_mark, on_equation, unrolled

    def blank(self, shape: Sequence[int]) -> Mask:
        """Return the mask of an array that depends on nothing; it takes no memory and cannot be written to."""
        return np.broadcast_to(np.zeros(len(self.labels), bool), (*shape, len(self.labels)))

    def filled(self, shape: Sequence[int], label: str) -> Mask:
        """Return the mask of an array every element of which has the label."""
        return np.broadcast_to(self.one(label), (*shape, len(self.labels)))

    def one(self, label: str) -> Bool[np.ndarray, " labels"]:
        """Return one label."""
        return np.arange(len(self.labels)) == self.labels.index(label)

    def names(self, mask: Mask) -> set[str]:
        """Return the names of the labels that any element has."""
        return {self.labels[index] for index in np.flatnonzero(labels_of(mask))}

    def run(self, program: core.ClosedJaxpr, masks: Sequence[Mask]) -> list[Mask]:
        """Return the masks of the results of a program whose arguments have these masks."""
        jaxpr = program.jaxpr
        known: dict[Any, Mask] = dict(zip(jaxpr.invars, masks, strict=True))

        def read(variable: Any) -> Mask:
            found = None if isinstance(variable, core.Literal) else known.get(variable)
            return self.blank(shape_of(variable)) if found is None else found  # a constant depends on nothing

        for equation in jaxpr.eqns:
            results = self._equation(equation, [read(variable) for variable in equation.invars])
            known.update(zip(equation.outvars, results, strict=True))
        return [read(variable) for variable in jaxpr.outvars]

    def _equation(self, equation: Any, masks: list[Mask]) -> list[Mask]:
        name, params = equation.primitive.name, equation.params
        if name == "name":
            return [self._on_mark(params["name"], masks[0])]
        if name == "scan":
            return self._scan(equation, masks)
        if name == "while":
            return self._while(equation, masks)
        if name == "cond":
            return self._cond(params["branches"], masks)
        inner = params.get("jaxpr") or params.get("call_jaxpr") or params.get("fun_jaxpr")
        if inner is not None:
            closed = inner if isinstance(inner, core.ClosedJaxpr) else core.ClosedJaxpr(inner, ())
            return self.run(closed, masks)
        if not any(mask.any() for mask in masks):
            return [self.blank(shape_of(out)) for out in equation.outvars]
        results = apply_rule(equation, masks)
        return results if self._on_equation is None else self._on_equation(equation, masks, results)

    def _cond(self, branches: Sequence[core.ClosedJaxpr], masks: list[Mask]) -> list[Mask]:
        which, *operands = masks
        sides = [self.run(branch, operands) for branch in branches]
        return [np.logical_or.reduce(side) | labels_of(which) for side in zip(*sides, strict=True)]

    def _scan(self, equation: Any, masks: list[Mask]) -> list[Mask]:
        params = equation.params
        num_consts, num_carry, length = params["num_consts"], params["num_carry"], params["length"]
        consts, carry, columns = masks[:num_consts], masks[num_consts:][:num_carry], masks[num_consts + num_carry :]

        def turn(carry: list[Mask], rows: list[Mask]) -> tuple[list[Mask], list[Mask]]:
            results = self.run(params["jaxpr"], [*consts, *carry, *rows])
            return results[:num_carry], results[num_carry:]

        if 0 < length <= self._unrolled:
            order = range(length)[::-1] if params["reverse"] else range(length)
            rows = {}
            for index in order:
                carry, rows[index] = turn(carry, [np.asarray(column[index]) for column in columns])
            return [*carry, *(np.stack(column) for column in zip(*(rows[i] for i in range(length)), strict=True))]
        joined = [anywhere(column, [0]) for column in columns]
        carry, rows = _fixed_point(lambda carry: turn(carry, joined), carry)
        return [*carry, *(np.broadcast_to(row, (length, *row.shape)) for row in rows)]

    def _while(self, equation: Any, masks: list[Mask]) -> list[Mask]:
        params = equation.params
        num_condition, num_body = params["cond_nconsts"], params["body_nconsts"]
        condition, body = masks[:num_condition], masks[num_condition:][:num_body]

        def turn(carry: list[Mask]) -> tuple[list[Mask], None]:
            goes_on = labels_of(self.run(params["cond_jaxpr"], [*condition, *carry])[0])
            return [mask | goes_on for mask in self.run(params["body_jaxpr"], [*body, *carry])], None

        return _fixed_point(turn, masks[num_condition + num_body :])[0]


def _fixed_point(turn: Callable[[list[Mask]], tuple[list[Mask], Any]], carry: list[Mask]) -> tuple[list[Mask], Any]:
    """Walk through a loop until its state has no new labels; states only grow, so this ends."""
    while True:
        after, rows = turn(carry)
        grown = [old | new for old, new in zip(carry, after, strict=True)]
        if all(np.array_equal(old, new) for old, new in zip(carry, grown, strict=True)):
            return grown, rows
        carry = grown
