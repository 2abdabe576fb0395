"""Numbers in cells: what points and commas in them mean."""

import math
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from accumbens.delimited.cells import number_like
from accumbens.errors import AccumbensError

_GROUPS = {
    "point": re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?([eE][+-]?\d+)?"),
    "comma": re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d*)?([eE][+-]?\d+)?"),
}
"""Numbers of which thousands are grouped, by decimal mark."""


class Marks(NamedTuple):
    """What points and commas in numbers mean.

    Attributes:
        decimal: point or comma.
        grouped: the other one may group thousands.
    """

    decimal: str = "point"
    grouped: bool = False

    def plain(self, cell: str) -> str:
        """Return a number as Python writes it; what is none comes back as it is."""
        if self.grouped and _GROUPS[self.decimal].fullmatch(cell):
            cell = cell.replace("," if self.decimal == "point" else ".", "")
        elif self.decimal == "comma" and "." in cell:
            return "?"  # 2.87 among decimal commas may be anything
        return cell.replace(",", ".") if self.decimal == "comma" else cell

    def value(self, cell: str) -> float:
        """Return the number in a cell; NaN if there is none."""
        return float(self.plain(cell)) if self.is_number(cell) else math.nan

    def is_number(self, cell: str) -> bool:
        """Return whether a cell is a number; infinity and NaN are."""
        try:
            float(self.plain(cell))
        except ValueError:
            return False
        return "_" not in cell  # Python's own 1_000 would be another's name


def find_marks(columns: Iterable[Sequence[str]], delimiter: str, decimal: str = "auto") -> tuple[Marks, list[str]]:
    """Find out what points and commas mean in the numbers of a table.

    Args:
        columns: their cells.
        delimiter: between cells.
        decimal: auto, point or comma.

    Returns:
        the marks, and what was assumed.

    Raises:
        AccumbensError: it is not certain, and `decimal` is auto.
    """
    if decimal != "auto":
        return Marks(decimal, grouped=True), []
    columns = [column for column in columns if _has(column, ",") or _has(column, ".")]
    if not any(_has(column, ",") for column in columns):
        return Marks(), []
    numeric = [column for column in columns if all(map(number_like, column))]
    commas = [cell for column in numeric for cell in column if "," in cell]
    points = [cell for column in numeric for cell in column if "." in cell and "," not in cell]
    if not commas:
        return Marks(), []
    thousands = all(_GROUPS["point"].fullmatch(cell) for cell in commas)
    certain = points or delimiter == "," or any(cell.count(",") > 1 or "." in cell for cell in commas)
    if thousands and certain:
        said = f"commas group thousands ({commas[0]!r} is {Marks(grouped=True).plain(commas[0])})"
        return Marks(grouped=True), [f"assumed that {said}; --set decimal=comma changes it"]
    marks = Marks("comma", grouped=True)
    if all(marks.is_number(cell) for cell in commas + points):
        said = f"commas are decimal marks ({commas[0]!r} is {marks.plain(commas[0])})"
        return marks, [f"assumed that {said}; --set decimal=point changes it"]
    odd = next((cell for cell in points if not marks.is_number(cell)), commas[0])
    raise AccumbensError(f"the decimal mark is not certain: there are {commas[0]!r} and {odd!r}")


def _has(column: Sequence[str], mark: str) -> bool:
    return mark in "".join(column)  # much faster than cell by cell
