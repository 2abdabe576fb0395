"""What an audit of a rule found: what the update of every layer reads, and what kind of learning that is."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from accumbens.credit.audit.measure import Measured
from accumbens.credit.audit.program import weights
from accumbens.credit.audit.reading import OUTPUTS, SCALAR, Reading, activity, with_prefix
from accumbens.credit.audit.time import Time

Error = Literal["none", "scalar", "vector"]
Kind = Literal[
    "unknown", "single", "weight-transport", "feedback", "broadcast-vector", "critics", "scalar", "unsupervised"
]


class Row(NamedTuple):
    """What the update of one layer reads. Layers are numbered from 1; 0 is the input of the network.

    Attributes:
        layer: whose update it is.
        input: layers whose activity it reads that is its own input.
        own: whether it reads what the layer itself does: its parameters, noise, pre-activation or activity.
        activity: other layers whose activity it reads; the outputs count as the activity of the last layer, unless
            they are read together with the targets, as an error is.
        weights: other layers whose weights it reads.
        error: how it is told of the outcome: as a vector made of outputs and targets, or only as a scalar.
        dimensions: of how many numbers an example's outputs are to it, measured; None if they were not measured.
        memory: names of the rule's memory that it reads.
        elsewhere: names of arrays of the network that belong to no layer, which it reads.
        noise: whether it reads noise that no layer has marked as its own.
    """

    layer: int
    input: tuple[int, ...]
    own: bool
    activity: tuple[int, ...]
    weights: tuple[int, ...]
    error: Error
    dimensions: int | None
    memory: tuple[str, ...]
    elsewhere: tuple[str, ...]
    noise: bool


class Memory(NamedTuple):
    """What happens to a part of the rule's memory that some update reads.

    Attributes:
        name: as the rule has it.
        read_by: layers whose updates read it.
        fixed: whether it is handed on untouched.
        weights: layers of whose weights it is made.
        activity: layers of whose activity it is made; 0 is the input.
        error: in what form the outcome reaches it.
    """

    name: str
    read_by: tuple[int, ...]
    fixed: bool
    weights: tuple[int, ...]
    activity: tuple[int, ...]
    error: Error


@dataclass(frozen=True)
class Audit:
    """What the update of every layer reads.

    Attributes:
        reading: of the traced program.
        measured: what numbers show; None where it was not asked for, or cannot be had.
        crossings: pairs of layers, from 0, of which the first's gradient reaches the other's step in the optimiser;
            None if the optimiser is not known.
        loops: whether the network marks what it does inside of a loop, where nothing can be measured.
        time: how far back it looks, of a rule for sequences.
    """

    reading: Reading
    measured: Measured | None
    crossings: list[tuple[int, int]] | None
    loops: bool = False
    time: Time | None = None

    @property
    def num_layers(self) -> int:
        """Return how many layers there are, the output layer included."""
        return self.reading.program.num_layers

    @property
    def can_tell(self) -> bool:
        """Whether the network marks what all its layers do."""
        return not self.reading.unmarked and OUTPUTS in self.reading.made_of

    @cached_property
    def rows(self) -> list[Row]:
        """Return what the update of every layer reads."""
        return [self._row(layer) for layer in range(self.num_layers)]

    def _row(self, layer: int) -> Row:
        reads, last = self.reading.reads(layer), self.num_layers - 1
        sources = self.reading.sources(layer)
        own = {weights(layer), activity(layer)} | ({OUTPUTS, "key"} if layer == last else set())
        active = {label for label in reads if label == "x" or label.startswith("activity:")} - own
        outputs = OUTPUTS in reads and layer != last and "y" not in reads
        error, dimensions = self._error(reads), None
        if self.measured is not None and layer != last:  # to the last layer outputs are what it does itself
            dimensions = self.measured.error_dimensions[layer]
            error = "scalar" if error == "vector" and dimensions == 1 else error
        return Row(
            layer=layer + 1,
            input=_numbers(active & sources),
            own=bool(reads & own),
            activity=_numbers(active - sources) + ((last + 1,) if outputs else ()),
            weights=_numbers(with_prefix(reads, "weights:") - own),
            error=error,
            dimensions=dimensions,
            memory=tuple(dict.fromkeys(part for label, part in self._parts.items() if label in reads)),
            elsewhere=tuple(sorted(label.partition(":")[2] for label in with_prefix(reads, "network:"))),
            noise="key" in reads - own,
        )

    @staticmethod
    def _error(labels: Iterable[str]) -> Error:
        return "vector" if "y" in labels else "scalar" if SCALAR in labels else "none"

    @cached_property
    def _parts(self) -> dict[str, str]:
        """What every array of the memory that some update reads is a part of: the most that the same layers read."""
        reads = [self.reading.reads(layer) for layer in range(self.num_layers)]
        labels = [label for label in self.reading.program.arguments if label.startswith("memory:")]
        readers = {label: tuple(label in found for found in reads) for label in labels}
        readers = {label: layers for label, layers in readers.items() if any(layers)}

        def part(label: str) -> str:
            prefixes = [label[: match.end()] for match in re.finditer(r"\]", label)]
            alike = (p for p in prefixes if len({r for other, r in readers.items() if _within(other, p)}) == 1)
            return next(alike, label).partition(":")[2] or "memory"

        return {label: part(label) for label in readers}

    @cached_property
    def memories(self) -> list[Memory]:
        """Return what happens to all memory that some update reads."""
        found = []
        for name in dict.fromkeys(self._parts.values()):
            labels = [label for label, part in self._parts.items() if part == name]
            behind = self.reading.behind(labels)
            behind = behind.union(*map(self.reading.smuggled, behind & {activity(i) for i in range(self.num_layers)}))
            active = {label for label in behind if label == "x" or label.startswith("activity:")}
            found.append(
                Memory(
                    name=name,
                    read_by=tuple(row.layer for row in self.rows if name in row.memory),
                    fixed=self.reading.fixed.issuperset(labels),
                    weights=_numbers(with_prefix(behind, "weights:")),
                    activity=_numbers(active),
                    error=self._error(behind),
                )
            )
        return found

    @property
    def transport(self) -> dict[int, tuple[int, ...]]:
        """Return, of every layer whose update reads weights of other layers, directly or kept in memory, which."""
        found = {}
        for row in self.rows:
            kept = {layer for memory in self.memories if memory.name in row.memory for layer in memory.weights}
            others = sorted({*row.weights, *kept} - {row.layer})
            if others:
                found[row.layer] = tuple(others)
        return found

    @property
    def kind(self) -> Kind:
        """Return what hidden layers learn from, in a word."""
        hidden = self.rows[:-1]
        learned = [memory for memory in self.memories if not memory.fixed]
        above = any(row.activity and max(row.activity) > row.layer for row in hidden)
        critics = any(max(memory.activity, default=0) > min(memory.read_by) for memory in learned)
        if not self.can_tell:
            return "unknown"
        if not hidden:
            return "single"
        if self.transport:
            return "weight-transport"
        if all(row.error == "none" for row in hidden):
            return "unsupervised"
        if any(row.error == "vector" for row in hidden):
            return "feedback" if above or critics else "broadcast-vector"
        return "critics" if above or critics else "scalar"

    @property
    def contradictions(self) -> list[str]:
        """Return where numbers show what the program was proven not to do: a fault of the audit itself."""
        if self.measured is None:
            return []
        wrong, updates = [], self.reading.updates
        for label, changed in self.measured.changed.items():
            wrong += [
                f"another {label} changed the update of layer {layer + 1}"
                for layer in np.flatnonzero(changed).tolist()
                if label not in updates[layer]
            ]
        for layer, source in np.argwhere(self.measured.direct != 0).tolist():
            if weights(source) not in updates[layer]:
                wrong.append(f"the update of layer {layer + 1} has a derivative by the weights of layer {source + 1}")
        for layer, dimensions in enumerate(self.measured.error_dimensions):
            if dimensions and not {OUTPUTS, SCALAR} & updates[layer]:
                wrong.append(f"the update of layer {layer + 1} has a derivative by the outputs")
        return wrong

    def name(self, layer: int) -> str:
        """Return what a layer is called: `layer 1`, `output`, or `input`."""
        return "input" if layer == 0 else "output" if layer == self.num_layers else f"layer {layer}"

    def names(self, layers: Iterable[int]) -> str:
        """Return what layers are called: `layers 1, 2, output`."""
        layers = sorted(layers)
        hidden = [str(layer) for layer in layers if 0 < layer < self.num_layers]
        parts = ["input"] if 0 in layers else []
        parts += [("layer " if len(hidden) == 1 else "layers ") + ", ".join(hidden)] if hidden else []
        return ", ".join([*parts, *(["output"] if self.num_layers in layers else [])]) or "–"


def _within(label: str, prefix: str) -> bool:
    """Whether a name is that of a thing, or of a part of it."""
    return label == prefix or label.startswith((f"{prefix}.", f"{prefix}["))


def _numbers(labels: Iterable[str]) -> tuple[int, ...]:
    """Numbers of the layers, from 1, that labels name; the input is 0."""
    return tuple(sorted(0 if label == "x" else int(label.partition(":")[2]) + 1 for label in labels))
