"""What leaves the training machine: what a kind of run tells `accumbens export` and `accumbens.load`."""

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax

from accumbens.runs import checkpoints
from accumbens.runs.directory import RunDirectory
from accumbens.runs.snapshots import network_of_seed, snapshot_path
from accumbens.runs.tables import Rows

if TYPE_CHECKING:
    from accumbens.runs.kind import Kind


class Learned(NamedTuple):
    """What one seed of a run had learned at some step.

    Attributes:
        config: what the run was asked to do.
        about: what is kept of the place, where that itself is not at hand.
        network: of the seed.
        seed: whose network it is.
        step: of the snapshot.
    """

    config: Any
    about: Any
    network: Any
    seed: int
    step: int


class Scores(NamedTuple):
    """How good a run was at the exported step.

    Attributes:
        said: before the table: how they were measured.
        columns: names of the numbers.
        by_seed: the numbers of every seed; empty if there are none yet.
        form: how they are written, as Python's `format` takes it.
        heading: above all.
    """

    said: str
    columns: Sequence[str]
    by_seed: Mapping[int, Sequence[float]]
    form: str = ".4g"
    heading: str = "Scores"


class Card(NamedTuple):
    """What a card says that is of one kind alone; texts are Markdown.

    Attributes:
        summary: what was trained.
        rows: names and texts of a table.
        scores: how good it is.
        example: lines of Python that use it.
        inputs: what it expects.
        data: what must be known of the data, in points.
        limits: points.
        licence: a sentence after the one on the weights'.
        picture: what `curve.png` shows.
        tags: what the Hub finds it by.
        task_type: as the Hub has it.
        metrics: names and values, as the Hub has them; without any, it is told of no results.
    """

    summary: str
    rows: Mapping[str, str]
    scores: Scores
    example: Sequence[str]
    inputs: str = ""
    data: Sequence[str] = ()
    limits: Sequence[str] = ()
    licence: str = ""
    picture: str = "Learning curves"
    tags: Sequence[str] = ()
    task_type: str = ""
    metrics: Sequence[tuple[str, Any]] = ()


class Sharing:
    """How the runs of a kind are exported and loaded. As it is, it serves a kind whose job makes its networks.

    Attributes:
        kind: of the runs.
        noun: what is exported: `agent`, `network`. The file that describes it is `<noun>.toml`, of this kind alone.
        file: that one.
        use: what is asked of it once it is loaded, as Python has it.
        curve: columns of `metrics.csv` to keep, beside step and seed; None keeps all but the time.
        video: `module:function` that shows in a video how it acts, given run, file to write, seed and step; empty if
            there is nothing to see. A name, because what draws is above the kinds.
    """

    use = "network"
    curve: Sequence[str] | None = None
    video = ""

    def __init__(self, kind: "Kind[Any]", noun: str | None = None):
        """Serve the runs of a kind; what is exported is called as a run is, if nothing is said."""
        self.kind, self.noun = kind, noun or kind.words.name
        self.file = f"{self.noun}.toml"

    def used(self, learned: Learned) -> str:
        """Return what is asked of what was exported, as Python has it."""
        return self.use

    # Networks

    def open(self, path: Path, seed: int | None = None, step: int | None = None) -> Learned:
        """Return what a seed of a run had learned.

        Args:
            path: the run's directory.
            seed: whose network; None takes the first.
            step: of the snapshot; None takes the newest.

        Raises:
            AccumbensError: there is no run of this kind at `path`, it has no such seed or snapshot, the snapshot is
                damaged, or there is nothing in it that could be used alone.
        """
        run, config = self.kind.open(path)
        file, seeds = snapshot_path(run, step), config.seed_list()
        chosen = seeds[0] if seed is None else seed
        about = self.about(run, config)
        shapes = self.like(config, about)
        like = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((len(seeds), *leaf.shape), leaf.dtype), shapes)
        networks, step = checkpoints.restore(file, like)
        return Learned(config, about, network_of_seed(networks, seeds, chosen), chosen, step)

    def load(self, path: Path, seed: int | None = None, step: int | None = None, exploration_seed: int = 0) -> Any:
        """Return what a seed of a run had learned, ready for use; see `open` and `ready`."""
        return self.ready(self.open(path, seed, step), exploration_seed)

    def ready(self, learned: Learned, exploration_seed: int = 0) -> Any:
        """Return what `accumbens.load` does.

        Args:
            learned: network and all that is kept with it.
            exploration_seed: of random numbers, of what draws any.
        """
        return learned

    def like(self, config: Any, about: Any) -> Any:
        """Return the shapes and dtypes of the network of one seed.

        Raises:
            AccumbensError: the settings do not fit, or there is no such network.
        """
        with closing(self.kind.make_job(config)) as job:
            networks = jax.eval_shape(job.networks, job.like())
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), networks)

    # What is kept of the place

    def about(self, run: RunDirectory, config: Any) -> Any:
        """Return what is kept of a run's place.

        Raises:
            AccumbensError: it cannot be found out.
        """
        return None

    @staticmethod
    def to_table(about: Any, /) -> dict[str, Any]:
        """Return it as a table of TOML, which is called as the place is."""
        return {}

    @staticmethod
    def from_table(table: Mapping[str, Any], /) -> Any:
        """Return what `to_table` made a table of.

        Raises:
            KeyError, TypeError, ValueError, AccumbensError: it is damaged.
        """
        return None

    def names(self, document: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """Return settings of a `config.toml`, and their values, whose modules must be imported before it is loaded."""
        texts, _ = jax.tree_util.tree_flatten_with_path(document)
        named = [(path, text) for path, text in texts if re.fullmatch(r"[\w.]+:[\w.-]+", str(text))]
        return [(jax.tree_util.keystr(path, simple=True, separator="."), text) for path, text in named]

    # What is said of it

    def card(self, run: RunDirectory, learned: Learned, rows: Rows, evaluations: Rows, where: str) -> Card:
        """Return what the card says.

        Args:
            run: that it is of.
            learned: what is exported.
            rows: of `metrics.csv` until then, of steps that all seeds have.
            evaluations: of `evaluations.csv` until then.
            where: what `accumbens.load` is given.

        Raises:
            AccumbensError: something is missing that a card must say.
        """
        words, config = self.kind.words, learned.config
        last = rows[-1]["step"] if rows else ""
        columns = [column for column in rows[0] if self.kind.is_score(column)] if rows else []
        by_seed = {int(row["seed"]): [float(row[name]) for name in columns] for row in rows if row["step"] == last}
        return Card(
            f"A {self.noun}, trained with accumbens.",
            {
                words.place: f"`{self.kind.place(config)}`",
                words.method: f"`{self.kind.method(config)}`",
                f"{words.step}s": f"{learned.step:,} of this seed",
            },
            Scores(f"After {int(last or 0):,} {words.step}s.", columns, by_seed),
            ["import accumbens", "", f'{self.noun} = accumbens.load("{where}")', f"print({self.noun}.{self.use})"],
            tags=[self.kind.place(config)],
        )
