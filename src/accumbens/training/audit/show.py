"""How the audit of an agent is told: what every cell's update reads, which error reaches which cell, and the rest."""

from collections.abc import Sequence

from accumbens.agents.settings import SACSettings
from accumbens.agents.token_settings import TokenSettings
from accumbens.runs.audit import Audit, Table
from accumbens.training.audit.audit import audit_config
from accumbens.training.audit.dependencies import DATA
from accumbens.training.audit.verdict import Audit as Found
from accumbens.training.audit.verdict import cells_named, numbers_in, to_document
from accumbens.training.config import RunConfig

SAC = Audit(
    holds=True,
    local=False,
    verdict=[
        "Backprop, as it says: SAC's actor and critics are not made of cells, and each is trained as a whole.",
        "Its learning is SBX's and is not traced here; it has a replay buffer and target critics.",
    ],
    claim="backprop credit",
    details={"credit": "backprop", "local": False, "made_of_cells": False},
)
"""What is said of SAC, which is known and not derived."""

LANGUAGE = Audit(
    holds=True,
    local=False,
    verdict=[
        "Backprop, as it says: a transformer is trained as a whole, and so is its critic.",
        "Of credit it has another kind: every token of an action may have a TD error of its own.",
    ],
    claim="backprop credit",
    details={"credit": "backprop", "local": False, "made_of_cells": False},
)
"""What is said of language agents, which is known and not derived."""


def audit(config: RunConfig, measured: bool) -> Audit:
    """Return what the update of every cell of a run reads.

    Args:
        config: of the run.
        measured: compute as well as read the program.

    Raises:
        AccumbensError: the environment cannot be used.
    """
    if isinstance(config.settings, SACSettings):
        return SAC
    if isinstance(config.settings, TokenSettings):
        return LANGUAGE
    found = audit_config(config, measure=measured)
    return Audit(
        holds=found.holds,
        local=found.is_local,
        verdict=found.verdict(),
        claim=f"{found.credit} credit",
        how="read from the agent's own learning, with few units, environments and steps: neither matters here",
        tables=(_groups(found), _matrix(found)),
        facts=_facts(found),
        details=to_document(found),
    )


def _groups(audit: Found) -> Table:
    """One row per cell: the parameters, and what their update reads at every stage."""
    found, rows = audit.dependencies, []
    for cell, names in enumerate(audit.names):
        values = found.bootstraps & found.predictions.any(axis=0)
        reached = (values.astype(int) @ (found.gradients.astype(int) @ found.updates.astype(int))) > 0
        matrices = (found.td_errors(), found.updates, found.memories, reached)
        read = [_listed(numbers_in(matrix[:, cell])) for matrix in matrices]
        rows.append((f"cell {cell + 1} ({len(names)} arrays)", *read))
    header = ("the update of", "TD errors of", "gradients of", "optimiser\nmemory of", "next values of")
    return Table("what the update of each cell's parameters reads", header, rows)


def _matrix(audit: Found) -> Table:
    """Rows: the error of a cell. Columns: the parameters of a cell. A dot: proven to be exactly zero."""
    found, jacobian, cells = audit.dependencies, audit.jacobian, range(len(audit.names))
    rows = []
    for row, source in enumerate(found.predicting):
        entries = []
        for cell in cells:
            shown = "✓" if jacobian is None else f"{jacobian[row, cell]:.2g}"
            colour = "green" if source == cell else "red" if audit.credit == "local" else "yellow"
            entries.append(f"[{colour}]{shown}[/]" if found.gradients[source, cell] else "·")
        rows.append((f"error {source + 1}", *entries))
    how = "norm of the exact derivative" if jacobian is not None else "✓: there is a path"
    return Table(
        "gradient of the error of a cell (row) with respect to the parameters of a cell (column)",
        ("", *(f"cell {cell + 1}" if len(cells) < 6 else str(cell + 1) for cell in cells)),
        rows,
        note=f"{how}; ·: proven to be zero",
        is_matrix=True,
    )


def _facts(audit: Found) -> dict[str, str]:
    found, kinds = audit.dependencies, {finding.kind for finding in audit.findings}
    every = set(DATA).intersection(*(found.error_data[cell] for cell in found.predicting))
    crosses = "crosses, as is said of it" if audit.through_time else "CROSSES"
    facts = {
        "gradient through time": crosses if "time" in kinds else "none, proven: neither in acting nor in learning",
        "clip across cells": "CROSSES" if "update" in kinds else "none, proven: each update reads its own gradient",
        "optimiser across cells": "CROSSES" if "memory" in kinds else "none, proven: each has a memory of its own",
        "replay": ", ".join(_tops(found.replay)) or "none: nothing it learns from is older than the block",
        "target network": ", ".join(_tops(found.target_network)) or "none",
        "shared by all errors": ", ".join(name for name in DATA if name in every),
        "action": f"depends on the values of {cells_named([cell + 1 for cell in found.acting])}",
    }
    if found.traces:
        facts["replay"] = ", ".join(_tops(found.replay)) or "none"
        facts["traces"] = "the past reaches gradients by traces, made going forward; no error reads them"
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
