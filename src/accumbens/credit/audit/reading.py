"""What can reach the update of every layer: the traced program of a rule, walked through with labels.

Activity flows upwards, so that without more ado everything depends on everything. Therefore the walk is cut where the
network marks what a layer makes (see `accumbens.credit.marks`): from there on there is "the activity of layer 2" and no
longer what that was made of, which is kept apart. An update in which `weights:2` is found reads those weights
themselves, not by way of what layer 2 does.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jax.extend import core

from accumbens.credit.audit.program import Program, weights
from accumbens.credit.marks import parse_mark
from accumbens.tracing.primitives import Mask, labels_of
from accumbens.tracing.taint import Walk

OUTPUTS, SCALAR = "outputs", "scalar"


def activity(layer: int) -> str:
    """Return the label of what a hidden layer does."""
    return f"activity:{layer}"


def mark_label(name: str) -> str | None:
    """Return the label that a mark of the program stands for; None for somebody else's name."""
    parsed = parse_mark(name)
    return None if parsed is None else f"{parsed[0]}:{parsed[1]}".rstrip(":")


def with_prefix(labels: Iterable[str], prefix: str) -> set[str]:
    """Return the labels that begin so."""
    return {label for label in labels if label.startswith(prefix)}


@dataclass(frozen=True)
class Reading:
    """What can reach what; a label that is missing is a proof that there is no path.

    Labels are those of `Program`, and those of marks: `activity:L`, `outputs`, `scalar`.

    Attributes:
        program: that was walked through.
        updates: what the gradient of every layer is made of.
        elsewhere: the same of arrays of the network that belong to no layer, by label, where it is made of anything.
        made_of: what everything that was marked was made of, and the new memory.
        fixed: the memory that is handed on untouched.
        narrow: whether no loss that is marked has more numbers than the outputs have rows: then it is one number for
            every example, whatever it was made of.
    """

    program: Program
    updates: tuple[frozenset[str], ...]
    elsewhere: dict[str, frozenset[str]]
    made_of: dict[str, frozenset[str]]
    fixed: frozenset[str]
    narrow: bool

    @property
    def unmarked(self) -> list[int]:
        """Return the hidden layers that mark nothing: what they do cannot be told from what it is made of."""
        return [layer for layer in range(self.program.num_layers - 1) if activity(layer) not in self.made_of]

    def sources(self, layer: int) -> set[str]:
        """Return whose activity a layer's own is made of: its input, `x` or `activity:L` each."""
        own = activity(layer) if layer < self.program.num_layers - 1 else OUTPUTS
        made_of = self.made_of.get(own, frozenset())
        return ({"x"} & made_of) | (with_prefix(made_of, "activity:") - {own})

    def behind(self, memory: Iterable[str]) -> set[str]:
        """Return what memory was made of in earlier updates, that of its memory included."""
        found: set[str] = set()
        todo = set(memory)
        while todo:
            made_of = self.made_of[todo.pop()]
            todo |= with_prefix(made_of, "memory:") - found
            found |= made_of
        return found

    def smuggled(self, label: str) -> set[str]:
        """Return what a mark hides: what it was made of other than what makes activity, outputs or a loss.

        Activity is made of input, other activity, noise, memory and the layer's own parameters; a loss of outputs and
        targets.
        """
        made_of = set(self.made_of.get(label, frozenset()))
        if label == SCALAR:
            return made_of - {OUTPUTS, "y"}
        layer = self.program.num_layers - 1 if label == OUTPUTS else int(label.partition(":")[2])
        made_of |= with_prefix(self.behind(with_prefix(made_of, "memory:")), "weights:")
        return made_of & {"y", OUTPUTS, SCALAR, *map(weights, range(self.program.num_layers))} - {label, weights(layer)}

    def reads(self, layer: int) -> set[str]:
        """Return what the update of a layer reads, what marks hide included."""
        found = set(self.updates[layer])
        wide = {OUTPUTS} if self.narrow else {OUTPUTS, SCALAR}
        marks = {label for label in found if label in wide or label.startswith("activity:")}
        return found.union(*map(self.smuggled, marks))


def read(program: Program) -> Reading:
    """Walk through a program. Nothing is compiled or computed."""
    marks = [*map(activity, range(program.num_layers)), OUTPUTS, SCALAR]
    labels = list(dict.fromkeys([*program.arguments, *marks]))
    met: dict[str, Mask] = {}
    rows: dict[str, int] = {OUTPUTS: 0, SCALAR: 0}

    def on_mark(name: str, mask: Mask) -> Mask:
        label = mark_label(name)
        if label is None:
            return mask
        if label in rows:
            rows[label] = max(rows[label], math.prod(mask.shape[:-2] if label == OUTPUTS else mask.shape[:-1]))
        met[label] = met.get(label, np.zeros(len(labels), bool)) | labels_of(mask)
        return walk.filled(mask.shape[:-1], label)

    walk = Walk(labels, on_mark)
    jaxpr = program.jaxpr.jaxpr
    shapes = [getattr(variable.aval, "shape", ()) for variable in jaxpr.invars]
    masks = [walk.filled(shape, label) for shape, label in zip(shapes, program.arguments, strict=True)]
    if program.targets:
        place = program.arguments.index("x")
        masks[place] = np.array(masks[place])
        masks[place][..., list(program.targets), :] = walk.one("y")
    found: dict[str, frozenset[str]] = {}
    for name, mask in zip(program.results, walk.run(program.jaxpr, masks), strict=True):
        found[name] = found.get(name, frozenset()) | walk.names(mask)
    made_of = {label: frozenset(walk.names(mask[None])) for label, mask in met.items()}
    return Reading(
        program=program,
        updates=tuple(found.get(weights(layer), frozenset()) for layer in range(program.num_layers)),
        elsewhere={name: labels for name, labels in found.items() if name.startswith("network:") and labels},
        made_of=made_of | {name: labels for name, labels in found.items() if name.startswith("memory:")},
        fixed=frozenset(_untouched(program, jaxpr)),
        narrow=rows[SCALAR] <= rows[OUTPUTS],
    )


def _untouched(program: Program, jaxpr: core.Jaxpr) -> Iterable[str]:
    """The memory whose new value is the very argument that the old one came in by."""
    arguments = dict(zip(program.arguments, jaxpr.invars, strict=True))
    for name, variable in zip(program.results, jaxpr.outvars, strict=True):
        if name.startswith("memory:") and arguments.get(name) is variable:
            yield name
