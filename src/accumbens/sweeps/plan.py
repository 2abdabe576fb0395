"""What a sweep is once its file or command is read: its points, each an ordinary run, and how they are searched."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from accumbens.experiments.plan import PlannedRun
from accumbens.runs.comparing import Metric
from accumbens.runs.kind import Kind
from accumbens.sweeps.halving import Rung, rungs
from accumbens.sweeps.points import Point
from accumbens.sweeps.values import Values


@dataclass(frozen=True)
class Sweep:
    """A sweep.

    Attributes:
        name: of its folder.
        title: one line.
        kind: of its runs.
        place: what is learned.
        method: who learns, or how.
        over: the settings that are varied.
        points: the value of every setting, point by point.
        runs: of the points, in their order.
        search: `grid`, `random` or `halving`.
        eta: of a halving search, one of how many goes on.
        report_seeds: with which the best point is run again; 0 for none.
        metric: name of what points are chosen by; None takes the first of the kind, see `choices`.
        document: as a file would have it.
    """

    name: str
    title: str
    kind: Kind[Any]
    place: str
    method: str
    over: tuple[Values, ...]
    points: tuple[Point, ...]
    runs: tuple[PlannedRun, ...]
    search: str
    eta: int
    report_seeds: int
    metric: str | None
    document: Mapping[str, Any]

    @property
    def drawn(self) -> bool:
        """Whether its points were drawn at random."""
        return self.search == "random" or "points" in self.document

    @property
    def seeds(self) -> int:
        """How many seeds every point has: 0, 1, 2 …"""
        return self.runs[0].config.seeds

    def folder(self, out: Path) -> Path:
        """Return where its runs are kept."""
        return out / "sweeps" / self.name

    def point_of(self, run: PlannedRun) -> Point:
        """Return the values of the settings of a run."""
        return self._points[run.variant]

    @cached_property
    def _points(self) -> dict[str, Point]:
        return {run.variant: point for run, point in zip(self.runs, self.points, strict=True)}

    def reporting(self, run: PlannedRun) -> PlannedRun:
        """Return the run of the same point with the seeds that nothing was chosen by."""
        first, count = self.seeds, self.report_seeds
        config = dataclasses.replace(run.config, seed=first, seeds=count)
        return run._replace(config=config, variant=f"{run.variant},seeds={first}-{first + count - 1}")

    def choices(self) -> Sequence[tuple[Metric, Metric]]:
        """Return by what points may be chosen, each with what is reported of the best; the first that all runs have.

        If nothing is asked for, data that are reported choose only where there are no others.
        """
        comparing = self.kind.comparing
        named = {metric.name: metric for metric in comparing.metrics}
        if self.metric is not None:
            reported = {by: name for name, by in comparing.selection.items()}.get(self.metric, self.metric)
            return [(named[self.metric], named[reported])]
        chosen = [(named[comparing.selection.get(name, name)], metric) for name, metric in named.items()]
        return [*chosen, *((metric, metric) for metric in named.values())]

    @property
    def ladder(self) -> list[Rung]:
        """How far how many points go: all to the end, but for a halving search."""
        return rungs(len(self.runs), self.eta) if self.search == "halving" else [Rung(len(self.runs), 1.0)]
