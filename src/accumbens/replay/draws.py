"""Which stretches of a replay are drawn: all alike, or those more often that surprised more when last looked at.

Reference: Schaul et al. (2016), "Prioritized experience replay", section 3.3 (proportional), in strata; the priority
of a stretch is its mean TD error, and there are no importance weights.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32, Int, Int32, PRNGKeyArray

SMALLEST = 1e-5
"""Added to every priority, so that everything can be drawn."""


def uniform(there: Int[Array, ""] | int, key: PRNGKeyArray, num: int) -> Int32[Array, " num"]:
    """Draw `num` of the first `there` stretches, at least one, with replacement."""
    return jax.random.randint(key, (num,), 0, there)


def add_new(
    priorities: Float32[Array, " stretches"], first: Int[Array, ""] | int, num: int
) -> Float32[Array, " stretches"]:
    """Return the priorities with `num` new stretches from `first` on, which have the largest of all; at first 1."""
    largest = priorities.max()
    new = jnp.full(num, jnp.where(largest > 0.0, largest, 1.0))
    return jax.lax.dynamic_update_slice(priorities, new, (first,))


def by_priority(
    priorities: Float32[Array, " stretches"],
    there: Int[Array, ""] | int,
    exponent: Float[Array, ""] | float,
    key: PRNGKeyArray,
    num: int,
) -> Int32[Array, " num"]:
    """Draw stretches with probabilities proportional to (priority + 1e-5)^exponent.

    Args:
        priorities: zero or more each.
        there: only the first so many can be drawn.
        exponent: 0 draws uniformly, 1 in proportion.
        key: random key.
        num: how many are drawn, one from each of `num` strata of equal probability; some may be the same.
    """
    priorities = jnp.where(jnp.arange(len(priorities)) < there, priorities + SMALLEST, 0.0)
    # As a part of the largest, or a large exponent would overflow.
    mass = jnp.where(priorities > 0.0, (priorities / priorities.max()) ** exponent, 0.0)
    cumulative = jnp.cumsum(mass)
    at = (jnp.arange(num) + jax.random.uniform(key, (num,))) / num * cumulative[-1]
    chosen = jnp.searchsorted(cumulative, at, side="right")
    return jnp.minimum(chosen, there - 1).astype(jnp.int32)  # rounding may lead beyond the last
