"""What an agent's run had learned, as it lies in the run's directory."""

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp

from accumbens.agents.protocol import Agent, EnvironmentFacts
from accumbens.agents.settings import AgentSettings, SettingsWithoutCells
from accumbens.cells import Stack
from accumbens.errors import AccumbensError
from accumbens.generator import make_key
from accumbens.runs import checkpoints
from accumbens.runs.snapshots import network_of_seed, snapshot_path
from accumbens.training.config import RunConfig
from accumbens.training.kind import AGENTS
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


def open_trained(path: Path, step: int | None = None) -> Trained:
    """Return what a run had learned.

    Args:
        path: the run's directory.
        step: of the snapshot; None takes the newest.

    Raises:
        AccumbensError: there is no run at `path`, it has no snapshot or none of that step, the snapshot is damaged, or
            the agent is not made of cells.
    """
    run, config = AGENTS.open(path)
    if isinstance(config.settings, SettingsWithoutCells):
        noun = config.settings.noun
        raise AccumbensError(f"{path} is a run of {noun}, which is not made of cells: there is nothing of them to see")
    file = snapshot_path(run, step)
    agent, _ = make_agent_and_plan(config)
    facts, _ = environment_facts(config.env, config.settings.discretisation)
    seeds = jnp.arange(config.seeds)
    like = jax.eval_shape(jax.vmap(lambda seed: agent.network(agent.init(make_key(seed)))), seeds)
    networks, step = checkpoints.restore(file, like)
    return Trained(config, config.settings, facts, config.seed_list(), agent, networks, step)
