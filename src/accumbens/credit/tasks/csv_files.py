"""A text file as a table to learn from: its header if it has one, the columns to predict, and those to leave out."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from accumbens.credit.tasks.header import find_header
from accumbens.credit.tasks.settings import FileSettings
from accumbens.delimited.cells import Cells, counts, number_like, read_cells
from accumbens.delimited.numbers import Marks, find_marks
from accumbens.errors import AccumbensError, UnknownNameError

_UNNAMED = re.compile(r"(Unnamed: ?\d+)?")
"""Names of a column that nobody named; pandas gives the longer ones."""


class Table(NamedTuple):
    """The cells of a file.

    Attributes:
        path: of the file.
        header: names of the columns; None if there are none.
        rows: the cells, without blanks around them.
        lines: on which line of the file a row ends, from 1.
        targets: numbers of the columns to predict.
        features: numbers of the columns to predict them from.
        marks: what points and commas in numbers mean.
        notes: what was assumed.
    """

    path: Path
    header: list[str] | None
    rows: list[list[str]]
    lines: list[int]
    targets: list[int]
    features: list[int]
    marks: Marks
    notes: tuple[str, ...]

    def name(self, column: int) -> str:
        """Return what a column is called: by its number if it has no name."""
        return str(column) if self.header is None else self.header[column]

    def where(self, row: int, column: int) -> str:
        """Say where a cell is, as a user finds it."""
        name = f"{column} (from 0)" if self.header is None else repr(self.header[column])
        return f"{self.path}: line {self.lines[row]}, column {name}"

    def cells(self, column: int) -> list[str]:
        """Return the cells of a column."""
        return [row[column] for row in self.rows]


def read_csv(path: Path, settings: FileSettings) -> Table:
    """Read a table whose cells are delimited, with or without a header.

    Args:
        path: of the file.
        settings: what is predicted, what is left out, and how the file is written, as far as the user says.

    Raises:
        AccumbensError: the file cannot be read, is empty or ragged, or has no such column.
    """
    found = read_cells(path, settings.delimiter, settings.encoding)
    width = len(found.rows[0])
    if width < 2:
        raise AccumbensError(f"{path} has a single column: expected features and a target")
    try:
        columns = zip(*(found.rows[1:] or found.rows), strict=True)
        marks, said = find_marks(columns, found.delimiter, settings.decimal)
    except AccumbensError as error:
        raise AccumbensError(f"{path}: {error}: correct them, or --set decimal=point or decimal=comma") from error
    header, more = _header(found, marks, settings)
    start = 0 if header is None or header is found.comment else 1
    numbered = header is not None and header == [str(column) for column in range(width)]  # pandas' names of no names
    rows, lines = found.rows[start:], found.lines[start:]
    if not rows:
        raise AccumbensError(f"{path} has a header and nothing below it")
    header = None if numbered else header
    targets = columns_named(settings.target, header, width, path)
    table = Table(path, header, rows, lines, targets, [], marks, (*found.notes, *said, *more))
    return _with_features(table, settings.ignore)


def _header(found: Cells, marks: Marks, settings: FileSettings) -> tuple[list[str] | None, list[str]]:
    """Names of the columns, if there are any, and what was assumed."""
    first, width = found.rows[0], len(found.rows[0])
    if settings.header != "auto":
        return (first if settings.header == "yes" else None), []
    parts = [settings.target] if settings.target in first else settings.target.split(",")
    names = [part for part in parts if part != "last" and not part.removeprefix("-").isdecimal()]
    if names and found.comment and all(name in found.comment for name in names):
        return found.comment, []
    if names:
        columns_named(settings.target, first, width, found.path)
    known = [width - 1 for part in parts if part == "last"]
    known += [int(part) for part in parts if part.isdecimal() and int(part) < width]
    there, notes = find_header(found, marks, known, bool(names))
    if there:
        return first, notes
    if found.comment and not any(map(marks.is_number, found.comment)):
        return found.comment, []
    return None, notes


def _with_features(table: Table, ignore: str) -> Table:
    """The table with the columns to learn from: all but the targets, and what is left out."""
    width, notes, left_out = len(table.rows[0]), list(table.notes), []
    if ignore == "auto":
        first = table.cells(0)
        unnamed = table.header is not None and _UNNAMED.fullmatch(table.header[0]) and 0 not in table.targets
        if unnamed and _is_index(first):
            left_out = [0]
            notes.append(
                f"assumed that the first column ({', '.join(first[:3])}, …), which has no name, is an index, and left "
                "it out; --set ignore=none changes it"
            )
    elif ignore != "none":
        left_out = columns_named(ignore, table.header, width, table.path, "ignore")
        twice = next((column for column in left_out if column in table.targets), None)
        if twice is not None:
            raise AccumbensError(f"ignore={ignore} cannot be used: {table.name(twice)} is to be predicted")
    features = [column for column in range(width) if column not in (*table.targets, *left_out)]
    if not features:
        raise AccumbensError(f"{table.path} has no column to predict from")
    names = [table.header[column] for column in features if table.header[column]] if table.header else []
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        notes.append(f"{names.count(name)} columns are named {name!r}, and each is learned from")
    for column in features if ignore == "auto" else ():
        if counts([row[column] for row in table.rows[:3]]) and counts(table.cells(column)):
            which = f"column {column} (from 0)" if table.header is None else f"the column {table.header[column]!r}"
            notes.append(
                f"{which} counts the rows, and is learned from like any other; --set ignore={table.name(column)} "
                "leaves it out"
            )
    return table._replace(features=features, notes=tuple(notes))


def _is_index(cells: Sequence[str]) -> bool:
    """Whether a column without a name tells rows apart: whole numbers or texts, each once."""
    texts = not all(map(number_like, cells))
    return len(set(cells)) == len(cells) and (texts or all(cell.isdecimal() for cell in cells))


def columns_named(text: str, header: list[str] | None, width: int, path: Path, key: str = "target") -> list[int]:
    """Return the numbers of columns.

    Args:
        text: their names or numbers from 0, with commas between them, or `last`; a name comes before a number.
        header: names of the columns; None if there are none.
        width: number of columns.
        path: of the file, for the message.
        key: of the setting, for the message.

    Raises:
        UnknownNameError: no column has this name.
        AccumbensError: several have, no column has this number, or a column is given twice.
    """
    parts = [text] if text in (header or ()) else [part.strip() for part in text.split(",")]
    columns = [_column(part, header, width, path, key) for part in parts]
    if len(set(columns)) < len(columns):
        raise AccumbensError(f"{key}={text} cannot be used: a column is given twice")
    return columns


def _column(name: str, header: list[str] | None, width: int, path: Path, key: str) -> int:
    if header is not None and name in header:
        if header.count(name) > 1:
            raise AccumbensError(f"{path} has {header.count(name)} columns {name!r}: give the {key} by its number")
        return header.index(name)
    if name == "last":
        return width - 1
    if name.isdecimal() and int(name) < width:
        return int(name)
    if header is not None and not name.removeprefix("-").isdecimal():
        raise UnknownNameError(f"column of {path}", name, header)
    raise AccumbensError(f"{key}={name} cannot be used: columns of {path} are 0 to {width - 1}, or last")


def numbers(table: Table, columns: Sequence[int]) -> Float64[np.ndarray, "rows columns"]:
    """Return columns as numbers.

    Raises:
        AccumbensError: a cell is empty or text, not finite, or too large for 32 bits; names its line and column.
    """
    cells = [[row[column] for column in columns] for row in table.rows]
    try:
        if table.marks != Marks() or any("_" in cell for row in cells for cell in row):
            raise ValueError("NumPy would read them otherwise")
        found = np.array(cells, dtype=np.float64)
    except ValueError:
        found = np.array([[table.marks.value(cell) for cell in row] for row in cells])
    bad = ~(np.abs(found) <= np.finfo(np.float32).max)
    if bad.any():
        row, column = (int(axis[0]) for axis in bad.nonzero())
        cell, place = cells[row][column], columns[column]
        leave = f", or leave the column out with --set ignore={table.name(place)}" if place in table.features else ""
        raise AccumbensError(
            f"{table.where(row, place)} {f'holds {cell!r}' if cell.strip() else 'is empty'}: expected a number "
            f"that is finite in 32 bits, with a decimal {table.marks.decimal}; remove such rows{leave}"
        )
    return found
