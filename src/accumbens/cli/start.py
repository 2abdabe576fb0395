"""What the commands that start a run share, whatever its kind."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from accumbens.cli.arguments import Flag, default, parse_pairs, parsed

TRACKERS = Literal["tensorboard", "wandb"]
SET = tyro.conf.arg(name="set", metavar="KEY=VALUE")
FROM = tyro.conf.arg(name="from")
OUTPUT = tyro.conf.arg(aliases=["-o"], metavar="FOLDER")

Changes = Annotated[tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]], SET]
Track = Annotated[str | None, parsed("track", TRACKERS, "{tensorboard,wandb}"), default("CSV only")]
CheckpointSeconds = Annotated[float, parsed("checkpoint_seconds", float, "SECONDS")]


@dataclass(frozen=True)
class Options:
    """What every run can be given."""

    seed: Annotated[int, parsed("seed", int, "N")] = 0
    """The first seed."""
    seeds: Annotated[int, parsed("seeds", int, "N")] = 1
    """Number of independent seeds, trained side by side in one program."""
    set_: Changes = ()
    """Change settings, as in --set learning_rate=1e-3; 'accumbens settings' and --dry-run list them all."""
    from_: Annotated[str | None, parsed("from", str, "RUN[@STEP][:SEED]"), FROM, default("a new network")] = None
    """Start from the network of another run: each seed from its own, or all from one."""
    output: Annotated[Path, OUTPUT] = Path("runs")
    """Folder of all runs, in which this one gets a folder of its own."""
    name: Annotated[str | None, parsed("name", str, "NAME"), default("date and time")] = None
    """Name of the run."""
    resume: Flag = False
    """Continue the run with that --name if there is one."""
    dry_run: Flag = False
    """Print all settings, what they mean and what the run would cost, and stop."""
    json: Flag = False
    """Print the result as one line of JSON on standard output; everything else goes to standard error."""
    quiet: Flag = False
    """Print only warnings, on standard error."""
    track: Track = None
    """Also log to TensorBoard or Weights & Biases."""
    checkpoint_seconds: CheckpointSeconds = 60.0
    """Seconds between checkpoints."""


Run = tyro.conf.OmitArgPrefixes[Options]
DEFAULTS = Options()


def resolve(kind: Any, place: str, method: str, numbers: dict[str, Any], options: Options) -> Any:
    """Return the configuration of the run that is asked for; see `Kind.resolve`.

    Raises:
        UnknownNameError: no such place, method, setting or value.
        AccumbensError: a value that cannot be used, or a name that is of another kind of run.
    """
    from accumbens import kinds

    numbers = numbers | {"seed": options.seed, "seeds": options.seeds}
    return kinds.resolve(kind, place, method, numbers, parse_pairs(options.set_))


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
    from accumbens.runs.directory import require_free_name
    from accumbens.runs.origin import parse_origin
    from accumbens.runs.tracking import require_usable

    origin = None if options.from_ is None else parse_origin(options.from_)
    require_usable(options.track, options.checkpoint_seconds)
    if options.dry_run:
        if options.name is not None and not options.resume:
            require_free_name(kind.folder(config, options.output), options.name)
        print_plan(kind, config, origin, options.json)
        return 0
    if options.resume and options.name is None:
        raise AccumbensError("--resume needs the --name of the run; 'accumbens resume RUN' takes its directory")
    begin = launch.start_or_resume if options.resume else launch.start
    work = {"out": options.output, "name": options.name, "track": options.track, "origin": origin}
    with RunView(options.json, options.quiet) as view:
        result = begin(kind, config, view, checkpoint_seconds=options.checkpoint_seconds, **work)
    return view.end(kind, result)
