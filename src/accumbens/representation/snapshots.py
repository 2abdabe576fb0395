"""Networks of a fit at some of its snapshots, and the task that they learned."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax

from accumbens.credit.config import FitConfig
from accumbens.credit.kind import FITS
from accumbens.credit.protocol import Network, TaskFacts
from accumbens.credit.registry import make_rule
from accumbens.credit.tasks.protocol import Task
from accumbens.credit.tasks.registry import make_task
from accumbens.errors import AccumbensError
from accumbens.generator import make_key
from accumbens.runs import checkpoints
from accumbens.runs.directory import RunDirectory
from accumbens.runs.snapshots import network_of_seed, snapshot_path, snapshot_steps


@dataclass
class Snapshots:
    """A fit that is looked at.

    Attributes:
        config: what the run was asked to do.
        run: its files.
        task: made anew.
        seed: that is pictured.
        until: the last snapshot that is looked at; None: the newest.
    """

    config: FitConfig
    run: RunDirectory
    task: Task
    seed: int
    until: int | None

    @cached_property
    def steps(self) -> Sequence[int]:
        """Of the snapshots that are looked at: the first, one in the middle, the last.

        Raises:
            AccumbensError: there is no such snapshot.
        """
        last = int(snapshot_path(self.run, self.until).stem)
        there = [one for one in snapshot_steps(self.run) if one <= last]
        middle = min(there, key=lambda one: abs(one - last / 4))  # most is learned at first
        return sorted({there[0], middle, last})

    @property
    def facts(self) -> TaskFacts:
        """Of the task."""
        return self.task.facts

    def networks(self, step: int) -> Any:
        """Return the networks of all seeds at a snapshot."""
        rule = make_rule(self.config.rule, self.config.rule_settings, self.facts, self.config.task)
        count = self.config.seeds
        like = jax.eval_shape(jax.vmap(lambda key: rule.init(key)[0]), jax.random.split(make_key(0), count))
        return checkpoints.restore(snapshot_path(self.run, step), like)[0]

    def network(self, step: int, seed: int) -> Any:
        """Return the network of one seed at a snapshot."""
        return network_of_seed(self.networks(step), self.config.seed_list(), seed)

    def kind_of_network(self) -> type[Network]:
        """Return the class of its networks."""
        rule = make_rule(self.config.rule, self.config.rule_settings, self.facts, self.config.task)
        return type(jax.eval_shape(lambda key: rule.init(key)[0], make_key(0)))


def open_snapshots(path: Path, step: int | None = None, seed: int | None = None) -> Snapshots:
    """Return a fit, and which of its snapshots to look at.

    Args:
        path: the run's directory.
        step: the last snapshot to look at; None takes the newest.
        seed: to picture; None takes the first.

    Raises:
        AccumbensError: there is no such run or seed.
    """
    run, config = FITS.open(path)
    folder = Path(config.data) if config.data else None
    task = make_task(config.task, config.task_settings, config.rule_settings.batch_size, folder)
    seeds = config.seed_list()
    if seed is not None and seed not in seeds:
        raise AccumbensError(f"seed={seed} cannot be used: the run has {', '.join(map(str, seeds))}")
    return Snapshots(config, run, task, seeds[0] if seed is None else seed, step)
