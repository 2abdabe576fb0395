"""Pure wrappers around environments of several agents on the device."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray

from accumbens.envs.teams.protocol import Seen, State, TeamEnvironment, TeamStep


def auto_reset_team(
    env: TeamEnvironment, key: PRNGKeyArray, state: State, actions: Int[Array, " agents"]
) -> tuple[State, Seen, TeamStep]:
    """Step, and where the episode ended start the next one.

    Returns:
        `(state, seen, step)`: the state and what is seen to act on next, and the untouched `TeamStep`, which has what
        is truly seen last.
    """
    step_key, reset_key = jax.random.split(key)
    next_state, outcome = env.step(step_key, state, actions)
    first = env.reset(reset_key)
    ended = outcome.terminated | outcome.truncated
    state, seen = jax.tree.map(lambda new, old: jnp.where(ended, new, old), first, (next_state, outcome.seen))
    return state, seen, outcome
