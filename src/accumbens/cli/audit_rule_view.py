"""How the audit of a rule looks in the terminal."""

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from accumbens.credit.audit import Audit, verdict
from accumbens.credit.audit.program import weights
from accumbens.credit.audit.reading import OUTPUTS, SCALAR
from accumbens.credit.audit.words import fate, told
from accumbens.credit.config import FitConfig

_WIDE = 200  # names of memory may be longer than a terminal; the table is only as wide as it has to be


def print_contradictions(audit: Audit) -> None:
    """Print what is wrong, on standard error."""
    Console(stderr=True, highlight=False).print(escape(" ".join(verdict(audit))), soft_wrap=True)


def print_rule_audit(config: FitConfig, audit: Audit, json: bool) -> None:
    """Print what every layer's update reads, the derivatives between layers, what else there is, and the verdict."""
    console = Console(stderr=json, highlight=False)
    console.print(f"[bold]{escape(config.task)}[/]  {escape(config.rule)}")
    console.print(
        "[dim]read from the rule's own update, with few units, inputs and examples: how many does not matter here[/]",
        soft_wrap=True,
    )
    console.print()
    console.print("what the update of each layer's parameters reads")
    Console(stderr=json, highlight=False, width=_WIDE).print(_rows(audit))
    console.print()
    _print_matrix(console, audit)
    console.print()
    for name, text in _facts(audit).items():
        console.print(f"[dim]{escape(name):<25}[/] {escape(text)}", soft_wrap=True)
    console.print()
    first, *rest = verdict(audit)
    mixed = audit.kind in ("weight-transport", "feedback", "unknown")
    colour = "red" if audit.contradictions else "yellow" if mixed else "green"
    console.print(f"[bold {colour}]{escape(first)}[/]", soft_wrap=True)
    for sentence in rest:
        console.print(escape(sentence), soft_wrap=True)


def _rows(audit: Audit) -> Table:
    """One row per layer: what its update reads, column by column."""
    table = Table(box=None, pad_edge=False)
    for column in ("the update of", "its input", "itself", "activity of", "weights of", "told", "memory"):
        table.add_column(column, no_wrap=True)
    for row in audit.rows:
        table.add_row(
            audit.name(row.layer),
            audit.names(row.input),
            "✓" if row.own else "–",
            audit.names(row.activity),
            audit.names(row.weights),
            told(row),
            escape(", ".join(row.memory)) or "–",
        )
    return table


def _print_matrix(console: Console, audit: Audit) -> None:
    """Rows: the update of a layer. Columns: the weights of a layer. A dot: proven to be exactly zero."""
    measured = audit.measured
    title = "derivative of the update of a layer (row) with respect to the weights of a layer (column)"
    console.print(title, soft_wrap=True)
    how = "norms: direct, with all activity held, and by way of activity" if measured else "✓: there is a direct path"
    console.print(f"[dim]{how}; ·: proven that there is nothing direct[/]", soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    for layer in range(1, audit.num_layers + 1):
        table.add_column(audit.name(layer), justify="right", no_wrap=True)
    for row in range(audit.num_layers):
        entries = []
        for column in range(audit.num_layers):
            path = weights(column) in audit.reading.reads(row)
            direct = "·" if not path else f"{measured.direct[row, column]:.2g}" if measured else "✓"
            direct = f"[{'green' if row == column else 'yellow'}]{direct}[/]" if path else direct
            entries.append(f"{direct} [dim]+ {measured.by_activity[row, column]:.2g}[/]" if measured else direct)
        table.add_row(audit.name(row + 1), *entries)
    console.print(table)


def _facts(audit: Audit) -> dict[str, str]:
    facts = {}
    if audit.can_tell:
        read = [f"{audit.name(layer)} ← {audit.names(others)}" for layer, others in audit.transport.items()]
        facts["weights of other layers"] = "; ".join(read) or "none, proven: neither directly nor kept in memory"
    for memory in audit.memories:
        facts[f"memory {memory.name}"] = f"{fate(audit, memory)}; read by {audit.names(memory.read_by)}"
    if audit.crossings is not None:
        facts["optimiser across layers"] = "CROSSES" if audit.crossings else "none, proven: each has a step of its own"
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
