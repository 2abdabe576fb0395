"""Ctrl-C as a request: the first stops a run after its chunk, the second at once."""

import signal
import threading
import time
from collections.abc import Callable
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


def wait_for(tree: Any) -> None:
    """Wait until arrays are computed, in steps between which Python can handle signals."""
    for leaf in jax.tree.leaves(tree):
        while not leaf.is_ready():
            time.sleep(0.002)
