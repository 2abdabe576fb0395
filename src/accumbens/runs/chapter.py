"""What `accumbens report` asks a kind of run: its charts, its tables and its words, made of the rows of its tables."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from accumbens.runs.kind import Kind
from accumbens.runs.tables import Rows

SHADED = (
    "95 % t-interval over seeds. It assumes independent seeds and few of them make it wide; it may reach out of the "
    "chart."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Logged:
    """What lies in a run's files.

    Attributes:
        config: resolved.
        meta: what `meta.json` holds, or what `summary.csv` says of an exported run.
        training: rows of `metrics.csv`; empty before the first.
        evaluations: rows of `evaluations.csv`; empty before the first, and where a kind has no such table.
    """

    config: Any
    meta: Mapping[str, Any]
    training: Rows
    evaluations: Rows

    @property
    def seeds(self) -> int:
        """How many seeds it has."""
        return len(self.config.seed_list())

    @property
    def steps(self) -> int:
        """Steps of each seed so far."""
        return int(self.training[-1]["step"]) if self.training else 0

    @property
    def seconds(self) -> float:
        """Wall time over all sessions, all seeds together."""
        logged = float(self.training[-1]["wall_seconds"]) if self.training else 0.0
        return max(logged, float(self.meta.get("wall_seconds") or 0.0))

    def has(self, column: str) -> bool:
        """Return whether `metrics.csv` has a row, and this column."""
        return bool(self.training) and column in self.training[0]


class Along(NamedTuple):
    """What curves are drawn over.

    Attributes:
        axis: its name.
        point: noun for one of its numbers.
        column: of the rows, where the numbers are.
        whole: they are whole numbers.
    """

    axis: str
    point: str
    column: str
    whole: bool = True

    def of(self, row: Mapping[str, str]) -> int | float:
        """Return where on the axis a row is."""
        return int(row[self.column]) if self.whole else float(row[self.column])


class Line(NamedTuple):
    """A number along the training.

    Attributes:
        rows: of a table, with `step` and `seed`; those whose number is not finite are left out.
        value: the number of a row.
        label: of the line, where it is one of several of a run.
    """

    rows: Rows
    value: Callable[[Mapping[str, str]], float]
    label: str = ""


def column(rows: Rows, name: str, label: str = "", factor: float = 1.0) -> Line:
    """Return a column of a table, times a factor; without rows if there is no such column."""
    there = rows if rows and name in rows[0] else []
    return Line(there, lambda row: factor * float(row[name]), label)


class Plot(NamedTuple):
    """What one chart shows.

    Attributes:
        name: of its element in the page, after what it is about; no other chart beside it has it.
        title: above it.
        axis: what the numbers are.
        lines: one per run, in their order, or of one run one per part; those without a number are not drawn.
        logarithmic: can be drawn over a logarithmic axis.
        digits: format of the numbers, as Python and d3 write it.
        span: numbers that the axis shows at least, where they have bounds of their own.
        of_parts: every line is of one part of a network; otherwise they are of the whole.
    """

    name: str
    title: str
    axis: str
    lines: Sequence[Line]
    logarithmic: bool = False
    digits: str = ".1f"
    span: tuple[float, float] | None = None
    of_parts: bool = True


class Score(NamedTuple):
    """A number that every seed of a run came to.

    Attributes:
        name: of the number.
        line: of a run; the last number counts.
        form: how it is written, as Python's `format` takes it.
        less_is_better: of two runs, that with the smaller number is the better one.
    """

    name: str
    line: Callable[[Logged], Line]
    form: str = ".1f"
    less_is_better: bool = False


class Sizes(NamedTuple):
    """How large a run is.

    Attributes:
        parameters: of every part of its network, by the part's name; empty if they are not known.
        asked: where it ends, as `Chapter.clock` counts; None if that is not known.
    """

    parameters: Mapping[str, int]
    asked: int | None


class Quote(NamedTuple):
    """A number that somebody published.

    Attributes:
        method: their name for it.
        value: at the end.
        interval: half the 95 % interval, where there is one.
        steps: at the end.
        source: paper, table or figure, seeds.
        points: `(step, value)` on the way.
        at: returns the value at a step on the way; None where it is not known.
    """

    method: str
    value: float
    interval: float | None
    steps: int
    source: str
    points: Sequence[tuple[int, float]]
    at: Callable[[int], float | None]


class Chapter:
    """What a report says of the runs of one kind; of a kind that says nothing, its curve and where that ends.

    Attributes:
        kind: of the runs.
        clock: what their length is counted in.
        less_is_better: of two runs, that whose curve ends lower is the better one.
        intro: what the numbers in the results are.
        numbers: the same in the caption of every table of results.
        usual: what the settings of `Kind.usual` are called.
        no_curve: why there may be no chart yet.
        parts_intro: what is shown part by part.
        parts_caption: what the table of all parts shows.
        parts_form: how its numbers are written.
        fewest_parts: of a run, for there to be that table.
        has_twins: runs have twins: see `untwinned`.
        is_published: there are published numbers: see `quotes`.
        same_names_everywhere: a run's name means the same in all places; otherwise it is as short as its place allows,
            and may tell its settings.
        reading: how to read it: words, and what they mean.
    """

    less_is_better: bool = False
    intro: str = ""
    numbers: str = "mean ± 95 % t-interval over seeds"
    usual: str = "the defaults"
    no_curve: str = "nothing was logged"
    parts_intro: str = ""
    parts_caption: str = ""
    parts_form: str = ".1f"
    fewest_parts: int = 1
    has_twins: bool = False
    is_published: bool = False
    same_names_everywhere: bool = False
    reading: Mapping[str, str] = {"Shaded": SHADED}

    def __init__(self, kind: Kind[Any], clock: Along | None = None):
        """Take the kind, and what the length of its runs is counted in; None counts steps."""
        step = kind.words.step
        self.kind, self.clock = kind, clock or Along(f"{step}s", step, "step")

    def along(self, runs: Sequence[Logged]) -> Along:
        """Return what the curves of these runs are drawn over."""
        return self.clock

    def sizes(self, run: Logged) -> Sizes:
        """Return parameters of every part of the network, and where the run ends."""
        counted = self.kind.words.unit == f"{self.clock.point}s"
        return Sizes({}, self.kind.size(run.config) if counted else None)

    # Names

    def place_settings(self, config: Any) -> dict[str, Any]:
        """Return the settings of what is learned; a place with others is another place."""
        return {}

    def name(self, config: Any) -> str:
        """Return what a run is called if that tells it from all others in its place."""
        return self.kind.method(config)

    def untwinned(self, config: Any) -> Any:
        """Return the configuration that a run shares with its twin; that of the first of the two is its own."""
        return config

    # Text

    def summary(self, config: Any) -> str:
        """Return what is learned, in a few words; may be empty."""
        return ""

    def notes(self, run: Logged) -> list[str]:
        """Return what a reader must know of a run that has begun, before believing its numbers."""
        return []

    def place_notes(self, run: Logged) -> list[str]:
        """Return what a reader must know of what it learns in, likewise."""
        return []

    # Numbers; runs are those of one place

    def score(self, runs: Sequence[Logged]) -> Score:
        """Return what runs are judged by."""
        name, form = self.kind.curve_column, self.kind.words.score_form
        return Score(name.replace("_", " "), lambda run: column(run.training, name), form, self.less_is_better)

    def better(self, score: Score) -> str:
        """Return what the better one of two runs has."""
        return f"a {'lower' if score.less_is_better else 'higher'} {score.name}"

    def results(self, runs: Sequence[Logged]) -> list[Score]:
        """Return what is told of every run."""
        return [self.score(runs)]

    def overview(self, runs: Sequence[Logged]) -> list[Plot]:
        """Return what runs are laid over one another by."""
        score, words = self.score(runs), self.kind.words
        title = score.name[0].upper() + score.name[1:]
        lines = [score.line(run) for run in runs]
        return [Plot(self.kind.curve_column, title, score.name, lines, digits=words.score_form)]

    def details(self, run: Logged) -> list[Plot]:
        """Return what is known of every part of a run's network, and of its learning besides."""
        return []

    def part_numbers(self, run: Logged) -> list[Line]:
        """Return the columns of the table of all parts; the last number counts."""
        return []

    # What others published

    def quotes(self, config: Any) -> Sequence[Quote]:
        """Return what was published of the place."""
        return ()

    def is_comparable(self, config: Any, quote: Quote) -> bool:
        """Return whether a published number is of the method that a run has."""
        return False
