"""`accumbens report`: one page about some runs, to look at and to hand on."""

from pathlib import Path
from typing import Annotated

import tyro

from accumbens.cli.arguments import Flag, default, parsed

RUNS = tyro.conf.arg(
    metavar="RUN", help="Run directories, or folders of runs such as an experiment's.", help_behavior_hint="(required)"
)
OUTPUT = tyro.conf.arg(aliases=["-o"], metavar="FILE")


def report(
    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, RUNS],
    /,
    *,
    output: Annotated[Path, OUTPUT] = Path("report.html"),
    title: Annotated[str | None, parsed("title", str, "TEXT"), default("the runs' names")] = None,
    force: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Write one self-contained HTML page about runs: curves with intervals, cell by cell, tables, settings, provenance.

    Agents and fits may be mixed. For fits it shows scores and, layer by layer, alignment, entropy and sparsity.

    Args:
        runs: runs.
        output: The page.
        title: Title of the page.
        force: Replace an existing file; without it, existing results are never overwritten.
        json: Print the result as one line of JSON on standard output; everything else goes to standard error.
        quiet: Print only warnings, on standard error.
    """
    from rich.console import Console
    from rich.progress import Progress

    from accumbens import report as pages
    from accumbens.cli.terminal import print_json
    from accumbens.errors import AccumbensError
    from accumbens.kinds import all_kinds
    from accumbens.runs.outputs import require_free

    if not runs:
        raise AccumbensError("no RUN is given: expected the directory of a run, or a folder of runs")
    require_free(output, force)
    replaced = output.exists()
    console = Console(stderr=json or quiet, highlight=False)
    with Progress(console=console, disable=quiet or not console.is_terminal, transient=True) as progress:
        task = progress.add_task("reading runs", total=None)
        loaded = pages.load_runs(runs, lambda done, total: progress.update(task, completed=done, total=total))
        progress.update(task, description="writing the page")
        page = pages.render(loaded, title)
    pages.write(page, output)
    size = output.stat().st_size
    if not quiet:
        places = {kind: len({run.place for run in loaded if run.kind is kind}) for kind in all_kinds()}
        counted = ", ".join(f"{count} {kind.words.place}(s)" for kind, count in places.items() if count)
        how = "replaced" if replaced else "written"
        console.print(f"{how}: {len(loaded)} run(s), {counted}, {size / 1e6:.1f} MB", highlight=False)
        console.print(str(output), soft_wrap=True, markup=False)
    if json:
        names = [{"run": str(run.path), "label": run.label, run.kind.words.place_key: run.place} for run in loaded]
        print_json({"report": str(output), "bytes": size, "replaced": replaced, "runs": names})
    return 0
