"""The library in Python, as small as the command line: train or fit, look at the run, evaluate, act or predict."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from accumbens import kinds
from accumbens.cli.run_view import RunView
from accumbens.credit.config import resolve_fit
from accumbens.credit.kind import FITS
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.runs import launch
from accumbens.runs.kind import Kind
from accumbens.runs.origin import parse_origin
from accumbens.runs.tables import read_table
from accumbens.training.config import resolve_config
from accumbens.training.kind import AGENTS
from accumbens.typed import TRACKERS, as_text, as_texts, checked, checked_or_none, is_shown


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
    """

    returns: Float[np.ndarray, "seeds cells episodes"]
    lengths: Int[np.ndarray, "seeds cells episodes"]


class Run:
    """A run of any kind, finished or not: an agent that was trained, or a network that was fitted.

    Attributes:
        path: its directory.
        kind: what is true of its kind of runs; see `accumbens.runs.kind.Kind`.
        config: what it was asked to do.
    """

    def __init__(self, path: str | Path):
        """Open a run's directory.

        Raises:
            AccumbensError: there is no run at `path`.
        """
        self.path = Path(path).expanduser()
        self.kind, self._directory, self.config = kinds.open_run(self.path)

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
        AGENTS.open(self.path)
        path = self._directory.evaluations
        rows = read_table(path) if path.exists() else []
        steps = sorted({int(row["step"]) for row in rows})
        cells = max((int(row["cells"]) for row in rows), default=1)
        table = np.full((len(self.seeds), len(steps), cells), np.nan)
        for row in rows:
            place = self.seeds.index(int(row["seed"])), steps.index(int(row["step"])), int(row["cells"]) - 1
            table[place] = float(row["mean_return"])
        return Evaluations(np.array(steps, np.int64), table)

    def evaluate(self, num_episodes: int = 100, epsilon: float = 0.0) -> Played:
        """Play with what an agent has learned; every run meets the same first states and random numbers.

        Args:
            num_episodes: episodes of each seed and prefix of cells.
            epsilon: probability of a random action.

        Returns:
            returns and lengths of all episodes.

        Raises:
            AccumbensError: a number cannot be used, the run is not of an agent, or it has no good checkpoint.
        """
        from accumbens.training.evaluation import evaluate_run

        num_episodes = checked("num_episodes", int, num_episodes)
        epsilon = checked("epsilon", float, epsilon)
        _, _, evaluations = evaluate_run(self.path, num_episodes, [epsilon], _warn)
        return Played(*map(np.asarray, evaluations[0]))

    def resume(
        self, *, length: int | float | None = None, progress: bool | None = None, checkpoint_seconds: float = 60.0
    ) -> "Run":
        """Go on from the newest checkpoint, if the run has not reached its end; return the run.

        Args:
            length: environment steps of an agent, or epochs of a fit, that the run shall have now; None leaves it.
            progress: show it on standard error; None does so on a terminal.
            checkpoint_seconds: seconds between checkpoints.

        Raises:
            AccumbensError: no checkpoint can be used, the data changed, another process is at it, or it is as long
                already.
            KeyboardInterrupt: Ctrl-C; what was learned is kept.
        """
        options = {"checkpoint_seconds": checked("checkpoint_seconds", float, checkpoint_seconds)}
        options["length"] = checked_or_none("length", int, length)
        with _view(progress) as view:
            result = launch.resume(self.kind, self.path, view, **options)
        self.config = self.kind.open(self.path)[1]
        return _stopped_or(self, result)

    def load(self, seed: int | None = None, step: int | None = None) -> Any:
        """Return what a seed had learned at a snapshot, to act or to predict with; see `accumbens.load`.

        Raises:
            AccumbensError: the run has no such seed or snapshot.
        """
        return self.kind.sharing.load(self.path, seed, step)

    def __repr__(self) -> str:
        """Say what it is."""
        return f"Run({str(self.path)!r})"


def open_run(path: str | Path) -> Run:
    """Open a run's directory.

    Raises:
        AccumbensError: there is no run at `path`.
    """
    return Run(path)


def train(
    env: str,
    algo: str = "ad_pqn",
    *,
    total_timesteps: int | float | None = None,
    seed: int = 0,
    seeds: int = 1,
    net_arch: Sequence[int] | None = None,
    credit: str | None = None,
    eval_frequency: int | float | None = None,
    num_eval_episodes: int = 10,
    begin_from: str | Path | None = None,
    out: str | Path = "runs",
    name: str | None = None,
    progress: bool | None = None,
    track: str | None = None,
    checkpoint_seconds: float = 60.0,
    **settings: Any,
) -> Run:
    """Train an agent: `accumbens train` in Python.

    Args:
        env: environment, such as `CartPole-v1`, `minatar/breakout`, `dmc/walker-walk` or `my_module:my_id`.
        algo: preset.
        total_timesteps: environment steps of each seed; None takes the preset's.
        seed: the first seed.
        seeds: independent seeds, trained side by side.
        net_arch: hidden units of every cell; None takes the preset's.
        credit: `local` or `backprop`; None takes the preset's.
        eval_frequency: environment steps between greedy evaluations, 0 for one at the end; None is a tenth of the run.
        num_eval_episodes: episodes of each evaluation, per seed and prefix of cells.
        begin_from: `RUN[@STEP][:SEED]`, another run whose network this one begins from; None takes a new one.
        out: folder that runs are kept in.
        name: of the run; None makes one of date and time.
        progress: show it on standard error; None does so on a terminal.
        track: `tensorboard` or `wandb` beside the CSV files.
        checkpoint_seconds: seconds between checkpoints.
        settings: of the preset, to be changed: `learning_rate=1e-3, cell="dot"`, every one that `--set` takes.

    Returns:
        the run, which reached its end.

    Raises:
        UnknownNameError: no such environment, algorithm, setting or value.
        AccumbensError: a value that cannot be used, a run of that name exists, or a number stopped being finite.
        KeyboardInterrupt: Ctrl-C; what was trained is kept, and `open_run(path).resume()` goes on.
    """
    config = resolve_config(
        as_text("env", env),
        as_text("algo", algo),
        total_timesteps=checked_or_none("total_timesteps", int, total_timesteps),
        seed=checked("seed", int, seed),
        seeds=checked("seeds", int, seeds),
        net_arch=checked_or_none("net_arch", tuple[int, ...], net_arch),
        credit=checked_or_none("credit", str, credit),
        eval_frequency=checked_or_none("eval_frequency", int, eval_frequency),
        num_eval_episodes=checked("num_eval_episodes", int, num_eval_episodes),
        changes=as_texts(settings),
    )
    return _start(AGENTS, config, begin_from, out, name, progress, track, checkpoint_seconds)


def fit(
    task: str | Path = "digits",
    rule: str = "backprop",
    *,
    layers: Sequence[int] | None = None,
    epochs: int | float | None = None,
    seed: int = 0,
    seeds: int = 1,
    evaluations: int | None = None,
    data: str | Path | None = None,
    begin_from: str | Path | None = None,
    out: str | Path = "runs",
    name: str | None = None,
    progress: bool | None = None,
    track: str | None = None,
    checkpoint_seconds: float = 60.0,
    **settings: Any,
) -> Run:
    """Fit a network to a task by a rule: `accumbens fit` in Python.

    Args:
        task: task, such as `digits` or `my_module:my_id`, or the path of a CSV or NumPy file.
        rule: how the layers learn, such as `coagent` or `my_module:my_id`.
        layers: units of every hidden layer, none for no hidden layer; None takes the rule's.
        epochs: passes through the training data; None takes the task's.
        seed: the first seed.
        seeds: independent seeds, that learn side by side.
        evaluations: how often to evaluate, evenly spread; None does after every epoch, at most 200 times.
        data: folder with the task's files; None takes ACCUMBENS_DATA, or else OpenML if the task needs data.
        begin_from: `RUN[@STEP][:SEED]`, another fit whose network this one begins from; None takes a new one.
        out: folder that runs are kept in.
        name: of the run; None makes one of date and time.
        progress: show it on standard error; None does so on a terminal.
        track: `tensorboard` or `wandb` beside the CSV files.
        checkpoint_seconds: seconds between checkpoints.
        settings: of the rule or the task, to be changed: `learning_rate=1e-3, sigma=2`, every one that `--set` takes.

    Returns:
        the fit, which reached its end.

    Raises:
        UnknownNameError: no such task, rule, setting or value.
        AccumbensError: a value that cannot be used, a run of that name exists, there are no data, or a number stopped
            being finite.
        KeyboardInterrupt: Ctrl-C; what was learned is kept, and `open_run(path).resume()` goes on.
    """
    config = resolve_fit(
        str(task),
        as_text("rule", rule),
        layers=checked_or_none("layers", tuple[int, ...], layers),
        epochs=checked_or_none("epochs", int, epochs),
        seed=checked("seed", int, seed),
        seeds=checked("seeds", int, seeds),
        evaluations=checked_or_none("evaluations", int, evaluations),
        data="" if data is None else str(data),
        changes=as_texts(settings),
    )
    return _start(FITS, config, begin_from, out, name, progress, track, checkpoint_seconds)


def _start(
    kind: Kind[Any],
    config: Any,
    begin_from: str | Path | None,
    out: str | Path,
    name: Any,
    progress: bool | None,
    track: Any,
    checkpoint_seconds: Any,
) -> Run:
    """Start a run; the options that are not typed here are what a user gave, and are checked."""
    options = {
        "out": Path(out).expanduser(),
        "name": checked_or_none("name", str, name),
        "track": checked_or_none("track", TRACKERS, track),
        "checkpoint_seconds": checked("checkpoint_seconds", float, checkpoint_seconds),
        "origin": None if begin_from is None else parse_origin(str(begin_from)),
    }
    with _view(progress) as view:
        result = launch.start(kind, config, view, **options)
    return _stopped_or(Run(result.run), result)


def _stopped_or(run: Run, result: Any) -> Run:
    if result.interrupted:  # a script that goes on would take the run for a whole one
        step = run.kind.words.step
        place = f"{step} {getattr(result, f'{step}s'):,}"
        raise KeyboardInterrupt(f"stopped at {place}: accumbens.open_run({str(run.path)!r}).resume()")
    return run


def _view(progress: bool | None) -> RunView:
    return RunView(json=True, quiet=not is_shown(progress))  # standard output is the caller's


def _warn(message: str) -> None:
    print(f"note: {message}", file=sys.stderr)
