"""The work of a run: everything that a session needs, and that a kind of run does its own way."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from accumbens.errors import AccumbensError
from accumbens.runs.continuing import newest_common_step, restore_newest
from accumbens.runs.directory import RunDirectory

S = TypeVar("S")


class Job(ABC, Generic[S]):
    """The work of one run: everything that a session needs to learn, evaluate, save and restore.

    A state S is a tree that `checkpoints.save` can write; who passes it on must not use it again.

    Attributes:
        config: what the run was asked to do.
        seeds: its seeds.
        total: steps at which it ends; the last chunk of some overshoots it by less than a block.
        columns: of `metrics.csv`, between `step`, `seed` and `wall_seconds`.
        evaluation_columns: of `evaluations.csv`, after `step` and `seed`; empty if evaluations are the rows of
            `metrics.csv`.
        notes: what the user should know before it begins.
        keeps_every_network: a snapshot is taken with every evaluation, not only at the start and the end.
        shares_out: its seeds are shared out over the local devices.
        added_leaves: of a state, which checkpoints of earlier releases lack; see `checkpoints.restore`.
        leaves_of_any_length: of a state, which are as long as the checkpoint has them.
    """

    config: Any
    seeds: list[int]
    total: int
    columns: Sequence[str]
    evaluation_columns: Sequence[str] = ()
    notes: Sequence[str] = ()
    keeps_every_network: bool = False
    shares_out: bool = False
    added_leaves: tuple[str, ...] = ()
    leaves_of_any_length: tuple[str, ...] = ()

    @abstractmethod
    def init(self) -> S:
        """Return the run before its first step."""

    def like(self) -> Any:
        """Return a tree with the structure, shapes and dtypes of a state."""
        return self.init()

    def prepare(self) -> float | None:
        """Compile, and return steps per second of each seed while learning; None if the first chunk is to tell."""
        return None

    def restore(self, runs: Sequence[RunDirectory], warn: Callable[[str], None]) -> S:
        """Return the state of the newest good checkpoint; of several runs, of the newest step that all of them have.

        Args:
            runs: whose checkpoints, in the order of `jobs`.
            warn: is told of damaged ones.

        Raises:
            AccumbensError: there is none, or it does not fit this run.
        """
        step = None if len(runs) == 1 else newest_common_step(runs)
        like = self.like_one()
        read = (like, warn, self.added_leaves, self.leaves_of_any_length, step)
        parts = [restore_newest(run, *read) for run in runs]
        return self.restored(self.joined(parts))

    def restored(self, state: S) -> S:
        """Return a state that was read from a checkpoint, ready to go on."""
        return state

    @property
    def jobs(self) -> Sequence["Job[S]"]:
        """The work of each of the runs that learn side by side in this: of one run, itself alone."""
        return [self]

    def like_one(self) -> Any:
        """Return what `like` would of the job of one of those runs."""
        return self.like()

    def parts(self, state: S) -> list[S]:
        """Return the states of those runs."""
        return [state]

    def joined(self, parts: Sequence[S]) -> S:
        """Return the state of all of those runs."""
        (state,) = parts
        return state

    @abstractmethod
    def step_of(self, state: S) -> int:
        """Return the steps that each seed has done."""

    @abstractmethod
    def advance(self, state: S, evaluated: int, warn: Callable[[str], None]) -> tuple[S, list[dict[str, Any]], float]:
        """Run one chunk, which Ctrl-C waits for, and wait for it.

        Args:
            state: as it is.
            evaluated: step of the last evaluation.
            warn: is told what the user should know, once.

        Returns:
            the state; rows of `metrics.csv`, one per seed, or none if its rows are evaluations; and the score, mean
            over seeds, NaN if there is none yet.

        Raises:
            NotFiniteError: something stopped being finite.
        """

    def is_due(self, before: int, after: int) -> bool:
        """Return whether an evaluation is due after the chunk between two steps; `before` is -1 at the start."""
        return False

    def evaluate(self, state: S, evaluated: int) -> tuple[S, list[dict[str, Any]]]:
        """Evaluate all seeds; arguments are those of `advance`. Return the state, and rows with `seed`."""
        return state, []

    @abstractmethod
    def networks(self, state: S) -> Any:
        """Return what was learned, of all seeds (leading axis), as `checkpoints.save` can write it."""

    def networks_of_origin(self, config: Any) -> Any:
        """Return the shapes of the networks that a run of another configuration must have for this to begin from them.

        Args:
            config: of the other run. Shapes have the leading axis of this run's seeds.
        """
        import jax

        return jax.eval_shape(self.networks, self.like())

    def begin_from(self, state: S, networks: Any) -> S:
        """Return a first state with other networks, which are like its own.

        Raises:
            AccumbensError: these runs cannot begin from another.
        """
        raise AccumbensError("this run cannot begin from another's network")

    def require_finite_parameters(self, state: S) -> None:
        """Raise if a parameter is not finite.

        Raises:
            NotFiniteError: names the first that is not.
        """

    def recorded(self) -> dict[str, Any]:
        """Return what `meta.json` keeps of the job, such as a digest of its data."""
        return {}

    def require_continues(self, run: RunDirectory) -> None:
        """Refuse to continue a run that had other data.

        Raises:
            AccumbensError: says so.
        """

    def require_begins_from(self, run: RunDirectory) -> None:
        """Refuse another run's networks that mean something else here, although they are of the same shape.

        Raises:
            AccumbensError: says so.
        """

    def close(self) -> None:
        """Release what is not memory."""
