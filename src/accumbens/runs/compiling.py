"""How long XLA compiles, and a word to the user where that takes long."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax

PATIENCE = 20.0
"""Seconds after which a user is told that it is still compiling."""

_STAGES = ("/jax/core/compile/jaxpr_to_mlir_module_duration", "/jax/core/compile/backend_compile_duration")
_seconds = 0.0


def compile_seconds() -> float:
    """Return the seconds that this process has spent on compiling so far."""
    return _seconds


@contextmanager
def told_of_waiting(tell: Callable[[str], None]) -> Iterator[None]:
    """Tell the user once if what is done here, compiling above all, takes long."""
    text = f"still compiling after {PATIENCE:.0f} s. It happens once; smaller networks and fewer seeds compile faster"
    timer = threading.Timer(PATIENCE, tell, [text])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _count(event: str, duration_secs: float, **_: Any) -> None:
    global _seconds
    if event in _STAGES:
        _seconds += duration_secs


jax.monitoring.register_event_duration_secs_listener(_count)
