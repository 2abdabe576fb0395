"""Fits in Python: fit a rule to a task, look at the run, predict."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from accumbens.cli.fit_view import FitView
from accumbens.credit import fit as fitting
from accumbens.credit.config import resolve_fit
from accumbens.credit.fitted import FittedNetwork
from accumbens.credit.session import FitResult
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.runs.directory import read_table
from accumbens.share.load import network_of_fit
from accumbens.typed import TRACKERS, as_text, as_texts, checked, checked_or_none, is_shown


class FitCurve(NamedTuple):
    """One number along a fit.

    Attributes:
        steps: updates of each seed.
        epochs: passes through the training data.
        values: of every seed.
    """

    steps: Int[np.ndarray, " points"]
    epochs: Float[np.ndarray, " points"]
    values: Float[np.ndarray, "seeds points"]


class Fit:
    """A fit, finished or not.

    Attributes:
        path: its directory.
        config: what it was asked to do.
    """

    def __init__(self, path: str | Path):
        """Open a fit's directory.

        Raises:
            AccumbensError: there is no fit at `path`.
        """
        self.path = Path(path).expanduser()
        self._directory, self.config = fitting.open_fit(self.path)

    @property
    def result(self) -> FitResult | None:
        """What it came to; None while it has not reached its end."""
        return fitting.recorded_fit(self._directory)

    @property
    def seeds(self) -> list[int]:
        """Its seeds, in the order of all arrays."""
        return self.config.seed_list()

    def metrics(self) -> dict[str, Float[np.ndarray, "seeds points"]]:
        """Return every column of `metrics.csv` by name, so far, of the evaluations that all seeds have."""
        rows = read_table(self._directory.metrics) if self._directory.metrics.exists() else []
        by_step: dict[int, dict[int, Mapping[str, str]]] = {}
        for row in rows:
            by_step.setdefault(int(row["step"]), {})[int(row["seed"])] = row
        whole = [found for _, found in sorted(by_step.items()) if len(found) == len(self.seeds)]
        columns = [column for column in rows[0] if column != "seed"] if whole else []
        return {
            column: np.array([[float(found[seed][column]) for found in whole] for seed in self.seeds])
            for column in columns
        }

    def curve(self, metric: str = "test_loss") -> FitCurve:
        """Return one number along the fit, so far.

        Args:
            metric: such as `test_accuracy`, `train_loss` or `angle_1`; `metrics` has them all.

        Raises:
            UnknownNameError: there is no such number.
            AccumbensError: the fit has not been evaluated yet.
        """
        found = self._evaluated()
        if metric not in found:
            raise UnknownNameError("metric", metric, list(found))
        return FitCurve(found["step"][0].astype(np.int64), found["epoch"][0], found[metric])

    def scores(self) -> dict[str, Float[np.ndarray, " seeds"]]:
        """Return losses and accuracies of the last evaluation, such as `test_accuracy`, of every seed.

        Raises:
            AccumbensError: the fit has not been evaluated yet.
        """
        splits = ("train", "valid", "test")
        return {name: values[:, -1] for name, values in self._evaluated().items() if name.partition("_")[0] in splits}

    def _evaluated(self) -> dict[str, np.ndarray]:
        found = self.metrics()
        if not found:
            raise AccumbensError(f"{self.path} has not been evaluated yet")
        return found

    def resume(self, *, progress: bool | None = None, checkpoint_seconds: float = 60.0) -> "Fit":
        """Go on from the newest checkpoint, if the fit has not reached its end; return the fit.

        Args:
            progress: show it on standard error; None does so on a terminal.
            checkpoint_seconds: seconds between checkpoints.

        Raises:
            AccumbensError: no checkpoint can be used, the data changed, or another process is at it.
            KeyboardInterrupt: Ctrl-C; what was learned is kept.
        """
        checkpoint_seconds = checked("checkpoint_seconds", float, checkpoint_seconds)
        with _view(progress) as view:
            result = fitting.resume_fit(self.path, view, checkpoint_seconds=checkpoint_seconds)
        return _stopped_or(self, result)

    def load(self, seed: int | None = None, step: int | None = None) -> FittedNetwork:
        """Return the network of a seed at a snapshot, to predict with; see `accumbens.load`.

        Raises:
            AccumbensError: the fit has no such seed or snapshot.
        """
        return network_of_fit(self.path, seed, step)

    def __repr__(self) -> str:
        """Say what it is."""
        return f"Fit({str(self.path)!r})"


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
    out: str | Path = "runs",
    name: str | None = None,
    progress: bool | None = None,
    track: str | None = None,
    checkpoint_seconds: float = 60.0,
    **settings: Any,
) -> Fit:
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
    track = checked_or_none("track", TRACKERS, track)
    checkpoint_seconds = checked("checkpoint_seconds", float, checkpoint_seconds)
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
    options = {"track": track, "checkpoint_seconds": checkpoint_seconds}
    name = checked_or_none("name", str, name)
    with _view(progress) as view:
        result = fitting.fit(config, view, out=Path(out).expanduser(), name=name, **options)
    return _stopped_or(Fit(result.run), result)


def _stopped_or(run: Fit, result: FitResult) -> Fit:
    if result.interrupted:  # a script that goes on would take the fit for a whole one
        raise KeyboardInterrupt(f"stopped at update {result.updates:,}: accumbens.open_run({str(run.path)!r}).resume()")
    return run


def _view(progress: bool | None) -> FitView:
    return FitView(json=True, quiet=not is_shown(progress))  # standard output is the caller's
