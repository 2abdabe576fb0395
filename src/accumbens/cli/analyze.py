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
    states: Annotated[int, parsed("states", int, "N")] = 200,
    steps: Annotated[int, parsed("steps", int, "N")] = 500,
    transitions: Annotated[int, parsed("transitions", int, "N")] = 1024,
    epsilon: Annotated[float, parsed("epsilon", float, "ε")] = 0.05,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Picture what each cell represents, and compare its local gradient with backpropagation over training.

    Every stored network plays first, so that it is analysed in states that it visits. The folder gets figures (PNG and
    SVG) and the numbers behind them (CSV): two principal components over states × actions, norms of activity and
    values early and late, units by scenario, and alignment with backpropagation.

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

    from accumbens import representation
    from accumbens.cli import analyze_view
    from accumbens.cli.terminal import print_json
    from accumbens.runs.outputs import require_free
    from accumbens.training.trained import open_trained

    request = representation.Request(step, seed, states, steps, transitions, epsilon)
    request.check()
    # What cannot be used is refused at once, not after minutes.
    trained = open_trained(run, step)
    trained.network(trained.seeds[0] if seed is None else seed)
    folder = output or run / f"analysis_{trained.step}"
    require_free(folder, force, representation.MARK)
    console = Console(stderr=json or quiet, highlight=False)
    with Progress(console=console, disable=quiet or not console.is_terminal, transient=True) as progress:
        task = progress.add_task("playing and comparing", total=None)
        found = representation.study(
            run, request, lambda done, total: progress.update(task, completed=done, total=total)
        )
        progress.update(task, description="drawing", total=None)
        files = representation.write_study(found, folder, force)
    document = representation.summary(found)
    if not quiet:
        analyze_view.print_study(console, found, document)
        console.print(f"written: {len(files)} files in")
        console.print(str(folder), soft_wrap=True, markup=False)
    if json:
        print_json(document | {"run": str(run), "folder": str(folder), "files": [path.name for path in files]})
    return 0
