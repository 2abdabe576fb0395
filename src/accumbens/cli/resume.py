"""`accumbens resume`: continue a run."""

from typing import Literal

from accumbens.cli.arguments import RunPath


def resume(
    run: RunPath,
    /,
    *,
    json: bool = False,
    quiet: bool = False,
    track: Literal["tensorboard", "wandb"] | None = None,
    checkpoint_seconds: float = 60.0,
) -> int:
    """Continue a run from its newest good checkpoint, as if it had never stopped.

    Args:
        run: the run's directory.
        json: Print one line of JSON on standard output, last.
        quiet: Print nothing but warnings.
        track: Also log to TensorBoard or Weights & Biases.
        checkpoint_seconds: Seconds between checkpoints.
    """
    from rich.console import Console

    from accumbens.cli.terminal import TerminalReport, print_json, result_document
    from accumbens.training import train as training
    from accumbens.training.runs import open_run

    report = TerminalReport(Console(stderr=json), quiet)
    report.preparing(open_run(run)[1])
    try:
        result = training.resume(run, report, track=track, checkpoint_seconds=checkpoint_seconds)
    finally:
        report.stop()
    report.summary(result)
    if json:
        print_json(result_document(result))
    return 130 if result.interrupted else 0
