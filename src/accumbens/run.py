"""A run of any kind in Python: its numbers, and everything that can be done with it."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from accumbens import kinds
from accumbens.cli.run_view import RunView
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.generator import pinned_generator
from accumbens.runs import launch
from accumbens.runs.reporter import EndedError
from accumbens.runs.tables import read_table
from accumbens.typed import checked, checked_or_none, is_shown

if TYPE_CHECKING:
    import pandas

    from accumbens.comparison import Comparison
    from accumbens.runs.audit import Audit


class Curve(NamedTuple):
    """One number along a run.

    Attributes:
        steps: environment steps, or updates, of each seed.
        values: of every seed; NaN where there is none, such as a return before the first episode has ended.
    """

    steps: Int[np.ndarray, " points"]
    values: Float[np.ndarray, "seeds points"]


class Evaluations(NamedTuple):
    """The greedy evaluations of an agent along training.

    Attributes:
        steps: environment steps of each seed.
        returns: mean return with cells 1..l alone in column l-1; the last is the full network.
    """

    steps: Int[np.ndarray, " points"]
    returns: Float[np.ndarray, "seeds points cells"]


class Played(NamedTuple):
    """Episodes that were played with a trained run: in `[:, l-1]` with cells 1..l alone, in `[:, -1]` with all.

    Attributes:
        returns: undiscounted sums of rewards.
        lengths: in steps.
        cut: those that had not ended after 10,000 steps, in an environment without a time limit.
    """

    returns: Float[np.ndarray, "seeds cells episodes"]
    lengths: Int[np.ndarray, "seeds cells episodes"]
    cut: Bool[np.ndarray, "seeds cells episodes"]


class Run:
    """A run of any kind, finished or not: an agent that was trained, or a network that was fitted.

    Attributes:
        path: its directory.
        kind: what is true of its kind of runs; see `accumbens.runs.kind.Kind`.
        config: what it was asked to do; its environment or task need not be registered here, unless it is made.
    """

    def __init__(self, path: str | Path):
        """Open a run's directory.

        Raises:
            AccumbensError: there is no run at `path`.
        """
        self.path = Path(path).expanduser()
        self.kind, self._directory, self.config = kinds.open_run(self.path, known=False)

    @property
    def result(self) -> Any:
        """What it came to, a `Result` of its kind; None while it has not reached its end."""
        return self.kind.recorded(self._directory)

    @property
    def seeds(self) -> list[int]:
        """Its seeds, in the order of all arrays."""
        return self.config.seed_list()

    def metrics(self) -> dict[str, Float[np.ndarray, "seeds points"]]:
        """Return every column of `metrics.csv` by name, so far, of the steps that all seeds have."""
        path = self._directory.metrics
        rows = read_table(path) if path.exists() else []
        by_step: dict[int, dict[int, Mapping[str, str]]] = {}
        for row in rows:
            by_step.setdefault(int(row["step"]), {})[int(row["seed"])] = row
        whole = [found for _, found in sorted(by_step.items()) if len(found) == len(self.seeds)]
        columns = [column for column in rows[0] if column != "seed"] if whole else []
        return {
            column: np.array([[float(found[seed][column]) for found in whole] for seed in self.seeds])
            for column in columns
        }

    def curve(self, metric: str | None = None) -> Curve:
        """Return one number along the run, so far.

        Args:
            metric: such as `mean_return`, `td_error_1`, `test_accuracy` or `angle_1`; `metrics` has them all. None
                takes the training return of an agent, and the test loss of a fit.

        Raises:
            UnknownNameError: there is no such number.
            AccumbensError: there is none yet.
        """
        found, metric = self._logged(), metric or self.kind.curve_column
        if metric not in found:
            raise UnknownNameError("metric", metric, list(found))
        return Curve(found["step"][0].astype(np.int64), found[metric])

    def scores(self) -> dict[str, Float[np.ndarray, " seeds"]]:
        """Return the last scores of every seed by name, such as `mean_return` or `test_accuracy`.

        Raises:
            AccumbensError: there are none yet.
        """
        return {name: values[:, -1] for name, values in self._logged().items() if self.kind.is_score(name)}

    def _logged(self) -> dict[str, np.ndarray]:
        found = self.metrics()
        if not found:
            raise AccumbensError(f"{self.path} has no numbers yet")
        return found

    def evaluations(self) -> Evaluations:
        """Return the greedy evaluations of an agent along training, so far.

        Raises:
            AccumbensError: the run is not of an agent.
        """
        from accumbens.training.kind import AGENTS

        AGENTS.read(self._directory.config, known=False)
        path = self._directory.evaluations
        rows = read_table(path) if path.exists() else []
        steps = sorted({int(row["step"]) for row in rows})
        cells = max((int(row["cells"]) for row in rows), default=1)
        table = np.full((len(self.seeds), len(steps), cells), np.nan)
        for row in rows:
            place = self.seeds.index(int(row["seed"])), steps.index(int(row["step"])), int(row["cells"]) - 1
            table[place] = float(row["mean_return"])
        return Evaluations(np.array(steps, np.int64), table)

    @pinned_generator()
    def evaluate(self, num_episodes: int = 100, epsilon: float = 0.0) -> Played:
        """Play with what an agent has learned; every run meets the same first states and random numbers.

        Args:
            num_episodes: episodes of each seed and prefix of cells.
            epsilon: probability of a random action.

        Returns:
            returns and lengths of all episodes, and which were cut.

        Raises:
            AccumbensError: a number cannot be used, the run is not of an agent, or it has no good checkpoint.
        """
        from accumbens.training.evaluation import evaluate_run

        num_episodes = checked("num_episodes", int, num_episodes)
        epsilon = checked("epsilon", float, epsilon)
        _, _, evaluations = evaluate_run(self.path, num_episodes, [epsilon], note)
        return Played(*map(np.asarray, evaluations[0]))

    def resume(
        self,
        *,
        length: int | float | None = None,
        progress: bool | None = None,
        callback: "Callable[[Progress], object] | None" = None,
        checkpoint_seconds: float = 60.0,
    ) -> "Run":
        """Go on from the newest checkpoint, if the run has not reached its end; return the run.

        Args:
            length: environment steps of an agent, or epochs of a fit, that the run shall have now; None leaves it.
            progress: show it on standard error; None does so on a terminal.
            callback: called with a `Progress` after every chunk; an exception ends the run, which is saved first.
            checkpoint_seconds: seconds between checkpoints.

        Raises:
            AccumbensError: no checkpoint can be used, the data changed, another process is at it, or it is as long
                already.
            KeyboardInterrupt: Ctrl-C; what was learned is kept.
        """
        options = {"checkpoint_seconds": checked("checkpoint_seconds", float, checkpoint_seconds)}
        options["length"] = checked_or_none("length", int, length)
        with shown(progress, callback) as view:
            result = launch.resume(self.kind, self.path, view, **options)
        self.config = self.kind.open(self.path)[1]
        return self.whole(result)

    def whole(self, result: Any) -> "Run":
        """Return the run, if `result` is of its end: a script that goes on would take an interrupted one for whole.

        Raises:
            KeyboardInterrupt: the run was interrupted.
        """
        if result.interrupted:
            step = self.kind.words.step
            place = f"{step} {getattr(result, f'{step}s'):,}"
            raise KeyboardInterrupt(f"stopped at {place}: accumbens.open_run({str(self.path)!r}).resume()")
        return self

    @pinned_generator()
    def load(self, seed: int | None = None, step: int | None = None) -> Any:
        """Return what a seed had learned at a snapshot, to act or to predict with; see `accumbens.load`.

        Raises:
            AccumbensError: the run has no such seed or snapshot.
        """
        return self.kind.sharing.load(self.path, seed, step)

    def to_frame(self) -> "pandas.DataFrame":
        """Return `metrics.csv` so far as a table of pandas: a row for every step and seed.

        Raises:
            AccumbensError: pandas is not installed, or there are no numbers yet.
        """
        try:
            import pandas
        except ImportError as error:
            raise AccumbensError("to_frame needs pandas, which is not installed: run 'pip install pandas'") from error
        rows = read_table(self._directory.metrics) if self._directory.metrics.exists() else []
        if not rows:
            raise AccumbensError(f"{self.path} has no numbers yet")
        return pandas.DataFrame(rows).astype(float).astype({"step": "int64", "seed": "int64"})

    def compare(
        self, *others: "Run | str | Path", by: Sequence[str] | None = None, metric: str | None = None
    ) -> "Comparison":
        """Compare it with others of its kind: `accumbens compare` in Python.

        Args:
            others: runs, or folders of runs.
            by: what makes a group: settings, or `run`; None takes what is usual for the kind.
            metric: what runs are compared by; None takes the first that all of them have.

        Raises:
            UnknownNameError: no such setting or metric.
            AccumbensError: the runs cannot be compared.
        """
        from accumbens.comparison import compare, read_scores

        return compare(read_scores(self._with(others), metric, {}, note), by)

    def report(
        self,
        *others: "Run | str | Path",
        output: str | Path = "report.html",
        title: str | None = None,
        force: bool = False,
    ) -> Path:
        """Write one page about it, and others beside it: `accumbens report` in Python.

        Args:
            others: runs, or folders of runs.
            output: the page.
            title: of the page; None says what was run.
            force: replace an existing file.

        Returns:
            the page.

        Raises:
            AccumbensError: the file exists, or a run cannot be read.
        """
        from accumbens.report import load_runs, render, write
        from accumbens.runs.outputs import require_free

        output = Path(output).expanduser()
        require_free(output, force)
        write(render(load_runs(self._with(others)), title), output)
        return output

    @pinned_generator()
    def watch(
        self,
        output: str | Path | None = None,
        *,
        seed: int | None = None,
        step: int | None = None,
        epsilon: float = 0.0,
        max_steps: int = 1000,
        force: bool = False,
    ) -> Path:
        """Make a video of an agent that plays, or a page of one that acts in words: `accumbens watch` in Python.

        Args:
            output: a .gif or .mp4, or of a language agent an .html; None makes a GIF or a page in the run's folder.
            seed: whose network plays; None takes the first.
            step: which snapshot of it; None takes the newest.
            epsilon: probability of a random action.
            max_steps: steps after which the episode is left.
            force: replace an existing file.

        Returns:
            the video, or the page.

        Raises:
            AccumbensError: the run cannot be watched, a number cannot be used, or the file exists.
        """
        from accumbens.cli.watch_view import Request

        out = None if output is None else Path(output).expanduser()
        request = Request(self.path, out, seed, step, 0, epsilon, max_steps, None, force, json=True, quiet=True)
        found = self.kind.watch(request, terminal=False)
        return Path(found["page"] if "page" in found else found["video"])

    @pinned_generator()
    def audit(self, measured: bool = True) -> "Audit":
        """Derive from the computation itself what every part of the network learns from.

        Args:
            measured: compute derivatives, and disturb what is learned, too.

        Raises:
            AccumbensError: there is nothing that could be audited.
        """
        return self.kind.audit(self.kind.read(self._directory.config), measured)

    @pinned_generator()
    def export(
        self, output: str | Path | None = None, *, seed: int | None = None, step: int | None = None, force: bool = False
    ) -> Path:
        """Write a folder that `accumbens.load` opens anywhere: `accumbens export` in Python, without a video.

        Args:
            output: the folder; None makes one in the run's folder `export/`.
            seed: whose network; None takes the first.
            step: which snapshot of it; None takes the newest.
            force: replace an earlier export.

        Returns:
            the folder.

        Raises:
            AccumbensError: the folder holds something, or the run has no such seed or snapshot.
        """
        from accumbens.share.export import export

        return export(self.path, None if output is None else Path(output), seed=seed, step=step, force=force).folder

    def _with(self, others: "Sequence[Run | str | Path]") -> list[Path]:
        return [self.path, *(other.path if isinstance(other, Run) else Path(other).expanduser() for other in others)]

    def __repr__(self) -> str:
        """Say what it is."""
        return f"Run({str(self.path)!r})"


class Progress(NamedTuple):
    """What a callback is told after every chunk of a run.

    Attributes:
        run: so far, with the numbers of the chunk.
        step: environment steps or updates of each seed.
        total: of the whole run.
        score: training return of an agent, loss of a fit while it learns; NaN if there is none yet.
    """

    run: Run
    step: int
    total: int
    score: float


class _Told(RunView):
    """Shows a run to a person, and tells a callback of it."""

    def __init__(self, quiet: bool, callback: Callable[[Progress], object]):
        super().__init__(json=True, quiet=quiet)
        self._callback = callback

    def preparing(self, kind: Any, config: Any, run: Path) -> None:
        super().preparing(kind, config, run)
        self._path = run

    def progress(self, step: int, score: float, per_second: float) -> None:
        super().progress(step, score, per_second)
        try:
            self._callback(Progress(Run(self._path), step, self._total, score))
        except KeyboardInterrupt:  # a second Ctrl-C, which does not wait
            raise
        except BaseException as error:
            raise EndedError(error) from None


def shown(progress: bool | None, callback: Callable[[Progress], object] | None = None) -> RunView:
    """Return what shows a run to a person on standard error; standard output is the caller's."""
    quiet = not is_shown(progress)
    return RunView(json=True, quiet=quiet) if callback is None else _Told(quiet, callback)


def note(message: str) -> None:
    """Tell the user something."""
    print(f"note: {message}", file=sys.stderr)
