"""Switches on runtime shape checks, and lets tests import what lies in `oracle/`, `probe/`, `docs/` and `tools/`."""

import functools
import signal
import sys
from pathlib import Path

import jaxtyping
import pytest

# Must come before the first import of accumbens.
jaxtyping.install_import_hook("accumbens", "beartype.beartype")

# Some tests press Ctrl-C, which a shell that starts them in the background has told them to ignore.
signal.signal(signal.SIGINT, signal.default_int_handler)

sys.path[:0] = [str(Path(__file__).parent / folder) for folder in ("oracle", "probe", "docs", "tools")]


@pytest.fixture(scope="session")
def quick_jit():
    """`jax.jit` for programs that run briefly: compiled in a third of the time, with few optimisations."""
    import jax

    options = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    return functools.partial(jax.jit, compiler_options=options)
