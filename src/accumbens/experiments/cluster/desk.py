"""The desk of an experiment on a cluster: where its workers report, on the machine of whoever started it.

It is an actor of Ray's, but knows nothing of Ray. It owns what workers send, so that nothing is lost with them, and it
knows which attempt at a program is the newest: an older one, whose machine was believed lost, is told to leave off.
"""

import enum
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from accumbens.experiments.cluster.carrying import Moved, Parcel, Sender, receive
from accumbens.runs.directory import PACKAGES, RunDirectory


class Answer(enum.StrEnum):
    """What a worker that reports is told."""

    GO_ON = enum.auto()
    STOP = enum.auto()
    """The user stopped: save, and end."""
    TOO_LATE = enum.auto()
    """Another worker has taken over."""


class Event(NamedTuple):
    """What a worker reported.

    Attributes:
        number: of its program.
        attempt: at it, from 1.
        name: of a method of the `ExperimentReporter`, or `begun`.
        values: what it is told.
    """

    number: int
    attempt: int
    name: str
    values: tuple[Any, ...]


class Token(NamedTuple):
    """A file by which a machine knows that it sees a folder.

    Attributes:
        name: of the file.
        text: that it holds.
    """

    name: str
    text: str

    def seen_in(self, folder: Path) -> bool:
        """Return whether it is there."""
        try:
            return (folder / self.name).read_text() == self.text
        except OSError:
            return False


def versions() -> dict[str, str]:
    """Return the versions of the packages that numbers depend on."""
    return {name: version(name) for name in PACKAGES}


def difference(here: Mapping[str, str], machine: str, there: Mapping[str, str]) -> str:
    """Return what differs between the versions here and on another machine, in words; empty if nothing does."""
    differing = [f"{name} {there[name]} there, {here[name]} here" for name in here if here[name] != there[name]]
    return f"the machine {machine} has other versions: {', '.join(differing)}" if differing else ""


class Desk:
    """See the module."""

    def __init__(self, folder: str, labels: Sequence[Sequence[str]]):
        """Begin for an experiment.

        Args:
            folder: of the experiment; absolute.
            labels: of the runs of every program.
        """
        self._folder, self._labels = Path(folder), labels
        self._attempts: dict[int, int] = {}
        self._locks: dict[int, ExitStack] = {}
        self._events: list[Event] = []
        self._stopping = False

    def looked_at(self, token: Token) -> tuple[bool, dict[str, str]]:
        """Return whether the experiment's folder is seen from here, and the versions here."""
        return token.seen_in(self._folder), versions()

    def begin(self, index: int, attempt: int, machine: str) -> Answer:
        """A worker begins; those of earlier attempts at its program are too late from now on."""
        answer = self._answer(index, attempt)
        if answer is Answer.GO_ON:
            self._attempts[index] = attempt
            self._events.append(Event(index, attempt, "begun", (machine,)))
        return answer

    def tell(self, index: int, attempt: int, name: str, values: tuple[Any, ...]) -> Answer:
        """Keep what a worker reports until it is asked for."""
        answer = self._answer(index, attempt)
        if answer is not Answer.TOO_LATE:
            self._events.append(Event(index, attempt, name, values))
        return answer

    def heard(self) -> list[Event]:
        """Return what was reported since the last call."""
        events, self._events = self._events, []
        return events

    def stop(self) -> None:
        """Have everybody told to stop."""
        self._stopping = True

    def fetch(self, index: int, origins: Sequence[str], moved: Moved) -> dict[str, Parcel]:
        """Return the folders of a program's runs as far as there are any, and keep other processes from them.

        Args:
            index: of the program.
            origins: whose networks its runs begin from, as paths within the folder beside the experiment's.
            moved: where they are taken.

        Returns:
            what they hold, by their paths within the folder beside the experiment's.

        Raises:
            AccumbensError: another process is at work on one.
        """
        self._lock(index)
        names = [f"{self._folder.name}/{label}" for label in self._labels[index]] + list(origins)
        paths = {name: self._folder.parent / name for name in names}
        return {name: Sender(path, moved).parcel() for name, path in paths.items() if path.is_dir()}

    def store(self, index: int, attempt: int, parcels: Sequence[Parcel]) -> Answer:
        """Write what changed in the folders of a program's runs, in the order of its runs."""
        answer = self._answer(index, attempt)
        if answer is not Answer.TOO_LATE:
            for label, parcel in zip(self._labels[index], parcels, strict=True):
                if parcel.there:
                    receive(self._folder / label, parcel)
            self._lock(index)
        return answer

    def free(self, index: int) -> None:
        """Let other processes work on the runs of a program."""
        self._locks.pop(index, ExitStack()).close()

    def _lock(self, index: int) -> None:
        """Lock those folders of runs that there are."""
        self.free(index)
        with ExitStack() as stack:
            for label in self._labels[index]:
                if (self._folder / label).is_dir():
                    stack.enter_context(RunDirectory(self._folder / label).lock())
            self._locks[index] = stack.pop_all()

    def _answer(self, index: int, attempt: int) -> Answer:
        if attempt < self._attempts.get(index, 0):
            return Answer.TOO_LATE
        return Answer.STOP if self._stopping else Answer.GO_ON
