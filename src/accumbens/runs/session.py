"""One process's work on a run: the loop in chunks, and between chunks the log, evaluations, checkpoints and health."""

import math
import time
from collections.abc import Sequence
from typing import Any

from accumbens.errors import EnvironmentFailedError
from accumbens.runs import checkpoints
from accumbens.runs.compiling import compile_seconds, told_of_waiting
from accumbens.runs.continuing import require_goes_on
from accumbens.runs.devices import idle_note
from accumbens.runs.directory import RunDirectory, command_line, describe_machine, has_checkpoint
from accumbens.runs.health import NotFiniteError
from accumbens.runs.interrupt import no_interrupt_lost, run_chunks
from accumbens.runs.job import Job
from accumbens.runs.kind import Kind
from accumbens.runs.origin import Origin, first_networks
from accumbens.runs.reporter import EndedError, Reporter
from accumbens.runs.result import Result
from accumbens.runs.snapshots import forget_snapshots_after, save_snapshot
from accumbens.runs.tables import Table, read_table
from accumbens.runs.tracking import Tracker, make_tracker


class Logbook:
    """The files of one run that a session writes."""

    def __init__(self, kind: Kind[Any], job: Job[Any], run: RunDirectory):
        """Open the tables of `run`, whose work is `job`."""
        self.kind, self.job, self.run = kind, job, run
        self.metrics = Table(run.metrics, ["step", "seed", *job.columns, "wall_seconds"])
        self.evaluations = self.metrics
        if job.evaluation_columns:
            self.evaluations = Table(run.evaluations, ["step", "seed", *job.evaluation_columns])
        self.earlier_seconds = float(run.read_meta()["wall_seconds"])
        self.tracker: Tracker | None = None

    def log(self, table: Table, rows: list[dict[str, Any]], step: int, seconds: float) -> None:
        """Add rows of this step to a table, and tell the tracker."""
        for row in rows:
            row["step"] = step
            if table is self.metrics:
                row["wall_seconds"] = round(self.earlier_seconds + seconds, 3)
        table.append(rows)
        if self.tracker:
            self.tracker.log(step, {name: value for row in rows for name, value in self.kind.tracked(row).items()})

    def forget_after(self, step: int) -> None:
        """Drop the rows of later steps."""
        for table in dict.fromkeys((self.metrics, self.evaluations)):  # one table may be both
            table.forget_after(step)

    def last_evaluation(self) -> int:
        """Return the step of the last evaluation; 0 without one."""
        return max((int(row["step"]) for row in read_table(self.evaluations.path)), default=0)


class Session:
    """One process's work on a run of any kind, or on several that learn side by side in one program."""

    def __init__(
        self,
        kind: Kind[Any],
        job: Job[Any],
        runs: Sequence[RunDirectory],
        report: Reporter,
        track: str | None,
        checkpoint_seconds: float,
        until: float = 1.0,
    ):
        """Open the files of the runs, which are in the order of `job.jobs`."""
        self._kind, self._job, self._report = kind, job, report
        self._books = [Logbook(kind, own, run) for own, run in zip(job.jobs, runs, strict=True)]
        self._track, self._checkpoint_seconds = track, checkpoint_seconds
        self._end = job.total if until >= 1.0 else math.ceil(until * job.total)
        self._begin = time.perf_counter()
        self._learned = 0.0
        self._compiled_before = compile_seconds()
        self._saved: int | None = None
        self._begins = True
        self._evaluated = 0
        self._raised: BaseException | None = None

    @no_interrupt_lost()
    def execute(self) -> list[Result]:
        """Learn from the newest good checkpoints, or from the start if there are none yet, to the end.

        Raises:
            NotFiniteError: something stopped being finite; the last good checkpoint is kept.
            EnvironmentFailedError: an environment raised, or did what it does not declare; likewise.
            AccumbensError: no checkpoint can be used, or the data are not those that a run was started with.
        """
        job, report = self._job, self._report
        for book in self._books:
            report.preparing(self._kind, book.job.config, book.run.path)
            book.job.require_continues(book.run)
        for note in [*job.notes, *(idle_note(len(job.seeds)) if job.shares_out else [])]:
            report.message(note)
        with told_of_waiting(report.message):
            per_second = job.prepare()
        state = self._first_state()
        first = job.step_of(state)
        for book in self._books:
            book.tracker = make_tracker(self._track, book.run, self._kind.to_document(book.job.config), first)
        self._is_projected = per_second is not None
        if per_second:
            self._project(first, per_second)
        report.start(first, job.total)
        try:
            state = self._learn(state)
        except NotFiniteError as error:
            raise error.worded(self._and_what_is_kept) from None
        except EnvironmentFailedError as error:
            error.args = (self._and_what_is_kept(str(error)),)
            raise error from None
        finally:
            for book in self._books:
                if book.tracker:
                    book.tracker.close()
        results = self._finish(first, state)
        if self._raised is not None:
            raise self._raised
        return results

    def _first_state(self) -> Any:
        job = self._job
        runs = [book.run for book in self._books]
        goes_on = all(
            has_checkpoint(run) for run in runs
        )  # a round of saving that was cut short is as if it had not been
        if goes_on:
            state = job.restore(runs, self._report.message)
            self._saved = job.step_of(state)
        else:
            for run in runs:
                require_goes_on(run)
            state = self._begun(runs)
            if len(runs) > 1:
                self._checkpoint(state)  # killed while the next ones are written, they have this one in common
        step = job.step_of(state)
        self._begins = step == 0 or not goes_on  # a run that begins from another's network may not begin at 0
        for book in self._books:
            book.forget_after(-1 if self._begins else step)  # at the start some are evaluated, if need be again
            forget_snapshots_after(book.run, step)
        self._evaluated = max(book.last_evaluation() for book in self._books)
        if self._begins or job.keeps_every_network:
            self._snapshot(state)
        # A seed's last bits depend on how many learn beside it.
        session = {"from_step": step, "command": command_line(), "seeds_in_program": len(job.seeds)}
        session |= describe_machine()
        for book in self._books:
            sessions = [*book.run.read_meta()["sessions"], session]
            book.run.write_meta(sessions=sessions, total=job.total, **book.job.recorded())
        return state

    def _begun(self, runs: Sequence[RunDirectory]) -> Any:
        """The state before the first step; of runs that begin from the network of another, with that."""
        state = self._job.init()
        origins = [run.read_meta().get("from") for run in runs]
        if not any(origins):
            return state
        parts = self._job.parts(state)
        for index, (book, origin) in enumerate(zip(self._books, origins, strict=True)):
            if origin is not None:
                networks = first_networks(self._kind, Origin(**origin), book.job).networks
                parts[index] = book.job.begin_from(parts[index], networks)
        return self._job.joined(parts)

    def _learn(self, state: Any) -> Any:
        job = self._job
        if self._begins and job.is_due(-1, job.step_of(state)):
            state = self._evaluate(state)
        state = run_chunks(
            state,
            unfinished=lambda state: job.step_of(state) < self._end and self._raised is None,
            chunk=self._chunk,
            checkpoint=self._checkpoint,
            checkpoint_seconds=self._checkpoint_seconds,
            message=self._report.message,
        )
        self._snapshot(state)
        return state

    def _and_what_is_kept(self, text: str) -> str:
        kept = "there is no checkpoint yet" if self._saved is None else "the last good checkpoint is kept"
        return text + ("\n" if "\n" in text else "; ") + kept

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
            self._log("metrics", step, rows)
        per_second = (step - before) / seconds
        try:
            self._report.progress(step, score, per_second * len(job.seeds))
        except EndedError as ended:
            self._raised = ended.error
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
        self._log("evaluations", step, rows)
        self._evaluated = step
        self._report.evaluated(step, rows)
        return state

    def _log(self, table: str, step: int, rows: list[dict[str, Any]]) -> None:
        seconds, each = time.perf_counter() - self._begin, len(rows) // len(self._books)
        for index, book in enumerate(self._books):
            book.log(getattr(book, table), rows[index * each : (index + 1) * each], step, seconds)

    def _checkpoint(self, state: Any) -> None:
        step = self._job.step_of(state)
        if step == self._saved:
            return
        self._job.require_finite_parameters(state)
        for book, part in zip(self._books, self._job.parts(state), strict=True):
            checkpoints.save(book.run.checkpoints, step, part)
            book.run.write_meta(wall_seconds=self._wall_seconds(book))
        self._saved = step

    def _snapshot(self, state: Any) -> None:
        step = self._job.step_of(state)
        for book, part in zip(self._books, self._job.parts(state), strict=True):
            save_snapshot(book.run, step, book.job.networks(part))

    def _wall_seconds(self, book: Logbook) -> float:
        return round(book.earlier_seconds + time.perf_counter() - self._begin, 3)

    def _finish(self, first: int, state: Any) -> list[Result]:
        job, results, step = self._job, [], self._job.step_of(state)
        seconds = {"train_seconds": self._learned, "compile_seconds": compile_seconds() - self._compiled_before}
        common = {"interrupted": step < job.total, "session_steps": step - first}
        common |= {name: round(value, 3) for name, value in seconds.items()}
        per_seed = (step - first) / self._learned if self._learned else 0.0
        for book in self._books:
            run, seeds = book.run, book.job.seeds
            self._kind.draw(book.job.config, run.metrics, run.evaluations, run.curve)
            wall_seconds = self._wall_seconds(book)
            own = {"seeds": seeds, "run": str(run.path), "wall_seconds": wall_seconds}
            result = self._kind.come_to(book.job, run, step, round(per_seed * len(seeds), 1), **common, **own)
            run.write_meta(wall_seconds=wall_seconds, result=result.document())
            results.append(result)
        return results
