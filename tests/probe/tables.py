"""Environments with so few states that they can be written down in full, and their values worked out by hand.

All tables have the same shapes, so that one compiled program trains on any of them.
"""

import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.envs.protocol import Environment, Step

STATES, ACTIONS, OBSERVATION, FIRST = 8, 2, 4, 8


class Table(NamedTuple):
    """A deterministic environment whose first state is drawn uniformly from `first`.

    Attributes:
        observation: [states, observation].
        first: [first], with repetitions where there are fewer.
        following, reward, terminated, truncated: [states, actions].
    """

    observation: Any
    first: Any
    following: Any
    reward: Any
    terminated: Any
    truncated: Any


def table(rows, first=(0,)):
    """Make a table from one row per state: `(observation, *outcomes)`.

    An outcome is `(reward, following)`, where `following` is a state's number, "end" (terminated) or `("cut", state)`
    (truncated, with that state as the true next one). One outcome stands for all actions.
    """
    empty = np.zeros((STATES, ACTIONS))
    made = Table(
        observation=np.zeros((STATES, OBSERVATION), np.float32),
        first=np.resize(list(first), FIRST).astype(np.int32),
        following=empty.astype(np.int32),
        reward=empty.astype(np.float32),
        terminated=empty.astype(bool),
        truncated=empty.astype(bool),
    )
    for state, (observation, *outcomes) in enumerate(rows):
        made.observation[state, : len(observation)] = observation
        for action, (reward, following) in enumerate(outcomes * (ACTIONS // len(outcomes))):
            made.reward[state, action] = reward
            if following == "end":
                made.terminated[state, action] = True
            elif isinstance(following, tuple):
                made.truncated[state, action], made.following[state, action] = True, following[1]
            else:
                made.following[state, action] = following
    return made


def environment(table):
    """The environment of a table, whose arrays may be traced; its state is the number of the state."""

    def reset(key):
        state = jnp.asarray(table.first)[jax.random.randint(key, (), 0, FIRST)]
        return state, jnp.asarray(table.observation)[state]

    def step(key, state, action):
        reward, terminated, truncated, following = (
            jnp.asarray(column)[state, action]
            for column in (table.reward, table.terminated, table.truncated, table.following)
        )
        return following, Step(jnp.asarray(table.observation)[following], reward, terminated, truncated)

    return Environment(
        "table",
        reset,
        step,
        observation_shape=(OBSERVATION,),
        observation_dtype=np.dtype(np.float32),
        observation_low=np.array(-1.0, np.float32),
        observation_high=np.array(1.0, np.float32),
        num_actions=ACTIONS,
        max_episode_steps=None,
        truncates_early=True,
    )


CONSTANT_REWARD = table([([1], (1, "end"))])

# The reward is the observation.
REWARD_IS_OBSERVATION = table([([1], (1, "end")), ([-1], (-1, "end"))], first=(0, 1))

# Nothing, then 1.
TWO_STEPS = table([([1, 0], (0, 1)), ([0, 1], (1, "end"))])

# The first action loses 1, the second wins 1.
CHOICE = table([([1], (-1, "end"), (1, "end"))])

# The cue (0 or 1) says which action will win; when the choice comes, the cue is gone.
CUE = table(
    [
        ([1, 0, 0], (0, 2)),
        ([0, 1, 0], (0, 3)),
        ([0, 0, 1], (1, "end"), (-1, "end")),
        ([0, 0, 1], (-1, "end"), (1, "end")),
    ],
    first=(0, 1),
)

# A reward of 1 at every step and nothing to tell the steps apart; cut after the fourth.
CUT = table([([1], (1, state + 1)) for state in range(3)] + [([1], (1, ("cut", 4))), ([1], (1, 4))])

# The same rewards, with the time shown, and a true end after the fourth.
ENDS = table([(np.eye(4)[state], (1, state + 1)) for state in range(3)] + [(np.eye(4)[3], (1, "end"))])

# The reward is the parity of three signs.
SIGNS = list(itertools.product([-1, 1], repeat=3))
PARITY = table([(signs, (float(np.prod(signs) > 0), "end")) for signs in SIGNS], first=range(8))
