"""How the audit of a team is told."""

from collections.abc import Sequence

import numpy as np

from accumbens.envs.teams.protocol import release
from accumbens.envs.teams.registry import make_team
from accumbens.runs.audit import Audit, Table
from accumbens.teams.audit import CONTEXT, Found, audit_team
from accumbens.teams.config import TeamConfig
from accumbens.teams.settings import DistilledSettings, PlayingSettings, PolicySettings


def audit(config: TeamConfig, measured: bool) -> Audit:
    """Return who of a team acts on what whom sees, and what each learns from.

    Args:
        config: of the run.
        measured: compute as well as read programs.

    Raises:
        AccumbensError: the environment cannot be made.
    """
    environment = make_team(config.env)
    release(environment)
    return told(audit_team(config.settings, environment.facts, measured))


def told(found: Found) -> Audit:
    """Return what was found, in words and tables."""
    wrong, local = contradictions(found), _is_local(found)
    crosses = _strangers(found)
    holds = not wrong and (is_centralised(found) or not crosses.any()) and not found.future
    if isinstance(found.settings, PolicySettings) and found.settings.credit == "local":
        holds = holds and local
    claims = [] if is_centralised(found) else ["decentralised"]
    claims += [f"{found.settings.credit} credit"] if isinstance(found.settings, PolicySettings) else []
    tables = [_acting(found)]
    if found.layers is not None:
        tables.append(_layers(found))
    if found.learning:
        tables.append(_learning(found))
    return Audit(
        holds=holds,
        local=local,
        verdict=verdict(found, wrong),
        claim=", ".join(claims),
        how="read from the team's own acting and learning, with few units, numbers and steps: neither matters here",
        tables=tables,
        facts=_facts(found),
        details=_document(found, local, wrong),
    )


def is_centralised(found: Found) -> bool:
    """Return whether one network is said to see all."""
    return isinstance(found.settings, PolicySettings) and found.settings.centralised


def _is_shared(found: Found) -> bool:
    return isinstance(found.settings, PlayingSettings) or found.settings.shared


def _strangers(found: Found) -> np.ndarray:
    """Where an action can depend on what another agent is told."""
    return found.acting & ~np.eye(len(found.agents), dtype=bool)


def _is_local(found: Found) -> bool:
    """Whether no layer learns from the loss of another, nor a step from the gradient of another."""
    layers = found.layers
    if layers is None or len(layers.readouts) < layers.proven.shape[1]:
        return False
    crossed = layers.proven & ~np.eye(len(layers.proven), dtype=bool)
    return not (crossed.any() or _steps_cross(found))


def _steps_cross(found: Found) -> bool:
    assert found.layers is not None
    return bool((found.layers.steps & ~np.eye(len(found.layers.steps), dtype=bool)).any())


def contradictions(found: Found) -> list[str]:
    """Return where numbers show what programs were proven not to do: a fault of the audit itself."""
    wrong, names = [], found.agents
    if found.jacobian is not None:
        for i, j in np.argwhere((found.jacobian != 0) & ~found.acting):
            wrong.append(f"what {names[i]} does has a derivative by what {names[j]} is told")
    layers = found.layers
    if layers is not None and layers.jacobian is not None:
        for row, layer in np.argwhere((layers.jacobian != 0) & ~layers.proven):
            wrong.append(f"the loss of layer {layers.readouts[row] + 1} has a derivative by layer {layer + 1}")
    return wrong


def verdict(found: Found, wrong: Sequence[str] = ()) -> list[str]:
    """Return the result in sentences, the first one short."""
    if wrong:
        return ["The audit contradicts itself, which is a fault of accumbens: " + "; ".join(wrong) + "."]
    return [*_of_acting(found), *_of_layers(found), *_of_learning(found)]


def _of_acting(found: Found) -> list[str]:
    crosses, names = _strangers(found), found.agents
    if is_centralised(found):
        sentences = ["Centralised, as it says: one network sees what all agents see, and says what all do."]
    elif not crosses.any():
        sentences = ["Decentralised, proven: no agent's action depends on what another agent sees, did or earned."]
    else:
        pairs = [
            f"the action of {names[i]} depends on what {_listed([names[j] for j in np.flatnonzero(row)])} is told"
            for i, row in enumerate(crosses)
            if row.any()
        ]
        sentences = ["NOT decentralised, although it claims to be: " + "; ".join(pairs) + "."]
    if found.future:
        sentences.append(f"What {_listed(found.future)} does depends on LATER steps of a window: the future leaks.")
    elif found.future is not None:
        sentences.append("Nothing depends on a later step: derivatives by what comes later are exactly zero.")
    return sentences


def _of_layers(found: Found) -> list[str]:
    layers, settings = found.layers, found.settings
    if layers is None:
        return ["Backprop inside an agent: its network is trained as a whole, by its own TD error."]
    if layers.proven.shape[1] == 1:
        return ["One layer: there is nothing to cross, and local and backprop are the same."]
    if settings.credit != "local":
        return ["Backprop, as it says: gradients cross layers, so layers learn from the losses of those above."]
    if _is_local(found):
        return ["Local, proven: every layer learns from its own loss alone, and no gradient crosses a layer."]
    pairs = [
        f"the loss of layer {layers.readouts[row] + 1} reaches layer {layer + 1}"
        for row, layer in np.argwhere(layers.proven)
        if layers.readouts[row] != layer
    ]
    if _steps_cross(found):
        pairs.append("the step of a layer reads the gradient of another")
    return ["NOT local, although it claims to be: " + "; ".join(pairs) + "."]


def _of_learning(found: Found) -> list[str]:
    if is_centralised(found):
        return []
    if _is_shared(found):
        return ["All agents have one network: each learns from what all of them did."]
    if not found.learning:
        return []
    other = ~np.eye(len(found.agents), dtype=bool)
    by_data = [name for name, part in found.learning.items() if (part.data & other).any()]
    by_networks = [name for name, part in found.learning.items() if (part.networks & other).any()]
    if not (by_data or by_networks):
        return ["While learning no agent is told anything of another: each learns from its own data alone."]
    sentences = []
    if by_data:
        sentences.append(
            f"While learning students are told of what others see, by a teacher that sees all: {_listed(by_data)}."
        )
    if by_networks:
        whose = "its own features" if getattr(found.settings, "relation_gradient", "") == "own" else "those of both"
        sentences.append(
            f"Their networks are coupled while they learn: {_listed(by_networks)} reads the features of other "
            f"students; an angle moves {whose}."
        )
    return sentences


def _acting(found: Found) -> Table:
    """Rows: the action of an agent. Columns: whose observations, actions and rewards it can depend on."""
    rows = []
    for i, name in enumerate(found.agents):
        entries = []
        for j in range(len(found.agents)):
            shown = "✓" if found.jacobian is None else f"{found.jacobian[i, j]:.2g}"
            colour = "green" if i == j else "yellow" if is_centralised(found) else "red"
            entries.append(f"[{colour}]{shown}[/]" if found.acting[i, j] else "·")
        rows.append((name, *entries))
    how = "✓: there is a path" if found.jacobian is None else "norm of the exact derivative of what it would do"
    return Table(
        "the action of an agent (row) depends on what an agent (column) sees, did and earned",
        ("", *found.agents),
        rows,
        note=f"{how}; ·: proven to be zero, for every network and everything that is seen",
        is_matrix=True,
    )


def _layers(found: Found) -> Table:
    """Rows: the loss of a readout. Columns: the parameters of a layer."""
    layers = found.layers
    assert layers is not None
    rows = []
    for row, source in enumerate(layers.readouts):
        entries = []
        for layer in range(layers.proven.shape[1]):
            shown = "✓" if layers.jacobian is None else f"{layers.jacobian[row, layer]:.2g}"
            colour = "green" if source == layer else "red" if found.settings.credit == "local" else "yellow"
            entries.append(f"[{colour}]{shown}[/]" if layers.proven[row, layer] else "·")
        rows.append((f"loss {source + 1}", *entries))
    how = "✓: there is a path" if layers.jacobian is None else "norm of the exact derivative"
    return Table(
        "gradient of the loss at a layer (row) with respect to the parameters of a layer (column)",
        ("", *(f"layer {layer + 1}" for layer in range(layers.proven.shape[1]))),
        rows,
        note=f"{how}; ·: proven to be zero",
        is_matrix=True,
    )


def _learning(found: Found) -> Table:
    """One row for every part of the loss: what the update of an agent reads."""
    other = ~np.eye(len(found.agents), dtype=bool)
    rows = []
    for name, part in found.learning.items():
        shown = [_who(matrix, other) for matrix in (part.data, part.networks)]
        rows.append((name, *shown))
    return Table(
        "what the update of each agent reads, by part of the loss",
        ("told by", "data of", "networks of"),
        rows,
        note="disturbed in one place at a time; its gradient changed to the bit, or did not",
    )


def _who(matrix: np.ndarray, other: np.ndarray) -> str:
    return "itself and others" if (matrix & other).any() else "itself" if matrix.any() else "–"


def _facts(found: Found) -> dict[str, str]:
    facts = {"memory": "none: actions depend on what is seen now"}
    if not isinstance(found.settings, PolicySettings):
        return facts
    transformer = found.settings.network == "transformer"
    whose = "the last steps of all" if is_centralised(found) else "an agent's own last steps"
    facts["memory"] = f"{whose} (here {CONTEXT})" if transformer else "none: the last step alone is read"
    layers = found.layers
    assert layers is not None
    facts["clip and optimiser"] = "CROSS layers or agents" if _steps_cross(found) else (
        "none in common, proven: each layer's step reads its own gradient"
        + ("" if layers.agents is None else ", of its own agent")
    )  # fmt: skip
    if layers.agents is not None:
        crossed = layers.agents & ~np.eye(len(found.agents), dtype=bool)
        text = "CROSSES from agent to agent" if crossed.any() else "none, proven: what an agent would do is its own"
        if isinstance(found.settings, DistilledSettings) and found.settings.alpha:
            text += "; but for the relation of features, whose loss is of pairs"
            text += "" if found.settings.relation_gradient == "both" else " and moves the first of each only"
        facts["gradient across agents"] = text
    if isinstance(found.settings, DistilledSettings):
        facts["teacher"] = "sees all agents while students learn; it has no part in acting"
    return facts


def _document(found: Found, local: bool, wrong: Sequence[str]) -> dict[str, object]:
    layers = found.layers

    def plain(matrix: np.ndarray | None) -> list | None:
        return None if matrix is None else (matrix.astype(int) if matrix.dtype == bool else matrix).tolist()

    return {
        "local": local,
        "decentralised": not _strangers(found).any(),
        "agents": list(found.agents),
        "acting": plain(found.acting),
        "acting_jacobian": plain(found.jacobian),
        "future": None if found.future is None else list(found.future),
        "layers": None
        if layers is None
        else {
            "readouts": [layer + 1 for layer in layers.readouts],
            "reached": plain(layers.proven),
            "jacobian": plain(layers.jacobian),
            "agents": plain(layers.agents),
            "steps": plain(layers.steps),
        },
        "learning": {
            name: {"data": plain(part.data), "networks": plain(part.networks)} for name, part in found.learning.items()
        },
        "contradictions": list(wrong),
    }


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
