"""Sequences that are generated: copying and adding, which need memory of a length that is set."""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num, PRNGKeyArray

from accumbens.credit.protocol import TaskFacts
from accumbens.credit.tasks.protocol import Examples, Stream, Task
from accumbens.credit.tasks.settings import AddingSettings, CopyingSettings, SequenceSettings
from accumbens.credit.tasks.splits import check_seed
from accumbens.errors import require
from accumbens.generator import make_key

MOST_STEPS = 1_000_000
"""Longest delay or length; what tests is kept in memory."""

Sequences = tuple[Float[Array, "batch steps inputs"], Num[Array, "batch ..."]]
Draw = Callable[[PRNGKeyArray, int, int, bool], Sequences]
"""`draw(key, batch, length, learned) -> (x, y)`; what is learned from may count more steps than what tests."""


def make_copying(settings: CopyingSettings, batch_size: int, data: Path | None = None) -> Task:
    """Return the task: n symbols of 1 … A, T - 1 blanks, a marker, and n blanks in which to recall the symbols.

    Blanks are 0, the marker is A + 1; a sequence has T + 2n steps. As in the released code of Ke et al. (2018) blanks
    are to be predicted at all other steps, which learning counts and tests do not: their accuracy is of the symbols.

    Args:
        settings: delay T, symbols, what the network sees of them.
        batch_size: sequences of one update.
        data: not needed.

    Raises:
        AccumbensError: a setting cannot be used.
    """
    n, alphabet = settings.recalled, settings.alphabet
    require("recalled", n, ">= 1", n >= 1)
    require("alphabet", alphabet, ">= 2", alphabet >= 2)
    _check("delay", settings.delay, settings.longer, least=1)
    classes = alphabet + 2

    def draw(key: PRNGKeyArray, batch: int, delay: int, learned: bool) -> Sequences:
        symbols = jax.random.randint(key, (batch, n), 1, alphabet + 1)
        blanks = jnp.zeros((batch, delay + n), jnp.int32)
        shown = jnp.concatenate([symbols, blanks.at[:, delay - 1].set(alphabet + 1)], axis=1)
        elsewhere = blanks if learned else blanks - 1
        y = jnp.concatenate([elsewhere, symbols], axis=1)
        if settings.encoding == "integer":
            return shown[..., None].astype(jnp.float32), y
        return jax.nn.one_hot(shown, classes), y

    facts = TaskFacts(
        "classification", 1 if settings.encoding == "integer" else classes, classes, steps=settings.delay + 2 * n
    )
    return _make("copying", facts, settings, batch_size, settings.delay, settings.longer, draw)


def make_adding(settings: AddingSettings, batch_size: int, data: Path | None = None) -> Task:
    """Return the task: numbers from U[0, 1], of which one in each half is marked; at the end their sum is to be said.

    Always to say 1 has an error of 1/6.

    Args:
        settings: length of the sequences.
        batch_size: sequences of one update.
        data: not needed.

    Raises:
        AccumbensError: a setting cannot be used.
    """
    _check("length", settings.length, settings.longer, least=2)

    def draw(key: PRNGKeyArray, batch: int, length: int, learned: bool) -> Sequences:
        first_key, second_key, number_key = jax.random.split(key, 3)
        half = length // 2
        first = jax.random.randint(first_key, (batch, 1), 0, half)
        second = jax.random.randint(second_key, (batch, 1), half, length)
        steps = jnp.arange(length)
        marked = ((steps == first) | (steps == second)).astype(jnp.float32)
        numbers = jax.random.uniform(number_key, (batch, length))
        sums = (numbers * marked).sum(axis=1, keepdims=True)
        y = jnp.where(steps == length - 1, sums, jnp.nan)
        return jnp.stack([numbers, marked], axis=-1), y[..., None]

    facts = TaskFacts("regression", 2, 1, steps=settings.length)
    return _make("adding", facts, settings, batch_size, settings.length, settings.longer, draw)


def _check(name: Literal["delay", "length"], value: int, longer: Sequence[int], least: int) -> None:
    require(name, value, f"from {least} to {MOST_STEPS}", least <= value <= MOST_STEPS)
    others = ",".join(map(str, longer))
    allowed = all(least <= n <= MOST_STEPS for n in longer)
    require("longer", others, f"numbers from {least} to {MOST_STEPS}, each once", allowed)
    different = len({value, *longer}) == len(longer) + 1
    require("longer", others, f"numbers that differ from one another and from {name}={value}", different)


def _make(
    name: str,
    facts: TaskFacts,
    settings: SequenceSettings,
    batch_size: int,
    length: int,
    longer: Sequence[int],
    draw: Draw,
) -> Task:
    """Return the task of sequences drawn on the device; what is held out is drawn once, with `split_seed`."""
    check_seed(settings.split_seed)
    require("updates", settings.updates, "from 1 to 2147483647", 1 <= settings.updates < 2**31)
    require("held_out", settings.held_out, ">= 1", settings.held_out >= 1)

    def batch(state: Any, update: Array, key: PRNGKeyArray) -> Sequences:
        return draw(key, batch_size, length, True)

    def held_out(number: int, length: int) -> Examples:
        key = jax.random.fold_in(make_key(settings.split_seed), number)
        return Examples(*map(np.asarray, draw(key, settings.held_out, length, False)))

    what = (name, batch_size, sorted(dataclasses.asdict(settings).items()))
    return Task(
        facts,
        Stream(settings.updates, lambda key: (), batch),
        held_out(0, length),
        held_out(1, length),
        hashlib.sha256(repr(what).encode()).hexdigest(),
        more={str(other): held_out(2 + number, other) for number, other in enumerate(longer)},
    )
