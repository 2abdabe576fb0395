"""The static facts of an environment that is never stepped."""

import numpy as np

from accumbens.envs.protocol import Environment


def facts(
    shape=(3,),
    num_actions=2,
    *,
    dtype=np.float32,
    low=-1.0,
    high=1.0,
    max_episode_steps=None,
    action_dimensions=None,
    action_features=None,
):
    return Environment(
        "facts",
        reset=lambda key: None,
        step=lambda key, state, action: None,
        observation_shape=shape,
        observation_dtype=np.dtype(dtype),
        observation_low=np.asarray(low, np.float32),
        observation_high=np.asarray(high, np.float32),
        num_actions=num_actions,
        max_episode_steps=max_episode_steps,
        action_dimensions=action_dimensions,
        action_features=action_features,
    )
