"""What the commands that start a run share, whatever its kind."""

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import tyro

from accumbens.cli.arguments import Flag, default, parsed

TRACKERS = Literal["tensorboard", "wandb"]
SET = tyro.conf.arg(name="set", metavar="KEY=VALUE")
FROM = tyro.conf.arg(name="from")

Seed = Annotated[int, parsed("seed", int, "N")]
Seeds = Annotated[int, parsed("seeds", int, "N")]
Changes = Annotated[tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]], SET]
Name = Annotated[str | None, parsed("name", str, "NAME"), default("date and time")]
From = Annotated[str | None, parsed("from", str, "RUN[@STEP][:SEED]"), FROM, default("a new network")]
Track = Annotated[str | None, parsed("track", TRACKERS, "{tensorboard,wandb}"), default("CSV only")]
CheckpointSeconds = Annotated[float, parsed("checkpoint_seconds", float, "SECONDS")]


class Options(NamedTuple):
    """How a run is started: where it is kept, how it is shown, and what it begins from."""

    out: Path
    name: str | None
    resume: bool
    dry_run: bool
    json: bool
    quiet: bool
    track: str | None
    checkpoint_seconds: float
    begin_from: str | None = None


def start(kind: Any, config: Any, options: Options) -> int:
    """Do what is asked with a configuration: print its plan, or start the run, or continue that of its name.

    Returns:
        the exit code.

    Raises:
        AccumbensError: as for `runs.launch.start`; or --resume was given without a name.
    """
    from accumbens.cli.dry_run import print_plan
    from accumbens.cli.run_view import RunView
    from accumbens.errors import AccumbensError
    from accumbens.runs import launch
    from accumbens.runs.origin import parse_origin

    origin = None if options.begin_from is None else parse_origin(options.begin_from)
    if options.dry_run:
        print_plan(kind, config, options.json)
        return 0
    work = {"out": options.out, "track": options.track, "checkpoint_seconds": options.checkpoint_seconds}
    work |= {"origin": origin}
    with RunView(options.json, options.quiet) as view:
        if not options.resume:
            result = launch.start(kind, config, view, name=options.name, **work)
        elif options.name is not None:
            result = launch.start_or_resume(kind, config, view, name=options.name, **work)
        else:
            raise AccumbensError("--resume needs the --name of the run; 'accumbens resume RUN' takes its directory")
    return view.end(kind, result)


__all__ = ["TRACKERS", "Changes", "CheckpointSeconds", "Flag", "From", "Name", "Options", "Seed", "Seeds", "Track"]
