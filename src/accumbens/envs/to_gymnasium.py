"""The way out: an environment that runs on the device, as a Gymnasium environment that other libraries can use."""

from typing import Any

import gymnasium
import jax
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box, Discrete

from accumbens.envs import registry
from accumbens.envs.protocol import Environment
from accumbens.errors import AccumbensError


def to_gymnasium(env: Environment | str) -> gymnasium.Env:
    """Make a Gymnasium environment of an environment that runs on the device.

    Float observations are a `Box` of float32, with the largest finite numbers in place of infinite bounds. Boolean
    observations are a `Box` of uint8 with the bounds 0 and 1, which more libraries understand than `MultiBinary`.
    It truncates episodes itself and cannot be rendered.

    Args:
        env: the environment, or the name of a registered one.

    Returns:
        One instance, compiled at its first reset and step. The same seed and actions give the same episodes.

    Raises:
        UnknownNameError: nothing of that name is registered.
        AccumbensError: the environment of that name does not run on the device.
    """
    return _GymnasiumEnvironment(registry.make(env) if isinstance(env, str) else env)


class _GymnasiumEnvironment(gymnasium.Env):
    def __init__(self, env: Environment):
        if np.issubdtype(env.observation_dtype, np.bool_):
            self.observation_space = Box(0, 1, env.observation_shape, np.uint8)
        else:
            largest = np.finfo(np.float32).max
            low, high = (
                np.broadcast_to(np.clip(bound, -largest, largest), env.observation_shape)
                for bound in (env.observation_low, env.observation_high)
            )
            self.observation_space = Box(low, high, dtype=np.float32)
        self.action_space = Discrete(env.num_actions)
        self.spec = EnvSpec(
            env.name, entry_point=lambda **_: _GymnasiumEnvironment(env), max_episode_steps=env.max_episode_steps
        )

        def step(key, state, action):
            key, step_key = jax.random.split(key)
            return key, *env.step(step_key, state, action)

        self._jitted_reset = jax.jit(env.reset)
        self._jitted_step = jax.jit(step)
        self._key, self._state = None, None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self._key, reset_key = jax.random.split(jax.random.key(int(self.np_random.integers(2**31))))
        self._state, observation = self._jitted_reset(reset_key)
        return self._convert(observation), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict]:
        if self._key is None:
            raise gymnasium.error.ResetNeeded("call reset before the first step")
        if not self.action_space.contains(action):
            raise AccumbensError(f"the action {action!r} is not in {self.action_space}")
        self._key, self._state, outcome = self._jitted_step(self._key, self._state, np.int32(action))
        observation = self._convert(outcome.observation)
        return observation, float(outcome.reward), bool(outcome.terminated), bool(outcome.truncated), {}

    def _convert(self, observation: jax.Array) -> np.ndarray:
        return np.array(observation, self.observation_space.dtype)  # a copy, which the caller may write to
