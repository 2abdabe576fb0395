"""Snapshots: what every seed's network was along training, for looking at it afterwards.

A checkpoint is everything a run needs in order to go on, and only the newest matter; a snapshot is only what was
learned, and all are kept. Both are files of the same format.
"""

from pathlib import Path
from typing import Any

import jax
from jaxtyping import Array, Int

from accumbens.errors import AccumbensError
from accumbens.runs import checkpoints
from accumbens.runs.directory import RunDirectory


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


def snapshot_path(run: RunDirectory, step: int | None) -> Path:
    """Return the file of a snapshot.

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
    return run.snapshots / checkpoints.file_name(steps[-1] if step is None else step)


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
    return _at(networks, seeds.index(seed))


@jax.jit
def _at(networks: Any, place: Int[Array, ""]) -> Any:
    return jax.tree.map(lambda leaf: leaf[place], networks)
