"""What a task is: examples that are there from the start, or a stream that is generated as it is learned from."""

import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float, Float32, Float64, Num, PRNGKeyArray

from accumbens.credit.protocol import TaskFacts
from accumbens.errors import require


class Examples(NamedTuple):
    """Examples in the memory of the host.

    Attributes:
        x: inputs, of every step if examples are sequences.
        y: classes [examples, *steps], 32-bit whole numbers, or numbers to predict [examples, *steps, outputs]; of
            sequences, steps with class -1 or NaN do not count.
    """

    x: Float32[np.ndarray, "examples *steps inputs"]
    y: Num[np.ndarray, "examples ..."]


class Stream(NamedTuple):
    """Examples that are generated on the device, presented in order.

    Attributes:
        updates: mini-batches of the whole stream.
        init: `init(key) -> state`: what is drawn before the first mini-batch.
        batch: `batch(state, update, key) -> (x, y)`: the mini-batch of that update, from 0; pure.
    """

    updates: int
    init: Callable[[PRNGKeyArray], Any]
    batch: Callable[[Any, Array, PRNGKeyArray], tuple[Float[Array, "batch *steps inputs"], Num[Array, "batch ..."]]]


class Scale(NamedTuple):
    """How numbers of a data set become those that a network meets: (number - shift) / deviation, column by column.

    Attributes:
        shift: of every column, or one for all.
        deviation: as shift.
    """

    shift: Float64[np.ndarray, "..."]
    deviation: Float64[np.ndarray, "..."]


class Task(NamedTuple):
    """Something to learn, the same for all seeds.

    Attributes:
        facts: what a rule may know of it.
        train: what is learned from.
        valid: examples that choose between settings.
        test: examples that are only reported.
        digest: SHA-256 of all examples, or of the settings of a stream: a resumed run is refused if it has changed.
        notes: what a user must know of the data.
        input_scale: how the inputs were made of the data's own numbers; None: they are the data's own.
        target_scale: the same of numbers to predict.
        labels: what the classes are called, in the order of the outputs; none: they are called by their numbers.
        order: which of the data's own steps every step is; none: they come as the data have them.
        more: further examples that are only reported, such as longer sequences, by what follows `test_` in their name.
    """

    facts: TaskFacts
    train: Examples | Stream
    valid: Examples
    test: Examples
    digest: str
    notes: tuple[str, ...] = ()
    input_scale: Scale | None = None
    target_scale: Scale | None = None
    labels: tuple[str, ...] = ()
    order: tuple[int, ...] = ()
    more: Mapping[str, Examples] = MappingProxyType({})


def task_of_examples(
    facts: TaskFacts,
    train: Examples,
    valid: Examples,
    test: Examples,
    *,
    notes: tuple[str, ...] = (),
    input_scale: Scale | None = None,
    target_scale: Scale | None = None,
    labels: tuple[str, ...] = (),
) -> Task:
    """Return the task of these examples, with their digest; see `Task`.

    Raises:
        AccumbensError: there are labels, but not as many as outputs, or for none of several classes.
    """
    named = labels and facts.kind == "classification"
    require(
        "labels",
        len(labels),
        f"one for each of the {facts.outputs} classes",
        not labels or (named and len(labels) == facts.outputs),
    )
    # What only sequences have is left out of others, whose digest is what it was before there were sequences.
    said = tuple(facts) if facts.steps is not None else (facts.kind, facts.inputs, facts.outputs, facts.image_shape)
    digest = hashlib.sha256(repr(said).encode())
    for array in (*train, *valid, *test):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return Task(facts, train, valid, test, digest.hexdigest(), notes, input_scale, target_scale, labels)
