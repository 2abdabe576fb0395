"""The table of an experiment: what each run came to, over its seeds, beside what the papers report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from accumbens.runs.experimenting import Experimenting, Row
from accumbens.runs.tables import write_table
from accumbens.stats import FEW_SEEDS


def write_summary(asked: Experimenting, rows: Sequence[Row], path: Path) -> None:
    """Write the table as CSV; what is not known is empty. Intervals are half of a 95 % t-interval over seeds."""
    write_table(path, (row.values for row in rows), asked.columns)


class EndTable(NamedTuple):
    """The table at the end of an experiment, for people.

    Attributes:
        headings: of the columns; the first has none.
        panels: the cells of every row, by title of the panel.
        notes: the lines below.
    """

    headings: Sequence[str]
    panels: Mapping[str, Sequence[Sequence[str]]]
    notes: Sequence[str]


def end_table(asked: Experimenting, rows: Sequence[Row]) -> EndTable:
    """Return the table of the runs of one kind."""
    sources = list(dict.fromkeys(row.source for row in rows if row.source))
    headings = ["seeds", *asked.headings(rows)]
    panels: dict[str, list[list[str]]] = {}
    for row in rows:
        cells = [str(row.seeds), *row.cells] if row.seeds else [""] * len(headings)
        quote = [f"{row.quote} [{sources.index(row.source) + 1}]" if row.source else ""] if asked.published else []
        panels.setdefault(row.panel, []).append([row.name, *cells, *quote])
    fewest = min((row.seeds for row in rows if row.seeds), default=0)
    note = asked.note(rows, "; few seeds: rough" if fewest < FEW_SEEDS else "")
    numbered = [f"[{number}] {source}" for number, source in enumerate(sources, start=1)]
    return EndTable(["", *headings, *(["published"] if asked.published else [])], panels, [note, *numbered])
