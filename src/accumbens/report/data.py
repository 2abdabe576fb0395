"""What a report is about: runs, what lies in their files, and what they are called."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from accumbens.runs.chapter import Chapter, Logged, Sizes
from accumbens.runs.kind import Kind


@dataclass(frozen=True, kw_only=True, eq=False)
class Run(Logged):
    """One run of a report.

    Attributes:
        path: as found from what the user gave.
        kind: of the run.
        variant: name of its folder, such as `local` or a date.
        place: what it learns in, as the report calls it.
        label: of the run among those of its place.
        family: the same for twins, whose colours belong together; the label of the first of them.
        sizes: how large it is.
    """

    path: Path
    kind: Kind[Any]
    variant: str
    place: str
    label: str = ""
    family: str = ""
    sizes: Sizes

    @property
    def chapter(self) -> Chapter:
        """What a report says of its kind."""
        return self.kind.chapter

    @property
    def name(self) -> str:
        """Place and label."""
        return f"{self.place}, {self.label}"

    @property
    def done(self) -> int | float:
        """Where it stands, as its chapter's clock counts."""
        return self.chapter.clock.of(self.training[-1]) if self.training else 0

    @property
    def is_cut(self) -> bool:
        """Whether it is known not to have reached its end."""
        return self.sizes.asked is not None and self.done < self.sizes.asked

    @property
    def is_twin(self) -> bool:
        """Whether it is the second of a pair of twins, or could be."""
        return self.chapter.untwinned(self.config) != self.config


def grouped(runs: Sequence[Run], by: Literal["kind", "place"]) -> list[list[Run]]:
    """Return the runs of every kind, or in every place, in the order in which these were met."""
    found: dict[Any, list[Run]] = {}
    for run in runs:
        found.setdefault(getattr(run, by), []).append(run)
    return list(found.values())
