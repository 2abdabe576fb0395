"""One process's work on a run: the loop in chunks, and between chunks the log, evaluations, checkpoints and health."""

import time
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from accumbens.runs import checkpoints
from accumbens.runs.directory import RunDirectory, Table, command_line, describe_machine, has_checkpoint, read_table
from accumbens.runs.interrupt import run_chunks
from accumbens.runs.tracking import Tracker, make_tracker
from accumbens.training.config import RunConfig, to_document
from accumbens.training.curves import draw_curve
from accumbens.training.evaluate import Evaluation
from accumbens.training.health import NotFiniteError
from accumbens.training.protocol import RunTrainer
from accumbens.training.snapshots import forget_snapshots_after, save_snapshot


@runtime_checkable
class Reporter(Protocol):
    """Whoever shows the run to a person; every method may do nothing."""

    def preparing(self, config: RunConfig, run: Path) -> None:
        """The run has its directory; compiling begins."""
        ...

    def projected(self, seconds: float, steps_per_second: float) -> None:
        """What is left of the run is expected to take this long."""
        ...

    def start(self, step: int) -> None:
        """Training begins, at step 0 or where a resumed run stands."""
        ...

    def progress(self, step: int, mean_return: np.ndarray, steps_per_second: float) -> None:
        """A chunk ended; `mean_return` is per seed, of the last 100 episodes."""
        ...

    def evaluated(self, step: int, evaluation: Evaluation) -> None:
        """An evaluation ended; arrays have a leading axis of seeds."""
        ...

    def message(self, text: str) -> None:
        """Something the user should know."""
        ...


class Result(NamedTuple):
    """What a run came to; lists have one entry per seed.

    Attributes:
        steps: environment steps of each seed.
        final_return: mean return of the last 100 training episodes; NaN before the first has ended.
        eval_return: mean return of the full network in the last evaluation; empty before the first.
        wall_seconds: over all sessions of the run, compilation included.
        steps_per_second: environment steps of all seeds over the wall time of this session's training.
        interrupted: the user stopped the run; it can be resumed.
    """

    env: str
    algo: str
    credit: str
    seeds: list[int]
    steps: int
    final_return: list[float]
    eval_return: list[float]
    wall_seconds: float
    steps_per_second: float
    run: str
    interrupted: bool


class Session:
    """One process's work on a run."""

    def __init__(
        self, trainer: RunTrainer, run: RunDirectory, report: Reporter, track: str | None, checkpoint_seconds: float
    ):
        """Open the files of the run."""
        self._trainer, self._run, self._report = trainer, run, report
        self._track, self._checkpoint_seconds = track, checkpoint_seconds
        self._tracker: Tracker | None = None
        self._config = trainer.config
        self._metrics = Table(run.metrics, ["step", "seed", *trainer.columns, "wall_seconds"])
        self._evaluations = Table(
            run.evaluations, ["step", "seed", "cells", "episodes", "mean_return", "std_return", "mean_length"]
        )
        self._earlier_seconds = float(run.read_meta()["wall_seconds"])
        self._begin = time.perf_counter()
        self._saved_step: int | None = None

    def execute(self) -> Result:
        """Train from the newest good checkpoint, or from the start if the run has none yet, to the end.

        Raises:
            NotFiniteError: a cell stopped being finite; the last good checkpoint is kept.
            AccumbensError: no checkpoint can be used.
        """
        trainer, plan = self._trainer, self._trainer.plan
        self._report.preparing(self._config, self._run.path)
        if plan.updates == 0:
            self._report.message("no update will run: give more --total-timesteps or a lower learning_starts")
        blocks_per_second = trainer.measure_speed()
        state = self._first_state()
        first_step = trainer.step_of(state)
        self._tracker = make_tracker(self._track, self._run.path, to_document(self._config), first_step)
        steps_per_second = blocks_per_second * plan.steps_per_block * len(trainer.seeds)
        self._report.projected((plan.blocks - self._blocks(state)) / blocks_per_second, steps_per_second)
        self._report.start(first_step)
        begin = time.perf_counter()
        try:
            state = self._loop(state)
        except NotFiniteError as error:
            kept = "there is no checkpoint yet" if self._saved_step is None else "the last good checkpoint is kept"
            raise NotFiniteError(f"{error}; {kept}") from None
        finally:
            if self._tracker:
                self._tracker.close()
        seconds = time.perf_counter() - begin
        steps = trainer.step_of(state) - first_step
        return self._finish(state, steps * len(trainer.seeds) / seconds)

    def _first_state(self) -> Any:
        if has_checkpoint(self._run):
            state = self._trainer.restore(self._run, self._report.message)
            self._saved_step = self._trainer.step_of(state)
        else:
            state = self._trainer.init()
        step = self._trainer.step_of(state)
        self._metrics.forget_after(step)
        self._evaluations.forget_after(step)
        forget_snapshots_after(self._run, step)
        self._snapshot(state)
        sessions = self._run.read_meta()["sessions"]
        sessions.append({"from_step": step, "command": command_line(), **describe_machine()})
        self._run.write_meta(sessions=sessions)
        return state

    def _loop(self, state: Any) -> Any:
        state = run_chunks(
            state,
            unfinished=lambda state: self._blocks(state) < self._trainer.plan.blocks,
            chunk=self._chunk,
            checkpoint=self._checkpoint,
            checkpoint_seconds=self._checkpoint_seconds,
            message=self._report.message,
        )
        self._snapshot(state)
        return state

    def _blocks(self, state: Any) -> int:
        return self._trainer.step_of(state) // self._trainer.plan.steps_per_block

    def _chunk(self, state: Any) -> Any:
        trainer, plan = self._trainer, self._trainer.plan
        before = self._blocks(state)
        blocks = min(plan.chunk_blocks, plan.blocks - before)
        begin = time.perf_counter()
        state, rows = trainer.advance(state, blocks, self._report.message)
        seconds = time.perf_counter() - begin
        step = trainer.step_of(state)
        self._log(step, rows)
        mean_return = np.asarray([row["mean_return"] for row in rows])
        self._report.progress(step, mean_return, blocks * plan.steps_per_block * len(trainer.seeds) / seconds)
        frequency = self._config.eval_frequency
        passed = frequency and step // frequency > before * plan.steps_per_block // frequency
        if passed or before + blocks == plan.blocks:
            self._evaluate(state, step)
            self._snapshot(state)
        return state

    def _log(self, step: int, rows: list[dict[str, Any]]) -> None:
        wall_seconds = round(self._wall_seconds(), 3)
        for seed, row in zip(self._trainer.seeds, rows, strict=True):
            row["wall_seconds"] = wall_seconds
            if self._tracker:
                self._tracker.log(step, {f"seed{seed}/{key}": float(value) for key, value in row.items()})
            row |= {"step": step, "seed": seed}
        self._metrics.append(rows)

    def _evaluate(self, state: Any, step: int) -> None:
        evaluation = self._trainer.evaluate(state)
        rows = evaluation_rows(evaluation, self._trainer.seeds)
        self._evaluations.append([{"step": step} | row for row in rows])
        if self._tracker:
            numbers = {f"seed{row['seed']}/greedy_return_cells_{row['cells']}": row["mean_return"] for row in rows}
            self._tracker.log(step, numbers)
        self._report.evaluated(step, evaluation)

    def _checkpoint(self, state: Any) -> None:
        step = self._trainer.step_of(state)
        if step == self._saved_step:
            return
        self._trainer.require_finite_parameters(state)
        checkpoints.save(self._run.checkpoints, step, state)
        self._run.write_meta(wall_seconds=round(self._wall_seconds(), 3))
        self._saved_step = step

    def _snapshot(self, state: Any) -> None:
        save_snapshot(self._run, self._trainer.step_of(state), self._trainer.networks(state))

    def _wall_seconds(self) -> float:
        return self._earlier_seconds + time.perf_counter() - self._begin

    def _finish(self, state: Any, steps_per_second: float) -> Result:
        config, run, step = self._config, self._run, self._trainer.step_of(state)
        title = f"{config.env}   {config.algo}, {config.settings.credit} credit"
        draw_curve(run.metrics, run.evaluations, run.curve, title)
        training = [row for row in read_table(run.metrics) if int(row["step"]) == step]
        full = [row for row in read_table(run.evaluations) if int(row["cells"]) == self._trainer.num_cells]
        result = Result(
            env=config.env,
            algo=config.algo,
            credit=config.settings.credit,
            seeds=self._trainer.seeds,
            steps=step,
            final_return=[float(row["mean_return"]) for row in training],
            eval_return=[float(row["mean_return"]) for row in full[-config.seeds :]],
            wall_seconds=round(self._wall_seconds(), 3),
            steps_per_second=round(steps_per_second, 1),
            run=str(run.path),
            interrupted=self._blocks(state) < self._trainer.plan.blocks,
        )
        run.write_meta(wall_seconds=result.wall_seconds, result=result._asdict())
        return result


def evaluation_rows(evaluation: Evaluation, seeds: list[int]) -> list[dict[str, Any]]:
    """Return one row per seed and prefix of cells."""
    returns, lengths = np.asarray(evaluation.returns), np.asarray(evaluation.lengths)
    return [
        {
            "seed": seed,
            "cells": cells + 1,
            "episodes": returns.shape[-1],
            "mean_return": float(returns[index, cells].mean()),
            "std_return": float(returns[index, cells].std()),
            "mean_length": float(lengths[index, cells].mean()),
        }
        for index, seed in enumerate(seeds)
        for cells in range(returns.shape[1])
    ]
