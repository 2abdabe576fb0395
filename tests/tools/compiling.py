"""Quick compilation for tests that train as a user does."""

import os
from contextlib import contextmanager

import jax
from jax.experimental.compilation_cache import compilation_cache


@contextmanager
def shared_programs(folder, other_processes=False):
    """Keep compiled programs in a folder, made with few optimisations; those of other processes too, if asked."""
    options = {
        "jax_disable_most_optimizations": True,
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: jax.config.values[name] for name in options}
    for name, value in options.items():
        jax.config.update(name, value)
        if other_processes:
            os.environ[name.upper()] = str(value)
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
            if other_processes:
                del os.environ[name.upper()]
        compilation_cache.reset_cache()
