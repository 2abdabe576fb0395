"""Starting a run, continuing it, or whichever of the two is called for; of any kind, and of several side by side."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from accumbens.errors import AccumbensError
from accumbens.generator import pinned_generator
from accumbens.runs import checkpoints
from accumbens.runs.continuing import newest_common_step, require_generator, require_goes_on, require_same
from accumbens.runs.directory import RunDirectory
from accumbens.runs.health import NotFiniteError
from accumbens.runs.kind import Kind
from accumbens.runs.origin import Origin, checked_origin
from accumbens.runs.programs import kept_programs
from accumbens.runs.reporter import Reporter
from accumbens.runs.result import Result
from accumbens.runs.session import Session
from accumbens.runs.settings import every_setting
from accumbens.runs.tracking import require_usable


@pinned_generator()
def start(
    kind: Kind[Any],
    config: Any,
    report: Reporter,
    *,
    out: Path = Path("runs"),
    name: str | None = None,
    track: str | None = None,
    checkpoint_seconds: float = 60.0,
    origin: Origin | None = None,
) -> Any:
    """Work on a new run, in `out/<place>/<method>/<name>`, from the start. One that learns nothing leaves no folder.

    Args:
        kind: of the run.
        config: what it is asked to do.
        report: shows it to a person.
        out: folder that runs are kept in.
        name: of the run; None makes one of date and time.
        track: `tensorboard` or `wandb` beside the CSV files.
        checkpoint_seconds: seconds between checkpoints.
        origin: whose network it begins from; None takes a new one.

    Returns:
        the `Result` of its kind.

    Raises:
        AccumbensError: the run exists already, a setting cannot be used, something is missing that it needs, another
            run's network does not fit, or a number stopped being finite.
    """
    require_usable(track, checkpoint_seconds)
    with kept_programs(report.message), closing(kind.make_job(config)) as job:
        meta = {} if origin is None else {"from": checked_origin(kind, origin, job)._asdict()}
        run = kind.create(config, out, name, meta)
        with run.lock():
            try:
                return Session(kind, job, [run], report, track, checkpoint_seconds).execute()[0]
            except BaseException:
                if not run.has_learned():  # its name is free again
                    run.remove()
                raise


@pinned_generator()
def resume(
    kind: Kind[Any],
    path: Path,
    report: Reporter,
    *,
    track: str | None = None,
    checkpoint_seconds: float = 60.0,
    length: int | None = None,
) -> Any:
    """Continue a run from its newest good checkpoint; the result is that of an uninterrupted run.

    Args:
        kind: of the run.
        path: its directory.
        report: shows it to a person.
        track: `tensorboard` or `wandb` beside the CSV files.
        checkpoint_seconds: seconds between checkpoints.
        length: how long the run shall be now, in the unit of its kind; None leaves it.

    Returns:
        the `Result` of its kind.

    Raises:
        AccumbensError: there is no run of this kind at `path`, another process is at it, no checkpoint of it can be
            used, its numbers were drawn by another generator, or it is as long already.
    """
    require_usable(track, checkpoint_seconds)
    run, config = kind.open(path)
    require_generator(run)
    with run.lock():
        finished = _finished(kind, run) if length is None else None
        if finished:
            report.message(f"the run {path} is complete")
            return finished
        require_goes_on(run)
        if length is not None:
            config = _lengthen(kind, run, config, length, report)
        with kept_programs(report.message), closing(kind.make_job(config)) as job:
            return Session(kind, job, [run], report, track, checkpoint_seconds).execute()[0]


def start_or_resume(
    kind: Kind[Any],
    config: Any,
    report: Reporter,
    *,
    out: Path,
    name: str,
    track: str | None = None,
    checkpoint_seconds: float = 60.0,
    origin: Origin | None = None,
) -> Any:
    """Work on the run of that name, from the start or from where it stands; arguments and errors as for the two.

    Raises:
        AccumbensError: as for `start` and `resume`; the run was started with other settings, or from another network.
    """
    options: dict[str, Any] = {"track": track, "checkpoint_seconds": checkpoint_seconds, "origins": [origin]}
    (result,) = start_or_resume_together(kind, [config], report, out=out, names=[name], **options)
    return result


@pinned_generator()
def start_or_resume_together(
    kind: Kind[Any],
    configs: Sequence[Any],
    report: Reporter,
    *,
    out: Path,
    names: Sequence[str],
    track: str | None = None,
    checkpoint_seconds: float = 60.0,
    origins: Sequence[Origin | None] | None = None,
    until: float = 1.0,
) -> list[Any]:
    """Work on runs side by side in one program, each from the start or all from where they stand.

    Args:
        kind: of the runs.
        configs: what they are asked to do; several must be in one of the groups of `kind.programs`.
        report: shows them to a person.
        out: folder that runs are kept in.
        names: of the runs.
        track: `tensorboard` or `wandb` beside the CSV files.
        checkpoint_seconds: seconds between checkpoints.
        origins: whose network each begins from.
        until: the part of its length to which every run goes; it can be resumed.

    Returns:
        the `Result` of every run; of several, the NotFiniteError of one that stopped being finite.

    Raises:
        AccumbensError: as for `start` and `resume`; a run was started with other settings, or from another network;
            or some have learned that others have not.
    """
    require_usable(track, checkpoint_seconds)
    origins = [None] * len(configs) if origins is None else origins
    there: list[RunDirectory | None] = []
    for config, name, origin in zip(configs, names, origins, strict=True):
        path, run = kind.folder(config, out) / name, None
        if path.exists():
            run, begun = kind.open(path)
            require_generator(run)
            asked = every_setting(config) | _origin_asked(origin)
            require_same(asked, every_setting(begun) | _origin_there(run, origin), path)
        there.append(run)
    if len(configs) == 1 and there[0] is not None and until >= 1.0:
        return [resume(kind, there[0].path, report, track=track, checkpoint_seconds=checkpoint_seconds)]
    _require_level([run for run in there if run is not None])
    with ExitStack() as stack:
        stack.enter_context(kept_programs(report.message))
        job = kind.make_jobs(configs)
        new: list[RunDirectory] = []
        try:
            runs = []
            for run, config, name, origin, own in zip(there, configs, names, origins, job.jobs, strict=True):
                if run is None:
                    meta = {} if origin is None else {"from": checked_origin(kind, origin, own)._asdict()}
                    run = kind.create(config, out, name, meta)
                    new.append(run)
                stack.enter_context(run.lock())
                runs.append(run)
            return _work(kind, configs, job, runs, report, track, checkpoint_seconds, until)
        except BaseException:
            for run in new:
                if not run.has_learned():  # its name is free again
                    run.remove()
            raise


def _work(kind: Kind[Any], configs: Sequence[Any], job: Any, runs: Sequence[RunDirectory], *how: Any) -> list[Any]:
    """What each run came to; those that stop being finite are left where they are, and the others go on without."""
    left, found = list(range(len(runs))), {}
    while left:
        try:
            with closing(job):
                results = Session(kind, job, [runs[index] for index in left], *how).execute()
        except NotFiniteError as error:
            if len(runs) == 1:
                raise
            each, bad = len(job.seeds) // len(left), {}
            for row, text in error.texts.items():
                bad.setdefault(left[row // each], NotFiniteError(text))
            found |= bad
            left = [index for index in left if index not in bad]
            if left:
                job = kind.make_jobs([configs[index] for index in left])
        else:
            found |= dict(zip(left, results, strict=True))
            left = []
    return [found[index] for index in range(len(runs))]


def _require_level(runs: Sequence[RunDirectory]) -> None:
    """Refuse runs of which some have learned what others have not: none is begun anew."""
    if len(runs) > 1 and any(run.has_learned() for run in runs):
        newest_common_step(runs)


def _origin_asked(origin: Origin | None) -> dict[str, Any]:
    return {"from": None if origin is None else _named(origin)}


def _origin_there(run: RunDirectory, asked: Origin | None) -> dict[str, Any]:
    """Where the run began, as exactly as it is asked for."""
    recorded = run.read_meta().get("from")
    if recorded is None:
        return {"from": None}
    found = Origin(**recorded)
    return {"from": _named(found if asked is None or asked.step is not None else found._replace(step=None))}


def _named(origin: Origin) -> str:
    step = "" if origin.step is None else f"@{origin.step}"
    return f"{origin.run}{step}{'' if origin.seed is None else f':{origin.seed}'}"


def _lengthen(kind: Kind[Any], run: RunDirectory, config: Any, length: int, report: Reporter) -> Any:
    """Write the configuration of a longer run; what it came to so far stays in `meta.json`."""
    asked, name = kind.size(config), kind.words.length
    if length <= asked:
        raise AccumbensError(f"{name}={length:,} cannot be used: {run.path} is for {asked:,} already")
    there = max(checkpoints.good_steps(run.checkpoints), default=0)
    longer, notes = kind.lengthened(config, length, there)
    meta = run.read_meta()
    earlier = [*meta.get("earlier", []), {name: asked, "result": meta.get("result")}]
    run.write_meta(earlier=earlier, result=None)
    kind.write(longer, run.config)
    for note in notes:
        report.message(note)
    return longer


def _finished(kind: Kind[Any], run: RunDirectory) -> Result | None:
    """The result of a run that needs no more work: it reached its end, and the checkpoint of its end is good."""
    result, newest = kind.recorded(run), checkpoints.newest(run.checkpoints)
    if result is None or newest is None:
        return result
    is_of_the_end = int(newest.stem) >= getattr(result, f"{kind.words.step}s")
    return result if is_of_the_end and checkpoints.is_good(newest) else None
