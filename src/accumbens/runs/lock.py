"""One process at a time in a folder."""

import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from accumbens.errors import AccumbensError

NAME = ".lock"


@contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """Keep other processes out of a folder; the lock ends with the process, however that ends.

    Args:
        folder: that exists.
        what: it is the folder of, for the message.

    Raises:
        AccumbensError: another process is at work in it.
    """
    with (folder / NAME).open("a+") as file:
        if sys.platform != "win32":
            import fcntl

            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    holder = at_work(folder)
                    if holder:
                        raise AccumbensError(f"{holder} is at work on the {what} {folder}") from None
                    time.sleep(0.001)  # somebody only looks whether it is
        file.truncate(0)
        since = datetime.now().astimezone().isoformat(" ", timespec="seconds")
        file.write(f"process {os.getpid()} on {platform.node()} (since {since})")
        file.flush()
        yield


def at_work(folder: Path) -> str | None:
    """Return which process is at work in a folder, as it said itself; None if none is, or on Windows."""
    path = folder / NAME
    if sys.platform == "win32" or not path.exists():
        return None
    import fcntl

    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read().strip() or "another process"
    return None
