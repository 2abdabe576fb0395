"""Samples of `benchmarks/verdicts.py`: what a group such as `coagent-ss:angle_1@first` is in the committed files."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from accumbens.runs.tables import Rows, read_table

ROOT = Path(__file__).parents[1]
_GROUP = re.compile(r"(?:(spread|lowest|highest) )?([\w.*/-]+)(?:\[([^]]+)\])?(?::([\w]+))?(?:@([\w.-]+))?")
_PERCENT = re.compile("_accuracy$")


class Section(NamedTuple):
    """Where the groups of a section are: `{}` in `files` is the name of the file; `metric` the column unless said.

    `short` has names for long groups; `NAME/x` stands for the long one with x for its {}.
    """

    files: str
    metric: str
    short: dict[str, str]


class Sample(NamedTuple):
    """Numbers of one group.

    Attributes:
        label: the group as it is written.
        values: one per seed; a single one if `exact`.
        exact: a number without seeds: of a benchmark, or of a mean curve.
        percent: shown in %.
        networks: the files that it is of: samples of the same are paired.
    """

    label: str
    values: np.ndarray
    exact: bool
    percent: bool
    networks: str


def sample(section: Section, group: str) -> Sample:
    """Return the numbers of a group.

    Raises:
        ValueError: it is not written as a group is, names no file, row or column, or has a number that is not finite.
    """
    found = _sample(section, group)
    if not np.isfinite(found.values).all():
        raise ValueError(f"{group!r}: not all numbers are finite: {found.values.tolist()}")
    return found


def _sample(section: Section, group: str) -> Sample:
    short, _, variant = group.partition("/")
    match = _GROUP.fullmatch(section.short[short].replace("{}", variant) if short in section.short else group)
    if match is None:
        raise ValueError(f"not a group: {group!r}")
    what, name, where, metric, when = match.groups()
    metric, percent = metric or section.metric, bool(_PERCENT.search(metric or section.metric))
    paths = sorted(ROOT.glob(section.files.format(name)))
    if not paths or (len(paths) > 1 and what != "spread"):
        raise ValueError(f"{group!r}: {len(paths)} files {section.files.format(name)}")
    chosen = [_chosen(path, where, metric) for path in paths]
    if what == "spread":
        each = np.array([_at(rows, metric, when or "last") for rows in chosen])
        return Sample(group, each.max(0) / each.min(0), False, False, name)
    if "seed" not in chosen[0][0]:
        if len(chosen[0]) != 1:
            raise ValueError(f"{group!r}: {len(chosen[0])} rows")
        return Sample(group, np.array([float(chosen[0][0][metric])]), True, percent, name)
    if what:
        curve = _curves(chosen[0], metric)[1].mean(0)
        return Sample(group, np.array([curve.min() if what == "lowest" else curve.max()]), True, percent, name)
    values = _at(chosen[0], metric, when or "last")
    return Sample(group, values, False, percent, name)


@cache
def _rows(path: Path) -> Rows:
    return read_table(path)


def _chosen(path: Path, where: str | None, metric: str) -> list[dict[str, str]]:
    wanted = dict(pair.split("=", 1) for pair in where.split(";")) if where else {}
    rows = [row for row in _rows(path) if all(row[column] == value for column, value in wanted.items())]
    if not rows or metric not in rows[0]:
        raise ValueError(f"{path.name}: {len(rows)} rows with {where}, of which column {metric!r} is asked")
    return rows


def _curves(rows: list[dict[str, str]], metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps, and values [seeds, steps]."""
    seeds = sorted({int(row["seed"]) for row in rows})
    of = {seed: [row for row in rows if int(row["seed"]) == seed] for seed in seeds}
    steps = np.array([float(row.get("step", 0)) for row in of[seeds[0]]])
    return steps, np.array([[float(row[metric]) for row in of[seed]] for seed in seeds])


def _at(rows: list[dict[str, str]], metric: str, when: str) -> np.ndarray:
    """One number per seed."""
    steps, values = _curves(rows, metric)
    if when in ("first", "last"):
        return values[:, 0 if when == "first" else -1]
    if when == "mean":  # a curve is straight between evaluations
        return np.trapezoid(values, steps, axis=1) / (steps[-1] - steps[0])
    begin, end = (float(part) * steps[-1] for part in when.split("-"))
    return values[:, (steps >= begin) & (steps <= end)].mean(1)
