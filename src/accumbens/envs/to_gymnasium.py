"""The way out: environments that run on the device, as Gymnasium environments that other libraries can use."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, overload

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode

from accumbens.envs import registry
from accumbens.envs.checker import check_declaration
from accumbens.envs.protocol import Environment
from accumbens.envs.to_gymnasium_vector import VectorEnvironment, as_declared, first_key, make_space, word
from accumbens.envs.wrappers import time_limit
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.generator import pinned_generator


@overload
def to_gymnasium(
    env: Environment | str,
    num_envs: None = None,
    autoreset_mode: None = None,
    max_episode_steps: int | None = None,
) -> gymnasium.Env: ...


@overload
def to_gymnasium(
    env: Environment | str,
    num_envs: int,
    autoreset_mode: AutoresetMode | str | None = None,
    max_episode_steps: int | None = None,
) -> gymnasium.vector.VectorEnv: ...


def to_gymnasium(
    env: Environment | str,
    num_envs: int | None = None,
    autoreset_mode: AutoresetMode | str | None = None,
    max_episode_steps: int | None = None,
) -> gymnasium.Env | gymnasium.vector.VectorEnv:
    """Make a Gymnasium environment, of one copy or of many, of an environment that runs on the device.

    Many copies are stepped in one compiled call. What they return is what Gymnasium's `SyncVectorEnv` returns for as
    many single copies, seed by seed and step by step, to float32 rounding; but a copy that has ended in the mode
    `DISABLED`, or was never reset, raises `ResetNeeded`, and `options` is left as it was given.

    Float observations are a `Box` of float32, with the largest finite numbers in place of infinite bounds. Boolean
    observations are a `Box` of uint8 with the bounds 0 and 1, which more libraries understand than `MultiBinary`.
    It truncates episodes itself and cannot be rendered.

    Args:
        env: the environment, or the name of a registered one.
        num_envs: the number of copies of a vector environment; None for a single environment.
        autoreset_mode: when a copy of a vector environment starts its next episode: `NextStep`, the default, at the
            step after the last; `SameStep`, at the last, whose observation is then in `infos["final_obs"]`;
            `Disabled`, at `reset(options={"reset_mask": ...})`.
        max_episode_steps: truncates episodes after so many steps, at most the environment's own limit.

    Returns:
        The environment, compiled at its first reset and step. The same seed and actions give the same episodes. Copies
        of one of our environments are compiled once, however often this is called.

    Raises:
        UnknownNameError: nothing of that name is registered, or there is no such mode.
        AccumbensError: the environment does not run on the device or is not what it says it is, or a number is out of
            its range.
    """
    source = registry.resolve(env) if isinstance(env, str) else env
    make = _make_ours if source in registry.device_environments() else _make
    made = make(source, max_episode_steps)
    # Gymnasium hands the limit over to many copies, and sets it on top of a single one.
    spec = EnvSpec(
        registry.gymnasium_id(made.name),
        registry.GYMNASIUM_ENTRY_POINT,
        kwargs={"env": source},
        max_episode_steps=made.max_episode_steps,
        vector_entry_point=registry.GYMNASIUM_ENTRY_POINT,
    )
    if num_envs is None:
        if autoreset_mode is not None:
            raise AccumbensError(f"autoreset_mode={autoreset_mode!r} is for many copies: give num_envs too")
        return _SingleEnvironment(made, spec)
    if num_envs < 1:
        raise AccumbensError(f"num_envs must be at least 1, not {num_envs}")
    return VectorEnvironment(made, num_envs, _mode(autoreset_mode), spec)


def _make(source: Environment | str, max_episode_steps: int | None) -> Environment:
    if isinstance(source, str):
        return _limited(registry.make(source), max_episode_steps)
    check_declaration(source)
    return _limited(source, max_episode_steps)


# The same functions every time, so that they are compiled once; a user's name may mean something else the next time.
_make_ours = lru_cache(maxsize=16)(_make)


def _limited(env: Environment, max_episode_steps: int | None) -> Environment:
    if max_episode_steps is None or max_episode_steps == env.max_episode_steps:
        return env
    if max_episode_steps < 1:
        raise AccumbensError(f"max_episode_steps must be at least 1, not {max_episode_steps}")
    if env.max_episode_steps is not None and max_episode_steps > env.max_episode_steps:
        own = f"the limit of {env.name!r} itself, {env.max_episode_steps}"
        raise AccumbensError(f"max_episode_steps={max_episode_steps} is more than {own}")
    return time_limit(env, max_episode_steps)


def _mode(mode: AutoresetMode | str | None) -> AutoresetMode:
    if mode is None:
        return AutoresetMode.NEXT_STEP
    try:
        return AutoresetMode(mode)
    except ValueError:
        raise UnknownNameError("autoreset_mode", str(mode), [known.value for known in AutoresetMode]) from None


class _SingleEnvironment(gymnasium.Env):
    def __init__(self, env: Environment, spec: EnvSpec):
        self.metadata = {"render_modes": []}  # Gymnasium's vector environments write into it
        self.observation_space, self.action_space = make_space(env), gymnasium.spaces.Discrete(env.num_actions)
        self.spec = spec
        self._reset, self._step = _programs(env.reset, env.step)
        self._key, self._state = None, None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        if seed is not None or self._key is None:
            self._key = first_key(word(self.np_random))
        self._key, self._state, observation = self._reset(self._key)
        return np.array(observation), {}  # a copy, which the caller may write to

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict]:
        if self._key is None:
            raise gymnasium.error.ResetNeeded("call reset before the first step")
        if not self.action_space.contains(action):
            raise AccumbensError(f"the action {action!r} is not in {self.action_space}")
        self._key, self._state, observation, numbers = self._step(self._key, self._state, np.int32(action))
        reward, terminated, truncated = np.asarray(numbers).tolist()
        return np.array(observation), reward, bool(terminated), bool(truncated), {}


@lru_cache(maxsize=16)
def _programs(reset: Callable, step: Callable) -> tuple[Callable, Callable]:
    """Compile `reset(key) -> (key, state, observation)` and `step(key, state, action) -> (…, numbers)`.

    `numbers` are reward, terminated and truncated in one array: fetching three costs more than a step.
    """

    @pinned_generator()
    def begin(key):
        key, reset_key = jax.random.split(key)
        state, observation = reset(reset_key)
        return key, state, as_declared(observation)

    @pinned_generator()
    def advance(key, state, action):
        key, step_key = jax.random.split(key)
        state, outcome = step(step_key, state, action)
        numbers = jnp.stack([outcome.reward, outcome.terminated, outcome.truncated])
        return key, state, as_declared(outcome.observation), numbers

    return jax.jit(begin), jax.jit(advance)
