"""Classical conditioning: a cue comes when nothing tells, and a fixed delay after it a reward, whatever the agent does.

The observation is a tapped delay line (a "complete serial compound"): component k is one k steps after the cue's onset,
so that time since the cue is seen and its value can be learned step by step; the first component, always one, is the
surroundings. The line outlasts the delay, so that a late or omitted reward has a time too.

Reference: Montague, Dayan & Sejnowski (1996), "A framework for mesencephalic dopamine systems based on predictive
Hebbian learning", Journal of Neuroscience 16; Schultz, Dayan & Montague (1997), "A neural substrate of prediction and
reward", Science 275. That the wait has a constant hazard is ours, in place of trials that are cut apart: only so is the
cue itself unpredicted in a task without end.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from accumbens.envs.protocol import Environment, Step
from accumbens.envs.wrappers import time_limit

DELAY = 8
"""Steps from the cue's onset to the reward."""

LINE = 2 * DELAY
"""Taps of the delay line: the cue is seen for this many steps, and no other comes meanwhile."""

MEAN_WAIT = 40
"""Mean of the geometrically distributed number of steps from the end of the line to the next cue."""

REWARD = 1.0
"""The reward."""

MAX_EPISODE_STEPS = 400
"""Steps after which an episode is truncated: seven trials on average."""

WAITING = LINE
"""The state in which the line is silent; every other is the number of steps since the cue's onset."""

OBSERVATION = LINE + 1
"""Length of an observation."""


def conditioning() -> Environment:
    """Cue, delay, reward: two actions that change nothing, 1 per trial, truncated after 400 steps."""

    def reset(key: PRNGKeyArray) -> tuple[Int[Array, ""], Float[Array, " observation"]]:
        del key
        state = jnp.int32(WAITING)
        return state, observe(state)

    def step(key: PRNGKeyArray, state: Int[Array, ""], action: Int[Array, ""]) -> tuple[Int[Array, ""], Step]:
        del action
        cue = jax.random.bernoulli(key, 1 / MEAN_WAIT)
        # After the last tap the line is silent, which is WAITING.
        following = jnp.where(state == WAITING, jnp.where(cue, 0, WAITING), state + 1).astype(jnp.int32)
        reward = jnp.where(following == DELAY, REWARD, 0.0).astype(jnp.float32)
        return following, Step(observe(following), reward, jnp.zeros((), bool), jnp.zeros((), bool))

    env = Environment(
        name="probe/conditioning",
        reset=reset,
        step=step,
        observation_shape=(OBSERVATION,),
        observation_dtype=np.dtype(np.float32),
        observation_low=np.array(0.0, np.float32),
        observation_high=np.array(1.0, np.float32),
        num_actions=2,
        max_episode_steps=None,
    )
    return time_limit(env, MAX_EPISODE_STEPS)


PROBES = {"probe/conditioning": conditioning}


def observe(state: Int[Array, "*batch"]) -> Float[Array, "*batch observation"]:
    """Return what is seen: the surroundings, and the tap that the cue has reached, if any."""
    surroundings = jnp.ones((*state.shape, 1), jnp.float32)
    return jnp.concatenate([surroundings, jax.nn.one_hot(state, LINE, dtype=jnp.float32)], axis=-1)


def exact_values(discount: float) -> Float[np.ndarray, " states"]:
    """Return the true value of every state, `WAITING` last, in float64; time limits aside, which nobody sees.

    With V the vector of values, P the chance of each next state and r the expected reward on the way there,
    V = r + γ P V. No action changes anything, so every policy has these values.

    Args:
        discount: γ, below 1.
    """
    transition = np.zeros((LINE + 1, LINE + 1))
    transition[np.arange(LINE), np.arange(LINE) + 1] = 1.0
    transition[WAITING, [0, WAITING]] = 1 / MEAN_WAIT, 1 - 1 / MEAN_WAIT
    reward = np.zeros(LINE + 1)
    reward[DELAY - 1] = REWARD
    return np.linalg.solve(np.eye(LINE + 1) - discount * transition, reward)
