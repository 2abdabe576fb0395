"""Whoever hands out an experiment's programs to a Ray cluster and keeps the books of them.

A program whose worker is lost is handed out again, and goes on from the newest checkpoint; a program that begins from
the networks of another waits for that. Everything workers send goes to the `Desk`, an actor on the machine of the
command, so that it does not go down with the machine that sent it.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from accumbens.experiments.cluster.worker import Order, work
from accumbens.experiments.execute import Broken, Outcome, Tally, Worked
from accumbens.experiments.plan import Program
from accumbens.experiments.reporter import ExperimentReporter
from accumbens.runs.interrupt import Interrupt

MOST_LOSSES = 3
"""So often a program is handed out without a step further, before it counts as failed."""
_SECONDS_BETWEEN = 0.25


class Foreman:
    """Hands out programs until all are over, or the user stops."""

    def __init__(
        self,
        ray: Any,
        task: dict[str, Any],
        desk: Any,
        programs: Sequence[Program],
        orders: Sequence[Order],
        tally: Tally,
        report: ExperimentReporter,
        name: str,
    ):
        """Prepare to hand out programs.

        Args:
            ray: the module, connected.
            task: Ray's options of every task.
            desk: the actor.
            programs: to hand out.
            orders: for each, but for the attempt.
            tally: counts what they come to.
            report: shows it to a person.
            name: of the experiment's folder.
        """
        self._ray, self._desk, self._tally, self._report = ray, desk, tally, report
        self._programs, self._orders, self._name = programs, list(orders), name
        self._waiting = list(range(len(programs)))
        self._running: dict[Any, int] = {}
        self._shown: set[int] = set()
        self._begun: set[int] = set()
        self._starts: list[list[float | None]] = [[] for _ in programs]
        self._stopping = self._stopped = False
        self._task = ray.remote(
            max_retries=0,  # a program is handed out again here, as another attempt
            max_calls=1,  # a process of its own: it has a working folder, and memory is given back
            **task,
        )(_work)
        most = max((node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]), default=0.0)
        if most < task["num_cpus"]:
            report.message(f"no machine of the cluster has {task['num_cpus']} CPUs: programs wait until one joins")

    def run(self) -> Outcome:
        """Work until nothing is left."""

        def notify() -> None:
            self._report.message("stopping after these chunks; Ctrl-C again stops at once, at the last checkpoints")

        with Interrupt(notify) as interrupt:
            while self._waiting or self._running:
                if interrupt.requested and not self._stopping:
                    self._stop()
                self._hand_out()
                tasks = list(self._running)
                over, _ = self._ray.wait(tasks, timeout=_SECONDS_BETWEEN) if tasks else ([], [])
                self._hear()
                for task in over:
                    self._end(task, self._running.pop(task))
        return self._tally.outcome(interrupted=self._stopped)

    def _hand_out(self) -> None:
        """Submit what need not wait for the networks of another program."""
        left = {*self._waiting, *self._running.values()}
        names = {index: {f"{self._name}/{run.label}" for run in self._programs[index]} for index in left}
        for index in list(self._waiting):
            others = set().union(*(names[other] for other in left if other != index))
            if not others.intersection(run.origin for run in self._programs[index]):
                self._waiting.remove(index)
                order = self._orders[index]._replace(attempt=self._orders[index].attempt + 1)
                self._orders[index] = order
                self._starts[index].append(None)
                self._running[self._task.remote(order, self._desk)] = index

    def _stop(self) -> None:
        """Have everybody told; take back what nobody has begun."""
        self._stopping = True
        self._stopped = bool(self._waiting)
        self._waiting.clear()
        self._ray.get(self._desk.stop.remote())
        self._hear()
        for task, index in self._running.items():
            if index not in self._begun:
                self._ray.cancel(task)

    def _hear(self) -> None:
        """Tell on what the workers reported."""
        for index, attempt, name, values in self._ray.get(self._desk.heard.remote()):
            if attempt != self._orders[index].attempt:
                continue
            program = self._programs[index]
            if name == "begun":
                self._begun.add(index)
                if index not in self._shown:
                    self._shown.add(index)
                    self._report.begun(program)
            elif name == "message":
                self._report.message(*values)
            elif name == "started":
                self._starts[index][-1] = values[0]
                self._report.started(program, *values)
            else:
                self._report.progress(program, *values)

    def _end(self, task: Any, index: int) -> None:
        """Count what a task came to."""
        errors, program = self._ray.exceptions, self._programs[index]
        found: Worked | None
        try:
            found = self._ray.get(task)
        except errors.TaskCancelledError:
            found = None
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError) as error:
            self._begun.discard(index)
            if self._stopping:
                found = None
            elif len(last := self._starts[index][-MOST_LOSSES:]) == MOST_LOSSES and len(set(last)) == 1:
                short = f"its worker was lost {MOST_LOSSES} times without a step further"
                found = Broken(short, f"{short}: {error}")
            else:
                labels = ", ".join(run.label for run in program)
                self._report.message(f"the worker of {labels} was lost; it goes on from its newest checkpoint")
                self._waiting.append(index)
                return
        except errors.RayError as error:  # the worker could not be started, or a mistake of ours
            found = Broken(f"{type(error).__name__}: {error}".splitlines()[0], str(error))
        self._desk.free.remote(index)
        if found is None or self._tally.settle(program, found):
            self._stopped = True


class _Calls:
    """The desk as a worker sees it: a call waits for its answer, and raises what was raised.

    It waits in a thread of its own: Ray gives away the CPUs of a task whose main thread waits for an object, and would
    start another program beside it.
    """

    def __init__(self, actor: Any):
        self._actor, self._thread = actor, ThreadPoolExecutor(1)

    def __getattr__(self, name: str) -> Any:
        import ray
        from ray.exceptions import RayTaskError

        def call(*values: Any) -> Any:
            try:
                return ray.get(getattr(self._actor, name).remote(*values))
            except RayTaskError as error:
                raise error.cause from error

        return lambda *values: self._thread.submit(call, *values).result()


def _work(order: Order, desk: Any) -> Worked | None:
    """The task: see `worker.work`."""
    calls: Any = _Calls(desk)
    return work(order, calls)
