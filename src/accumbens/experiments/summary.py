"""What an experiment leaves beside its runs: `summary.csv` and a figure; and a copy small enough to be committed."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from accumbens.errors import AccumbensError
from accumbens.experiments.execute import is_of, progress_of
from accumbens.experiments.panels import draw_figure
from accumbens.experiments.places import read_panels
from accumbens.experiments.plan import Experiment, PlannedRun
from accumbens.experiments.tables import write_summary
from accumbens.runs.directory import command_line
from accumbens.runs.experimenting import Row
from accumbens.runs.looks import looks_of
from accumbens.runs.tables import read_table, write_table

_TABLES, _COMMAND = ("summary.csv", "curves.png"), "command.txt"
ROWS_PER_SEED = 120
"""Most rows of an exported learning curve, about."""


def write(experiment: Experiment, folder: Path) -> list[Row]:
    """Write `summary.csv`, `curves.png` and `curves.svg` of all runs that have begun; return the rows of the table.

    Raises:
        AccumbensError: a run's files cannot be read, or its environment cannot be made.
    """
    asked, panels = experiment.kind.experimenting, read_panels(experiment, folder)
    rows = [row for panel in panels for row in asked.rows(panel, experiment.beside)]
    curves = [curve for panel in panels for curve in asked.curves(panel, experiment.beside)]
    folder.mkdir(parents=True, exist_ok=True)
    write_summary(asked, rows, folder / "summary.csv")
    title = f"{experiment.name}, {experiment.budget}: {experiment.title}"
    looks = looks_of(experiment.kind, [(run.label, run.config) for panel in panels for run in panel.runs])
    draw_figure(asked, title, curves, looks, [folder / "curves.png", folder / "curves.svg"])
    return rows


def export(runs: Sequence[PlannedRun], folder: Path, to: Path) -> None:
    """Copy what others need to check a result, small enough to be committed.

    For every run that has begun: `<run>.csv`, the learning curve thinned to about `ROWS_PER_SEED` rows per seed,
    `<run>_evaluations.csv` if evaluations are kept apart, and `<run>.toml`, its configuration; besides `summary.csv`,
    `curves.png` and `command.txt`.

    Raises:
        AccumbensError: nothing was run yet, or a file there is not of an export of an experiment.
    """
    require_own(runs, to)
    begun = [run for run in runs if is_of(folder, run) and progress_of(folder, run)]
    if not begun:
        raise AccumbensError(f"there is nothing to export in {folder}")
    to.mkdir(parents=True, exist_ok=True)
    # First, for it is by this that what was cut short is known to be one's own.
    (to / _COMMAND).write_text(f"{command_line()}\n", encoding="utf-8")
    for run in begun:
        there, (curve, evaluations, config) = run.directory(folder), _names(run)
        _thin(there.metrics, to / curve)
        if there.evaluations.exists():
            shutil.copy(there.evaluations, to / evaluations)
        shutil.copy(there.config, to / config)
    for name in _TABLES:
        shutil.copy(folder / name, to / name)


def _names(run: PlannedRun) -> tuple[str, str, str]:
    stem = run.label.replace("/", "-")
    return f"{stem}.csv", f"{stem}_evaluations.csv", f"{stem}.toml"


def require_own(runs: Sequence[PlannedRun], to: Path) -> None:
    """Refuse a folder for an export of these runs in which it would write over what is somebody else's.

    Raises:
        AccumbensError: says what is there.
    """
    if to.exists() and not to.is_dir():
        raise AccumbensError(f"export={to} cannot be used: it must be a folder")
    command = to / _COMMAND
    if command.is_file() and " experiment " in command.read_text(encoding="utf-8", errors="replace"):
        return
    written = (*_TABLES, _COMMAND, *(name for run in runs for name in _names(run)))
    there = [name for name in written if (to / name).exists()]
    if there:
        raise AccumbensError(f"export={to} cannot be used: its {there[0]} is not of an export of an experiment")


def _thin(source: Path, target: Path) -> None:
    rows = read_table(source)
    steps = list(dict.fromkeys(row["step"] for row in rows))
    kept = {*steps[:: max(1, len(steps) // ROWS_PER_SEED)], *steps[-1:]}
    write_table(target, (row for row in rows if row["step"] in kept))
