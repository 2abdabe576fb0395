"""`accumbens experiment` and `accumbens experiments`: run an experiment file, list those that come with accumbens."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import tyro

from accumbens.cli.arguments import Flag, default, parsed
from accumbens.cli.cluster import HERE, Place
from accumbens.cli.start import OUTPUT

NAME = tyro.conf.arg(
    metavar="NAME", help="Experiment; 'accumbens experiments' lists them. Or the path of a .toml file."
)


def experiment(
    name: Annotated[str, tyro.conf.Positional, NAME],
    /,
    *,
    budget: Annotated[str, parsed("budget", str, "{smoke,desk,paper}")] = "desk",
    output: Annotated[Path, OUTPUT] = Path("runs"),
    data: Annotated[
        str | None, parsed("data", str, "FOLDER"), default("ACCUMBENS_DATA, else from OpenML if a task needs data")
    ] = None,
    only: Annotated[str | None, parsed("only", str, "PATTERN"), default("all runs")] = None,
    draw: Flag = False,
    export: Annotated[str | None, parsed("export", str, "FOLDER"), default("nowhere")] = None,
    dry_run: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
    checkpoint_seconds: Annotated[float, parsed("checkpoint_seconds", float, "SECONDS")] = 60.0,
    cluster: Place = HERE,
) -> int:
    """Run all of an experiment, and end with a table and a figure; the same command continues where it stopped.

    Args:
        name: experiment.
        budget: smoke (does it run at all: two minutes), desk (a night on two cores) or paper (the publication's size).
        output: Folder of all runs; the experiment's are in experiments/NAME-BUDGET there.
        data: For fits: folder with the tasks' files, in their standard formats.
        only: Only runs whose ENV/ALGO/VARIANT or TASK/RULE/VARIANT matches, such as '*breakout*' or '*/local'.
        draw: Train nothing; make table and figure of the runs that exist.
        export: Copy thinned curves, configurations, table and figure to a folder that is small enough to commit.
        dry_run: Print what would run and how far each run is, and stop.
        json: Print the result as one line of JSON on standard output; everything else goes to standard error.
        quiet: Print only warnings, on standard error.
        checkpoint_seconds: Seconds between checkpoints.
        cluster: Where the runs are worked on.
    """
    from accumbens.cli.experiment_view import ExperimentView, state_of
    from accumbens.cli.terminal import print_json
    from accumbens.errors import AccumbensError
    from accumbens.experiments import execute, files, summary
    from accumbens.experiments.plan import alone

    asked = files.load(name, budget)
    variable = asked.kind.experimenting.data_variable
    if data is not None and not variable:
        why = f"{asked.name} consists of {asked.kind.words.name}s, which need no data from there"
        raise AccumbensError(f"data={data!r} cannot be used: {why}")
    if data is not None and not Path(data).expanduser().is_dir():
        raise AccumbensError(f"data={data!r} cannot be used: it must be a folder")
    runs, where = execute.select(asked.runs, only), cluster.where(draw)
    folder = asked.folder(output)
    if export is not None:  # before hours of work
        summary.require_own(asked.runs, Path(export))
    if draw:
        for run in asked.runs:
            execute.done(folder, run)
    view = ExperimentView(runs, json, quiet)
    about = {"experiment": asked.name, "budget": asked.budget, "folder": str(folder)}
    if dry_run:
        view.plan(asked, runs, folder)
        if json:
            print_json(about | {"runs": {run.label: state_of(folder, run) for run in runs}})
        return 0
    outcome = execute.Outcome({}, {}, interrupted=False)
    if not draw:
        with view, _data_in(variable, data):
            outcome = where.execute(alone(runs), folder, view, execute.Pace(checkpoint_seconds=checkpoint_seconds))
    if outcome.interrupted:
        view.message("stopped, nothing is lost: the same command goes on, with --draw it shows what there is")
    over = {"interrupted": outcome.interrupted, "failed": outcome.failures}
    if where.shows:
        # Runs that --only leaves out are in the table and the figure all the same.
        rows = summary.write(asked, folder)
        view.table(asked, rows, folder)
        if export is not None:
            summary.export(asked.runs, folder, Path(export))
        over["rows"] = [row.values for row in rows]
    if json:
        print_json(about | over)
    if outcome.interrupted:
        return 130
    return 1 if outcome.failures else 0


@contextmanager
def _data_in(variable: str, folder: str | None) -> Iterator[None]:
    """Let runs look for their data in a folder, as if the environment's `variable` named it.

    No run's configuration says where its data were, so that it can be continued where they are elsewhere; it keeps
    their digest.
    """
    before = os.environ.get(variable)
    if folder is not None:
        os.environ[variable] = os.path.abspath(os.path.expanduser(folder))  # so it means the same to other processes
    try:
        yield
    finally:
        if folder is not None:
            os.environ.pop(variable)
            os.environ |= {variable: before} if before is not None else {}


def experiments(*, json: Flag = False) -> int:
    """List the experiments.

    Args:
        json: Print one line of JSON on standard output.
    """
    from rich.console import Console
    from rich.table import Table

    from accumbens.experiments.files import committed, read
    from accumbens.runs.tables import to_json

    titles = {name: read(path)["title"] for name, path in committed().items()}
    if json:
        print(to_json(titles))
        return 0
    table = Table(box=None, pad_edge=False)
    for column in ("experiment", "what is compared"):
        table.add_column(column)
    for name, title in titles.items():
        table.add_row(name, title)
    Console().print(table, highlight=False)
    return 0
