"""Normalised scores, without which returns of several environments cannot be averaged.

A score is 0 where random actions are and 1 where a reference is: (return - random) / (reference - random).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accumbens.delimited.cells import read_cells
from accumbens.delimited.numbers import find_marks
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.kinds import all_kinds
from accumbens.runs.comparing import Metric, Scale
from accumbens.runs.kind import Kind


def read_scales(path: Path) -> dict[str, Scale]:
    """Return the scales of a CSV file with the columns zero, one, and env, or what another kind calls its places.

    Delimiters and decimal marks are found out, as in a table to learn from.

    Raises:
        AccumbensError: it cannot be read, a number cannot be used, or a place has two rows.
    """
    found = read_cells(path)
    columns, keys = found.rows[0], list(dict.fromkeys(kind.words.place_key for kind in all_kinds()))
    key = next((key for key in keys if key in columns), None)
    if key is None or not {"zero", "one"} <= set(columns):
        needed = "; or ".join(f"{key}, zero, one" for key in keys)
        raise AccumbensError(f"{path} cannot be used: it needs the columns {needed}, not {', '.join(columns)}")
    places, zeros, ones = ([row[columns.index(name)] for row in found.rows[1:]] for name in (key, "zero", "one"))
    scales: dict[str, Scale] = {}
    try:
        marks, _ = find_marks([zeros, ones], found.delimiter)
        for line, place, zero, one in zip(found.lines[1:], places, zeros, ones, strict=True):
            for name, cell in (("zero", zero), ("one", one)):
                if not marks.is_number(cell):
                    raise AccumbensError(f"{name} in line {line} is {cell!r}: expected a number")
            scale = Scale(marks.value(zero), marks.value(one), str(path))
            if not 0 < abs(scale.one - scale.zero) < float("inf"):
                raise AccumbensError(f"{place} has zero={scale.zero} and one={scale.one}")
            if place in scales:
                raise AccumbensError(f"{place} has two rows, the second in line {line}")
            scales[place] = scale
    except AccumbensError as error:
        raise AccumbensError(f"{path} cannot be used: {error}") from None
    return scales


def require_compared(places: Sequence[str], given: Mapping[str, Scale], kind: Kind[Any]) -> list[str]:
    """Refuse scales of what nobody knows; return a note of those that no run needs.

    Args:
        places: of all runs.
        given: scales that the user chose.
        kind: of the runs.

    Raises:
        UnknownNameError: a scale is of a place that no run has, and that is none of the kind's.
    """
    word, unused = kind.words.place, [place for place in given if place not in places]
    for place in unused:
        if not kind.knows(place):
            raise UnknownNameError(f"{word} in {given[place].source}, which no run compared has,", place, list(places))
    return [f"no run compared has the {word} {place}: its scale is not used" for place in unused]


def scales_for(places: Sequence[str], given: Mapping[str, Scale], kind: Kind[Any], metric: Metric) -> dict[str, Scale]:
    """Return the scales of all places, or none if there is a single one and none was given.

    Raises:
        AccumbensError: there are several, or some were given, and one has no scale.
    """
    if len(places) == 1 and not given:
        return {}
    known = {**kind.comparing.scales, **given}
    missing = [place for place in places if place not in known]
    if missing:
        words = kind.words
        raise AccumbensError(
            f"{metric.plural} of several {words.place}s cannot be averaged, and there is no scale for "
            f"{', '.join(missing)}: compare one {words.place} at a time, or give --scale FILE.csv with the columns "
            f"{words.place_key}, zero, one"
        )
    return {place: known[place] for place in places}
