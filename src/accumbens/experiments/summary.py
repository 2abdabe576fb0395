"""What an experiment leaves beside its runs: `summary.csv` and a figure; and a copy small enough to be committed."""

import csv
import shutil
from collections.abc import Sequence
from pathlib import Path

from accumbens.analysis.panels import draw_experiment, read_curve
from accumbens.analysis.published import Published, find
from accumbens.analysis.tables import Row, quoted, row_of, write_summary
from accumbens.errors import AccumbensError
from accumbens.experiments.execute import directory, steps_done
from accumbens.experiments.files import Experiment, PlannedRun
from accumbens.training.runs import command_line, read_table

ROWS_PER_SEED = 120
"""Most rows of an exported learning curve, about."""


def rows_of(experiment: Experiment, runs: Sequence[PlannedRun], folder: Path) -> list[Row]:
    """Return a row for every run that has begun and, after those of its environment, for every number only quoted.

    Raises:
        AccumbensError: a run's files cannot be read, or its environment cannot be made.
    """
    rows: list[Row] = []
    for env in dict.fromkeys(run.config.env for run in runs):
        published = find(experiment.tables, env)
        beside: list[Published] = []
        steps = 0
        for run in (run for run in runs if run.config.env == env):
            number = next((entry for entry in published if entry.agent == experiment.rows.get(run.row)), None)
            row = row_of(directory(folder, run), run.config, run.variant, number)
            if row is not None:
                rows.append(row)
                beside += [number] if number else []
                steps = max(steps, row.steps)
        rows += [quoted(entry, steps) for entry in published if entry not in beside]
    return rows


def write(experiment: Experiment, runs: Sequence[PlannedRun], folder: Path) -> list[Row]:
    """Write `summary.csv`, `curves.png` and `curves.svg` into the experiment's folder; return the rows.

    Raises:
        AccumbensError: see `rows_of`.
    """
    rows = rows_of(experiment, runs, folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_summary(rows, folder / "summary.csv")
    begun = [run for run in runs if steps_done(folder, run)]
    curves = [read_curve(directory(folder, run).metrics, run.config.env, run.row) for run in begun]
    quotes = [entry for env in dict.fromkeys(curve.env for curve in curves) for entry in find(experiment.tables, env)]
    title = f"{experiment.name}, {experiment.budget}: {experiment.title}"
    draw_experiment(title, curves, quotes, [folder / "curves.png", folder / "curves.svg"])
    return rows


def export(runs: Sequence[PlannedRun], folder: Path, to: Path) -> None:
    """Copy what others need to check a result, small enough to be committed.

    For every run that has begun: `<run>.csv`, the learning curve thinned to about `ROWS_PER_SEED` rows per seed,
    `<run>_evaluations.csv`, and `<run>.toml`, its configuration; besides `summary.csv`, `curves.png` and `command.txt`.

    Raises:
        AccumbensError: nothing was run yet.
    """
    begun = [run for run in runs if steps_done(folder, run)]
    if not begun:
        raise AccumbensError(f"there is nothing to export in {folder}")
    to.mkdir(parents=True, exist_ok=True)
    for run in begun:
        there, stem = directory(folder, run), run.label.replace("/", "-")
        _thin(there.metrics, to / f"{stem}.csv")
        shutil.copy(there.evaluations, to / f"{stem}_evaluations.csv")
        shutil.copy(there.config, to / f"{stem}.toml")
    for name in ("summary.csv", "curves.png"):
        shutil.copy(folder / name, to / name)
    (to / "command.txt").write_text(f"{command_line()}\n", encoding="utf-8")


def _thin(source: Path, target: Path) -> None:
    rows = read_table(source)
    steps = list(dict.fromkeys(row["step"] for row in rows))
    kept = {*steps[:: max(1, len(steps) // ROWS_PER_SEED)], *steps[-1:]}
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for row in rows if row["step"] in kept)
