"""The options of commands that work on many programs: where that is done."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from accumbens.cli.arguments import Flag, default, parsed

if TYPE_CHECKING:
    from accumbens.experiments.cluster.where import Where


@dataclass(frozen=True)
class Cluster:
    """Where programs are worked on: here, unless it is said."""

    ray: Annotated[str | None, parsed("ray", str, "auto|HOST:PORT"), default("here, one after another")] = None
    """Work on the machines of an existing Ray cluster, of which this is one; see docs/cluster.md."""
    ray_cpus: Annotated[int, parsed("ray_cpus", int, "N")] = 1
    """With --ray: CPUs of each program, and threads of XLA in it."""
    ray_gpus: Annotated[float, parsed("ray_gpus", float, "N")] = 0.0
    """With --ray: GPUs of each program; a part such as 0.25 is shared."""
    ray_carry: Flag = False
    """With --ray: carry files to this machine even from those that see its folder."""
    slurm: Annotated[str | None, parsed("slurm", str, "FILE"), default("none")] = None
    """Work on nothing; write a script that submits the work to SLURM."""
    slurm_cpus: Annotated[int, parsed("slurm_cpus", int, "N")] = 1
    """With --slurm: CPUs of each part, and threads of XLA in it."""
    slurm_time: Annotated[
        str | None, parsed("slurm_time", str, "HOURS:MINUTES:SECONDS"), default("what the cluster gives")
    ] = None
    """With --slurm: the time limit of each part; one that it ends is saved, and goes on when submitted again."""
    part: Annotated[int | None, parsed("part", int, "INDEX"), default("all")] = None
    """Work on one part of those that the script of --slurm has, and show no table."""

    def where(self, draw: bool, finish: tuple[str, ...] = ("--draw",)) -> "Where":
        """Return the place that is asked for.

        Args:
            draw: nothing is worked on, and what there is is shown.
            finish: what the command of --slurm says besides in its last step, which shows all.

        Raises:
            AccumbensError: there are two, an option goes with one that is not asked for, or a value cannot be used;
                or nothing could be shown afterwards, which `draw` asks for.
        """
        from accumbens.errors import AccumbensError
        from accumbens.experiments.cluster.on_ray import OnRay
        from accumbens.experiments.cluster.on_slurm import OnSlurm, Part
        from accumbens.experiments.cluster.where import Here

        given = [f"--{name}" for name in ("ray", "slurm", "part") if getattr(self, name) is not None]
        if len(given) > 1:
            raise AccumbensError(f"{' and '.join(given)} cannot be used together")
        for owner in ("ray", "slurm"):
            for name, value in vars(self).items():
                if name.startswith(f"{owner}_") and value != getattr(HERE, name) and getattr(self, owner) is None:
                    raise AccumbensError(f"--{name.replace('_', '-')} cannot be used without --{owner}")
        if draw and (self.slurm is not None or self.part is not None):
            why = "table and figure are made when all is over"
            raise AccumbensError(f"--draw cannot be used with --slurm or --part: {why}")
        if self.ray is not None:
            return OnRay(self.ray, self.ray_cpus, self.ray_gpus, self.ray_carry)
        if self.slurm is not None:
            return OnSlurm(Path(self.slurm), self.slurm_cpus, self.slurm_time, finish)
        return Here() if self.part is None else Part(self.part)


Place = tyro.conf.OmitArgPrefixes[Cluster]
HERE = Cluster()
