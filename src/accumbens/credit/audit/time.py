"""How far back in time a rule looks: which moments an error meets, and what is kept of them.

The program of an update is walked through with the moments at which everything was made: `seen:t` is the input of step
t and what the units do then, `told:t` the outputs of step t and all that is made of them, errors and gradients.
Wherever something told at step t multiplies something that was made up to step s, an error has met the past of t - s
steps ago. A rule that goes forward in time has traces, which are brought up to date at every step, so its errors meet
nothing older than the step before (what the presynaptic units did). One that looks back sends errors through the
slopes and activity of earlier steps as they were.

An error that goes to places that were themselves chosen by the units' activity, as attention does, is `picked:t`.

Second, the same program for sequences of twice the length tells whether what it carries and stores grows with them. A
history that is written and read at computed places cannot be told from a trace by its moments, but by that; only one
of a fixed length escapes both.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from jax.extend import core
from jax.interpreters import partial_eval
from jaxtyping import Int

from accumbens.credit.audit.program import Program
from accumbens.credit.audit.reading import OUTPUTS, mark_label
from accumbens.tracing.primitives import Mask, anywhere, apply_rule, shape_of
from accumbens.tracing.taint import Walk

Direction = Literal["unknown", "forward", "window", "selected", "whole"]

_NEVER, _UNROLLED = -1, 32
_PRODUCTS = ("mul", "div", "select_n", "dot_general")


class Time(NamedTuple):
    """How far back an update looks.

    Attributes:
        steps: of the sequences that it was looked at with.
        reach: steps from an error to the oldest activity or input that it meets.
        picked: the same of errors that were sent to chosen places; 0 if none are.
        growth: numbers by which what is carried and stored for the update grows with every step, of each example.
        told: the network marks its outputs, without which nothing can be said.
    """

    steps: int
    reach: int
    picked: int
    growth: float
    told: bool

    @property
    def direction(self) -> Direction:
        """Return in a word where the update looks."""
        if not self.told:
            return "unknown"
        if self.reach >= self.steps - 1 or (self.growth > 0 and not self.picked):
            return "whole"
        if self.picked > 1:
            return "selected"
        return "window" if self.reach > 1 else "forward"


def look(program: Program, longer: Program, examples: int) -> Time:
    """Return how far back in time the update looks. Nothing is compiled or computed.

    Args:
        program: of the update of sequences.
        longer: the same of longer sequences.
        examples: of a batch.
    """
    assert program.steps is not None
    assert longer.steps is not None
    growth = (_kept(longer) - _kept(program)) / (longer.steps - program.steps) / examples
    moments = _Moments(program.steps)
    moments.walk_through(program)
    return Time(program.steps, moments.reach["told"], moments.reach["picked"], max(growth, 0.0), moments.met_outputs)


class _Moments:
    """One walk, and the oldest that errors met in it."""

    def __init__(self, steps: int):
        self._steps = steps
        self.reach, self.met_outputs = {"told": 0, "picked": 0}, False
        self._walk = Walk(
            [f"{kind}:{t}" for kind in ("seen", "told", "picked") for t in range(steps)],
            self._on_mark,
            self._on_equation,
            _UNROLLED,
        )

    def walk_through(self, program: Program) -> None:
        """Walk: only the input has moments to begin with."""
        masks = []
        for label, variable in zip(program.arguments, program.jaxpr.jaxpr.invars, strict=True):
            masks.append(self._walk.blank(shape_of(variable)))
            if label == "x":
                masks[-1] = np.array(masks[-1])
                for t in range(self._steps):
                    masks[-1][:, t, :, t] = True
        self._walk.run(program.jaxpr, masks)

    def _part(self, mask: Mask, kind: Literal["seen", "told", "picked"]) -> Mask:
        start = ("seen", "told", "picked").index(kind) * self._steps
        return mask[..., start : start + self._steps]

    def _newest(self, mask: Mask) -> Int[np.ndarray, "..."]:
        """The last moment of every element; `_NEVER` of one that has none."""
        return np.where(mask.any(axis=-1), mask.shape[-1] - 1 - mask[..., ::-1].argmax(axis=-1), _NEVER)

    def _made(self, mask: Mask) -> Int[np.ndarray, "..."]:
        """When every element was made."""
        return self._newest(anywhere(mask.reshape(*mask.shape[:-1], 3, self._steps), [mask.ndim - 1]))

    def _on_mark(self, name: str, mask: Mask) -> Mask:
        label = mark_label(name)
        if label is None or not (label == OUTPUTS or label.startswith("activity:")) or not mask.size:
            return mask
        self.met_outputs |= label == OUTPUTS
        made = self._made(mask)
        if made.ndim:  # a layer does what it does at once
            made = np.broadcast_to(made.max(axis=-1, keepdims=True), made.shape)
        marked = np.zeros(mask.shape, bool)
        kind = "told" if label == OUTPUTS else "seen"
        self._part(marked, kind)[...] = made[..., None] == np.arange(self._steps)
        return marked

    def _on_equation(self, equation: Any, masks: list[Mask], results: list[Mask]) -> list[Mask]:
        name = equation.primitive.name
        if name in _PRODUCTS:
            self._meet(equation, name, masks)
        elif name.startswith("scatter") and masks[1].any():
            results = [self._pick(result) for result in results]
        elif name == "gather" and masks[1].any():  # what is chosen at a moment is of that moment
            blank = self._walk.blank(masks[0].shape[:-1])
            chosen = apply_rule(equation, [blank, masks[1]])[0]
            picked = self._part(self._pick(results[0]), "picked")
            results = [np.array(chosen)]
            self._part(results[0], "picked")[...] |= picked
        return results

    def _pick(self, mask: Mask) -> Mask:
        """Errors that were sent to chosen places are told no more."""
        mask = np.array(mask)
        self._part(mask, "picked")[...] |= self._part(mask, "told")
        self._part(mask, "told")[...] = False
        return mask

    def _meet(self, equation: Any, name: str, masks: list[Mask]) -> None:
        """Look which moments errors meet in a product: element by element, or in a sum of them."""
        if name == "select_n":
            which, *cases = masks
            pairs = [(case, np.broadcast_to(which, case.shape)) for case in cases]
        elif name == "dot_general":
            left, right = _in_rows(equation, masks)
            pairs = [(left, right), (right, left)]
        else:
            left, right = np.broadcast_arrays(*masks)
            pairs = [(left, right), (right, left)]
        for error, other in pairs:
            made = self._made(other)
            if name == "dot_general":  # the oldest of a row
                oldest = np.where(made == _NEVER, self._steps, made).min(axis=1)
                made = np.where(oldest == self._steps, _NEVER, oldest)
            for kind in ("told", "picked"):
                when = self._newest(self._part(error, kind))
                when = when.max(axis=1) if name == "dot_general" else when
                ages = np.where((when == _NEVER) | (made == _NEVER), 0, when - made)
                self.reach[kind] = max(self.reach[kind], int(ages.max(initial=0)))


def _in_rows(equation: Any, masks: list[Mask]) -> list[Mask]:
    """Both factors of a product of matrices as [batch, rows, summed over, labels]."""
    contracted, batched = equation.params["dimension_numbers"]
    found = []
    for mask, contract, batch in zip(masks, contracted, batched, strict=True):
        free = [axis for axis in range(mask.ndim - 1) if axis not in (*contract, *batch)]
        sizes = [int(np.prod([mask.shape[axis] for axis in axes])) for axes in (batch, free, contract)]
        found.append(mask.transpose(*batch, *free, *contract, mask.ndim - 1).reshape(*sizes, mask.shape[-1]))
    return found


def _kept(program: Program) -> int:
    """Numbers that all loops carry and store, of what the gradients need."""
    wanted = [name.startswith("weights:") for name in program.results]
    jaxpr, _ = partial_eval.dce_jaxpr(program.jaxpr.jaxpr, wanted)
    return _in_loops(jaxpr)


def _in_loops(jaxpr: core.Jaxpr) -> int:
    total = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("scan", "while"):
            total += sum(int(np.prod(shape_of(out))) for out in equation.outvars)
        for value in equation.params.values():
            for part in value if isinstance(value, (tuple, list)) else (value,):
                inner = getattr(part, "jaxpr", part)
                if isinstance(inner, core.Jaxpr):
                    total += _in_loops(inner)
    return total
