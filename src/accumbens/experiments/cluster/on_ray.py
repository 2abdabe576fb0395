"""Programs of an experiment as tasks of an existing Ray cluster: how to be its guest, and a quiet one."""

import importlib
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from accumbens.errors import AccumbensError, require
from accumbens.experiments.cluster.desk import Desk, Token, difference, versions
from accumbens.experiments.cluster.foreman import Foreman
from accumbens.experiments.cluster.worker import Order, described
from accumbens.experiments.execute import WHOLE, Outcome, Pace, Tally
from accumbens.experiments.plan import Program
from accumbens.experiments.reporter import ExperimentReporter

_PATIENCE = 30.0


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
        _require_address("ray", self.address)
        require("ray_cpus", self.cpus, "1 or more", self.cpus >= 1)
        require("ray_gpus", self.gpus, "0, a part of 1, or a whole number", self.gpus >= 0)
        require("ray_gpus", self.gpus, "a whole number if it is above 1", self.gpus <= 1 or self.gpus % 1 == 0)

    def execute(
        self, programs: Sequence[Program], folder: Path, report: ExperimentReporter, pace: Pace = WHOLE
    ) -> Outcome:
        """Do as `execute.execute`, several programs at once.

        Raises:
            AccumbensError: as there; or there is no cluster, or it cannot be used.
        """
        ray = _ray()
        tally = Tally(folder, report, pace.until)
        pending = tally.pending(programs)
        if not pending:
            return tally.outcome(interrupted=False)
        with _connected(ray, self.address), _token_in(folder) as token:
            desk = self._desk(ray, folder, pending, token)
            try:
                shared = None if self.carry else token
                orders = [
                    Order(
                        number=index,
                        attempt=0,
                        runs=described(program),
                        folder=str(folder),
                        command=tuple(sys.argv),
                        from_folder=os.getcwd(),
                        token=shared,
                        versions=versions(),
                        pace=pace,
                    )
                    for index, program in enumerate(pending)
                ]
                task = {"num_cpus": self.cpus, "num_gpus": self.gpus, "runtime_env": self.environment()}
                return Foreman(ray, task, desk, pending, orders, tally, report, folder.name).run()
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
    prints: Any = importlib.import_module("ray._private.worker")
    prints.print_to_stdstream = lambda *_, **__: None
    return ray


def _require_address(name: str, address: str) -> tuple[str, str]:
    """Host and port of a cluster; both are empty of `auto`.

    Raises:
        AccumbensError: the address is neither.
    """
    host, _, port = address.rpartition(":")
    is_one = host != "" and "://" not in host and port.isdecimal()
    require(name, address, "auto, or HOST:PORT such as 10.0.0.1:6379", address == "auto" or is_one)
    return (host, port) if is_one else ("", "")


@contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    """Be a driver of the cluster.

    Raises:
        AccumbensError: there is none at the address, or it is of another version.
    """
    asked = os.environ.get("RAY_ADDRESS", address) if address == "auto" else address
    host, port = _require_address("RAY_ADDRESS", asked)
    nobody = f"there is no Ray cluster at {asked}; 'ray start --head' starts one on this machine"
    if asked != "auto":
        _require_answer(host, int(port), nobody)
    try:
        ray.init(address=asked, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError) as error:
        what = nobody if isinstance(error, ConnectionError) else "Ray refuses"
        raise AccumbensError(f"{what}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _require_answer(host: str, port: int, nobody: str) -> None:
    """Refuse an address where no cluster is; there `ray.init` would wait for minutes, deaf to Ctrl-C.

    Raises:
        AccumbensError: `nobody`, and why.
    """
    ask = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--skip-version-check"]
    try:
        socket.create_connection((host, port), timeout=5.0).close()
        subprocess.run([*ask, "--address", f"{host}:{port}"], capture_output=True, check=True, timeout=_PATIENCE)
    except OSError as error:
        raise AccumbensError(f"{nobody} ({error})") from error
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise AccumbensError(f"{nobody} (something is there, but it is no cluster, or does not answer)") from error


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
