"""Whether the first row of a table names its columns."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from accumbens.delimited.cells import Cells, counts, number_like
from accumbens.delimited.numbers import Marks

_LOOKED_AT = 200
"""Rows."""
_RARE = 0.05
"""Part of the rows."""


def find_header(found: Cells, marks: Marks, targets: Sequence[int], named: bool) -> tuple[bool, list[str]]:
    """Find out whether the first row is a header.

    Text above a column of numbers is one, and so is a row of text. Numbers may be names, too, such as wavelengths and
    years: if they are unlike those below.

    Args:
        found: the cells.
        marks: what points and commas in numbers mean.
        targets: numbers of the columns to predict, as far as they are known.
        named: a column to predict was given by a name in the first row.

    Returns:
        whether it is, and what was assumed.
    """
    first, below = found.rows[0], found.rows[1:]
    if named or not below:
        return named or not any(marks.is_number(cell) for cell in first), []
    features = [column for column in range(len(first)) if column not in targets]
    if not any(marks.is_number(first[column]) for column in features):
        return True, []
    looked = below[:_LOOKED_AT]
    if any(first[column] and not number_like(first[column]) and _all_numbers(looked, column) for column in features):
        return True, []
    if not first[0] and counts([row[0] for row in below]):
        return True, []
    said, numbered = f"the first row ({_some(first)})", [str(column) for column in range(len(first))]
    if first == numbered or _names_a_target(first, below, targets) or _is_unlike(first, looked, marks):
        return True, [f"assumed that {said} names the columns; --set header=no changes it"]
    return False, [f"assumed that {said} is an example, not a header; --set header=yes changes it"]


def _some(cells: Sequence[str]) -> str:
    return ", ".join(cells[:4]) + (", …" if len(cells) > 4 else "")


def _all_numbers(rows: Sequence[Sequence[str]], column: int) -> bool:
    return all(number_like(row[column]) for row in rows)


def _names_a_target(first: Sequence[str], below: Sequence[Sequence[str]], targets: Sequence[int]) -> bool:
    """Whether the first cell of a target is text, and no number or class of those below it."""
    for column in targets:
        cells = [row[column] for row in below]
        if number_like(first[column]) or not first[column]:
            continue
        if all(map(number_like, cells)):
            return True
        classes = Counter(cells)
        if min(classes.values()) > 1 and first[column] not in classes:
            return True
    return False


def _is_unlike(first: Sequence[str], below: Sequence[Sequence[str]], marks: Marks) -> bool:
    """Whether a row of numbers is unlike the rows below it; where these have text, such as classes, nothing is said."""
    columns = [column for column in range(len(first)) if _all_numbers(below, column)]
    if len(columns) < 2:
        return False
    row = np.array([marks.value(first[column]) for column in columns])
    rows = np.array([[marks.value(line[column]) for column in columns] for line in below])
    if not (np.isfinite(row).all() and np.isfinite(rows).all()):
        return False
    lowest, highest = rows.min(axis=0), rows.max(axis=0)
    far = (row < 2 * lowest - highest) | (row > 2 * highest - lowest)
    if far.all() and len(rows) > 2:
        return True
    if len(columns) < 3 or not _whole(row) or len(np.unique(row)) < len(row):
        return False
    return _is_rare(map(_whole, rows)) or (_in_steps(row) and _is_rare(map(_in_steps, rows)))


def _is_rare(held: Iterable[bool]) -> bool:
    """Whether hardly any of the rows has what the first has."""
    return bool(np.mean(list(held)) <= _RARE)


def _whole(row: np.ndarray) -> bool:
    return bool((row == np.round(row)).all())


def _in_steps(row: np.ndarray) -> bool:
    """Whether numbers go up by the same step; of three, by 1, for more is no rarity among measurements."""
    steps = np.diff(row)
    return bool(steps[0] > 0 and (steps == steps[0]).all() and (len(row) > 3 or steps[0] == 1))
