"""`accumbens fit`: train a supervised network by a rule."""

from pathlib import Path
from typing import Annotated

import tyro

from accumbens.cli.arguments import Flag, default, parse_pairs, parsed
from accumbens.cli.start import Changes, CheckpointSeconds, From, Name, Options, Seed, Seeds, Track, start

TASK = tyro.conf.arg(
    metavar="TASK", help="Task, or the path of a CSV or NumPy file; 'accumbens tasks' lists the tasks."
)
RULE = tyro.conf.arg(metavar="RULE", help="How the layers learn; 'accumbens rules' lists the rules.")


def fit(
    task: Annotated[str, tyro.conf.Positional, TASK] = "digits",
    rule: Annotated[str, tyro.conf.Positional, RULE] = "backprop",
    /,
    *,
    layers: Annotated[tuple[int, ...] | None, parsed("layers", tuple[int, ...], "N,N,…"), default("the rule's")] = None,
    epochs: Annotated[int | None, parsed("epochs", int, "N"), default("the task's")] = None,
    seed: Seed = 0,
    seeds: Seeds = 1,
    evaluations: Annotated[
        int | None, parsed("evaluations", int, "N"), default("after every epoch, 200 at most")
    ] = None,
    data: Annotated[
        str | None, parsed("data", str, "FOLDER"), default("ACCUMBENS_DATA, else from OpenML if the task needs data")
    ] = None,
    set_: Changes = (),
    from_: From = None,
    out: Path = Path("runs"),
    name: Name = None,
    resume: Flag = False,
    dry_run: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
    track: Track = None,
    checkpoint_seconds: CheckpointSeconds = 60.0,
) -> int:
    """Fit a network to a task by a rule; all seeds learn side by side in one program.

    Args:
        task: task.
        rule: rule.
        layers: Units of every hidden layer, such as 64,64; none for no hidden layer.
        epochs: Passes through the training data.
        seed: The first seed.
        seeds: Independent seeds.
        evaluations: How often to evaluate, evenly spread, after the evaluation before the first update.
        data: Folder with the task's files, in their standard formats.
        set_: Change settings of the rule or the task, such as --set learning_rate=1e-3 sigma=1; --dry-run lists them
            all.
        from_: Begin from the network of another fit: each seed from its own, or all from one.
        out: Folder that runs are kept in.
        name: Name of the run.
        resume: Continue the run of that --name if there is one.
        dry_run: Print the resolved configuration and its cost, and stop.
        json: Print one line of JSON on standard output, last; everything else goes to standard error.
        quiet: Print nothing but warnings, and those on standard error.
        track: Log to TensorBoard or Weights & Biases too.
        checkpoint_seconds: Seconds between checkpoints.
    """
    from accumbens.credit.config import resolve_fit
    from accumbens.credit.kind import FITS

    config = resolve_fit(
        task,
        rule,
        layers=layers,
        epochs=epochs,
        seed=seed,
        seeds=seeds,
        evaluations=evaluations,
        data=data or "",
        changes=parse_pairs(set_),
    )
    return start(FITS, config, Options(out, name, resume, dry_run, json, quiet, track, checkpoint_seconds, from_))
