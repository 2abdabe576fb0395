"""Running sums in float32 that lose nothing worth naming, however many terms there are.

A plain sum of a million rewards of 0.1 is 1 % off: each addition rounds to the same side.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


class RunningSum(NamedTuple):
    """A sum so far.

    Attributes:
        total: the sum, rounded once.
        lost: what that rounding took from it, added with the next term.
    """

    total: Float[Array, "..."]
    lost: Float[Array, "..."]

    def add(self, term: Float[Array, "..."]) -> "RunningSum":
        """Return the sum with one term more.

        Reference: Kahan (1965), with the error of an addition as in Knuth, The Art of Computer Programming, volume 2,
        section 4.2.2, theorem B, which holds whichever of the two is larger.
        """
        term = term + self.lost
        total = self.total + term
        added = total - self.total
        return RunningSum(total, (self.total - (total - added)) + (term - added))

    def restart(self, where: Bool[Array, "..."]) -> "RunningSum":
        """Return the sum with zero where asked."""
        return jax.tree.map(lambda part: jnp.where(where, 0.0, part), self)


def empty_sum(number: int) -> RunningSum:
    """Return `number` sums of nothing."""
    return RunningSum(jnp.zeros(number), jnp.zeros(number))
