"""The library in Python, as small as the command line: train, look at the run, evaluate, act."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from accumbens.cli.terminal import TerminalReport
from accumbens.credit.config import is_fit
from accumbens.fits import Fit
from accumbens.runs import directory as runs
from accumbens.share.load import agent_of_run
from accumbens.training import train as training
from accumbens.training.acting import ActingAgent
from accumbens.training.config import resolve_config
from accumbens.training.session import Result
from accumbens.typed import TRACKERS, as_text, as_texts, checked, checked_or_none, is_shown


class Curve(NamedTuple):
    """A learning curve of training.

    Attributes:
        steps: environment steps of each seed.
        returns: mean return of the last 100 episodes; NaN before the first has ended.
    """

    steps: Int[np.ndarray, " points"]
    returns: Float[np.ndarray, "seeds points"]


class Evaluations(NamedTuple):
    """The greedy evaluations along training.

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
    """A run of an agent, finished or not.

    Attributes:
        path: its directory.
        config: what it was asked to do.
    """

    def __init__(self, path: str | Path):
        """Open a run's directory.

        Raises:
            AccumbensError: there is no run at `path`.
        """
        self.path = Path(path).expanduser()
        self._directory, self.config = runs.open_run(self.path)

    @property
    def result(self) -> Result | None:
        """What it came to; None while it has not reached its end."""
        return training.recorded_result(self._directory)

    @property
    def seeds(self) -> list[int]:
        """Its seeds, in the order of all arrays."""
        return self.config.seed_list()

    def curve(self) -> Curve:
        """Return the learning curve of training, so far."""
        steps, table = self._pivot(self._directory.metrics, lambda row: 0)
        return Curve(steps, table[:, :, 0])

    def evaluations(self) -> Evaluations:
        """Return the greedy evaluations along training, so far."""
        return Evaluations(*self._pivot(self._directory.evaluations, lambda row: int(row["cells"]) - 1))

    def _pivot(self, path: Path, column: Any) -> tuple[np.ndarray, np.ndarray]:
        """`mean_return` by seed, step and column; NaN where there is none."""
        rows = runs.read_table(path) if path.exists() else []
        steps = sorted({int(row["step"]) for row in rows})
        places = {step: index for index, step in enumerate(steps)}
        table = np.full((self.config.seeds, len(steps), max((column(row) for row in rows), default=0) + 1), math.nan)
        for row in rows:
            table[int(row["seed"]) - self.config.seed, places[int(row["step"])], column(row)] = row["mean_return"]
        return np.array(steps, np.int64), table

    def evaluate(self, num_episodes: int = 100, epsilon: float = 0.0) -> Played:
        """Play with what the run has learned; every run meets the same first states and random numbers.

        Args:
            num_episodes: episodes of each seed and prefix of cells.
            epsilon: probability of a random action.

        Returns:
            returns and lengths of all episodes.

        Raises:
            AccumbensError: a number cannot be used, or the run has no good checkpoint.
        """
        num_episodes = checked("num_episodes", int, num_episodes)
        epsilon = checked("epsilon", float, epsilon)
        _, _, evaluations = training.evaluate_run(self.path, num_episodes, [epsilon], _warn)
        return Played(*map(np.asarray, evaluations[0]))

    def resume(self, *, progress: bool | None = None, checkpoint_seconds: float = 60.0) -> "Run":
        """Go on from the newest checkpoint, if the run has not reached its end; return the run.

        Args:
            progress: show it on standard error; None does so on a terminal.
            checkpoint_seconds: seconds between checkpoints.

        Raises:
            AccumbensError: no checkpoint can be used, or another process trains the run.
            KeyboardInterrupt: Ctrl-C; what was trained is kept.
        """
        checkpoint_seconds = checked("checkpoint_seconds", float, checkpoint_seconds)
        with _report(progress) as report:
            result = training.resume(self.path, report, checkpoint_seconds=checkpoint_seconds)
        return _stopped_or(self, result)

    def agent(self, seed: int | None = None, step: int | None = None) -> ActingAgent:
        """Return the network of a seed at a snapshot, to act with; see `load`.

        Raises:
            AccumbensError: the run has no such seed or snapshot.
        """
        return agent_of_run(self.path, seed, step)

    def __repr__(self) -> str:
        """Say what it is."""
        return f"Run({str(self.path)!r})"


def open_run(path: str | Path) -> Any:
    """Open a run's directory.

    Returns:
        a `Run` of an agent, or a `Fit` of a supervised network.

    Raises:
        AccumbensError: there is no run at `path`.
    """
    return (Fit if is_fit(Path(path).expanduser() / "config.toml") else Run)(path)


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
    track = checked_or_none("track", TRACKERS, track)
    checkpoint_seconds = checked("checkpoint_seconds", float, checkpoint_seconds)
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
    options = {"track": track, "checkpoint_seconds": checkpoint_seconds}
    name = checked_or_none("name", str, name)
    with _report(progress) as report:
        result = training.train(config, report, out=Path(out).expanduser(), name=name, **options)
    return _stopped_or(Run(result.run), result)


def _stopped_or(run: Run, result: Result) -> Run:
    if result.interrupted:  # a script that goes on would take the run for a whole one
        raise KeyboardInterrupt(f"stopped at step {result.steps:,}: accumbens.open_run({str(run.path)!r}).resume()")
    return run


def _report(progress: bool | None) -> TerminalReport:
    return TerminalReport(json=True, quiet=not is_shown(progress))  # standard output is the caller's


def _warn(message: str) -> None:
    print(f"note: {message}", file=sys.stderr)
