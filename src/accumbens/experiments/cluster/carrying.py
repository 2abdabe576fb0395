"""Carry the folder of a run to a machine that does not see it, and back.

What is carried is what changed since the last time. Whoever receives it is killed at any moment and still has a run
that can be continued: tables come before the checkpoints that they belong to, and `meta.json`, which says that a run
is over, comes last.
"""

import json
import os
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_REMOVED = ("checkpoints", "snapshots")
"""Folders from which a run removes files of its own."""


class Parcel(NamedTuple):
    """What changed in the folder of a run.

    Attributes:
        written: contents of new and changed files, by their path in the folder.
        there: the paths of all files.
    """

    written: dict[str, bytes]
    there: frozenset[str]


class Moved(NamedTuple):
    """Where a folder lies here, and where it lies there: paths that `meta.json` names are rewritten."""

    here: str
    there: str

    def rewritten(self, content: bytes) -> bytes:
        """Return JSON in which paths within `here` are within `there`."""
        here, there = (json.dumps(path)[1:-1].encode() for path in self)
        return content.replace(b'"' + here, b'"' + there)


class Sender:
    """Sends a folder in parcels, each of what changed since the one before."""

    def __init__(self, path: Path, moved: Moved):
        """Prepare to send all of `path`, which may not exist yet, to where `moved` says."""
        self._path, self._moved = path, moved
        self._sent: dict[str, tuple[int, int, int]] = {}

    def parcel(self) -> Parcel:
        """Return what changed."""
        found = {name: _state(self._path / name) for name in _files(self._path)}
        written = {name: self._read(name) for name, state in found.items() if self._sent.get(name) != state}
        self._sent = found
        return Parcel(written, frozenset(found))

    def _read(self, name: str) -> bytes:
        content = (self._path / name).read_bytes()
        return self._moved.rewritten(content) if name == "meta.json" else content


def receive(path: Path, parcel: Parcel) -> None:
    """Make the folder of a run what it is at the sender's; files that no run writes are left alone.

    Args:
        path: of the run; a new one appears whole.
        parcel: the next one of its `Sender`.
    """
    if path.exists():
        _write(path, parcel)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{uuid.uuid4().hex}")
    try:
        for folder in _REMOVED:
            (staging / folder).mkdir(parents=True)
        _write(staging, parcel)
        staging.rename(path)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def _write(path: Path, parcel: Parcel) -> None:
    for name in sorted(parcel.written, key=_rank):
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_name(f"{file.name}.tmp")
        with temporary.open("wb") as opened:
            opened.write(parcel.written[name])
            opened.flush()
            os.fsync(opened.fileno())
        temporary.replace(file)
    for name in set(_files(path)) - parcel.there:
        if Path(name).parts[0] in _REMOVED:
            (path / name).unlink()


def _rank(name: str) -> tuple[bool, bool, str]:
    return name == "meta.json", name.startswith("checkpoints/"), name


def _files(path: Path) -> Iterable[str]:
    """Relative paths of all files, without locks and what is half written."""
    for file in path.rglob("*"):
        if file.is_file() and not file.name.startswith(".") and file.suffix != ".tmp":
            yield file.relative_to(path).as_posix()


def _state(file: Path) -> tuple[int, int, int]:
    status = file.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino
