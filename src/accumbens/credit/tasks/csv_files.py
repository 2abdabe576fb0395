"""Reading a CSV file as a table: its delimiter, its header if it has one, and where a cell is that cannot be used."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from accumbens.errors import AccumbensError, UnknownNameError

DELIMITERS = ",;\t"


class Table(NamedTuple):
    """The cells of a CSV file.

    Attributes:
        path: of the file.
        header: names of the columns; None if there are none.
        rows: the cells, without blanks around them.
        lines: on which line of the file a row ends, from 1.
        target: number of the column to predict.
    """

    path: Path
    header: list[str] | None
    rows: list[list[str]]
    lines: list[int]
    target: int

    @property
    def columns(self) -> int:
        """How many there are."""
        return len(self.rows[0])

    def where(self, row: int, column: int) -> str:
        """Say where a cell is, as a user finds it."""
        name = f"{column} (from 0)" if self.header is None else repr(self.header[column])
        return f"{self.path}: line {self.lines[row]}, column {name}"


def read_csv(path: Path, target: str) -> Table:
    """Read a table whose columns are separated by commas, semicolons or tabs, with or without a header.

    The first row is a header if none of its cells is a number, the target's aside; if the target is given by name; or
    if its cells are 0, 1, 2, ….

    Args:
        path: of the file, in UTF-8.
        target: the column to predict: its name, its number from 0, or `last`.

    Raises:
        AccumbensError: the file cannot be read, is empty or ragged, or has no such column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = max(DELIMITERS, key=file.readline().count)
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
            found = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except UnicodeDecodeError as error:
        raise AccumbensError(f"{path} cannot be read: expected text in UTF-8 ({error})") from error
    except (OSError, csv.Error) as error:
        raise AccumbensError(f"{path} cannot be read: {error}") from error
    found = [(line, row) for line, row in found if any(row)]
    if not found:
        raise AccumbensError(f"{path} is empty")
    width = len(found[0][1])
    if width < 2:
        raise AccumbensError(f"{path} has a single column: expected features and a target")
    for line, row in found:
        if len(row) != width:
            raise AccumbensError(f"{path}: line {line} has {len(row)} cells, the first row {width}")
    lines, rows = [line for line, _ in found], [row for _, row in found]
    by_name = target != "last" and not target.removeprefix("-").isdecimal()
    expected = column_number(target, rows[0] if by_name else None, width, path)
    numbered = rows[0] == [str(column) for column in range(width)]  # as pandas names columns that have no names
    named = by_name or not any(is_number(cell) for column, cell in enumerate(rows[0]) if column != expected)
    header = rows[0] if named else None
    if named or numbered:
        rows, lines = rows[1:], lines[1:]
    if not rows:
        raise AccumbensError(f"{path} has a header and nothing below it")
    return Table(path, header, rows, lines, expected)


def column_number(target: str, header: list[str] | None, width: int, path: Path) -> int:
    """Return the number of the column to predict.

    Args:
        target: its name, its number from 0, or `last`.
        header: names of the columns; None if there are none.
        width: number of columns.
        path: of the file, for the message.

    Raises:
        UnknownNameError: no column has this name.
        AccumbensError: several have, or no column has this number.
    """
    if target == "last":
        return width - 1
    if header is not None:
        if target not in header:
            raise UnknownNameError(f"column of {path}", target, header)
        if header.count(target) > 1:
            raise AccumbensError(f"{path} has {header.count(target)} columns {target!r}: give the target by its number")
        return header.index(target)
    if not target.isdecimal() or int(target) >= width:
        raise AccumbensError(f"target={target} cannot be used: columns of {path} are 0 to {width - 1}, or last")
    return int(target)


def numbers(table: Table, columns: Sequence[int]) -> Float64[np.ndarray, "rows columns"]:
    """Return columns as numbers.

    Raises:
        AccumbensError: a cell is empty or text, not finite, or too large for 32 bits; names its line and column.
    """
    cells = [[row[column] for column in columns] for row in table.rows]
    try:
        found = np.array(cells, dtype=np.float64)
    except ValueError:
        found = np.array([[float(cell) if is_number(cell) else np.nan for cell in row] for row in cells])
    bad = ~(np.abs(found) <= np.finfo(np.float32).max)
    if bad.any():
        row, column = (int(axis[0]) for axis in bad.nonzero())
        raise AccumbensError(
            f"{table.where(row, columns[column])} holds {cells[row][column]!r}: expected a number that is finite in 32 "
            "bits"
        )
    return found


def is_number(cell: str) -> bool:
    """Return whether a cell is a number; infinity and NaN are."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
