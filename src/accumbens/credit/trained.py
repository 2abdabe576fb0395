"""What a fit had learned, as it lies in the run's directory."""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from accumbens.credit.config import FitConfig
from accumbens.credit.kind import FITS
from accumbens.credit.protocol import Network, TaskFacts
from accumbens.credit.registry import rule_entry
from accumbens.credit.tasks.description import Description, from_table
from accumbens.errors import AccumbensError
from accumbens.runs import checkpoints
from accumbens.runs.snapshots import network_of_seed, snapshot_path


class Fitted(NamedTuple):
    """What a fit had learned at some step.

    Attributes:
        config: what the fit was asked to do.
        task: what it keeps of its task.
        seeds: its seeds.
        networks: with a leading axis of seeds.
        step: updates of each seed by then.
    """

    config: FitConfig
    task: Description
    seeds: list[int]
    networks: Network
    step: int

    def network(self, seed: int) -> Network:
        """Return the network of one seed.

        Raises:
            AccumbensError: the fit has no such seed.
        """
        return network_of_seed(self.networks, self.seeds, seed)


def open_fitted(path: Path, step: int | None = None) -> Fitted:
    """Return what a fit had learned; its data need not be at hand.

    Args:
        path: the run's directory.
        step: of the snapshot: 0 or the end, or where the fit was stopped; None takes the newest.

    Raises:
        AccumbensError: there is no fit at `path`, it has no snapshot or none of that step, or the snapshot is damaged.
    """
    run, config = FITS.open(path)
    file = snapshot_path(run, step)
    recorded = run.read_meta().get("task")
    if recorded is None:
        raise AccumbensError(f"{run.meta} does not describe the task")
    task = from_table(recorded)
    like = jax.eval_shape(jax.vmap(_make_network(config, task.facts)), jnp.arange(config.seeds))
    networks, step = checkpoints.restore(file, like)
    return Fitted(config, task, config.seed_list(), networks, step)


def network_like(config: FitConfig, facts: TaskFacts) -> Network:
    """Return the shapes of the network of one seed.

    Raises:
        AccumbensError: the rule's settings do not fit the task.
    """
    return jax.eval_shape(_make_network(config, facts), jnp.arange(1)[0])


def _make_network(config: FitConfig, facts: TaskFacts) -> Any:
    rule = rule_entry(config.rule)[1].make(config.rule_settings, facts)
    return lambda seed: rule.init(jax.random.key(seed))[0]
