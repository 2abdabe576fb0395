"""Normalised scores, without which returns of several environments cannot be averaged.

A score is 0 where random actions are and 1 where a reference is: (return - random) / (reference - random).
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accumbens.errors import AccumbensError
from accumbens.kinds import all_kinds
from accumbens.runs.comparing import Metric, Scale
from accumbens.runs.kind import Kind


def read_scales(path: Path) -> dict[str, Scale]:
    """Return the scales of a CSV file with the columns zero, one, and env, or what another kind calls its places.

    Raises:
        AccumbensError: it cannot be read, or a number cannot be used.
    """
    scales = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            columns = rows.fieldnames or ()
            keys = [kind.words.place_key for kind in all_kinds()]
            key = next((key for key in keys if key in columns), None)
            if key is None or not {"zero", "one"} <= set(columns):
                needed = "; or ".join(f"{key}, zero, one" for key in keys)
                raise AccumbensError(f"{path} cannot be used: it needs the columns {needed}")
            for row in rows:
                zero, one = float(row["zero"]), float(row["one"])
                if not abs(one - zero) < float("inf") or one == zero:
                    raise AccumbensError(f"{path} cannot be used: {row[key]} has zero={zero} and one={one}")
                scales[row[key]] = Scale(zero, one, str(path))
    except (OSError, TypeError, ValueError) as error:
        raise AccumbensError(f"{path} cannot be used: {error}") from None
    return scales


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
