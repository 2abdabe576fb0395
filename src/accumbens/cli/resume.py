"""`accumbens resume`: continue a run."""

from typing import Annotated

from accumbens.cli.arguments import Flag, RunPath, default, parsed
from accumbens.cli.train import TRACKERS


def resume(
    run: RunPath,
    /,
    *,
    json: Flag = False,
    quiet: Flag = False,
    track: Annotated[str | None, parsed("track", TRACKERS, "{tensorboard,wandb}"), default("CSV only")] = None,
    checkpoint_seconds: Annotated[float, parsed("checkpoint_seconds", float, "SECONDS")] = 60.0,
) -> int:
    """Continue a run from its newest good checkpoint, as if it had never stopped.

    Args:
        run: the run's directory.
        json: Print one line of JSON on standard output, last; everything else goes to standard error.
        quiet: Print nothing but warnings, and those on standard error.
        track: Log to TensorBoard or Weights & Biases too.
        checkpoint_seconds: Seconds between checkpoints.
    """
    from accumbens.cli.terminal import TerminalReport, print_json, result_document
    from accumbens.credit.config import is_fit

    if is_fit(run / "config.toml"):
        from accumbens.cli.fit_view import FitView, end_of_fit
        from accumbens.credit.fit import resume_fit

        with FitView(json, quiet) as view:
            fitted = resume_fit(run, view, track=track, checkpoint_seconds=checkpoint_seconds)
        return end_of_fit(view, fitted, json)

    from accumbens.training import train as training

    with TerminalReport(json, quiet) as report:
        result = training.resume(run, report, track=track, checkpoint_seconds=checkpoint_seconds)
    report.summary(result)
    if json:
        print_json(result_document(result))
    return 130 if result.interrupted else 0
