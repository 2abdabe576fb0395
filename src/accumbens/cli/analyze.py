"""`accumbens analyze`: what the cells of a run represent, and where their updates point."""

from pathlib import Path
from typing import Annotated

import tyro

from accumbens.cli.arguments import Flag, RunPath, default, parsed

OUTPUT = tyro.conf.arg(aliases=["-o"], metavar="FOLDER")


def analyze(
    run: RunPath,
    /,
    *,
    output: Annotated[Path | None, OUTPUT, default("RUN/analysis_STEP")] = None,
    force: Flag = False,
    step: Annotated[int | None, parsed("step", int, "N"), default("the newest")] = None,
    seed: Annotated[int | None, parsed("seed", int, "N"), default("the first")] = None,
    states: Annotated[int | None, parsed("states", int, "N"), default("200")] = None,
    steps: Annotated[int | None, parsed("steps", int, "N"), default("500")] = None,
    transitions: Annotated[int | None, parsed("transitions", int, "N"), default("1024")] = None,
    epsilon: Annotated[float | None, parsed("epsilon", float, "ε"), default("0.05")] = None,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Picture what each cell represents, and compare its local gradient with backpropagation over training.

    Every stored network plays first, so that it is analysed in states that it visits. The folder gets figures (PNG and
    SVG) and the numbers behind them (CSV): two principal components over states × actions, norms of activity and
    values early and late, units by scenario, and alignment with backpropagation.

    Of a fit of reach or sine-waves: the paths to all targets before, during and after learning, with and without
    feedback, and along the trial the alignment of RFLO's steps with the gradient and with a second-order step. Of a fit
    of sparse-attentive-backtracking: which past moments every step attends to.

    Args:
        run: the run's directory.
        output: Folder for the results.
        force: Replace an earlier analysis; without it, existing results are never overwritten.
        step: Snapshot to picture, and the last one of the curves over training.
        seed: Seed to picture; norms and alignment are over all seeds.
        states: Number of states in the pictures.
        steps: Steps that every network plays in each of 8 copies of the environment.
        transitions: Transitions over which gradients are averaged; a multiple of 64 if more than 64.
        epsilon: Probability of a random action.
        json: Print the result as one line of JSON on standard output; everything else goes to standard error.
        quiet: Print only warnings, on standard error.
    """
    from rich.console import Console
    from rich.progress import Progress

    from accumbens.cli.terminal import print_json
    from accumbens.kinds import open_run
    from accumbens.runs.outputs import require_free

    kind, _, _ = open_run(run)
    given = {"states": states, "steps": steps, "transitions": transitions, "epsilon": epsilon}
    # What cannot be used is refused at once, not after minutes.
    analysis = kind.analysis(run, step, seed, {name: value for name, value in given.items() if value is not None})
    folder = output or run / f"analysis_{analysis.step}"
    require_free(folder, force, analysis.mark)
    console = Console(stderr=json or quiet, highlight=False)
    with Progress(console=console, disable=quiet or not console.is_terminal, transient=True) as progress:
        task = progress.add_task("playing and comparing", total=None)
        found = analysis.study(lambda done, total: progress.update(task, completed=done, total=total))
        progress.update(task, description="drawing", total=None)
        files = analysis.write(found, folder, force)
    document = analysis.summary(found)
    if not quiet:
        analysis.show(console, found, document)
        console.print(f"written: {len(files)} files in")
        console.print(str(folder), soft_wrap=True, markup=False)
    if json:
        print_json(document | {"run": str(run), "folder": str(folder), "files": [path.name for path in files]})
    return 0
