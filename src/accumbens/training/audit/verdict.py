"""What an audit found, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from accumbens.training.audit.dependencies import Dependencies, Matrix


class Finding(NamedTuple):
    """A signal that crosses from one cell to another, or through time.

    Attributes:
        kind: `error`, `gradient`, `time`, `update`, `memory` or `bypass`.
        source: number of the cell whose signal it is, from 1.
        reached: number of the cell that it reaches, from 1.
        text: what that means.
    """

    kind: str
    source: int
    reached: int
    text: str


_TEXTS = {
    "error": "the error of cell {1} is made of the predicted value of cell {0}: it learns from the TD error of another",
    "gradient": "a gradient crosses cells: from the error of cell {0} to the parameters of cell {1}",
    "time": "a gradient crosses a time step: from the error of cell {0} to the activity of cell {1} one step ago",
    "update": "the update of cell {1} reads the gradient of cell {0}: a clip or a statistic over several cells",
    "memory": "the update of cell {1} reads what an optimiser remembers of the gradient of cell {0}",
    "bypass": "the update of cell {1} reads the error of cell {0} by another way than through a gradient",
}


@dataclass(frozen=True)
class Audit:
    """What the update of every cell reads.

    Attributes:
        credit: what the agent claims: `local` or `backprop`.
        dependencies: what can reach what, from the traced program.
        jacobian: norm of the derivative of every predicting cell's loss (rows) with respect to every cell's parameters,
            exact; None where it was not asked for.
        disturbed: which cells' parameters or optimiser states (columns) changed to the bit when the error of a cell
            (rows) was disturbed; None where it was not asked for.
        names: of the parameters of every cell.
        through_time: whether the agent claims that its gradients go back in time.
    """

    credit: str
    dependencies: Dependencies
    jacobian: Float[np.ndarray, "losses cells"] | None
    disturbed: Bool[np.ndarray, "cells cells"] | None
    names: tuple[tuple[str, ...], ...]
    through_time: bool = False

    @property
    def findings(self) -> list[Finding]:
        """Return everything that crosses; each by itself means that the learning is not local."""
        found = self.dependencies
        cells = len(self.names)
        other = ~np.eye(cells, dtype=bool)
        matrices = {
            "error": found.predictions & other,
            "gradient": found.gradients & other,
            "time": found.time,
            "update": found.updates & other,
            "memory": found.memories & other,
            "bypass": found.bypasses & other,
        }
        return [
            Finding(kind, int(source) + 1, int(reached) + 1, _TEXTS[kind].format(source + 1, reached + 1))
            for kind, matrix in matrices.items()
            for source, reached in np.argwhere(matrix)
        ]

    @property
    def is_local(self) -> bool:
        """Whether nothing crosses: every cell learns from its own error alone."""
        return not self.findings

    @property
    def contradictions(self) -> list[str]:
        """Return where numbers show what the program was proven not to do: a fault of the audit itself."""
        found, wrong = self.dependencies, []
        reach = (found.gradients.astype(int) @ (found.updates | found.memories)) > 0
        if self.disturbed is not None:
            for source, reached in np.argwhere(self.disturbed & ~(reach | found.bypasses)):
                wrong.append(f"a disturbed error of cell {source + 1} changed cell {reached + 1}")
        if self.jacobian is not None:
            for row, reached in np.argwhere((self.jacobian != 0) & ~found.gradients[list(found.predicting)]):
                source = found.predicting[row]
                wrong.append(f"the loss of cell {source + 1} has a derivative with respect to cell {reached + 1}")
        return wrong

    @property
    def holds(self) -> bool:
        """Whether the agent is what it claims to be; `backprop` and `through_time` claim nothing."""
        return not self.contradictions and (self.credit != "local" or not self._unclaimed)

    @property
    def _unclaimed(self) -> list[Finding]:
        """What crosses against a claim of local credit: time may be crossed inside a cell where that is said."""
        own_past = [f for f in self.findings if self.through_time and f.kind == "time" and f.source == f.reached]
        return [finding for finding in self.findings if finding not in own_past]

    def verdict(self) -> list[str]:
        """Return the result in sentences, the first one short."""
        wrong = self.contradictions
        if wrong:
            return ["The audit contradicts itself, which is a fault of accumbens: " + "; ".join(wrong) + "."]
        found, cells = self.dependencies, len(self.names)
        crossings = [finding.text for finding in self.findings]
        if self.is_local:
            sentences = [_LOCAL if cells > 1 else _SINGLE]
            if self.credit != "local" and cells > 1:
                sentences.append("It claims to be backprop, and yet nothing crosses.")
        elif self.credit == "local" and not self._unclaimed:
            sentences = [_LOCAL_BUT_TIME]
        elif self.credit == "local":
            sentences = ["NOT local, although it claims to be.", *(f"{text}." for text in _capitalised(crossings))]
        else:
            kinds = {finding.kind for finding in self.findings}
            rest = [] if kinds == {"gradient"} else [f for f in self.findings if f.kind != "gradient"]
            sentences = ["Backprop, as it says: gradients cross cells, so cells learn from the errors of others."]
            sentences += [f"{text}." for text in _capitalised([finding.text for finding in rest])]
        silent = [cell + 1 for cell in range(cells) if not found.td_errors()[:, cell].any()]
        if len(found.predicting) < cells:
            sentences.append(f"Only {cells_named([cell + 1 for cell in found.predicting])} predicts.")
        if silent:
            sentences.append(f"No error reaches {cells_named(silent)}: nothing is learned there.")
        if (found.bootstraps & ~np.eye(cells, dtype=bool)).any():
            sentences.append(_SHARED_TARGET)
        return sentences


_LOCAL = "Local: every cell learns from its own TD error alone; no gradient crosses a cell or a time step."
_LOCAL_BUT_TIME = (
    "Local in depth: every cell learns from its own TD error alone, no gradient crosses to another cell. In time it "
    "does go back, inside each cell, as is said of it (time_credit=bptt)."
)
_SINGLE = "One cell: there is nothing to cross, and local and backprop are the same."
_SHARED_TARGET = (
    "TD targets are made of other cells' values too: these are numbers that every cell is told, like the reward, "
    "and no gradient flows through them; what is called local here is about gradients."
)


def _capitalised(texts: Sequence[str]) -> list[str]:
    return [text[0].upper() + text[1:] for text in texts]


def cells_named(numbers: Sequence[int]) -> str:
    """Return `cell 1` or `cells 1, 2`."""
    if not numbers:
        return "no cell"
    return ("cell " if len(numbers) == 1 else "cells ") + ", ".join(map(str, numbers))


def numbers_in(column: Bool[np.ndarray, " cells"]) -> list[int]:
    """Return the numbers, from 1, of the cells that are marked."""
    return [int(cell) + 1 for cell in np.flatnonzero(column)]


def to_document(audit: Audit) -> dict[str, Any]:
    """Return everything an audit found as plain values; cells are numbered from 1."""
    found = audit.dependencies
    matrices: dict[str, Matrix] = {
        name: getattr(found, name)
        for name in ("predictions", "bootstraps", "gradients", "updates", "memories", "bypasses", "time")
    }
    groups = [
        {
            "cell": cell + 1,
            "parameters": list(names),
            "td_errors_of": numbers_in(found.td_errors()[:, cell]),
            "error_made_of_predictions_of": numbers_in(found.predictions[:, cell]),
            "error_made_of_bootstrap_values_of": numbers_in(found.bootstraps[:, cell]),
            "error_made_of": list(found.error_data[cell]),
            "gradient_reads_errors_of": numbers_in(found.gradients[:, cell]),
            "update_reads_gradients_of": numbers_in(found.updates[:, cell]),
            "update_reads_optimiser_memory_of": numbers_in(found.memories[:, cell]),
        }
        for cell, names in enumerate(audit.names)
    ]
    return {
        "credit": audit.credit,
        "holds": audit.holds,
        "local": audit.is_local,
        "made_of_cells": True,
        "verdict": audit.verdict(),
        "findings": [finding._asdict() for finding in audit.findings],
        "groups": groups,
        "action_depends_on_values_of": [cell + 1 for cell in found.acting],
        "replay": list(found.replay),
        "traces": list(found.traces),
        "target_network": list(found.target_network),
        "matrices": {name: matrix.astype(int).tolist() for name, matrix in matrices.items()},
        "jacobian": None if audit.jacobian is None else audit.jacobian.tolist(),
        "disturbed": None if audit.disturbed is None else audit.disturbed.astype(int).tolist(),
    }
