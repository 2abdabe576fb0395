"""Environments on the host with their continuous actions as they are."""

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from gymnasium.wrappers import FlattenObservation

from accumbens.envs import registry
from accumbens.envs.gymnasium import make_unchanged, source_of
from accumbens.errors import AccumbensError


def make_continuous(name: str) -> gymnasium.Env:
    """Make one environment with bounded Box actions; observations are flattened to one axis.

    Args:
        name: a task of the control suite, an id of Gymnasium, or `module:id`.

    Raises:
        UnknownNameError: nothing of that name is registered.
        AccumbensError: a package is missing, or the spaces are not supported.
    """
    if registry.is_on_device(name):
        raise AccumbensError(
            f"environment {name!r} has discrete actions; needed are continuous ones, such as Pendulum-v1"
        )
    env = make_unchanged(source_of(name))
    observations, actions = env.observation_space, env.action_space
    if not isinstance(actions, Box) or not np.isfinite([actions.low, actions.high]).all():
        env.close()
        raise AccumbensError(f"environment {name!r} has the action space {actions}; needed is a Box with finite bounds")
    if not isinstance(observations, Box):
        env.close()
        raise AccumbensError(f"environment {name!r} has the observation space {observations}; needed is a Box")
    return env if len(observations.shape) == 1 else FlattenObservation(env)
