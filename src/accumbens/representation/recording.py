"""What a trained network lived through: the states that it is looked at in."""

import itertools

import jax
import numpy as np
from jaxtyping import Int

from accumbens.errors import AccumbensError
from accumbens.training.play import Arena, Mind, Moment, play
from accumbens.training.trained import Trained

COPIES = 8
"""Copies of the environment that are played side by side."""


def record(trained: Trained, arena: Arena, mind: Mind, seed: int, steps: int) -> Moment:
    """Return the first steps of all copies, as one moment whose arrays have a time axis before all others.

    Raises:
        AccumbensError: the run has no such seed, or a cell's activity or value is not finite.
    """
    moments = itertools.islice(play(trained, arena, seed=seed, mind=mind), steps)
    recording = jax.tree.map(lambda *leaves: np.stack(leaves), *moments)
    for cell, hidden in enumerate(recording.hidden, 1):
        if not np.isfinite(hidden).all():
            raise AccumbensError(f"the activity of cell {cell} of seed {seed} is not finite at step {trained.step:,}")
    if not np.isfinite(recording.values).all():
        raise AccumbensError(f"the values of seed {seed} are not finite at step {trained.step:,}")
    return recording


def rows(recording: Moment, index: Int[np.ndarray, " rows"]) -> Moment:
    """Return some rows of a recording, the axes of time and copies made one."""
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[index], recording)


def draw(rng: np.random.Generator, number: int, recorded: int) -> Int[np.ndarray, " rows"]:
    """Return which of the recorded steps are looked at: as many different ones, in order."""
    return np.sort(rng.choice(recorded, size=number, replace=False))
