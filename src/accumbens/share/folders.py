"""Where an export goes, and its tables."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path


def default_folder(run: Path, seed: int, step: int) -> Path:
    """Return where an export of a run goes if nobody says where."""
    return run / "export" / f"seed{seed}_{step}"


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Write these columns of rows as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
