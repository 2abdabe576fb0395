"""What a run ends with when something stops being finite."""

from collections.abc import Callable, Iterable
from typing import Any

import equinox as eqx
import jax
import numpy as np

from accumbens.errors import AccumbensError

NO_LONGER = "is no longer finite (NaN or Inf)"
HELPS = "a lower learning_rate often helps"


class NotFiniteError(AccumbensError, FloatingPointError):
    """A loss, a gradient or a parameter became NaN or infinite.

    Attributes:
        texts: what is said of every seed that it happened to, by its row; the first is the error's own text.
    """

    exit_code = 1

    def __init__(self, text: str, texts: dict[int, str] | None = None):
        """Say `text`; without `texts` it is of the first seed."""
        super().__init__(text)
        self.texts = {0: text} if texts is None else texts

    @classmethod
    def of(cls, texts: dict[int, str]) -> "NotFiniteError":
        """Return the error of these seeds."""
        return cls(next(iter(texts.values())), texts)

    def worded(self, word: Callable[[str], str]) -> "NotFiniteError":
        """Return the error in other words."""
        return NotFiniteError(word(str(self)), {row: word(text) for row, text in self.texts.items()})


def require_finite_parameters(parts: Iterable[tuple[str, Any]], seeds: list[int], where: str) -> None:
    """Raise if a parameter is not finite.

    Args:
        parts: of the networks, each with its name; arrays have a leading axis of seeds.
        seeds: for the message.
        where: for the message, such as `at update 5; a lower learning_rate often helps`.

    Raises:
        NotFiniteError: names the first part of every such seed.
    """
    texts: dict[int, str] = {}
    for name, part in parts:
        for leaf in jax.tree.leaves(eqx.filter(part, eqx.is_inexact_array)):
            finite = np.isfinite(leaf).reshape(len(seeds), -1).all(axis=1)
            for row in np.flatnonzero(~finite).tolist():
                texts.setdefault(row, f"{name} of seed {seeds[row]} {NO_LONGER} {where}")
    if texts:
        raise NotFiniteError.of(texts)
