"""The audit of a configuration, or of any agent."""

import re

from accumbens.agents.factory import make_agent
from accumbens.agents.protocol import Agent, EnvironmentFacts
from accumbens.agents.settings import AgentSettings, SequenceSettings, SettingsWithoutCells
from accumbens.errors import AccumbensError
from accumbens.training.audit.dependencies import analyse
from accumbens.training.audit.measure import disturb, loss_jacobian
from accumbens.training.audit.shapes import trace_shapes
from accumbens.training.audit.sizes import small
from accumbens.training.audit.verdict import Audit
from accumbens.training.config import RunConfig
from accumbens.training.plan import environment_facts


def audit_agent(
    agent: Agent,
    env: EnvironmentFacts,
    credit: str,
    *,
    truncates: bool = True,
    settings: AgentSettings | None = None,
    measure: bool = True,
) -> Audit:
    """Return what the update of every cell of an agent reads.

    Args:
        agent: any agent with a network of cells, those of others included; best made small, see `sizes.small`.
        env: the static facts of its environment.
        credit: what the agent claims.
        truncates: whether episodes of the environment are ever truncated.
        settings: of the agent, if it is one of ours: then the derivatives of its losses are measured too.
        measure: compute as well as read the program: takes seconds of compilation.

    Raises:
        AccumbensError: the agent has no network of cells.
    """
    found = analyse(agent, env, truncates)
    paths = trace_shapes(agent, env, truncates).paths()
    return Audit(
        credit=credit,
        dependencies=found,
        jacobian=loss_jacobian(settings, env) if measure and settings is not None else None,
        disturbed=disturb(agent, env, truncates, found) if measure else None,
        through_time=isinstance(settings, SequenceSettings) and settings.time_credit == "bptt",
        names=tuple(tuple(_short(paths[leaf]) for leaf in leaves) for leaves in found.parameters),
    )


def audit_config(config: RunConfig, *, measure: bool = True) -> Audit:
    """Return what the update of every cell of a run reads; its sizes are made small, its computation stays.

    Args:
        config: of the run.
        measure: compute as well as read the program.

    Raises:
        AccumbensError: the environment cannot be used, or the agent is not made of cells.
    """
    if isinstance(config.settings, SettingsWithoutCells):
        raise AccumbensError(f"{config.settings.noun} is not made of cells: there is none to audit")
    settings = small(config.settings)
    env, truncates = environment_facts(config.env, settings.discretisation)
    agent = make_agent(settings, env, 1000, truncates)
    return audit_agent(agent, env, settings.credit, truncates=truncates, settings=settings, measure=measure)


def _short(path: str) -> str:
    """The name of a parameter inside its cell."""
    return re.sub(r"^.*?cells\[\d+\]\.", "", path)
