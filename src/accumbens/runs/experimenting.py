"""What `accumbens experiment` asks a kind of run: what its files say, its table, and its curves."""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from accumbens.runs.directory import RunDirectory
from accumbens.runs.find import complete_rows
from accumbens.runs.kind import Kind
from accumbens.runs.tables import Rows
from accumbens.stats import estimate


class Begun(NamedTuple):
    """A run of an experiment that has learned.

    Attributes:
        method: who learns, or how.
        variant: its name in the file.
        label: of its curve; curves of one label look the same in all panels.
        config: what it was asked to do.
        files: of the run.
        rows: of `metrics.csv`, as far as they are there for every seed.
    """

    method: str
    variant: str
    label: str
    config: Any
    files: RunDirectory
    rows: Rows

    @property
    def name(self) -> str:
        """What it is called in its panel, such as `ad_pqn/local`."""
        return f"{self.method}/{self.variant}"

    @property
    def step(self) -> int:
        """Where every seed stands."""
        return int(self.rows[-1]["step"])

    def last(self, column: str) -> list[float]:
        """Return the last number of every seed in a column of `metrics.csv`."""
        return [float(row[column]) for row in self.rows if row["step"] == self.rows[-1]["step"]]

    def every(self, column: str) -> Float[np.ndarray, "seeds rows"]:
        """Return a column of `metrics.csv`."""
        values: dict[int, list[float]] = {}
        for row in self.rows:
            values.setdefault(int(row["seed"]), []).append(float(row[column]))
        return np.array([values[seed] for seed in sorted(values)])

    def curve(self, column: str, over: str) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, "seeds points"]]:
        """Return columns `over` and `column` where every seed has a number: a mean over fewer is not of the same."""
        x, values = self.every(over)[0], self.every(column)
        known = ~np.isnan(values).any(axis=0)
        return x[known], values[:, known]


class Panel(NamedTuple):
    """Runs that are shown together.

    Attributes:
        title: such as `mnist, layers 64,64`.
        place: what they learn.
        runs: those that have begun.
    """

    title: str
    place: str
    runs: list[Begun]


class Row(NamedTuple):
    """A line of an experiment's table.

    Attributes:
        panel: title of the panel that it is in.
        name: such as `ad_pqn/local`.
        seeds: how many; 0 if nothing was run and the line is only of what a paper reports.
        values: what `summary.csv` has, by column; None for what is not known.
        cells: what the terminal shows under the kind's headings; none if nothing was run.
        quote: what a paper reports, for people.
        source: the paper.
    """

    panel: str
    name: str
    seeds: int
    values: Mapping[str, Any]
    cells: Sequence[str] = ()
    quote: str = ""
    source: str = ""


class Quote(NamedTuple):
    """What a paper reports, as a figure shows it.

    Attributes:
        value: at the end: a line.
        label: of the line.
        who: the paper's name for who came to it, who looks the same in all panels; empty: the run of the curve.
        points: on the way, `(x, value)`.
    """

    value: float
    label: str
    who: str = ""
    points: tuple[tuple[int, float], ...] = ()


class Curve(NamedTuple):
    """The scores of one run along training.

    Attributes:
        panel: title of the panel.
        label: of the run.
        x: where it was scored.
        values: its scores.
        over: what `x` counts.
        of: what the scores are.
        quotes: what it stands beside.
    """

    panel: str
    label: str
    x: Float[np.ndarray, " points"]
    values: Float[np.ndarray, "seeds points"]
    over: str
    of: str
    quotes: Sequence[Quote] = ()


class Experimenting:
    """How runs of one kind are experimented with; a kind that says nothing is shown by its words and its curve.

    Attributes:
        kind: of the runs.
        places: key of a file for what is learned.
        methods: key of a file for who learns, with the variants.
        numbers: keys of a file for numbers of a run.
        published: keys of a file for what the results stand beside, and their types; `dict[str, T]` is a table of T.
        columns: of `summary.csv`.
        progress: the column of `metrics.csv` that says how far a run is, in the unit of its kind.
        caption: what the curves of a figure are of.
        data_variable: the environment variable that names the folder of data; empty if runs read none.
    """

    published: Mapping[str, Any] = MappingProxyType({})
    progress: str = "step"
    data_variable: str = ""

    def __init__(self, kind: Kind[Any]):
        """Take what follows from the kind's words."""
        words, curve = kind.words, kind.curve_column
        self.kind = kind
        self.places, self.methods = f"{words.place}s", f"{words.method}s"
        self.numbers: Sequence[str] = ("seeds", "seed", words.length)
        self.caption = curve.replace("_", " ")
        named = (words.place_key, words.method_key, "variant", "seeds", f"{words.step}s")
        self.columns: Sequence[str] = (*named, curve, f"{curve}_interval", "seconds", "commit")

    def beside(self, published: Mapping[str, Any], places: Sequence[str], pairs: Sequence[tuple[str, str]]) -> Any:
        """Return what the results stand beside.

        Args:
            published: what the file says of it, with keys and types checked.
            places: all that the file names, those of other budgets included.
            pairs: every method with every variant of it, likewise.

        Raises:
            UnknownNameError: nothing is known under a name.
            AccumbensError: something is missing.
        """
        return None

    def rows(self, panel: Panel, beside: Any) -> list[Row]:
        """Return the lines of a panel.

        Raises:
            AccumbensError: a run's files cannot be read, or what it learns in cannot be made.
        """
        column, form, rows = self.kind.curve_column, self.kind.words.score_form, []
        for run in panel.runs:
            score = estimate(run.last(column))
            cells = (f"{score:{form}}", self.length_of(run), seconds_of(run))
            rows.append(self.row(panel, run, scores(column, run.last(column)), cells))
        return rows

    def row(self, panel: Panel, run: Begun, values: Mapping[str, Any], cells: Sequence[str], **quoted: str) -> Row:
        """Return the line of a run, with what all kinds know of theirs.

        Args:
            panel: of the run.
            run: the run.
            values: of the other columns.
            cells: see `Row`.
            quoted: its `quote` and `source`.
        """
        words, seeds = self.kind.words, len(run.last("seed"))
        known = {words.place_key: panel.place, words.method_key: run.method, "variant": run.variant, "seeds": seeds}
        known |= {f"{words.step}s": run.step, "seconds": run.last("wall_seconds")[0]}
        known |= {"commit": run.files.read_meta().get("commit")}
        return Row(panel.title, run.name, seeds, {**dict.fromkeys(self.columns), **known, **values}, cells, **quoted)

    def length_of(self, run: Begun, asked: int | None = None) -> str:
        """Return how long a run is, and, if it is not at its end, how long it will be."""
        done, whole = run.last(self.progress)[0], self.kind.size(run.config) if asked is None else asked
        return f"{whole:,}" if done >= whole else f"{done:,.1f}".removesuffix(".0") + f" of {whole:,}"

    def headings(self, rows: Sequence[Row]) -> Sequence[str]:
        """Return what the terminal writes above the cells of these rows."""
        return self.kind.curve_column.replace("_", " "), self.kind.words.unit, "seconds"

    def note(self, rows: Sequence[Row], rough: str) -> str:
        """Return what the numbers in the terminal are; `rough` says that they are not worth much, or nothing."""
        return f"mean ± 95 % t-interval over seeds{rough}"

    def curves(self, panel: Panel, beside: Any) -> list[Curve]:
        """Return the curves of a panel."""
        of, over = self.kind.curve_column, self.kind.words.unit
        return [
            Curve(panel.title, run.label, *run.curve(of, self.progress), over, of.replace("_", " "))
            for run in panel.runs
        ]

    def scale(self, axes: Any, curves: Sequence[Curve]) -> None:
        """Choose scale, limits and ticks of matplotlib axes that show the lines of these curves, but no bands yet."""


def read_begun(method: str, variant: str, label: str, config: Any, files: RunDirectory) -> Begun | None:
    """Read a run, as far as it is; None if it has not learned yet.

    Raises:
        AccumbensError: its table cannot be read.
    """
    rows = complete_rows(files.metrics)
    return Begun(method, variant, label, config, files, rows) if rows and int(rows[-1]["step"]) else None


def seconds_of(run: Begun) -> str:
    """Return the wall time over all sessions, all seeds together."""
    return f"{run.last('wall_seconds')[0]:,.0f}"


def significant(value: float) -> float | None:
    """Return a number to six digits; None if it is not finite."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def scores(
    column: str, seeds: Sequence[float], number: Callable[[float], float | None] = significant
) -> dict[str, float | None]:
    """Return the mean over seeds and half its 95 % t-interval, as `summary.csv` has them.

    Args:
        column: of the mean; the interval's ends in `_interval`.
        seeds: a value for each.
        number: rounds; None stands for what is not finite.
    """
    mean, interval = estimate(seeds)
    return {column: number(mean), f"{column}_interval": number(interval)}
