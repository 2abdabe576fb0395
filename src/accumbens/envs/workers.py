"""Copies of one environment in several processes: physics on all cores, one message per process and step.

A worker is a fresh Python that never imports JAX. (A fork of a process that has JAX's threads can hang, and
`multiprocessing` would run the user's own script once more in every worker.) Actions and outcomes lie in memory that
all share; a message only says what to do. Each copy has its own random numbers, so how many workers there are changes
nothing but the speed. Workers ignore Ctrl-C, and end when their pipe is closed, by `close` or by the parent's death.
"""

import itertools
import mmap
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import traceback
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

from accumbens.envs.copies import Buffers, Copies, Layout
from accumbens.errors import AccumbensError, EnvironmentFailedError

_SECONDS_TO_CLOSE = 5.0


class _Task(NamedTuple):
    """What a worker needs to know: `make` is called without arguments, once for every copy."""

    make: Callable[[], Any]
    layout: Layout
    start: int
    stop: int
    first_action: int


class Workers:
    """The same face as `Copies`, with the copies dealt out to processes in equal parts."""

    buffers: Buffers

    def __init__(self, name: str, make: Callable[[], Any], layout: Layout, first_action: int, num_workers: int):
        """Start the processes and make the copies.

        Args:
            name: of the environment, for messages.
            make: makes one copy; it must be picklable.
            layout: of the memory that is shared.
            first_action: the number that the environment gives to action 0.
            num_workers: number of processes, at most one for each copy.

        Raises:
            AccumbensError: a copy cannot be made.
        """
        self._name = name
        with _anonymous_file(layout.num_bytes()) as memory:
            self.buffers = layout.buffers(mmap.mmap(memory, 0))
            pairs = [_start(memory) for _ in range(num_workers)]
        self._connections = [connection for _, connection in pairs]
        self._processes = [process for process, _ in pairs]
        self.close = weakref.finalize(self, _close, self._processes, self._connections)
        bounds = np.linspace(0, layout.num_envs, num_workers + 1).astype(int).tolist()
        self._slices = list(itertools.pairwise(bounds))
        try:
            for connection, (start, stop) in zip(self._connections, self._slices, strict=True):
                connection.send(_Task(make, layout, start, stop, first_action))
            self._wait()
        except BaseException:
            self.close()
            raise

    def reset(self, seeds: Sequence[int] | None) -> None:
        """Begin a new episode in every copy, with new streams of random numbers if seeds are given."""
        self._tell([None if seeds is None else list(seeds[start:stop]) for start, stop in self._slices])

    def step(self) -> None:
        """Step every copy, and where its episode ended begin the next one."""
        self._tell(["step"] * len(self._connections))

    def _tell(self, messages: Sequence[Any]) -> None:
        try:
            for connection, message in zip(self._connections, messages, strict=True):
                connection.send(message)
        except OSError:
            raise self._death() from None
        self._wait()

    def _wait(self) -> None:
        """Wait for all workers; they send nothing, or the error that went wrong."""
        try:
            replies = [connection.recv_bytes() for connection in self._connections]
        except (EOFError, OSError):
            raise self._death() from None
        failure = next((reply for reply in replies if reply), None)
        if failure is not None:
            self.close()
            raise pickle.loads(failure)

    def _death(self) -> EnvironmentFailedError:
        self.close()
        codes = [process.returncode for process in self._processes if process.returncode]
        code = codes[0] if codes else 0
        return EnvironmentFailedError(f"a process of environment {self._name!r} died with exit code {code}")


@contextmanager
def _anonymous_file(size: int) -> Iterator[int]:
    """A file in memory, where the system has those, that is gone with the last process that has it mapped."""
    in_memory = hasattr(os, "memfd_create")
    with os.fdopen(os.memfd_create("accumbens"), "r+b") if in_memory else tempfile.TemporaryFile() as file:
        file.truncate(size)
        yield file.fileno()


def _start(memory: int) -> tuple[subprocess.Popen, Connection]:
    ours, theirs = Pipe()
    handles = theirs.fileno(), memory
    program = f"import sys; sys.path[:] = {sys.path!r}; from accumbens.envs.workers import main; main{handles}"
    with theirs:
        # What an environment prints goes to standard error, at once: standard output may be JSON.
        process = subprocess.Popen(
            [sys.executable, "-u", "-c", program],
            pass_fds=handles,
            stdin=subprocess.DEVNULL,
            stdout=2,
            start_new_session=True,
        )
    return process, ours


def _close(processes: list[subprocess.Popen], connections: list[Connection]) -> None:
    """End the workers and wait for them, so that none remains."""
    for connection in connections:
        connection.close()
    for process in processes:
        try:
            process.wait(_SECONDS_TO_CLOSE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main(connection_handle: int, memory_handle: int) -> None:
    """Be a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Connection(connection_handle)
    try:
        task: _Task = connection.recv()
        buffers = task.layout.buffers(mmap.mmap(memory_handle, 0)).part(task.start, task.stop)
        copies = Copies(task.make, buffers, task.first_action)
        connection.send_bytes(b"")
        while True:
            message = connection.recv()
            if message == "step":
                copies.step()
            else:
                copies.reset(message)
            connection.send_bytes(b"")
    except (EOFError, ConnectionError):
        return
    except Exception as error:
        if not isinstance(error, AccumbensError):
            error = EnvironmentFailedError(f"an environment failed in its process: {type(error).__name__}: {error}")
        error.add_note(traceback.format_exc())
        connection.send_bytes(pickle.dumps(error))
