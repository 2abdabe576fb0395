"""The loop over chunks, and Ctrl-C as a request: the first stops after the chunk, the second at once."""

import _thread
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax


class Interrupt:
    """Within `with`, the first Ctrl-C sets `requested`; another one raises KeyboardInterrupt as usual."""

    def __init__(self, notify: Callable[[], None]):
        """Prepare; `notify` is called at the first Ctrl-C."""
        self.requested = False
        self._notify = notify

    def __enter__(self) -> "Interrupt":
        """Take over, where signals can be handled: in the main thread."""
        self._in_main_thread = threading.current_thread() is threading.main_thread()
        if self._in_main_thread:
            self._previous = signal.signal(signal.SIGINT, self._request)
        return self

    def __exit__(self, *_: object) -> None:
        """Restore what was before."""
        if self._in_main_thread:
            signal.signal(signal.SIGINT, self._previous)

    def _request(self, *_: object) -> None:
        self.requested = True
        signal.signal(signal.SIGINT, self._previous)
        self._notify()


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Within `with`, SIGTERM raises KeyboardInterrupt as Ctrl-C does, where signals can be handled."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def no_interrupt_lost() -> Iterator[None]:
    """Within `with`, a Ctrl-C that comes while the garbage collector calls JAX back is repeated a moment later.

    Python only prints what is raised there, and goes on as if there had been no Ctrl-C.
    """
    previous = sys.unraisablehook

    def hear(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            threading.Timer(0.05, _thread.interrupt_main).start()  # when the callback is left
        else:
            previous(unraisable)

    sys.unraisablehook = hear
    try:
        yield
    finally:
        sys.unraisablehook = previous


def run_chunks(
    state: Any,
    *,
    unfinished: Callable[[Any], bool],
    chunk: Callable[[Any], Any],
    checkpoint: Callable[[Any], None],
    checkpoint_seconds: float,
    message: Callable[[str], None],
) -> Any:
    """Run chunk after chunk until nothing is left or Ctrl-C asks to stop; save now and then, and at the end.

    Args:
        state: at the start; every chunk uses it up.
        unfinished: whether there is more to do.
        chunk: does a little of it, which one Ctrl-C waits for.
        checkpoint: saves a state.
        checkpoint_seconds: between two checkpoints.
        message: is told of the first Ctrl-C.

    Returns:
        the last state.
    """

    def notify() -> None:
        message("stopping after this chunk; Ctrl-C again stops at once, at the last checkpoint")

    last_checkpoint = time.perf_counter()
    with Interrupt(notify) as interrupt:
        while unfinished(state) and not interrupt.requested:
            state = chunk(state)
            if time.perf_counter() - last_checkpoint > checkpoint_seconds:
                checkpoint(state)
                last_checkpoint = time.perf_counter()
        checkpoint(state)
    return state


def wait_for(tree: Any) -> None:
    """Wait until arrays are computed, in steps between which Python can handle signals."""
    for leaf in jax.tree.leaves(tree):
        while not leaf.is_ready():
            time.sleep(0.002)
