"""Programs of an experiment as tasks of an existing Ray cluster.

Whoever starts it keeps the books: a program whose worker is lost is handed out again, and goes on from the newest
checkpoint; a program that begins from the networks of another waits for that. Everything workers send goes to the
`Desk`, an actor on the machine of the command, so that it does not go down with the machine that sent it.
"""

import os
import socket
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from accumbens.errors import AccumbensError, require
from accumbens.experiments.cluster.desk import Desk, Token, difference, versions
from accumbens.experiments.cluster.worker import Order, described, work
from accumbens.experiments.execute import Broken, Outcome, Tally, Worked
from accumbens.experiments.plan import Program
from accumbens.experiments.reporter import ExperimentReporter
from accumbens.runs.interrupt import Interrupt

MOST_LOSSES = 3
"""So often a program is handed out without a step further, before it counts as failed."""
_SECONDS_BETWEEN = 0.25


@dataclass(frozen=True)
class OnRay:
    """A `Where`: on an existing Ray cluster, of which the command runs on one machine.

    Attributes:
        address: `auto`, or `HOST:PORT`.
        cpus: for each program; XLA gets as many threads.
        gpus: for each program; a part of one is shared.
        carry: files even where workers see the experiment's folder.
    """

    address: str
    cpus: int = 1
    gpus: float = 0.0
    carry: bool = False
    shows: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse what no cluster could give.

        Raises:
            AccumbensError: names the value.
        """
        require("ray_cpus", self.cpus, "1 or more", self.cpus >= 1)
        require("ray_gpus", self.gpus, "0, a part of 1, or a whole number", self.gpus >= 0)
        require("ray_gpus", self.gpus, "a whole number if it is above 1", self.gpus <= 1 or self.gpus % 1 == 0)

    def execute(
        self,
        programs: Sequence[Program],
        folder: Path,
        report: ExperimentReporter,
        *,
        checkpoint_seconds: float = 60.0,
        until: float = 1.0,
    ) -> Outcome:
        """Do as `execute.execute`, several programs at once.

        Raises:
            AccumbensError: as there; or there is no cluster, or it cannot be used.
        """
        ray = _ray()
        tally = Tally(folder, report, until)
        pending = tally.pending(programs)
        if not pending:
            return tally.outcome(interrupted=False)
        with _connected(ray, self.address), _token_in(folder) as token:
            desk = self._desk(ray, folder, pending, token)
            try:
                shared = None if self.carry else token
                orders = [
                    Order(
                        index=index,
                        attempt=0,
                        runs=described(program),
                        folder=str(folder),
                        command=tuple(sys.argv),
                        from_folder=os.getcwd(),
                        token=shared,
                        versions=versions(),
                        checkpoint_seconds=checkpoint_seconds,
                        until=until,
                    )
                    for index, program in enumerate(pending)
                ]
                return _Foreman(ray, self, desk, pending, orders, tally, report, folder.name).run()
            finally:
                ray.kill(desk)

    def _desk(self, ray: Any, folder: Path, programs: Sequence[Program], token: Token) -> Any:
        """The desk, on the machine of this process.

        Raises:
            AccumbensError: it cannot be made there, or is another machine's after all.
        """
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        labels = [[run.label for run in program] for program in programs]
        made = ray.remote(Desk).options(num_cpus=0, scheduling_strategy=here, runtime_env=self.environment())
        desk = made.remote(str(folder.absolute()), labels)
        try:
            sees, there = ray.get(desk.looked_at.remote(token))
        except ray.exceptions.RayError as error:
            why = "is accumbens installed in the Python that Ray was started with?"
            raise AccumbensError(f"the cluster at {self.address} cannot run accumbens; {why}\n{error}") from error
        if not sees:
            where = "start the command on a machine of the cluster"
            raise AccumbensError(f"the cluster at {self.address} does not see {folder}: {where}")
        wrong = difference(versions(), "that Ray uses here", there)
        if wrong:
            raise AccumbensError(wrong)
        return desk

    def environment(self) -> dict[str, Any]:
        """Return Ray's `runtime_env`: what JAX and accumbens are told here, and so many threads for XLA."""
        names = [name for name in os.environ if name.startswith(("JAX_", "XLA_", "ACCUMBENS_"))]
        variables = {name: os.environ[name] for name in names}
        variables |= {"NPROC": str(self.cpus), "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3")}
        if self.gpus == 0:
            variables.setdefault("JAX_PLATFORMS", "cpu")
        elif self.gpus < 1:
            variables.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", f"{0.9 * self.gpus:.3f}")
        return {"env_vars": variables}


def _ray() -> Any:
    """Ray, told to be quiet.

    Raises:
        AccumbensError: it is not installed.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it announces what it will do one day
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise AccumbensError(
            "--ray needs Ray, which is not installed. In a checkout run 'uv sync --extra ray', "
            """elsewhere 'pip install "accumbens[ray]"'."""
        ) from error
    # No option keeps it from printing what machines say as they die; with --json that would be read as a result.
    ray._private.worker.print_to_stdstream = lambda *_, **__: None
    return ray


@contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    """Be a driver of the cluster.

    Raises:
        AccumbensError: there is none at the address, or it is of another version.
    """
    asked = os.environ.get("RAY_ADDRESS", address) if address == "auto" else address
    host, colon, port = asked.rpartition(":")
    if "://" in asked or (asked != "auto" and not (host and colon and port.isdecimal())):
        raise AccumbensError(f"ray={address!r} cannot be used: expected auto or HOST:PORT, such as 10.0.0.1:6379")
    nobody = f"there is no Ray cluster at {asked}; 'ray start --head' starts one on this machine"
    if asked != "auto":  # Ray itself would try for minutes
        try:
            socket.create_connection((host, int(port)), timeout=5.0).close()
        except OSError as error:
            raise AccumbensError(f"{nobody} ({error})") from error
    try:
        ray.init(address=asked, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, TimeoutError, RuntimeError, ValueError) as error:
        raise AccumbensError(f"{nobody if isinstance(error, ConnectionError) else 'Ray refuses'}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _token_in(folder: Path) -> Iterator[Token]:
    """A token in the folder, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    token = Token(f".{uuid.uuid4().hex}", uuid.uuid4().hex)
    (folder / token.name).write_text(token.text)
    try:
        yield token
    finally:
        (folder / token.name).unlink(missing_ok=True)
        with suppress(OSError):  # runs are in it
            folder.rmdir()


class _Foreman:
    """Hands out programs until all are over, or the user stops."""

    def __init__(
        self,
        ray: Any,
        where: OnRay,
        desk: Any,
        programs: Sequence[Program],
        orders: Sequence[Order],
        tally: Tally,
        report: ExperimentReporter,
        name: str,
    ):
        self._ray, self._desk, self._tally, self._report = ray, desk, tally, report
        self._programs, self._orders, self._name = programs, list(orders), name
        self._waiting = list(range(len(programs)))
        self._running: dict[Any, int] = {}
        self._shown: set[int] = set()
        self._begun: set[int] = set()
        self._starts: list[list[float | None]] = [[] for _ in programs]
        self._stopping = self._stopped = False
        self._task = ray.remote(
            num_cpus=where.cpus,
            num_gpus=where.gpus,
            max_retries=0,  # a program is handed out again here, with another number
            max_calls=1,  # a process of its own: it has a working folder, and memory is given back
            runtime_env=where.environment(),
        )(_work)
        most = max((node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]), default=0.0)
        if most < where.cpus:
            report.message(f"no machine of the cluster has {where.cpus} CPUs: programs wait until one joins")

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
        if found is None:
            self._stopped = True
        elif self._tally.settle(program, found):
            self._stopped = True


class _Calls:
    """The desk as a worker sees it: a call waits for its answer, and raises what was raised."""

    def __init__(self, actor: Any):
        self._actor = actor

    def __getattr__(self, name: str) -> Any:
        def call(*values: Any) -> Any:
            import ray
            from ray.exceptions import RayTaskError

            try:
                return ray.get(getattr(self._actor, name).remote(*values))
            except RayTaskError as error:
                raise error.cause from error

        return call


def _work(order: Order, desk: Any) -> Worked | None:
    """The task: see `worker.work`."""
    calls: Any = _Calls(desk)
    return work(order, calls)
