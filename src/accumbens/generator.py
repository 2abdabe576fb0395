"""The generator of random numbers: it is part of a run, and no setting of the user's JAX changes what it draws."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax
import numpy as np
from jaxtyping import Array, Integer, PRNGKeyArray

GENERATOR = "threefry2x32"
"""What JAX calls it. Under `vmap` every key draws what it draws alone, which is not true of `rbg`."""


def make_key(seed: Integer[Array, ""] | Integer[np.ndarray, ""] | np.integer | int) -> PRNGKeyArray:
    """Return the key of a seed, of our generator whatever JAX's default is."""
    return jax.random.key(seed, impl=GENERATOR)


@contextmanager
def pinned_generator() -> Iterator[None]:
    """Draw the same numbers whatever the user's JAX is configured to; also a decorator.

    A key says which generator it is of, but not how threefry counts when a key is split or an array drawn: that is
    decided by `jax_threefry_partitionable` when a program is traced. Keys that others make without naming a generator,
    such as a user's environment, become ours too. This holds in one thread and ends with the context; what was traced
    within keeps it.
    """
    with jax.threefry_partitionable(True), jax.default_prng_impl(GENERATOR):
        yield
