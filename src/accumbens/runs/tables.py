"""The CSV tables of a run."""

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from accumbens.errors import AccumbensError
from accumbens.writing import write_atomically

Rows = list[dict[str, str]]
"""Rows of a table as they lie in the file."""


class Table:
    """A CSV file that rows are appended to; every batch of rows is on the disk before `append` returns.

    A file that an earlier version began keeps its columns, and goes without those that came later.
    """

    def __init__(self, path: Path, columns: list[str]):
        """Open or begin the file.

        Raises:
            AccumbensError: it exists with other columns.
        """
        self.path, self._columns = path, columns
        if not path.exists():
            write_atomically(path, ",".join(columns) + "\n")
            return
        with path.open(newline="", encoding="utf-8") as file:
            self._columns = next(csv.reader(file), [])
        if self._columns != [column for column in columns if column in self._columns]:
            raise AccumbensError(f"{path} has other columns than this accumbens writes")

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows."""
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self._columns, lineterminator="\n", extrasaction="ignore").writerows(rows)
            file.flush()
            os.fsync(file.fileno())

    def forget_after(self, step: int) -> None:
        """Drop rows later than `step` and a last line cut short; a resumed run writes them again."""
        header, *lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("\n") and int(line.partition(",")[0]) <= step]
        write_atomically(self.path, "".join([header, *kept]))


def read_table(path: Path) -> Rows:
    """Return the rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_table(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
    """Write a CSV file with a header, whole or not at all; what a row does not have is empty.

    Args:
        path: the file, which is replaced if it is there.
        rows: in order.
        columns: in order; by default those of the first row.

    Raises:
        AccumbensError: there is no row to take the columns from.
        ValueError: a row has something else than the columns.
    """
    rows = list(rows)
    if columns is None:
        if not rows:
            raise AccumbensError(f"{path} cannot be written: there are no rows, and no columns were given")
        columns = list(rows[0])
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue())


def last_rows(path: Path) -> Rows:
    """Return the rows of the last step in a table; none if there is no such table."""
    rows = read_table(path) if path.exists() else []
    return [row for row in rows if row["step"] == rows[-1]["step"]]


def to_json(document: Any, indent: int | None = None) -> str:
    """Return JSON that any reader takes: a number that is not finite becomes null."""

    def clean(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [clean(item) for item in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return json.dumps(clean(document), indent=indent)
