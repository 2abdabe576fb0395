"""One process's work on a fit: the loop in chunks, and between chunks evaluations, checkpoints and health."""

import time
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np

from accumbens.credit.config import FitConfig, to_document
from accumbens.credit.curves import draw_fit
from accumbens.credit.job import Fitting
from accumbens.credit.program import FitState
from accumbens.credit.tasks.description import describe, to_table
from accumbens.errors import AccumbensError
from accumbens.runs import checkpoints
from accumbens.runs.directory import (
    RunDirectory,
    Table,
    command_line,
    describe_machine,
    has_checkpoint,
    read_table,
    restore_newest,
)
from accumbens.runs.interrupt import run_chunks
from accumbens.runs.tracking import Tracker, make_tracker
from accumbens.training.health import NotFiniteError
from accumbens.training.snapshots import forget_snapshots_after, save_snapshot

CHUNK_SECONDS = 1.0
"""About how long a chunk takes, which Ctrl-C waits for and after which the bar moves."""


@runtime_checkable
class FitReporter(Protocol):
    """Whoever shows the fit to a person; every method may do nothing."""

    def preparing(self, config: FitConfig, run: Path) -> None:
        """The run has its directory; compiling begins."""
        ...

    def start(self, update: int, updates: int, updates_per_epoch: int) -> None:
        """Learning begins, at update 0 or where a resumed run stands."""
        ...

    def progress(self, update: int, loss: float, updates_per_second: float) -> None:
        """A chunk ended; `loss` is what the rule met since the last evaluation, mean over seeds."""
        ...

    def evaluated(self, rows: list[dict[str, Any]]) -> None:
        """An evaluation ended; a row of `metrics.csv` per seed."""
        ...

    def message(self, text: str) -> None:
        """Something the user should know."""
        ...


class FitResult(NamedTuple):
    """What a fit came to; lists have one entry per seed, of the last evaluation.

    Attributes:
        updates: of each seed.
        valid_accuracy: part of the validation examples that are classified correctly; empty in regression.
        test_accuracy: the same of the test examples.
        valid_loss: cross-entropy in nats, or mean squared error.
        test_loss: the same of the test examples.
        wall_seconds: over all sessions of the run, compilation included.
        updates_per_second: updates of all seeds over the wall time of this session's learning.
        interrupted: the user stopped the run; it can be resumed.
    """

    task: str
    rule: str
    seeds: list[int]
    updates: int
    epochs: float
    valid_accuracy: list[float]
    test_accuracy: list[float]
    valid_loss: list[float]
    test_loss: list[float]
    wall_seconds: float
    updates_per_second: float
    run: str
    interrupted: bool


class FitSession:
    """One process's work on a run."""

    def __init__(
        self, fitting: Fitting, run: RunDirectory, report: FitReporter, track: str | None, checkpoint_seconds: float
    ):
        """Open the files of the run."""
        self._fitting, self._run, self._report = fitting, run, report
        self._track, self._checkpoint_seconds = track, checkpoint_seconds
        self._tracker: Tracker | None = None
        self._metrics = Table(run.metrics, ["step", "seed", *fitting.columns, "wall_seconds"])
        self._earlier_seconds = float(run.read_meta()["wall_seconds"])
        self._begin = time.perf_counter()
        self._saved: int | None = None

    def execute(self) -> FitResult:
        """Learn from the newest good checkpoint, or from the start, to the end.

        Raises:
            NotFiniteError: a layer stopped being finite; the last good checkpoint is kept.
            AccumbensError: no checkpoint can be used, or the data are not those the run was started with.
        """
        fitting = self._fitting
        self._report.preparing(fitting.config, self._run.path)
        for note in fitting.task.notes:
            self._report.message(note)
        state = self._first_state()
        first = int(state.update)
        self._size = self._measure()
        self._report.start(first, fitting.updates, fitting.updates_per_epoch)
        self._tracker = make_tracker(self._track, self._run.path, to_document(fitting.config), first)
        begin = time.perf_counter()
        try:
            state = self._learn(state)
        finally:
            if self._tracker:
                self._tracker.close()
        done = (int(state.update) - first) * len(fitting.seeds)
        return self._finish(int(state.update), done / (time.perf_counter() - begin))

    def _learn(self, state: FitState) -> FitState:
        if int(state.update) == 0:
            self._evaluate(state, 0)
        state = run_chunks(
            state,
            unfinished=lambda state: int(state.update) < self._fitting.updates,
            chunk=self._chunk,
            checkpoint=self._checkpoint,
            checkpoint_seconds=self._checkpoint_seconds,
            message=self._report.message,
        )
        save_snapshot(self._run, int(state.update), state.seeds.network)
        return state

    def _first_state(self) -> FitState:
        recorded = self._run.read_meta().setdefault("data_sha256", self._fitting.task.digest)
        if recorded != self._fitting.task.digest:
            raise AccumbensError(
                f"the data are not those that {self._run.path} was started with: their SHA-256 differs"
            )
        if has_checkpoint(self._run):
            state = restore_newest(self._run, self._fitting.like(), self._report.message)
            self._saved = int(state.update)
        else:
            state = self._fitting.init()
        update = int(state.update)
        self._metrics.forget_after(update or -1)  # at the start it is evaluated, if need be again
        forget_snapshots_after(self._run, update)
        if update == 0:
            save_snapshot(self._run, 0, state.seeds.network)
        sessions = self._run.read_meta()["sessions"]
        sessions.append({"from_step": update, "command": command_line(), **describe_machine()})
        task = to_table(describe(self._fitting.task))
        self._run.write_meta(sessions=sessions, data_sha256=self._fitting.task.digest, task=task)
        return state

    def _measure(self) -> int:
        """Compile, and return how many updates make a chunk."""
        state = self._fitting.advance(self._fitting.init(), 1)
        updates, seconds = 1, 0.0
        while seconds < CHUNK_SECONDS / 20:
            updates *= 2
            begin = time.perf_counter()
            state = self._fitting.advance(state, updates)
            seconds = time.perf_counter() - begin
        return max(1, round(updates * CHUNK_SECONDS / seconds))

    def _chunk(self, state: FitState) -> FitState:
        fitting, before = self._fitting, int(state.update)
        last, number = fitting.last_evaluation(before)
        goal = fitting.evaluation_at(number + 1)
        begin = time.perf_counter()
        state = fitting.advance(state, min(self._size, goal - before))
        seconds, update = time.perf_counter() - begin, int(state.update)
        loss = np.asarray(state.seeds.loss)
        if not np.isfinite(loss).all():
            fitting.require_finite(state)
            seed = fitting.seeds[int(np.argmin(np.isfinite(loss)))]
            raise NotFiniteError(f"the loss of seed {seed} is no longer finite at update {update}")
        speed = (update - before) * len(fitting.seeds) / seconds
        self._report.progress(update, float(loss.mean()) / (update - last), speed)
        if update == goal:
            self._evaluate(state, update - last)
            state = state._replace(seeds=state.seeds._replace(loss=jnp.zeros_like(state.seeds.loss)))
        return state

    def _evaluate(self, state: FitState, since: int) -> None:
        rows = self._fitting.evaluate(state, since)
        place = {"step": int(state.update), "wall_seconds": round(self._wall_seconds(), 3)}
        rows = [{"seed": seed} | row | place for seed, row in zip(self._fitting.seeds, rows, strict=True)]
        self._metrics.append(rows)
        if self._tracker:
            columns = [*self._fitting.columns, "wall_seconds"]
            numbers = {f"seed{row['seed']}/{column}": row[column] for row in rows for column in columns}
            self._tracker.log(int(state.update), numbers)
        self._report.evaluated(rows)

    def _checkpoint(self, state: FitState) -> None:
        update = int(state.update)
        if update == self._saved:
            return
        self._fitting.require_finite(state)
        checkpoints.save(self._run.checkpoints, update, state)
        self._run.write_meta(wall_seconds=round(self._wall_seconds(), 3))
        self._saved = update

    def _wall_seconds(self) -> float:
        return self._earlier_seconds + time.perf_counter() - self._begin

    def _finish(self, update: int, updates_per_second: float) -> FitResult:
        fitting, config, rows = self._fitting, self._fitting.config, read_table(self._run.metrics)
        draw_fit(self._run.metrics, self._run.curve, f"{config.task}   {config.rule}")
        last = rows[-len(fitting.seeds) :]

        def of(column: str) -> list[float]:
            return [float(row[column]) for row in last] if column in last[0] else []

        result = FitResult(
            task=config.task,
            rule=config.rule,
            seeds=fitting.seeds,
            updates=update,
            epochs=update / fitting.updates_per_epoch,
            valid_accuracy=of("valid_accuracy"),
            test_accuracy=of("test_accuracy"),
            valid_loss=of("valid_loss"),
            test_loss=of("test_loss"),
            wall_seconds=round(self._wall_seconds(), 3),
            updates_per_second=round(updates_per_second, 1),
            run=str(self._run.path),
            interrupted=update < fitting.updates,
        )
        self._run.write_meta(wall_seconds=result.wall_seconds, result=result._asdict())
        return result
