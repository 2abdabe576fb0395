"""How an audit looks in the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from accumbens.training.audit import Audit
from accumbens.training.audit.dependencies import DATA
from accumbens.training.audit.verdict import cells_named, numbers_in
from accumbens.training.config import RunConfig

SAC = {
    "credit": "backprop",
    "holds": True,
    "local": False,
    "made_of_cells": False,
    "verdict": [
        "Backprop, as it says: SAC's actor and critics are not made of cells, and each is trained as a whole.",
        "Its learning is SBX's and is not traced here; it has a replay buffer and target critics.",
    ],
}
"""What is said of SAC, which is known and not derived."""


def print_sac(config: RunConfig, json: bool) -> None:
    """Print what there is to say of SAC."""
    console = Console(stderr=json, highlight=False)
    _print_title(console, config)
    for sentence in SAC["verdict"]:
        console.print(sentence, soft_wrap=True)


def print_failure(audit: Audit) -> None:
    """Print what is wrong, on standard error."""
    Console(stderr=True, highlight=False).print(escape(" ".join(audit.verdict())), soft_wrap=True)


def print_audit(config: RunConfig, audit: Audit, json: bool) -> None:
    """Print what every cell's update reads, the matrix of errors and cells, what else is shared, and the verdict."""
    console = Console(stderr=json, highlight=False)
    _print_title(console, config)
    console.print(
        "[dim]read from the agent's own learning, with few units, environments and steps: neither matters here[/]",
        soft_wrap=True,
    )
    console.print()
    console.print("what the update of each cell's parameters reads")
    console.print(_groups(audit))
    console.print()
    _print_matrix(console, audit)
    console.print()
    for name, text in _facts(audit).items():
        console.print(f"[dim]{name:<26}[/]{escape(text)}", soft_wrap=True)
    console.print()
    first, *rest = audit.verdict()
    colour = "red" if not audit.holds else "green" if audit.is_local else "yellow"
    console.print(f"[bold {colour}]{escape(first)}[/]", soft_wrap=True)
    for sentence in rest:
        console.print(escape(sentence), soft_wrap=True)


def _print_title(console: Console, config: RunConfig) -> None:
    console.print(f"[bold]{escape(config.env)}[/]  {config.algo}  {config.settings.credit} credit")


def _groups(audit: Audit) -> Table:
    """One row per cell: the parameters, and what their update reads at every stage."""
    found = audit.dependencies
    table = Table(box=None, pad_edge=False)
    table.add_column("the update of")
    for column in ("TD errors of", "gradients of", "optimiser memory of", "next values of"):
        table.add_column(column)
    for cell, names in enumerate(audit.names):
        values = found.bootstraps & found.predictions.any(axis=0)
        reached = (values.astype(int) @ (found.gradients.astype(int) @ found.updates.astype(int))) > 0
        matrices = (found.td_errors(), found.updates, found.memories, reached)
        read = [_listed(numbers_in(matrix[:, cell])) for matrix in matrices]
        table.add_row(f"cell {cell + 1} ({len(names)} arrays)", *read)
    return table


def _print_matrix(console: Console, audit: Audit) -> None:
    """Rows: the error of a cell. Columns: the parameters of a cell. A dot: proven to be exactly zero."""
    found, jacobian = audit.dependencies, audit.jacobian
    how = "norm of the exact derivative" if jacobian is not None else "✓: there is a path"
    console.print("gradient of the error of a cell (row) with respect to the parameters of a cell (column)")
    console.print(f"[dim]{how}; ·: proven to be zero[/]")
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for cell in range(len(audit.names)):
        table.add_column(f"cell {cell + 1}" if len(audit.names) < 6 else str(cell + 1), justify="right", no_wrap=True)
    for row, source in enumerate(found.predicting):
        entries = []
        for cell in range(len(audit.names)):
            shown = "✓" if jacobian is None else f"{jacobian[row, cell]:.2g}"
            colour = "green" if source == cell else "red" if audit.credit == "local" else "yellow"
            entries.append(f"[{colour}]{shown}[/]" if found.gradients[source, cell] else "·")
        table.add_row(f"error {source + 1}", *entries)
    console.print(table)


def _facts(audit: Audit) -> dict[str, str]:
    found, kinds = audit.dependencies, {finding.kind for finding in audit.findings}
    every = set(DATA).intersection(*(found.error_data[cell] for cell in found.predicting))
    facts = {
        "gradient through time": "CROSSES" if "time" in kinds else "none, proven: neither in acting nor in learning",
        "clip across cells": "CROSSES" if "update" in kinds else "none, proven: each update reads its own gradient",
        "optimiser across cells": "CROSSES" if "memory" in kinds else "none, proven: each has a memory of its own",
        "replay": ", ".join(_tops(found.replay)) or "none: nothing it learns from is older than the block",
        "target network": ", ".join(_tops(found.target_network)) or "none",
        "shared by all errors": ", ".join(name for name in DATA if name in every),
        "action": f"depends on the values of {cells_named([cell + 1 for cell in found.acting])}",
    }
    if audit.disturbed is not None:
        pairs = [f"{source + 1}→{_listed(numbers_in(row))}" for source, row in enumerate(audit.disturbed) if row.any()]
        facts["error disturbed → changed"] = "  ".join(pairs) + "  (to the bit, far above the clip)"
    return facts


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "–"


def _tops(paths: Sequence[str]) -> list[str]:
    """The parts of the state that leaves belong to: of a network its own name, of anything else the first two."""
    parts = [path.lstrip(".").partition(".cells")[0].split(".") for path in paths]
    return [".".join(part) for part in dict.fromkeys(tuple(part[:2]) for part in parts)]
