"""Runs found in folders, and their tables as far as they are written."""

import csv
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from accumbens.errors import AccumbensError
from accumbens.runs.tables import Rows, read_table


class Files(NamedTuple):
    """Where a run's files are: in its directory, or side by side as `accumbens experiment --export` leaves them.

    Some kinds have no `evaluations`: all of their numbers are in `metrics`.
    """

    config: Path
    metrics: Path
    evaluations: Path

    @property
    def is_directory(self) -> bool:
        """Whether it is a run directory, which has a `meta.json` too."""
        return self.config.name == "config.toml"

    @property
    def path(self) -> Path:
        """What the run is known by: its directory, or its exported configuration without the ending."""
        return self.config.parent if self.is_directory else self.config.with_suffix("")


def find_runs(paths: Sequence[Path]) -> list[Files]:
    """Return the runs at these paths and below them, each once, in the order of the paths and then of the names.

    Raises:
        AccumbensError: a path does not exist, or there is no run at it.
    """
    found: dict[Path, Files] = {}
    for path in paths:
        if not path.exists():
            raise AccumbensError(f"there is nothing at {path}: give a run's directory, or a folder of runs")
        here = _below(path)
        if not here:
            raise AccumbensError(f"there is no run at {path}, nor in any folder below it")
        for files in here:
            found.setdefault(files.config.resolve(), files)
    return list(found.values())


def _below(path: Path) -> list[Files]:
    if path.is_file():
        return []
    if (path / "config.toml").is_file():
        return [Files(path / "config.toml", path / "metrics.csv", path / "evaluations.csv")]
    found: list[Files] = []
    for folder, names, files in os.walk(path):
        here = Path(folder)
        # Folders with a dot are runs that are being made; those of a run hold nothing but the run.
        names[:] = sorted(name for name in names if not name.startswith(".") and "config.toml" not in files)
        if "config.toml" in files:
            found += _below(here)
            continue
        stems = (Path(name).stem for name in sorted(files) if name.endswith(".toml"))
        found += [
            Files(here / f"{stem}.toml", here / f"{stem}.csv", here / f"{stem}_evaluations.csv")
            for stem in stems
            if f"{stem}.csv" in files
        ]
    return found


def complete_rows(path: Path) -> Rows:
    """Return the rows of a CSV file without a last one that was cut short; none if there is no file.

    Raises:
        AccumbensError: it is not such a file.
    """
    if not path.exists():
        return []
    try:
        rows = read_table(path)
        kept = [row for row in rows if None not in row and None not in row.values() and "" not in row.values()]
        for row in kept:
            _ = int(row["step"]), int(row["seed"])
    except (KeyError, ValueError, csv.Error) as error:
        raise AccumbensError(f"{path} cannot be read as a run's table: {error!r}") from None
    if not kept:
        return []
    # Seeds that did not get their row of the last step: that step is dropped for all.
    per_step = Counter(row["step"] for row in kept)
    return [row for row in kept if per_step[row["step"]] == per_step[kept[0]["step"]]]
