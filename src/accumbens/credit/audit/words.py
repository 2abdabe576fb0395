"""What an audit of a rule found, in words and as plain values."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from accumbens.credit.audit.reading import OUTPUTS, SCALAR, activity
from accumbens.credit.audit.time import Time
from accumbens.credit.audit.verdict import Audit, Memory, Row

_HEADLINES = {
    "single": "One layer: it is told the error itself, and there is nothing to cross.",
    "feedback": "No weight transport: the error comes back through the layers above, by way of their activity and of "
    "memory, and reads none of their weights.",
    "broadcast-vector": "Local but for a broadcast error vector: every hidden layer reads its own input and activity, "
    "and the error at the output.",
    "critics": "Local but for a scalar and critics of the layers above: every hidden layer reads its own input and "
    "activity, one number per example, and how the layers above took what it did.",
    "scalar": "Local but for a scalar: every hidden layer reads its own input and activity, and one number per "
    "example, its loss (a reward).",
    "unsupervised": "Local, and without any error: no hidden layer is told how well the network does.",
}


def verdict(audit: Audit) -> list[str]:
    """Return the result in sentences, the first one short."""
    wrong = audit.contradictions
    if wrong:
        return ["The audit contradicts itself, which is a fault of accumbens: " + "; ".join(wrong) + "."]
    if audit.kind == "unknown":
        return _unknown(audit)
    if audit.kind == "weight-transport":
        pairs = [f"of {audit.name(layer)} those of {audit.names(read)}" for layer, read in audit.transport.items()]
        sentences = ["Weight transport: updates read the weights of other layers, the update " + "; ".join(pairs) + "."]
    else:
        sentences = [_HEADLINES[audit.kind]]
    sentences += [*_told(audit), *in_time(audit.time)]
    for row in audit.rows:
        if row.activity and audit.kind != "weight-transport":
            sentences.append(
                f"The update of {audit.name(row.layer)} also reads what others do: {audit.names(row.activity)}."
            )
    noisy = [row.layer for row in audit.rows if row.noise]
    if noisy:
        sentences.append(f"Noise that no layer marks as its own is read by {audit.names(noisy)}.")
    elsewhere = sorted({name for row in audit.rows for name in row.elsewhere})
    if elsewhere:
        sentences.append(f"Updates read arrays of the network that belong to no layer: {', '.join(elsewhere)}.")
    for layer in range(audit.num_layers - 1):
        hidden = _plain(audit, audit.reading.smuggled(activity(layer)))
        if hidden:
            sentences.append(f"What {audit.name(layer + 1)} does is itself made of {hidden}.")
    for label, what in ((OUTPUTS, "What the output does"), (SCALAR, "The scalar")):
        hidden = _plain(audit, audit.reading.smuggled(label))
        if hidden:
            sentences.append(f"{what} is also made of {hidden}.")
    for source, reached in audit.crossings or []:
        sentences.append(
            f"The optimiser mixes layers: the step of {audit.name(reached + 1)} reads {audit.name(source + 1)}."
        )
    return sentences


def in_time(time: Time | None) -> list[str]:
    """Return a sentence on how far back an update looks, of a rule for sequences."""
    if time is None:
        return []
    window = f"over at most {time.reach} steps of {time.steps} (windows are made small here)"
    grows = f"grows with every step ({time.growth:.3g} numbers of each example)"
    whole = "Looks back in time over the whole sequence: errors are sent back to its beginning"
    sentences = {
        "unknown": "Cannot tell whether it looks back in time: the network does not mark its outputs.",
        "forward": "Forward in time only: no error is sent back to an earlier step, it meets traces and what was there "
        "one step ago at most; what is kept does not grow with the sequence.",
        "window": f"Looks back in time {window}: errors are sent back through these; what is kept does not grow with "
        "the sequence.",
        "selected": f"Looks back in time {window}, and from there to states that the network selected, "
        f"{time.picked} steps ago too; what is kept {grows}.",
        "whole": f"{whole}; what is kept {grows}." if time.growth else f"{whole}.",
    }
    if time.direction == "whole" and time.reach < time.steps - 1:
        return [f"Looks back in time: what is kept {grows}, and later errors read it."]
    return [sentences[time.direction]]


def _told(audit: Audit) -> list[str]:
    """Sentences on which layers are told the outcome in which form."""
    forms = {
        "vector": "Told the error as a vector, made of outputs and targets",
        "scalar": "Told a scalar, the loss",
        "none": "Told nothing of the outcome",
    }
    sentences = []
    for error, words in forms.items():
        rows = [row for row in audit.rows if row.error == error]
        if rows:
            sentences.append(f"{words}: {audit.names(row.layer for row in rows)}.")
    return sentences


def _unknown(audit: Audit) -> list[str]:
    unmarked = [layer + 1 for layer in audit.reading.unmarked]
    unmarked += [] if OUTPUTS in audit.reading.made_of else [audit.num_layers]
    sentences = [
        f"Cannot tell: the network does not mark what it does ({audit.names(unmarked)}), so that reading weights "
        "cannot be told from reading activity that is made of them.",
        "Pass what every layer makes through accumbens.credit.marks in the forward pass. Until then all that is said "
        "here is an upper bound.",
    ]
    for row in audit.rows:
        never = {layer for layer in range(1, audit.num_layers + 1) if layer not in (row.layer, *row.weights)}
        if never:
            sentences.append(f"Proven all the same: {audit.name(row.layer)} reads no weights of {audit.names(never)}.")
    return sentences


def _plain(audit: Audit, labels: Iterable[str]) -> str:
    """Return in words what labels stand for."""
    labels = set(labels)
    layers = [int(label.partition(":")[2]) + 1 for label in labels if label.startswith("weights:")]
    active = [int(label.partition(":")[2]) + 1 for label in labels if label.startswith("activity:")]
    parts = [f"the weights of {audit.names(layers)}"] if layers else []
    parts += [f"the activity of {audit.names(active)}"] if active else []
    parts += [f"memory ({label.partition(':')[2] or 'all of it'})" for label in sorted(labels) if "memory:" in label]
    words = {"y": "the targets", OUTPUTS: "the outputs", SCALAR: "a loss", "x": "the input", "key": "noise"}
    return ", ".join([*parts, *(text for label, text in words.items() if label in labels)])


def told(row: Row) -> str:
    """Return in a few words what a layer is told of the outcome."""
    if row.error == "none" or not row.dimensions:
        return {"none": "–", "scalar": "a scalar", "vector": "a vector"}[row.error]
    return f"a {row.error} ({row.dimensions})"


def fate(audit: Audit, memory: Memory) -> str:
    """Return in words what happens to a part of the memory."""
    if memory.fixed:
        return "fixed: handed on untouched"
    made_of = [f"the activity of {audit.names(memory.activity)}"] if memory.activity else []
    made_of += {"none": [], "scalar": ["the scalar"], "vector": ["outputs and targets"]}[memory.error]
    made_of += [f"THE WEIGHTS of {audit.names(memory.weights)}"] if memory.weights else []
    weights = "" if memory.weights else "; reads no weights"
    return (f"learned from {', '.join(made_of)}" if made_of else "changes by itself") + weights


def to_document(audit: Audit) -> dict[str, Any]:
    """Return everything an audit found as plain values; layers are numbered from 1, and 0 is the input."""
    measured, reading = audit.measured, audit.reading
    return {
        "kind": audit.kind,
        "can_tell": audit.can_tell,
        "holds": not audit.contradictions,
        "verdict": verdict(audit),
        "layers": [row._asdict() for row in audit.rows],
        "memory": [memory._asdict() for memory in audit.memories],
        "weight_transport": {layer: list(read) for layer, read in audit.transport.items()},
        "time": None if audit.time is None else audit.time._asdict() | {"direction": audit.time.direction},
        "optimiser_crosses": None if audit.crossings is None else [[i + 1, j + 1] for i, j in audit.crossings],
        "labels": {
            "updates": [sorted(labels) for labels in reading.updates],
            "made_of": {label: sorted(labels) for label, labels in reading.made_of.items()},
            "elsewhere": {label: sorted(labels) for label, labels in reading.elsewhere.items()},
        },
        "jacobian": None if measured is None else _jacobian(measured.direct, measured.by_activity),
        "changed": None
        if measured is None
        else {label: (np.flatnonzero(changed) + 1).tolist() for label, changed in measured.changed.items()},
    }


def _jacobian(direct: Any, by_activity: Any) -> dict[str, Any]:
    """JSON has no NaN: a derivative that is none is null."""
    matrices = {"direct": direct, "by_activity": by_activity}
    return {
        name: [[value if np.isfinite(value) else None for value in row] for row in matrix.tolist()]
        for name, matrix in matrices.items()
    }
