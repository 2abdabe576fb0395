"""What `accumbens compare` asks a kind of run: its metrics, what makes a group, and whose seeds are paired."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from accumbens.runs.find import Files, complete_rows
from accumbens.runs.kind import Kind


def of_metrics(files: Files) -> Sequence[Mapping[str, Any]]:
    """Return the rows of `metrics.csv`."""
    return complete_rows(files.metrics)


class Metric(NamedTuple):
    """One number per seed.

    Attributes:
        name: on the command line.
        summary: what it is.
        form: how a number is written, as Python's `format` takes it.
        percent: it is a part of something, and shown in percent.
        less_is_better: of two runs, that with the smaller number is the better one.
        rows: where the numbers are: rows with `step` and `seed`, the last step last; none if the run has none yet.
        column: of these rows, if it has another name than the metric.
        rests_on: the column that says of how many things a number is the mean, where runs can differ in it.
        noun: what a number is called, if not by the metric's name.
        trained: training leaves the numbers; otherwise something that is done with the run afterwards.
    """

    name: str
    summary: str
    form: str = ".1f"
    percent: bool = False
    less_is_better: bool = False
    rows: Callable[[Files], Sequence[Mapping[str, Any]]] = of_metrics
    column: str = ""
    rests_on: str = ""
    noun: str = ""
    trained: bool = True

    @property
    def factor(self) -> float:
        """By what a score is multiplied to be shown."""
        return 100.0 if self.percent else 1.0

    @property
    def plural(self) -> str:
        """What several numbers are called."""
        return f"{self.noun or 'score'}s"


class Scale(NamedTuple):
    """The returns, or other scores, that are the scores 0 and 1, and where they come from."""

    zero: float
    one: float
    source: str

    def normalise(self, value: float) -> float:
        """Return the score on this scale; 1 is better than 0, whichever number is larger."""
        return (value - self.zero) / (self.one - self.zero)


class RunScores(NamedTuple):
    """The scores of one run.

    Attributes:
        files: of the run.
        kind: of the run.
        config: of the run.
        metric: what the scores are.
        reached: where each seed stood when the scores were taken, by clock: `step`, and what its kind has besides.
        scores: of each seed.
        note: what they rest on, where runs can differ in it.
        beginning: what `Comparing.beginning` found.
    """

    files: Files
    kind: Kind[Any]
    config: Any
    metric: Metric
    reached: Mapping[str, int | float]
    scores: dict[int, float]
    note: str = ""
    beginning: Any = None

    @property
    def path(self) -> Path:
        """What the run is known by."""
        return self.files.path

    @property
    def place(self) -> str:
        """What was learned."""
        return self.kind.place(self.config)


class Comparing(NamedTuple):
    """How runs of one kind are compared.

    Attributes:
        metrics: if none is asked for, the first that all runs have is taken.
        by: the settings that make a group, if none are asked for.
        clocks: columns, besides `step`, that say where a run stands; the last is what runs should agree in.
        scales: by place, those that are known.
        selection: by the name of a metric that is reported, that of the one by which settings are chosen for it: of
            other data, where there are any; every other metric is both.
        paired: when seeds are paired, for people.
        beginning: returns what `is_paired` and `notes` must know of a run's files.
        is_paired: returns whether a seed was the same experiment in two runs, but for one choice.
        notes: returns what a reader must know of the runs in one place.
    """

    metrics: Sequence[Metric]
    by: Sequence[str]
    clocks: Sequence[str] = ()
    scales: Mapping[str, Scale] = MappingProxyType({})
    selection: Mapping[str, str] = MappingProxyType({})
    paired: str = ""
    beginning: Callable[[Files], Any] = lambda files: None
    is_paired: Callable[[RunScores, RunScores, int], bool] = lambda one, other, seed: False
    notes: Callable[[str, Sequence[RunScores]], list[str]] = lambda place, runs: []
