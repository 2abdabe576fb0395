"""A trained agent to be watched or evaluated, from wherever it lies: a run, an exported folder, or the Hub."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from accumbens.errors import AccumbensError
from accumbens.share.files import read_learned
from accumbens.share.load import located
from accumbens.training.config import RunConfig
from accumbens.training.kind import AGENTS
from accumbens.training.plan import make_agent_and_plan
from accumbens.training.trained import Trained, open_trained


def is_export(path: Path) -> bool:
    """Return whether a folder is an exported agent, or a path names one on the Hub.

    Raises:
        AccumbensError: it cannot be fetched from the Hub.
    """
    return (located(path) / AGENTS.sharing.file).exists()


class Exported(NamedTuple):
    """An exported agent.

    Attributes:
        config: of the run of its one seed.
        facts: of its environment.
        networks: what had been learned, with a leading axis of seeds, of which there is one.
        step: environment steps by then.
    """

    config: RunConfig
    facts: Any
    networks: Any
    step: int


def open_export(path: Path) -> Exported:
    """Return what was exported of an agent; its environment need not be at hand.

    Args:
        path: a folder that `accumbens export` wrote, or `hf://user/repo`.

    Raises:
        AccumbensError: there is none at `path`, or a file is missing or damaged.
    """
    learned = read_learned(located(path), AGENTS)
    networks = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], learned.network)
    return Exported(
        dataclasses.replace(learned.config, seed=learned.seed, seeds=1), learned.about, networks, learned.step
    )


def settings_of(path: Path) -> Any:
    """Return the settings of an agent; its environment must be at hand.

    Args:
        path: as `open_agent` takes it.

    Raises:
        AccumbensError: there is no agent at `path`, or a file is missing or damaged.
    """
    return (read_learned(located(path), AGENTS).config if is_export(path) else AGENTS.open(path)[1]).settings


def open_agent(path: Path, step: int | None = None) -> Trained:
    """Return what an agent had learned; its environment must be at hand.

    Args:
        path: a run's directory, a folder that `accumbens export` wrote, or `hf://user/repo`.
        step: of a run, the snapshot; None takes the newest.

    Raises:
        AccumbensError: there is no agent at `path`, a file is missing or damaged, its environment cannot be made, or an
            export is asked for another step than its own.
    """
    if not is_export(path):
        return open_trained(path, step)
    config, facts, networks, found = open_export(path)
    if step not in (None, found):
        raise AccumbensError(f"step={step} cannot be used: {path} is an exported agent, of step {found}")
    agent, _ = make_agent_and_plan(config)
    settings: Any = config.settings  # of one that is made of cells, for there is an agent
    return Trained(config, settings, facts, config.seed_list(), agent, networks, found)
