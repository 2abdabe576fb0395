"""Beginning a run from another run's network: transfer, adaptation."""

import hashlib
import re
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from accumbens.errors import AccumbensError
from accumbens.runs import checkpoints
from accumbens.runs.job import Job
from accumbens.runs.kind import Kind
from accumbens.runs.settings import every_setting, format_value, with_setting
from accumbens.runs.snapshots import snapshot_path


class Origin(NamedTuple):
    """Whose network a run begins from.

    Attributes:
        run: directory of the other run.
        step: of its snapshot; None takes the newest.
        seed: whose network every seed begins from; None gives each its own, or all the only one there is.
        sha256: of the snapshot, if it was read before; it must not have changed since.
    """

    run: str
    step: int | None = None
    seed: int | None = None
    sha256: str | None = None


class FirstNetworks(NamedTuple):
    """What seeds begin from.

    Attributes:
        networks: with a leading axis of seeds.
        origin: where they are from, with step and digest.
    """

    networks: Any
    origin: Origin


def parse_origin(text: str) -> Origin:
    """Return what `RUN`, `RUN@STEP`, `RUN:SEED` or `RUN@STEP:SEED` stands for.

    Raises:
        AccumbensError: there is no run at that path.
    """
    found = re.fullmatch(r"(.*?)(?:@(\d+))?(?::(\d+))?", text, re.DOTALL)
    path, step, seed = (text, None, None) if found is None or Path(text).expanduser().is_dir() else found.groups()
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise AccumbensError(f"there is no run at {path}: expected --from RUN, RUN@STEP, RUN:SEED or RUN@STEP:SEED")
    return Origin(str(folder.absolute()), None if step is None else int(step), None if seed is None else int(seed))


def first_networks(kind: Kind[Any], origin: Origin, job: Job[Any]) -> FirstNetworks:
    """Read the networks that the seeds of a job begin from.

    Args:
        kind: of both runs.
        origin: whose networks.
        job: of the new run, whose own networks must be like them.

    Raises:
        AccumbensError: there is no run of this kind, no such snapshot or seed; its networks are of another shape, and
            the settings that make them so are named; or the snapshot is not the one that was read before.
    """
    run, config = kind.open(Path(origin.run))
    path = snapshot_path(run, origin.step)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if origin.sha256 not in (None, digest):
        raise AccumbensError(f"{path} is not the file that this run began from: its SHA-256 differs")
    job.require_begins_from(run)
    there, here = config.seed_list(), job.seeds
    chosen = _chosen(origin, there, here)
    own = job.networks_of_origin(config)
    like = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((len(there), *leaf.shape[1:]), leaf.dtype), own)
    try:
        networks, step = checkpoints.restore(path, like)
    except checkpoints.UnlikeCheckpointError as error:
        unlike = "; ".join(_unlike(kind, config, job))
        if not unlike:
            raise
        raise AccumbensError(f"{origin.run} has a network of another shape: {unlike}") from error
    places = jnp.asarray([there.index(seed) for seed in chosen])
    networks = jax.tree.map(lambda leaf: leaf[places], networks)
    return FirstNetworks(networks, origin._replace(step=step, sha256=digest))


def checked_origin(kind: Kind[Any], origin: Origin, job: Job[Any]) -> Origin:
    """Return an origin with step and digest, once it is sure that the job can begin from it.

    Raises:
        AccumbensError: as for `first_networks`; or such runs cannot begin from another.
    """
    found = first_networks(kind, origin, job)
    job.begin_from(job.init(), found.networks)
    return found.origin


def _leaves_of(job: Job[Any], there: Any) -> list[tuple[str, Any, Any]]:
    """Path, shape and type of every array of the networks of another run that a job can begin from."""
    leaves = jax.tree_util.tree_leaves_with_path(job.networks_of_origin(there))
    return [(jax.tree_util.keystr(path), leaf.shape, leaf.dtype) for path, leaf in leaves]


def _unlike(kind: Kind[Any], there: Any, job: Job[Any]) -> list[str]:
    """The settings that give the networks of another run another shape: each of them, changed here alone, would.

    Where none does alone, the place and the method, if they are others there.
    """
    here, names = job.config, (kind.words.place_key, kind.words.method_key)
    theirs, ours = every_setting(there), every_setting(here)
    own, found = _leaves_of(job, there), []
    for name in kind.differences(there, here):
        if name in names:
            continue
        try:
            with closing(kind.make_job(with_setting(here, name, format_value(theirs[name])))) as other:
                alike = _leaves_of(other, there) == own
        except AccumbensError:  # it does not go with our other settings
            continue
        if not alike:
            found.append(name)
    return [
        f"{name}={format_value(theirs[name])} there, {format_value(ours[name])} here"
        for name in found or [name for name in names if theirs[name] != ours[name]]
    ]


def _chosen(origin: Origin, there: list[int], here: list[int]) -> list[int]:
    """The seed of the other run that each seed begins from."""
    listed = ", ".join(map(str, there))
    if origin.seed is not None:
        if origin.seed not in there:
            raise AccumbensError(f"seed={origin.seed} cannot be used: {origin.run} has {listed}")
        return [origin.seed] * len(here)
    if len(there) == 1:
        return there * len(here)
    missing = [seed for seed in here if seed not in there]
    if missing:
        raise AccumbensError(
            f"{origin.run} has no network for seed {missing[0]}: it has the seeds {listed}; take one for all with "
            f"--from {origin.run}:{there[0]}"
        )
    return here
