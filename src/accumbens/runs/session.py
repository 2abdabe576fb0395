"""One process's work on a run: the loop in chunks, and between chunks the log, evaluations, checkpoints and health."""

import time
from typing import Any

from accumbens.errors import EnvironmentFailedError
from accumbens.runs import checkpoints
from accumbens.runs.compiling import compile_seconds, told_of_waiting
from accumbens.runs.directory import RunDirectory, command_line, describe_machine, has_checkpoint
from accumbens.runs.health import NotFiniteError
from accumbens.runs.interrupt import no_interrupt_lost, run_chunks
from accumbens.runs.job import Job
from accumbens.runs.kind import Kind
from accumbens.runs.origin import Origin, first_networks
from accumbens.runs.reporter import Reporter
from accumbens.runs.result import Result
from accumbens.runs.snapshots import forget_snapshots_after, save_snapshot
from accumbens.runs.tables import Table, read_table
from accumbens.runs.tracking import Tracker, make_tracker


class Session:
    """One process's work on a run of any kind."""

    def __init__(
        self,
        kind: Kind[Any],
        job: Job[Any],
        run: RunDirectory,
        report: Reporter,
        track: str | None,
        checkpoint_seconds: float,
    ):
        """Open the files of the run."""
        self._kind, self._job, self._run, self._report = kind, job, run, report
        self._track, self._checkpoint_seconds = track, checkpoint_seconds
        self._tracker: Tracker | None = None
        self._metrics = Table(run.metrics, ["step", "seed", *job.columns, "wall_seconds"])
        self._evaluations = self._metrics
        if job.evaluation_columns:
            self._evaluations = Table(run.evaluations, ["step", "seed", *job.evaluation_columns])
        self._earlier_seconds = float(run.read_meta()["wall_seconds"])
        self._begin = time.perf_counter()
        self._learned = 0.0
        self._compiled_before = compile_seconds()
        self._saved: int | None = None
        self._begins = True
        self._evaluated = 0

    @no_interrupt_lost()
    def execute(self) -> Result:
        """Learn from the newest good checkpoint, or from the start if the run has none yet, to the end.

        Raises:
            NotFiniteError: something stopped being finite; the last good checkpoint is kept.
            EnvironmentFailedError: an environment raised, or did what it does not declare; likewise.
            AccumbensError: no checkpoint can be used, or the data are not those that the run was started with.
        """
        job, report = self._job, self._report
        report.preparing(self._kind, job.config, self._run.path)
        job.require_continues(self._run)
        for note in job.notes:
            report.message(note)
        with told_of_waiting(report.message):
            per_second = job.prepare()
        state = self._first_state()
        first = job.step_of(state)
        self._tracker = make_tracker(self._track, self._run, self._kind.to_document(job.config), first)
        self._is_projected = per_second is not None
        if per_second:
            self._project(first, per_second)
        report.start(first, job.total)
        try:
            state = self._learn(state)
        except (NotFiniteError, EnvironmentFailedError) as error:
            kept = "there is no checkpoint yet" if self._saved is None else "the last good checkpoint is kept"
            lines = str(error)
            raise type(error)(lines + ("\n" if "\n" in lines else "; ") + kept) from None
        finally:
            if self._tracker:
                self._tracker.close()
        return self._finish(first, job.step_of(state))

    def _first_state(self) -> Any:
        job, run = self._job, self._run
        goes_on = has_checkpoint(run)
        if goes_on:
            state = job.restore(run, self._report.message)
            self._saved = job.step_of(state)
        else:
            state = job.init()
            origin = run.read_meta().get("from")
            if origin is not None:
                state = job.begin_from(state, first_networks(self._kind, Origin(**origin), job).networks)
        step = job.step_of(state)
        self._begins = step == 0 or not goes_on  # a run that begins from another's network may not begin at 0
        for table in dict.fromkeys((self._metrics, self._evaluations)):  # one table may be both
            table.forget_after(-1 if self._begins else step)  # at the start some are evaluated, if need be again
        self._evaluated = max((int(row["step"]) for row in read_table(self._evaluations.path)), default=0)
        forget_snapshots_after(run, step)
        if self._begins or job.keeps_every_network:
            self._snapshot(state)
        sessions = run.read_meta()["sessions"]
        sessions.append({"from_step": step, "command": command_line(), **describe_machine()})
        run.write_meta(sessions=sessions, **job.recorded())
        return state

    def _learn(self, state: Any) -> Any:
        job = self._job
        if self._begins and job.is_due(-1, job.step_of(state)):
            state = self._evaluate(state)
        state = run_chunks(
            state,
            unfinished=lambda state: job.step_of(state) < job.total,
            chunk=self._chunk,
            checkpoint=self._checkpoint,
            checkpoint_seconds=self._checkpoint_seconds,
            message=self._report.message,
        )
        self._snapshot(state)
        return state

    def _project(self, step: int, per_second: float) -> None:
        job = self._job
        self._report.projected((job.total - step) / per_second, per_second * len(job.seeds))
        self._is_projected = True

    def _chunk(self, state: Any) -> Any:
        job, before = self._job, self._job.step_of(state)
        begin, compiled = time.perf_counter(), compile_seconds()
        state, rows, score = job.advance(state, self._evaluated, self._report.message)
        seconds, step = time.perf_counter() - begin - (compile_seconds() - compiled), job.step_of(state)
        self._learned += seconds
        if rows:
            self._log(self._metrics, step, rows)
        per_second = (step - before) / seconds
        self._report.progress(step, score, per_second * len(job.seeds))
        if not self._is_projected:
            self._project(step, per_second)
        if job.is_due(before, step):
            state = self._evaluate(state)
            if job.keeps_every_network:
                self._snapshot(state)
        return state

    def _evaluate(self, state: Any) -> Any:
        step = self._job.step_of(state)
        with told_of_waiting(self._report.message):
            state, rows = self._job.evaluate(state, self._evaluated)
        self._log(self._evaluations, step, rows)
        self._evaluated = step
        self._report.evaluated(step, rows)
        return state

    def _log(self, table: Table, step: int, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["step"] = step
            if table is self._metrics:
                row["wall_seconds"] = round(self._wall_seconds(), 3)
        table.append(rows)
        if self._tracker:
            self._tracker.log(step, {name: value for row in rows for name, value in self._kind.tracked(row).items()})

    def _checkpoint(self, state: Any) -> None:
        step = self._job.step_of(state)
        if step == self._saved:
            return
        self._job.require_finite_parameters(state)
        checkpoints.save(self._run.checkpoints, step, state)
        self._run.write_meta(wall_seconds=round(self._wall_seconds(), 3))
        self._saved = step

    def _snapshot(self, state: Any) -> None:
        save_snapshot(self._run, self._job.step_of(state), self._job.networks(state))

    def _wall_seconds(self) -> float:
        return self._earlier_seconds + time.perf_counter() - self._begin

    def _finish(self, first: int, step: int) -> Result:
        run, job = self._run, self._job
        per_second = (step - first) * len(job.seeds) / self._learned if self._learned else 0.0
        self._kind.draw(job.config, run.metrics, run.evaluations, run.curve)
        seconds = {"train_seconds": self._learned, "compile_seconds": compile_seconds() - self._compiled_before}
        common = {"seeds": job.seeds, "run": str(run.path), "interrupted": step < job.total}
        common |= {"session_steps": step - first} | {name: round(value, 3) for name, value in seconds.items()}
        wall_seconds = round(self._wall_seconds(), 3)
        result = self._kind.come_to(job, run, step, round(per_second, 1), wall_seconds=wall_seconds, **common)
        run.write_meta(wall_seconds=wall_seconds, result=result.document())
        return result
