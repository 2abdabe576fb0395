"""Pure wrappers around environments on the device."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray

from accumbens.envs.protocol import Environment, Observation, State, Step


class TimedState(NamedTuple):
    """A state and the number of steps since its episode began."""

    state: State
    elapsed: Int[Array, ""]


def time_limit(env: Environment, max_episode_steps: int) -> Environment:
    """Truncate episodes after `max_episode_steps` steps, unless they terminate at that very step."""

    def reset(key: PRNGKeyArray) -> tuple[TimedState, Observation]:
        state, observation = env.reset(key)
        return TimedState(state, jnp.zeros((), jnp.int32)), observation

    def step(key: PRNGKeyArray, timed: TimedState, action: Int[Array, ""]) -> tuple[TimedState, Step]:
        state, outcome = env.step(key, timed.state, action)
        elapsed = timed.elapsed + 1
        truncated = outcome.truncated | ((elapsed >= max_episode_steps) & ~outcome.terminated)
        return TimedState(state, elapsed), outcome._replace(truncated=truncated)

    return env._replace(reset=reset, step=step, max_episode_steps=max_episode_steps)


def auto_reset(env: Environment, key: PRNGKeyArray, state: State, action: Int[Array, ""]):
    """Step, and where the episode ended start the next one.

    Returns:
        `(state, observation, step)`: the state and observation to act on next, and the untouched `Step`, whose
        observation is the true final one.
    """
    step_key, reset_key = jax.random.split(key)
    next_state, outcome = env.step(step_key, state, action)
    first_state, first_observation = env.reset(reset_key)
    ended = outcome.terminated | outcome.truncated

    def choose(first, following):
        return jnp.where(ended, first, following)

    state = jax.tree.map(choose, first_state, next_state)
    return state, choose(first_observation, outcome.observation), outcome
