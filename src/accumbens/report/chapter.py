"""What a report has to say of one kind of runs; `page` puts it together."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from accumbens.report import agent_sections, fit_sections
from accumbens.report.charts import Chart
from accumbens.report.data import Run
from accumbens.report.markup import Markup
from accumbens.runs.find import AGENTS, FITS, Kind


class Chapter(NamedTuple):
    """The sections of one kind of runs; every function is given runs of it only.

    Attributes:
        kind: of the runs.
        prefix: of the names of their tasks' sections.
        results: a table per task.
        notes: what a reader must know before believing a number.
        task: everything about the runs of one task, and its charts: `task(runs, prefix, families)`.
        across: what is said over several tasks; may be empty.
        reading: what the words mean.
    """

    kind: Kind
    prefix: str
    results: Callable[[Sequence[Run]], Markup]
    notes: Callable[[Sequence[Run]], list[str]]
    task: Callable[[Sequence[Run], str, Sequence[str]], tuple[Markup, list[Chart]]]
    across: Callable[[Sequence[Run]], Markup]
    reading: Mapping[str, str]

    def own(self, runs: Sequence[Run]) -> list[Run]:
        """Return the runs that it is about."""
        return [run for run in runs if run.kind is self.kind]


CHAPTERS = (
    Chapter(
        AGENTS,
        "env",
        agent_sections.results,
        agent_sections.notes,
        agent_sections.environment,
        agent_sections.across,
        agent_sections.READING,
    ),
    Chapter(
        FITS,
        "task",
        fit_sections.results,
        fit_sections.notes,
        fit_sections.task,
        fit_sections.across,
        fit_sections.READING,
    ),
)
