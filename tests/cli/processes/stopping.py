"""The command line in a process that is stopped where a test says; the process must be able to import this file."""

import os
import random
import signal
import stat

from accumbens.cli.main import main


def main_until(words: list[str], at_sync: int, number: signal.Signals) -> None:
    """Run the command line; instead of its `at_sync`-th call that makes a file durable, send it a signal.

    SIGKILL takes a little of what was not durable yet with it, as it may when the machine goes down.
    """
    fsync, calls = os.fsync, 0

    def stopping_fsync(file) -> None:
        nonlocal calls
        calls += 1
        if calls == at_sync:
            descriptor = file if isinstance(file, int) else file.fileno()
            status = os.fstat(descriptor)
            if number == signal.SIGKILL and stat.S_ISREG(status.st_mode):
                os.ftruncate(descriptor, max(0, status.st_size - random.Random(at_sync).randint(0, 50)))
            os.kill(os.getpid(), number)
        fsync(file)

    os.fsync = stopping_fsync
    main(words)
