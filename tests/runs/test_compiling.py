"""How long XLA compiles, and what is said of it."""

import time

import jax
import jax.numpy as jnp

from accumbens.runs import compiling
from accumbens.runs.compiling import compile_seconds, told_of_waiting


def test_only_compiling_is_counted():
    before = compile_seconds()
    program = jax.jit(lambda x: jnp.sin(x) * before)  # a constant that no cache has
    program(jnp.ones(3))
    compiled = compile_seconds()
    assert compiled > before
    program(jnp.ones(3))
    assert compile_seconds() == compiled


def test_waiting_is_spoken_of_once_and_only_where_it_is_long(monkeypatch):
    told = []
    monkeypatch.setattr(compiling, "PATIENCE", 0.01)
    with told_of_waiting(told.append):
        time.sleep(0.2)
    assert len(told) == 1
    assert told[0].startswith("still compiling after 0 s")
    monkeypatch.setattr(compiling, "PATIENCE", 60.0)
    with told_of_waiting(told.append):
        pass
    assert len(told) == 1
