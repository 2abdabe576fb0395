"""The cells of a delimited text file, such as CSV or TSV: its delimiter and its quotes are found out.

`clevercsv` weighs dialects by how regular the rows and how meaningful the cells are (van den Burg et al., 2019). On the
files of `benchmarks/csv_sniffers.py` it was right more often than DuckDB, pandas and the standard library. All of them
go astray where labels hold commas; so its choice is kept only if no other leaves fewer columns of text, for the tables
that are read here are of numbers, but for a column.
"""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from accumbens.delimited.text import COMMENTS, read_text
from accumbens.errors import AccumbensError, UnknownNameError

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "space": " "}

_SAMPLE_LINES, _SAMPLE_CHARACTERS = 100, 50_000
_NUMBER_LIKE = re.compile(r"[+-]?[\d.,]*\d\.?([eE][+-]?\d+)?|[+-]?(nan|inf)|", re.IGNORECASE)


class Cells(NamedTuple):
    """What a file holds.

    Attributes:
        path: of the file.
        rows: of cells, all of one length, without blanks around them.
        lines: on which line of the file a row ends, from 1.
        delimiter: between cells.
        comment: cells of the comment right above the table, if it has as many; else none.
        notes: what was assumed.
    """

    path: Path
    rows: list[list[str]]
    lines: list[int]
    delimiter: str
    comment: list[str]
    notes: list[str]


class _Dialect(NamedTuple):
    delimiter: str
    quote: str = '"'
    escape: str = ""


def read_cells(path: Path, delimiter: str = "auto", encoding: str = "auto") -> Cells:
    """Read the cells of a text file.

    Args:
        path: of the file; a name that ends in `.gz` means that it is packed.
        delimiter: auto, or one of `DELIMITERS` by name; at several spaces in a row cells are separated once.
        encoding: auto, or as Python calls it.

    Raises:
        UnknownNameError: no such delimiter.
        AccumbensError: the file cannot be read, is no text, is empty, or its rows are not of one length.
    """
    if delimiter != "auto" and delimiter not in DELIMITERS:
        raise UnknownNameError("value of delimiter", delimiter, ["auto", *DELIMITERS])
    text = read_text(path, encoding)
    dialect, notes = _dialect(text.lines, DELIMITERS.get(delimiter, text.delimiter))
    try:
        found = _parsed(text.lines, dialect)
    except csv.Error as error:
        raise AccumbensError(
            f"{path} cannot be read with {named(dialect.delimiter)}s between cells: {error}"
        ) from error
    if not found:
        raise AccumbensError(f"{path} is empty")
    rows, width = [row for _, row in found], len(found[0][1])
    lines = [line + text.skipped for line, _ in found]
    for line, row in zip(lines, rows, strict=True):
        if len(row) != width:
            raise AccumbensError(
                f"{path}: line {line} has {len(row)} cells, the first row {width}, with {named(dialect.delimiter)}s "
                "between cells"
            )
    while width > 1 and not any(row[-1] for row in rows):  # a delimiter ends every line
        rows, width = [row[:-1] for row in rows], width - 1
    comment = _comment(text.comment, dialect, width)
    return Cells(path, rows, lines, dialect.delimiter, comment, text.notes + notes)


def named(delimiter: str) -> str:
    """Return what a delimiter is called."""
    return next((name for name, character in DELIMITERS.items() if character == delimiter), repr(delimiter))


def number_like(cell: str) -> bool:
    """Return whether a cell is a number, whatever points and commas in it mean, or empty."""
    return _NUMBER_LIKE.fullmatch(cell) is not None


def counts(cells: Sequence[str]) -> bool:
    """Return whether cells are whole numbers, each larger by one than that before."""
    if len(cells) < 2 or not (cells[0].isdecimal() and len(cells[0]) < 10):
        return False
    return all(cell == str(number) for number, cell in enumerate(cells, start=int(cells[0])))


def _dialect(lines: Sequence[str], known: str) -> tuple[_Dialect, list[str]]:
    """How the table is written, and what was assumed, from the first lines of it."""
    import clevercsv  # slow to import

    sample: list[str] = []
    for line in lines[:_SAMPLE_LINES]:
        sample.append(line)
        if sum(map(len, sample)) > _SAMPLE_CHARACTERS:
            break
    offered = [known] if known else list(DELIMITERS.values())
    found = clevercsv.Detector().detect("".join(sample), delimiters=offered)
    quote, escape = (found.quotechar or '"', found.escapechar or "") if found else ('"', "")
    first = found.delimiter if found else ""
    dialects = [_Dialect(character, quote, escape) for character in offered]
    costs = {dialect: _columns_of_text(sample, dialect, whole=len(sample) == len(lines)) for dialect in dialects}
    usable = {dialect: cost for dialect, cost in costs.items() if cost is not None}
    if known or not usable:
        return _Dialect(known or first or ",", quote, escape), []
    chosen = min(usable, key=lambda dialect: (usable[dialect], dialect.delimiter != first))
    others = [named(dialect.delimiter) for dialect in usable if dialect != chosen and usable[dialect] <= 1]
    notes = []
    if others:
        notes.append(
            f"assumed that cells are separated by {named(chosen.delimiter)}s, not {' or '.join(others)}s; "
            f"--set delimiter={others[0]} changes it"
        )
    return chosen, notes


def _columns_of_text(lines: Sequence[str], dialect: _Dialect, whole: bool) -> int | None:
    """How many columns are not of numbers below the first row; None if this is no table of two columns or more."""
    try:
        rows = [row for _, row in _parsed(lines, dialect)]
    except csv.Error:
        return None
    if not whole:
        rows = rows[:-1]  # what follows may belong to it
    if not rows or len({len(row) for row in rows}) > 1 or len(rows[0]) < 2:
        return None
    below = rows[1:] or rows
    return sum(not all(map(number_like, column)) for column in zip(*below, strict=True))


def _parsed(lines: Sequence[str], dialect: _Dialect) -> list[tuple[int, list[str]]]:
    """Rows of cells, each with the line on which it ends.

    Raises:
        csv.Error: quotes do not match.
    """
    spaces = dialect.delimiter == " "
    reader = csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        escapechar=dialect.escape or None,
        skipinitialspace=not spaces,
        strict=True,
    )
    found = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    if spaces:
        found = [(line, [cell for cell in row if cell]) for line, row in found]
    found = [(line, row) for line, row in found if any(row)]
    if not found:
        return found
    width = len(found[0][1])
    found = [(line, row) for line, row in found if len(row) == width or not row[0].startswith(COMMENTS)]
    return [_with_names_of_rows(found), *found[1:]]


def _with_names_of_rows(found: Sequence[tuple[int, list[str]]]) -> tuple[int, list[str]]:
    """The first row, completed if it is a header as R writes it: without a name for the column of rows' names."""
    line, header = found[0]
    firsts = [row[0] for _, row in found[1:] if len(row) == len(header) + 1]
    if not firsts or len(firsts) < len(found) - 1 or any(map(number_like, header)):
        return line, header
    return line, ["", *header] if counts(firsts) or not any(map(number_like, firsts)) else header


def _comment(text: str, dialect: _Dialect, width: int) -> list[str]:
    """The cells of a comment, if it has as many as the table has columns."""
    try:
        rows = [row for _, row in _parsed([text], dialect)] if text else []
    except csv.Error:
        return []
    return rows[0] if rows and len(rows[0]) == width else []
