"""What a run of a team had learned, as it lies in the run's directory; its data need not be at hand."""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from accumbens.envs.teams.protocol import HostTeam, TeamEnvironment, release
from accumbens.envs.teams.registry import make_team
from accumbens.errors import AccumbensError
from accumbens.runs import checkpoints
from accumbens.runs.directory import RunDirectory
from accumbens.runs.snapshots import network_of_seed, snapshot_path
from accumbens.teams.config import TeamConfig
from accumbens.teams.job import make_learner, target_of
from accumbens.teams.kind import TEAMS
from accumbens.teams.learner import Learner
from accumbens.teams.settings import PolicySettings
from accumbens.teams.windows import Scale, scale_from


class TrainedTeam(NamedTuple):
    """What a run had learned at some step.

    Attributes:
        run: its directory.
        config: what it was asked to do.
        environment: that its team plays in; whoever opens it closes it.
        learner: of its method, which says how the team plays.
        scale: of its data; None where it had none.
        networks: of all seeds, with a leading axis.
        step: updates of each seed by then.
    """

    run: RunDirectory
    config: TeamConfig
    environment: TeamEnvironment | HostTeam
    learner: Learner
    scale: Scale | None
    networks: Any
    step: int

    @property
    def is_told_returns(self) -> bool:
        """Whether the team acts by what return it is asked for."""
        return isinstance(self.config.settings, PolicySettings) and self.config.settings.returns

    @property
    def target(self) -> float:
        """The return of each agent that it is asked for if nothing else is said."""
        return target_of(self.config, self.scale)

    def network(self, seed: int) -> Any:
        """Return the networks of one seed.

        Raises:
            AccumbensError: the run has no such seed.
        """
        return network_of_seed(self.networks, self.config.seed_list(), seed)

    def params(self, seed: int, target: float | None = None) -> Any:
        """Return what the policy is given; without a target it is asked for the run's own.

        Raises:
            AccumbensError: the run has no such seed.
        """
        return self.learner.params(self.network(seed), self.target if target is None else target)

    def close(self) -> None:
        """Close an environment on the host."""
        release(self.environment)


def open_run_of_team(path: Path) -> tuple[RunDirectory, TeamConfig]:
    """Return a run of a team, and its configuration.

    Raises:
        AccumbensError: there is no such run at `path`, or it is an exported team.
    """
    run, config = TEAMS.open(path)
    if not run.meta.exists():
        raise AccumbensError(f"{path} is an exported team: accumbens.load makes it act; evaluate or watch its run")
    return run, config


def open_trained_team(path: Path, step: int | None = None) -> TrainedTeam:
    """Return what a run of a team had learned.

    Args:
        path: the run's directory.
        step: of the snapshot; None takes the newest.

    Raises:
        AccumbensError: there is no run of a team at `path`, it has no snapshot or none of that step, the snapshot is
            damaged, or its environment cannot be made.
    """
    run, config = open_run_of_team(path)
    file, scale = snapshot_path(run, step), scale_in(run)
    environment = make_team(config.env)
    try:
        learner = make_learner(config, environment, scale)
        seeds = jnp.asarray(config.seed_list(), jnp.uint32)
        like = jax.eval_shape(lambda seeds: jax.vmap(learner.init)(seeds).networks, seeds)
        networks, step = checkpoints.restore(file, like)
    except BaseException:
        release(environment)
        raise
    return TrainedTeam(run, config, environment, learner, scale, networks, step)


def scale_in(run: RunDirectory) -> Scale | None:
    """Return what a run's `meta.json` keeps of its data; None if it had none.

    Raises:
        AccumbensError: it had data, and nothing usable is kept.
    """
    found = run.read_meta().get("scale")
    if found is None and TEAMS.read(run.config).data:
        raise AccumbensError(f"{run.meta} lacks the scale of the run's data")
    if found is None:
        return None
    try:
        return scale_from(found)
    except (KeyError, TypeError, ValueError) as error:
        raise AccumbensError(f"{run.meta} cannot be read: its scale of the data is damaged ({error!r})") from error
