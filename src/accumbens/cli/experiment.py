"""`accumbens experiment` and `accumbens experiments`: run an experiment file, list those that come with accumbens."""

from pathlib import Path
from typing import Annotated

import tyro

from accumbens.cli.arguments import Flag, default, parsed

NAME = tyro.conf.arg(
    metavar="NAME", help="Experiment; 'accumbens experiments' lists them. Or the path of a .toml file."
)


def experiment(
    name: Annotated[str, tyro.conf.Positional, NAME],
    /,
    *,
    budget: Annotated[str, parsed("budget", str, "{smoke,desk,paper}")] = "desk",
    out: Path = Path("runs"),
    only: Annotated[str | None, parsed("only", str, "PATTERN"), default("all runs")] = None,
    draw: Flag = False,
    export: Annotated[str | None, parsed("export", str, "FOLDER"), default("nowhere")] = None,
    dry_run: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
    checkpoint_seconds: Annotated[float, parsed("checkpoint_seconds", float, "SECONDS")] = 60.0,
) -> int:
    """Run all of an experiment; the same command continues where it stopped. Ends with a table and a figure.

    Args:
        name: experiment.
        budget: smoke: does it run, in two minutes; desk: a night on two cores; paper: the publication's own size.
        out: Folder that runs are kept in; the experiment's are in experiments/NAME-BUDGET there.
        only: Only the runs whose ENV/ALGO/VARIANT matches, such as '*breakout*' or '*/local'.
        draw: Train nothing; table and figure of what there is.
        export: Copy thinned curves, configurations, table and figure to a folder, small enough to be committed.
        dry_run: Print what would run and how far it is, and stop.
        json: Print one line of JSON on standard output, last; everything else goes to standard error.
        quiet: Print nothing but warnings, and those on standard error.
        checkpoint_seconds: Seconds between checkpoints.
    """
    from accumbens.analysis.tables import document
    from accumbens.cli.experiment_view import ExperimentView, state_of
    from accumbens.cli.terminal import print_json
    from accumbens.experiments import execute, files, summary

    asked = files.load(name, budget)
    runs = execute.select(asked.runs, only)
    folder = asked.folder(out)
    view = ExperimentView(runs, json, quiet)
    about = {"experiment": asked.name, "budget": asked.budget, "folder": str(folder)}
    if dry_run:
        view.plan(asked, runs, folder)
        if json:
            print_json(about | {"runs": {run.label: state_of(folder, run) for run in runs}})
        return 0
    outcome = execute.Outcome({}, {}, interrupted=False)
    if not draw:
        with view:
            outcome = execute.execute(runs, folder, view, checkpoint_seconds=checkpoint_seconds)
    if outcome.interrupted:
        view.message("stopped, nothing is lost: the same command goes on, with --draw it shows what there is")
    # Runs that --only leaves out are in the table and the figure all the same.
    rows = summary.write(asked, asked.runs, folder)
    view.table(asked, rows, folder)
    if export is not None:
        summary.export(asked.runs, folder, Path(export))
    if json:
        over = {"interrupted": outcome.interrupted, "failed": outcome.failures}
        print_json(about | over | {"rows": [document(row) for row in rows]})
    if outcome.interrupted:
        return 130
    return 1 if outcome.failures else 0


def experiments(*, json: Flag = False) -> int:
    """List the experiments.

    Args:
        json: Print one line of JSON.
    """
    from rich.console import Console
    from rich.table import Table

    from accumbens.experiments.files import committed, read
    from accumbens.training.runs import to_json

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
