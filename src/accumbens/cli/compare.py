"""`accumbens compare`: groups of runs beside one another, by the field's statistics."""

from pathlib import Path
from typing import Annotated

import tyro

from accumbens.cli.arguments import Flag, default, parsed

RUNS = tyro.conf.arg(
    metavar="RUN…", help="Run directories, or folders of runs such as an experiment's.", help_behavior_hint="(required)"
)
METRIC = default("final_return; for fits: test_accuracy, or test_loss in regression")
OUTPUT = tyro.conf.arg(aliases=["-o"])
FIGURE = parsed("figure", str, "FILE")


def compare(
    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, RUNS],
    /,
    *,
    by: Annotated[str | None, parsed("by", str, "KEY,KEY,…"), default("algo,credit; for fits: rule")] = None,
    metric: Annotated[str | None, parsed("metric", str, "METRIC"), METRIC] = None,
    step: Annotated[int | None, parsed("step", int, "N"), default("the last of each run")] = None,
    epoch: Annotated[float | None, parsed("epoch", float, "N"), default("the last of each fit")] = None,
    scale: Annotated[str | None, parsed("scale", str, "FILE"), default("from the papers")] = None,
    output: Annotated[str | None, OUTPUT, parsed("output", str, "FILE"), default("nowhere")] = None,
    figure: Annotated[str | None, FIGURE, default("none")] = None,
    force: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Compare groups of runs: interquartile mean, median, mean, optimality gap, probability of improvement.

    All with 95 % stratified bootstrap intervals (Agarwal et al., 2021). Runs are either all agents or all fits. Twins,
    which differ in credit only, are paired by seed, and so are fits whose seeds share data, batches and initial
    network. Returns of several environments are normalised: 0 is random play, 1 the AD agent of its paper.

    Args:
        runs: runs.
        by: What defines a group: algo, env, credit, rule, task, run, or any setting.
        metric: final_return (mean of the last 100 training episodes), eval_return (last greedy evaluation during
            training), or episodes (greedy episodes of 'accumbens evaluate'). For fits: accuracy or loss, as in
            test_accuracy, valid_loss or train_loss.
        step: Environment steps (for fits: updates) at which runs are compared.
        epoch: For fits: passes through the training data at which they are compared.
        scale: CSV file with the columns env (for fits: task), zero and one: the results that count as scores 0, 1.
        output: CSV file for the statistics.
        figure: Figure to draw: intervals, probabilities of improvement, performance profiles (.png, .svg or .pdf).
        force: Replace existing files; without it, existing results are never overwritten.
        json: Print the result as one line of JSON on standard output; everything else goes to standard error.
        quiet: Print only warnings, on standard error.
    """
    from rich.console import Console

    from accumbens import comparison as analysis
    from accumbens.cli.compare_view import CompareView
    from accumbens.cli.terminal import print_json
    from accumbens.errors import AccumbensError

    if not runs:
        raise AccumbensError("no RUN is given: expected the directory of a run, or a folder of runs")
    files = [Path(path) for path in (output, figure) if path is not None]
    for path in files:
        analysis.require_writable(path, force, picture=figure is not None and path == Path(figure))
    if len({path.resolve() for path in files}) < len(files):
        raise AccumbensError(f"figure={figure} cannot be used: the statistics go into the same file")
    given = analysis.read_scales(Path(scale)) if scale else {}
    view = CompareView(Console(stderr=json or quiet, highlight=False), quiet)
    with view.working("reading runs"):
        at = {clock: number for clock, number in (("step", step), ("epoch", epoch)) if number is not None}
        scores = analysis.read_scores(runs, metric, at, view.message)
    with view.working("resampling"):
        comparison = analysis.compare(scores, None if by is None else by.split(","), given)
        if output is not None:
            analysis.write_comparison(comparison, Path(output))
        if figure is not None:
            from accumbens.comparison.picture import draw_comparison

            draw_comparison(comparison, Path(figure))
    view.show(comparison, files)
    if json:
        about = {"metric": comparison.metric.name, "by": comparison.by, "normalised": bool(comparison.scales)}
        print_json(about | analysis.document(comparison) | {"files": [str(path) for path in files]})
    return 0
