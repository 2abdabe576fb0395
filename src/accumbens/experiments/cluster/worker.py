"""What a worker of a cluster does: work on one program, and report to the desk of the experiment.

It works in the experiment's own folder where it sees that; elsewhere in a folder of its own, from which the run's
files are carried to the desk after every checkpoint and at the end. Ray is not named here: a worker is given a desk
whose methods can be called.
"""

import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from accumbens.errors import AccumbensError
from accumbens.experiments.cluster.carrying import Moved, Sender, receive
from accumbens.experiments.cluster.desk import Answer, Desk, Token, difference, versions
from accumbens.experiments.execute import Broken, Pace, Worked, worked
from accumbens.experiments.plan import PlannedRun, Program
from accumbens.experiments.reporter import OneProgram
from accumbens.kinds import kind_named
from accumbens.runs import checkpoints
from accumbens.runs.result import Result

_SECONDS_BETWEEN = 0.2
_SECONDS_FOR_LOCK = 60.0


class Order(NamedTuple):
    """What a worker shall do.

    Attributes:
        number: of the program.
        attempt: at it, from 1.
        runs: of the program: the noun for the kind, the configuration, variant and origin of each.
        folder: of the experiment, as the command names it.
        command: the words of the command.
        from_folder: where the command was given.
        token: that lies in the experiment's folder; None if files are to be carried in any case.
        versions: of the packages of whoever gives the order.
        pace: of its work.
    """

    number: int
    attempt: int
    runs: tuple[tuple[str, Any, str, str], ...]
    folder: str
    command: tuple[str, ...]
    from_folder: str
    token: Token | None
    versions: Mapping[str, str]
    pace: Pace


def described(program: Program) -> tuple[tuple[str, Any, str, str], ...]:
    """Return the runs of a program as an order names them: kinds are the same objects only within one process."""
    return tuple((run.kind.words.name, run.config, run.variant, run.origin) for run in program)


class TooLateError(AccumbensError):
    """Another worker has taken over."""


def work(order: Order, desk: Desk) -> Worked | None:
    """Do what an order says.

    Returns:
        what the runs came to; None if the user had stopped before.
    """
    wrong = difference(order.versions, platform.node(), versions())
    if wrong:
        return Broken(wrong, wrong)
    if desk.begin(order.number, order.attempt, platform.node()) is not Answer.GO_ON:
        return None
    sys.argv = list(order.command)  # the runs' files name it
    sys.path.append(order.from_folder)  # last, where modules of the user's own are looked for
    program: Program = tuple(PlannedRun(kind_named(name), *rest) for name, *rest in order.runs)
    with _at_hand(order, desk, program) as (folder, carrier):
        found = worked(program, folder, OneProgram(_Telling(order, desk, carrier), program), order.pace)
        return carrier.delivered(found) if carrier else found


@contextmanager
def _at_hand(order: Order, desk: Desk, program: Program) -> Iterator[tuple[Path, "_Carrier | None"]]:
    """The experiment's folder, seen from the working folder; and what carries files if it is not the user's own."""
    folder = Path(order.folder)
    if order.token is not None and _enter(order.from_folder) and order.token.seen_in(folder):
        if order.attempt > 1:
            _wait_for_locks(folder, program)
        yield folder, None
        return
    own = tempfile.mkdtemp(prefix="accumbens-")
    try:
        carrier = _Carrier(order, desk, program, Path(own))
        yield carrier.folder, carrier
    finally:
        os.chdir(os.path.dirname(own))
        shutil.rmtree(own, ignore_errors=True)


def _enter(folder: str) -> bool:
    try:
        os.chdir(folder)
    except OSError:
        return False
    return True


def _wait_for_locks(folder: Path, program: Program) -> None:
    """Wait until a worker that was believed lost, and is not, has left off; not for ever: work then says who is."""
    end = time.monotonic() + _SECONDS_FOR_LOCK
    while time.monotonic() < end and any(run.directory(folder).at_work() for run in program):
        time.sleep(0.1)


class _Carrier:
    """Carries the runs' files between a folder of the worker's own and the desk.

    The worker goes into its folder, in which the experiment's lies as it does where the command was given.
    """

    def __init__(self, order: Order, desk: Desk, program: Program, own: Path):
        """Fetch what there is of the runs, and whose networks they begin from."""
        os.chdir(own)
        self._order, self._desk = order, desk
        is_absolute = os.path.isabs(order.folder)
        self.folder = own / order.folder.lstrip(os.sep) if is_absolute else Path(order.folder)
        self._home = Moved(str(own), "" if is_absolute else order.from_folder)
        self.folder.mkdir(parents=True)
        origins = [run.origin for run in program if run.origin]
        there = desk.fetch(order.number, origins, Moved(self._home.there + os.sep, self._home.here + os.sep))
        for name, parcel in there.items():
            receive(self.folder.parent / name, parcel)
        self._runs = [run.directory(self.folder) for run in program]
        self._senders = [Sender(run.path, self._home) for run in self._runs]
        for sender in self._senders:
            sender.parcel()  # the desk has it
        self._saved = self._newest()

    def send_if_saved(self) -> Answer:
        """Send what changed if there is a checkpoint that the desk does not have."""
        newest = self._newest()
        if newest == self._saved:
            return Answer.GO_ON
        self._saved = newest
        return self._send()

    def delivered(self, found: Worked) -> Worked:
        """Send what changed, and return results whose runs are where the desk has them."""
        if self._send() is Answer.TOO_LATE or isinstance(found, Broken):
            return found
        return [replace(one, run=self._at_home(one.run)) if isinstance(one, Result) else one for one in found]

    def _at_home(self, run: str) -> str:
        return self._home.there + run.removeprefix(self._home.here) if run.startswith(self._home.here) else run

    def _send(self) -> Answer:
        parcels = [sender.parcel() for sender in self._senders]
        return self._desk.store(self._order.number, self._order.attempt, parcels)

    def _newest(self) -> list[Path | None]:
        return [checkpoints.newest(run.checkpoints) for run in self._runs]


class _Telling:
    """An `ExperimentReporter` that reports to the desk, and does what it answers."""

    def __init__(self, order: Order, desk: Desk, carrier: _Carrier | None):
        self._order, self._desk, self._carrier = order, desk, carrier
        self._last = 0.0
        self._stopping = self._asked = False

    def begun(self, program: Program) -> None: ...

    def started(self, program: Program, done: float) -> None:
        self._tell("started", done)

    def progress(self, program: Program, done: float, score: float, per_second: float) -> None:
        if self._carrier is not None:  # the state that a checkpoint of the last chunk holds is still the newest
            self._heed(self._carrier.send_if_saved())
        if time.monotonic() - self._last > _SECONDS_BETWEEN:
            self._tell("progress", done, score, per_second)
            self._last = time.monotonic()
        handler = signal.getsignal(signal.SIGINT)
        if self._stopping and not self._asked and callable(handler):
            self._asked = True
            handler(signal.SIGINT, None)  # the loop over chunks saves and ends; the signal itself may be blocked here

    def message(self, text: str) -> None:
        if not self._asked:  # that it stops is said where Ctrl-C was pressed
            self._tell("message", text)

    def ended(self, run: PlannedRun, result: Result, skipped: bool) -> None: ...

    def failed(self, run: PlannedRun, reason: str) -> None: ...

    def _tell(self, name: str, *values: Any) -> None:
        self._heed(self._desk.tell(self._order.number, self._order.attempt, name, values))

    def _heed(self, answer: Answer) -> None:
        if answer is Answer.TOO_LATE:
            raise TooLateError("another worker has taken over")
        self._stopping = self._stopping or answer is Answer.STOP
