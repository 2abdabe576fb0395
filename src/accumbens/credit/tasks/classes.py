"""Classes of a data set: their labels, as the data spell them, and the number of each example's."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int32, Num

from accumbens.credit.tasks.splits import Split
from accumbens.errors import AccumbensError

MOST_SHOWN = 20
"""Labels in a note."""


class Classes(NamedTuple):
    """What the examples of a classification are.

    Attributes:
        labels: of the classes, in the order of the network's outputs.
        y: class of every example, from 0.
        notes: what a user must know of them.
    """

    labels: tuple[str, ...]
    y: Int32[np.ndarray, " examples"]
    notes: tuple[str, ...]


def of_texts(texts: Sequence[str], value: Callable[[str], Any] = str) -> Classes:
    """Return the classes of texts, in the order of their values; texts of one value are one class.

    Args:
        texts: of every example.
        value: of a text, such as `decimal.Decimal` for numbers of any length.

    Raises:
        AccumbensError: a class has too few examples to be split.
    """
    spelled: dict[Any, list[str]] = {}
    for text in dict.fromkeys(texts):
        spelled.setdefault(value(text), []).append(text)
    numbers = {text: number for number, key in enumerate(sorted(spelled)) for text in spelled[key]}
    labels = tuple(spelled[key][0] for key in sorted(spelled))
    several = [words for words in spelled.values() if len(words) > 1]
    notes = (f"taken as one class: {' and '.join(several[0][:3])}, which are the same number",) if several else ()
    return _checked(labels, np.array([numbers[text] for text in texts], np.int32), notes)


def of_columns(columns: Num[np.ndarray, "examples outputs"], names: Sequence[str]) -> Classes:
    """Return the classes of columns of which exactly one is 1 in every row.

    Raises:
        AccumbensError: a class has too few examples to be split.
    """
    return _checked(tuple(names), columns.argmax(axis=1).astype(np.int32), ())


def are_one_hot(columns: Num[np.ndarray, "examples outputs"]) -> bool:
    """Return whether exactly one of several columns is 1 in every row, each in some, and the others are 0."""
    ones = columns == 1
    return bool(
        columns.shape[1] > 1
        and (ones | (columns == 0)).all()
        and (ones.sum(axis=1) == 1).all()
        and ones.any(axis=0).all()
    )


def listed(labels: Sequence[str]) -> str:
    """Return labels as a text; in quotes if there are commas in them."""
    quoted = any("," in label for label in labels)
    return ", ".join(repr(label) if quoted else label for label in labels)


def _checked(labels: tuple[str, ...], y: Int32[np.ndarray, " examples"], notes: tuple[str, ...]) -> Classes:
    counts = np.bincount(y, minlength=len(labels))
    rarest = int(counts.argmin())
    if len(labels) > 1 and counts[rarest] < len(Split._fields):
        raise AccumbensError(
            f"the class {labels[rarest]} has {counts[rarest]} of the {len(y)} examples: at least 3 are needed, one to "
            "learn from, one that validates and one that tests"
        )
    more = ", …" if len(labels) > MOST_SHOWN else ""
    return Classes(
        labels, y, (f"the target's {len(labels)} classes, from 0: {listed(labels[:MOST_SHOWN])}{more}", *notes)
    )
