"""A comparison as plain values: one document, and rows of a CSV file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from accumbens.comparison.comparison import Comparison
from accumbens.comparison.groups import Group
from accumbens.errors import AccumbensError
from accumbens.runs.comparing import RunScores
from accumbens.runs.outputs import require_free
from accumbens.runs.tables import write_table
from accumbens.stats import Interval, Summary

PICTURES = (".png", ".svg", ".pdf")

STATISTICS = ("iqm", "median", "mean", "optimality_gap")


def intervals(summary: Summary) -> dict[str, Interval]:
    """Return the statistics that a group has, by name."""
    found = {name: getattr(summary, name) for name in STATISTICS}
    return {name: interval for name, interval in found.items() if interval is not None}


def document(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as JSON has it; intervals are [point, low, high].

    Under the places' own name, such as `environments`, are the statistics of each of several, of scores as they are.
    """
    alone = {place: [_statistics(group) for group in groups] for place, groups in comparison.alone.items()}
    return {
        _places(comparison): alone,
        "groups": [_group(group) for group in comparison.groups],
        "pairs": [pair._asdict() for pair in comparison.pairs],
        "scales": {place: scale._asdict() for place, scale in comparison.scales.items()},
        "notes": comparison.notes,
    }


def _statistics(group: Group) -> dict[str, Any]:
    (scores,) = group.scores.values()
    return {"group": group.name, "seeds": group.summary.seeds, "scores": scores, **intervals(group.summary)}


def _group(group: Group) -> dict[str, Any]:
    return {
        "group": group.name,
        "seeds": group.summary.seeds,
        "runs": [_run(run) for run in group.runs],
        "scores": group.scores,
        **intervals(group.summary),
    }


def _run(run: RunScores) -> dict[str, Any]:
    place = {run.kind.words.place_key: run.place}
    return {"run": str(run.path)} | place | dict(run.reached) | {run.metric.plural: run.scores}


def require_writable(path: Path, force: bool, picture: bool) -> None:
    """Refuse a file that exists, is in no folder, or is a picture of no known format.

    Raises:
        AccumbensError: says what to do.
    """
    if picture and path.suffix not in PICTURES:
        raise AccumbensError(f"{path} cannot be drawn: expected a name that ends in {', '.join(PICTURES)}")
    require_free(path, force)
    if not path.parent.is_dir():
        raise AccumbensError(f"{path} cannot be written: there is no folder {path.parent}")


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write a row per group and statistic, and two per pair; what does not apply is empty.

    Of several places, the rows of each alone come first, of scores as they are; then those of all together.
    """
    columns = [
        comparison.kind.words.place_key,
        *("group", "other", "statistic", "point", "low", "high", "seeds"),
        _places(comparison),
        *("normalised", "paired"),
    ]
    rows = []
    for row in _rows(comparison):
        known = {key: value for key, value in row.items() if value == value}  # NaN: there is no interval
        rows.append({"normalised": bool(comparison.scales)} | known)
    write_table(path, rows, columns)


def _places(comparison: Comparison) -> str:
    """The column that counts places: environments, or tasks."""
    return f"{comparison.kind.words.place}s"


def _rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for place, groups in comparison.alone.items():
        here = {comparison.kind.words.place_key: place, "normalised": False, _places(comparison): 1}
        for group in groups:
            for name, interval in intervals(group.summary).items():
                known = {"group": group.name, "statistic": name, "seeds": group.summary.seeds}
                yield here | known | interval._asdict()
    for group in comparison.groups:
        sizes = {"seeds": group.summary.seeds, _places(comparison): len(group.scores)}
        for name, interval in intervals(group.summary).items():
            yield {"group": group.name, "statistic": name} | interval._asdict() | sizes
    for pair in comparison.pairs:
        names = {"group": pair.x, "other": pair.y, "paired": pair.paired}
        yield names | {"statistic": "probability_of_improvement"} | pair.improvement._asdict()
        yield names | {"statistic": "iqm_difference"} | pair.difference._asdict()
