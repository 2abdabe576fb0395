"""Baselines of groups: every turn of an episode is compared with other episodes that began alike, without a critic.

A turn is what an agent says or does before it is answered. A baseline leaves the expected policy gradient as it is if
it does not depend on the turn's own action or on what comes of it. Two usual ones do:

- `turn-rewards` subtracts from every reward the mean reward of that turn, and adds up the rest of the episode. How
  many means are added up depends on when the episode ends, thus on the actions.
- A mean to which the episode itself belongs (`own`) holds its own return.

With s_t the gradient of the log-probability of turn t's action, T the number of turns, P_t the probability that turn t
is reached, μ_t the mean of its rewards r_t where it is, G_t = r_t + … + r_T, and n episodes in a group, the expected
gradient is, without `scaled`,

| baseline | of the others | `own` |
|---|---|---|
| `episode`, `returns` | ∇J | (1 - 1/n) ∇J |
| `turn-returns` | ∇J | Σ_t f_t P_t E[s_t G_t given T ≥ t] |
| `turn-rewards` | ∇J - Σ_t (1 - (1 - P_t)^(n-1)) μ_t ∇P_t | Σ_t f_t P_t ∇μ_t |

where f_t = 1 - (1 - (1 - P_t)^n) / (n P_t) grows from 0, where no other gets there, to 1 - 1/n, where all do.

Reference: Shao et al. (2024), "DeepSeekMath" (GRPO: `episode`, `own`, `scaled`); Kool et al. (2019), "Buy 4 REINFORCE
samples, get a baseline for free!" (`episode` of the others); Wei et al. (2025), "Reinforcing multi-turn reasoning in
LLM agents via turn-level credit assignment" (means of every turn).
"""

from typing import Literal, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from accumbens.errors import UnknownNameError, require


class Baseline(NamedTuple):
    """What a turn is compared with.

    Attributes:
        earned: by the whole episode; from the turn on; or by the turn alone, in which case differences are added up
            from the turn on.
        reached: by the episodes that reach the turn; otherwise by all, and nothing by those that have ended.
    """

    earned: Literal["episode", "rest", "turn"]
    reached: bool


BASELINES = {
    "episode": Baseline("episode", reached=False),
    "returns": Baseline("rest", reached=False),
    "turn-returns": Baseline("rest", reached=True),
    "turn-rewards": Baseline("turn", reached=True),
}
"""By name."""

EPSILON = 1e-6
"""Added to standard deviations."""


def baseline_named(name: str) -> Baseline:
    """Return a baseline.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in BASELINES:
        raise UnknownNameError("baseline", name, list(BASELINES))
    return BASELINES[name]


def group_advantages(
    baseline: Baseline,
    rewards: Float[Array, "episodes turns"],
    turns: Int[Array, " episodes"],
    own: bool = False,
    scaled: bool = False,
) -> Float[Array, "episodes turns"]:
    """Return the advantages of every turn in a group of episodes; 0 behind an episode's end.

    Where there is nothing to compare with, the baseline is 0. Returns are not discounted. For the gradient of the
    expected return, the advantages weight the log-probabilities of the turns' tokens, which are *added up* over an
    episode: a mean over its own turns or tokens depends on how many it has.

    Args:
        baseline: one of `BASELINES`.
        rewards: of every turn; what stands behind an episode's end is not read.
        turns: how many an episode has, 1 or more.
        own: whether the episode itself belongs to the mean.
        scaled: divide by the standard deviation of all that is compared, the episode itself among it; of fewer than two
            there is none.

    Raises:
        AccumbensError: there are not as many numbers of turns as episodes.
    """
    require("turns", turns.shape, f"({len(rewards)},), a number for every episode", turns.shape == (len(rewards),))
    there = jnp.arange(rewards.shape[1]) < turns[:, None]
    rewards = jnp.where(there, rewards, 0.0)
    compared = rewards if baseline.earned == "turn" else _from_here_on(rewards)
    if baseline.earned == "episode":
        compared = jnp.broadcast_to(compared[:, :1], compared.shape)
    counted = there if baseline.reached else jnp.ones_like(there)
    kept = jnp.where(counted, compared, 0.0)
    total, number = kept.sum(axis=0), counted.sum(axis=0)
    mean = _divided(total, number) if own else _divided(total - kept, number - counted)
    advantages = jnp.where(there, compared - mean, 0.0)
    if scaled:
        squares = jnp.where(counted, (compared - _divided(total, number)) ** 2, 0.0).sum(axis=0)
        deviation = jnp.sqrt(_divided(squares, number - 1)) + EPSILON
        advantages = advantages / jnp.where(number > 1, deviation, 1.0)
    return _from_here_on(advantages) if baseline.earned == "turn" else advantages


def _from_here_on(rewards: Array) -> Array:
    return jnp.cumsum(rewards[:, ::-1], axis=1)[:, ::-1]


def _divided(total: Array, number: Array) -> Array:
    return jnp.where(number > 0, total / jnp.maximum(number, 1), 0.0)
