"""Snapshots: what every seed's network was along training, for looking at it afterwards.

A checkpoint is everything a run needs in order to go on, and only the newest matter; a snapshot is only the parameters
that act, and all are kept: at the start, at every evaluation and at the end. Both are files of the same format.
"""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from accumbens.agents.protocol import Agent, EnvironmentFacts
from accumbens.agents.settings import AgentSettings, SACSettings
from accumbens.cells import Stack
from accumbens.errors import AccumbensError
from accumbens.runs import checkpoints
from accumbens.runs.directory import RunDirectory, open_run
from accumbens.training.config import RunConfig
from accumbens.training.plan import environment_facts, make_agent_and_plan


class Trained(NamedTuple):
    """What a run had learned at some step.

    Attributes:
        config: what the run was asked to do.
        settings: of its agent.
        facts: of its environment.
        seeds: its seeds.
        agent: its pure functions.
        networks: the stacks that act, with a leading axis of seeds.
        step: environment steps of each seed by then.
    """

    config: RunConfig
    settings: AgentSettings
    facts: EnvironmentFacts
    seeds: list[int]
    agent: Agent
    networks: Stack
    step: int

    def network(self, seed: int) -> Stack:
        """Return the network of one seed.

        Raises:
            AccumbensError: the run has no such seed.
        """
        return network_of_seed(self.networks, self.seeds, seed)


def save_snapshot(run: RunDirectory, step: int, networks: Any) -> None:
    """Write the networks of all seeds at `step`, unless they are there already."""
    if not (run.snapshots / checkpoints.file_name(step)).exists():
        checkpoints.save(run.snapshots, step, networks, keep=None)


def forget_snapshots_after(run: RunDirectory, step: int) -> None:
    """Delete the snapshots later than `step`; a resumed run writes them again."""
    for later in snapshot_steps(run):
        if later > step:
            (run.snapshots / checkpoints.file_name(later)).unlink()


def snapshot_steps(run: RunDirectory) -> list[int]:
    """Return the steps of all snapshots, in order."""
    return sorted(int(path.stem) for path in run.snapshots.glob("*.ckpt") if path.stem.isdecimal())


def snapshot_step(run: RunDirectory, step: int | None) -> int:
    """Return the step of a snapshot.

    Args:
        run: the run.
        step: of the snapshot; None takes the newest.

    Raises:
        AccumbensError: the run has no snapshot, or none of that step.
    """
    path, steps = run.path, snapshot_steps(run)
    if not steps:
        raise AccumbensError(f"{path} has no snapshot of its networks: it has not begun, or is older than snapshots")
    if step is not None and step not in steps:
        raise AccumbensError(f"step={step} cannot be used: {path} has snapshots at {', '.join(map(str, steps))}")
    return steps[-1] if step is None else step


def network_of_seed(networks: Any, seeds: list[int], seed: int) -> Any:
    """Return the network of one seed.

    Args:
        networks: with a leading axis of seeds.
        seeds: of the run.
        seed: one of them.

    Raises:
        AccumbensError: the run has no such seed.
    """
    if seed not in seeds:
        raise AccumbensError(f"seed={seed} cannot be used: the run has {', '.join(map(str, seeds))}")
    return jax.tree.map(lambda leaf: leaf[seeds.index(seed)], networks)


def open_trained(path: Path, step: int | None = None) -> Trained:
    """Return what a run had learned.

    Args:
        path: the run's directory.
        step: of the snapshot; None takes the newest.

    Raises:
        AccumbensError: there is no run at `path`, it has no snapshot or none of that step, the snapshot is damaged, or
            the agent is not made of cells.
    """
    run, config = open_run(path)
    if isinstance(config.settings, SACSettings):
        raise AccumbensError(f"{path} is a run of SAC, which is not made of cells: there is nothing of them to see")
    step = snapshot_step(run, step)
    agent, _ = make_agent_and_plan(config)
    facts, _ = environment_facts(config.env, config.settings.discretisation)
    seeds = jnp.arange(config.seeds)
    like = jax.eval_shape(jax.vmap(lambda seed: agent.network(agent.init(jax.random.key(seed)))), seeds)
    networks, _ = checkpoints.restore(run.snapshots / checkpoints.file_name(step), like)
    return Trained(config, config.settings, facts, config.seed_list(), agent, networks, step)
