"""How the audit of a rule is told: what every layer's update reads, the derivatives between layers, and the rest."""

from pathlib import Path

import numpy as np
from rich.markup import escape

from accumbens.credit.audit.audit import audit_named
from accumbens.credit.audit.program import weights
from accumbens.credit.audit.reading import OUTPUTS, SCALAR
from accumbens.credit.audit.verdict import Audit as Found
from accumbens.credit.audit.words import fate, to_document, told, verdict
from accumbens.credit.config import FitConfig
from accumbens.credit.tasks.registry import make_task
from accumbens.runs.audit import Audit, Table

_DIRECTIONS = {
    "unknown": "cannot tell",
    "forward": "never: forward only, and the same memory however long a sequence is",
    "window": "over a window of steps",
    "selected": "over a window of steps, and to states that were selected",
    "whole": "over the whole sequence",
}


def audit(config: FitConfig, measured: bool) -> Audit:
    """Return what the update of every layer reads under a fit's rule.

    Args:
        config: of the fit.
        measured: compute as well as read the program.

    Raises:
        AccumbensError: the task has no data, or the settings do not fit it.
    """
    data = Path(config.data) if config.data else None
    facts = make_task(config.task, config.task_settings, config.rule_settings.batch_size, data).facts
    found = audit_named(config.rule, config.rule_settings, facts, config.task, measured=measured)
    return Audit(
        holds=not found.contradictions,
        local=found.kind not in ("weight-transport", "feedback", "unknown"),
        verdict=verdict(found),
        how="read from the rule's own update, with few units, inputs and examples: how many does not matter here",
        tables=(_rows(found), _matrix(found)),
        facts=_facts(found),
        details=to_document(found),
    )


def _rows(audit: Found) -> Table:
    """One row per layer: what its update reads, column by column."""
    header = ("the update of", "its input", "itself", "activity of", "weights of", "told", "memory")
    rows = [
        (
            audit.name(row.layer),
            audit.names(row.input),
            "✓" if row.own else "–",
            audit.names(row.activity),
            audit.names(row.weights),
            told(row),
            escape(", ".join(row.memory)) or "–",
        )
        for row in audit.rows
    ]
    return Table("what the update of each layer's parameters reads", header, rows)


def _matrix(audit: Found) -> Table:
    """Rows: the update of a layer. Columns: the weights of a layer. A dot: proven to be exactly zero."""
    measured, layers, rows = audit.measured, range(audit.num_layers), []
    for row in layers:
        entries = []
        for column in layers:
            path = weights(column) in audit.reading.reads(row)
            direct = "·" if not path else f"{measured.direct[row, column]:.2g}" if measured else "✓"
            direct = f"[{'green' if row == column else 'yellow'}]{direct}[/]" if path else direct
            entries.append(f"{direct} [dim]+ {measured.by_activity[row, column]:.2g}[/]" if measured else direct)
        rows.append((audit.name(row + 1), *entries))
    how = "norms: direct, with all activity held, and by way of activity" if measured else "✓: there is a direct path"
    return Table(
        "derivative of the update of a layer (row) with respect to the weights of a layer (column)",
        ("", *(audit.name(layer + 1) for layer in layers)),
        rows,
        note=f"{how}; ·: proven that there is nothing direct",
        is_matrix=True,
    )


def _facts(audit: Found) -> dict[str, str]:
    facts = {}
    if audit.can_tell:
        read = [f"{audit.name(layer)} ← {audit.names(others)}" for layer, others in audit.transport.items()]
        facts["weights of other layers"] = "; ".join(read) or "none, proven: neither directly nor kept in memory"
    for memory in audit.memories:
        facts[f"memory {memory.name}"] = f"{fate(audit, memory)}; read by {audit.names(memory.read_by)}"
    if audit.crossings is not None:
        facts["optimiser across layers"] = "CROSSES" if audit.crossings else "none, proven: each has a step of its own"
    if audit.time is not None:
        facts["back in time"] = _DIRECTIONS[audit.time.direction]
    if audit.measured is not None:
        sources = {weights(layer): audit.name(layer + 1) for layer in range(audit.num_layers)}
        pairs = [
            f"{name}→{audit.names(reached)}"
            for label, name in (sources | {OUTPUTS: "the output's activity", SCALAR: "the scalar"}).items()
            if (reached := _others(audit.measured.changed.get(label), label))
        ]
        facts["changed alone → updates"] = ("; ".join(pairs) or "–") + "  (to the bit, the rest held)"
    elif audit.loops:
        facts["numbers"] = "not measured: the network marks what it does inside of a loop"
    return facts


def _others(changed: np.ndarray | None, label: str) -> list[int]:
    """The layers whose update changed, but for the one whose weights were."""
    found = [] if changed is None else np.flatnonzero(changed).tolist()
    return [layer + 1 for layer in found if weights(layer) != label]
