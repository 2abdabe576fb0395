"""`accumbens compare`: groups of runs beside one another, by the field's statistics."""

from pathlib import Path
from typing import Annotated

import tyro

from accumbens.cli.arguments import Flag, default, parsed

RUNS = tyro.conf.arg(
    metavar="RUN…", help="Run directories, or folders of runs such as an experiment's.", help_behavior_hint="(required)"
)
FIGURE = parsed("figure", str, "FILE")


def compare(
    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, RUNS],
    /,
    *,
    by: Annotated[str, parsed("by", str, "KEY,KEY,…")] = "algo,credit",
    metric: Annotated[str, parsed("metric", str, "{final_return,eval_return,episodes}")] = "final_return",
    step: Annotated[int | None, parsed("step", int, "N"), default("the last of each run")] = None,
    scale: Annotated[str | None, parsed("scale", str, "FILE"), default("from the papers")] = None,
    out: Annotated[str | None, parsed("out", str, "FILE"), default("nowhere"), tyro.conf.arg(aliases=["-o"])] = None,
    figure: Annotated[str | None, FIGURE, default("none")] = None,
    force: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Compare groups of runs: interquartile mean, median, mean, optimality gap, probability of improvement.

    All with 95 % stratified bootstrap intervals (Agarwal et al., 2021). Twins, which differ in credit only, are paired
    by seed. Returns of several environments are normalised: 0 is random actions, 1 the AD agent of its paper.

    Args:
        runs: runs.
        by: What makes a group: algo, env, credit, run, or any setting.
        metric: final_return: last 100 training episodes; eval_return: last greedy evaluation during training; episodes:
            what 'accumbens evaluate' played greedily.
        step: Environment steps at which runs are compared.
        scale: CSV file with the columns env, zero, one: the returns that are the scores 0 and 1.
        out: CSV file to write the statistics to.
        figure: Picture to draw: intervals, probabilities of improvement, performance profiles (.png, .svg or .pdf).
        force: Write over files that exist.
        json: Print one line of JSON on standard output, last; everything else goes to standard error.
        quiet: Print nothing but warnings, and those on standard error.
    """
    from rich.console import Console

    from accumbens.analysis import comparison as analysis
    from accumbens.cli.compare_view import CompareView
    from accumbens.cli.terminal import print_json
    from accumbens.errors import AccumbensError

    if not runs:
        raise AccumbensError("no RUN is given: expected the directory of a run, or a folder of runs")
    files = [Path(path) for path in (out, figure) if path is not None]
    for path in files:
        analysis.require_writable(path, force, picture=figure is not None and path == Path(figure))
    given = analysis.read_scales(Path(scale)) if scale else {}
    view = CompareView(Console(stderr=json or quiet, highlight=False), quiet)
    with view.working("reading runs"):
        scores = analysis.read_scores(runs, metric, step, view.message)
    with view.working("resampling"):
        comparison = analysis.compare(scores, by.split(","), given)
        if out is not None:
            analysis.write_comparison(comparison, Path(out))
        if figure is not None:
            analysis.draw_comparison(comparison, metric, Path(figure))
    view.show(comparison, metric, files)
    if json:
        about = {"metric": metric, "by": by.split(","), "normalised": bool(comparison.scales)}
        print_json(about | analysis.document(comparison) | {"files": [str(path) for path in files]})
    return 0
