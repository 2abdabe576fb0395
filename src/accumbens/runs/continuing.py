"""What a run goes on from, and what it may not go on from: checkpoints that are gone, settings or numbers of others."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from accumbens.errors import AccumbensError
from accumbens.generator import GENERATOR
from accumbens.runs import checkpoints
from accumbens.runs.directory import RunDirectory, has_checkpoint


def require_goes_on(run: RunDirectory) -> None:
    """Refuse a run that has learned but has nothing to go on from: begun anew, it would write over what it left.

    Raises:
        AccumbensError: its checkpoints are gone, or all of them are damaged.
    """
    checkpoints.require_good(run.checkpoints)
    if not has_checkpoint(run) and run.read_meta()["wall_seconds"] > 0.0:
        raise AccumbensError(
            f"{run.path} cannot go on: the checkpoints that were in its {run.checkpoints.name}/ are gone. What else it "
            "left is as it was; a run of another name begins anew"
        )


def restore_newest(
    run: RunDirectory,
    like: Any,
    warn: Callable[[str], None],
    added: tuple[str, ...] = (),
    of_any_length: tuple[str, ...] = (),
    step: int | None = None,
) -> Any:
    """Return the tree of the newest good checkpoint; see `checkpoints.restore`.

    Args:
        run: the run.
        like: a tree of the same structure, shapes and dtypes.
        warn: is told of damaged checkpoints.
        added: what earlier releases did not store.
        of_any_length: what is as long as it was.
        step: of the checkpoint that is wanted; None takes the newest that is good.

    Raises:
        AccumbensError: there is none, or it does not fit `like`.
    """
    if not has_checkpoint(run):
        raise AccumbensError(f"{run.path} has no checkpoint yet")
    if step is not None:
        return checkpoints.restore(run.checkpoints / checkpoints.file_name(step), like, added, of_any_length)[0]
    tree, _, warnings = checkpoints.restore_latest(run.checkpoints, like, added, of_any_length)
    for warning in warnings:
        warn(warning)
    return tree


def newest_common_step(runs: Sequence[RunDirectory]) -> int:
    """Return the newest step of which all runs have a good checkpoint.

    Raises:
        AccumbensError: there is none.
    """
    steps = set.intersection(*(checkpoints.good_steps(run.checkpoints) for run in runs))
    if not steps:
        where = f"{runs[0].path} and the {len(runs) - 1} runs beside it"
        raise AccumbensError(f"{where} have no good checkpoint of the same step: resume them one by one")
    return max(steps)


class OtherSettingsError(AccumbensError):
    """The run that lies in a folder is not the one that is asked for."""


def require_same(asked: Mapping[str, Any], found: Mapping[str, Any], path: Path) -> None:
    """Refuse to continue the run at `path` with other settings than it was started with.

    Args:
        asked: every setting and number of the run that is asked for.
        found: those of the run that is there.
        path: of that run.

    Raises:
        OtherSettingsError: names every difference.
    """
    differences = [
        f"{key}: {found.get(key, 'absent')} there, {asked.get(key, 'absent')} asked"
        for key in {**found, **asked}
        if found.get(key, "absent") != asked.get(key, "absent")
    ]
    if differences:
        raise OtherSettingsError(f"the run {path} was started with other settings ({'; '.join(differences)})")


def require_generator(run: RunDirectory) -> None:
    """Refuse to continue a run with other random numbers than it was begun with; one that does not say has ours.

    Raises:
        AccumbensError: they were another generator's.
    """
    found = run.read_meta().get("generator", GENERATOR)
    if found != GENERATOR:
        raise AccumbensError(
            f"the run {run.path} cannot be continued: its random numbers are of the generator {found!r}, and this "
            f"version of accumbens draws them by {GENERATOR!r} only"
        )
