"""`accumbens resume`: continue a run."""

from typing import Annotated

from accumbens.cli.arguments import Flag, RunPath, default, parsed
from accumbens.cli.start import CheckpointSeconds, Track


def resume(
    run: RunPath,
    /,
    *,
    total_timesteps: Annotated[int | None, parsed("total_timesteps", int, "N"), default("as before")] = None,
    epochs: Annotated[int | None, parsed("epochs", int, "N"), default("as before")] = None,
    length: Annotated[int | None, parsed("length", int, "N"), default("as before")] = None,
    json: Flag = False,
    quiet: Flag = False,
    track: Track = None,
    checkpoint_seconds: CheckpointSeconds = 60.0,
) -> int:
    """Continue a run from its newest good checkpoint, as if it had never stopped, or make it longer.

    Args:
        run: the run's directory.
        total_timesteps: New length of an agent's run, in environment steps of each seed: more than before.
        epochs: New length of a fit, in passes through the training data: more than before.
        length: New length of a run of any kind, in its own unit.
        json: Print the result as one line of JSON on standard output; everything else goes to standard error.
        quiet: Print only warnings, on standard error.
        track: Also log to TensorBoard or Weights & Biases.
        checkpoint_seconds: Seconds between checkpoints.
    """
    from accumbens import kinds
    from accumbens.cli.run_view import RunView
    from accumbens.errors import AccumbensError
    from accumbens.runs import launch
    from accumbens.runs.names import option_of

    kind, _, _ = kinds.open_run(run)
    given = {"total_timesteps": total_timesteps, "epochs": epochs, "length": length}
    given = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        if name not in (kind.words.length, "length"):
            raise AccumbensError(
                f"{name}={value} cannot be used: {run} was made by 'accumbens {kind.words.verb}', whose length is "
                f"given by {option_of(kind.words.length)} N or --length N"
            )
    if len(given) > 1:
        raise AccumbensError(f"{' and '.join(given)} say the same: give one of them")
    with RunView(json, quiet) as view:
        asked = next(iter(given.values()), None)
        result = launch.resume(kind, run, view, track=track, checkpoint_seconds=checkpoint_seconds, length=asked)
    return view.end(kind, result)
