"""Exploration: ε-greedy, and its temporally extended form that repeats a random action for a while."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from accumbens.td.values import SCALAR, Layout

LONGEST_REPEAT = 10_000


class Repeat(NamedTuple):
    """The exploratory action each environment is repeating, and for how many more steps."""

    action: Int[Array, "envs *dimensions"]
    remaining: Int[Array, " envs"]


def no_repeat(num_envs: int, action_dimensions: int | None = None) -> Repeat:
    """Return the state in which nothing is being repeated."""
    shape = (num_envs,) if action_dimensions is None else (num_envs, action_dimensions)
    return Repeat(jnp.zeros(shape, jnp.int32), jnp.zeros(num_envs, jnp.int32))


def epsilon_greedy(
    key: PRNGKeyArray,
    q: Float[Array, "envs actions"],
    epsilon: Float[Array, ""] | float,
    repeat: Repeat,
    duration_exponent: Float[Array, ""] | float | None = None,
    layout: Layout = SCALAR,
) -> tuple[Int[Array, "envs *dimensions"], Repeat]:
    """Choose greedy actions, or with probability ε random ones.

    Args:
        key: random key.
        q: expected values the greedy action is taken from.
        epsilon: probability of starting to explore at this step.
        repeat: what is being repeated since earlier steps.
        duration_exponent: None for plain ε-greedy. A number μ > 1 for εz-greedy: a random action lasts n steps with
            probability proportional to n^-μ (n ≤ 10 000), which crosses plains that single random steps do not.
        layout: of the values; a factored action explores in all its dimensions at once.

    Returns:
        the actions and the new `Repeat`.

    Reference: Dabney, Ostrovski & Barreto (2021), algorithm 1 (εz-greedy, μ = 2 there).
    """
    explore_key, action_key, duration_key = jax.random.split(key, 3)
    num_envs, num_actions = q.shape
    continuing = repeat.remaining > 0
    starting = ~continuing & (jax.random.uniform(explore_key, (num_envs,)) < epsilon)
    random_action = jax.random.randint(
        action_key, repeat.action.shape, 0, layout.choices(num_actions), repeat.action.dtype
    )
    if duration_exponent is None:
        duration = jnp.ones(num_envs, jnp.int32)
    else:
        mass = np.arange(1, LONGEST_REPEAT + 1, dtype=np.float64) ** -duration_exponent
        cumulative = jnp.asarray(np.cumsum(mass) / mass.sum(), jnp.float32)
        duration = 1 + jnp.searchsorted(cumulative, jax.random.uniform(duration_key, (num_envs,))).astype(jnp.int32)
    greedy = layout.greedy(q)
    # One axis more where an action has several dimensions.
    begins, explores = (flag.reshape(-1, *[1] * (greedy.ndim - 1)) for flag in (starting, starting | continuing))
    exploratory = jnp.where(begins, random_action, repeat.action)
    action = jnp.where(explores, exploratory, greedy)
    remaining = jnp.where(starting, duration, repeat.remaining) - 1
    return action, Repeat(exploratory, jnp.maximum(remaining, 0))


def linear_epsilon(
    step: Int[Array, ""],
    start: Float[Array, ""] | float,
    end: Float[Array, ""] | float,
    begin_step: int,
    duration: int,
) -> Float[Array, ""]:
    """Return ε: `start` until `begin_step`, then linear to `end` over `duration` steps (at once if 0)."""
    fraction = jnp.clip((step - begin_step) / max(duration, 1), 0.0, 1.0)
    return start + fraction * (end - start)
