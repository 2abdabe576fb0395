"""Many copies of an environment that runs on the device, as one Gymnasium vector environment."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box, Discrete
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from accumbens.envs.protocol import Environment
from accumbens.errors import AccumbensError
from accumbens.generator import make_key, pinned_generator

first_key = jax.jit(make_key)


def word(generator: np.random.Generator) -> np.uint32:
    """Draw the 32 bits that begin a stream of keys; seeds of Gymnasium may have any size."""
    return generator.integers(2**32, dtype=np.uint32)


def make_space(env: Environment) -> Box:
    """The space of one observation."""
    if np.issubdtype(env.observation_dtype, np.bool_):
        return Box(0, 1, env.observation_shape, np.uint8)
    largest = np.finfo(np.float32).max
    low, high = (
        np.broadcast_to(np.clip(bound, -largest, largest), env.observation_shape)
        for bound in (env.observation_low, env.observation_high)
    )
    return Box(low, high, dtype=np.float32)


def as_declared(observation: jax.Array) -> jax.Array:
    """An observation with the type of its space."""
    return observation.astype(jnp.uint8 if observation.dtype == bool else jnp.float32)


class VectorEnvironment(gymnasium.vector.VectorEnv):
    """Copies of one environment, stepped together in one compiled call.

    Args:
        env: the environment.
        num_envs: the number of copies.
        mode: when a copy starts its next episode.
        spec: what `gymnasium.make_vec` needs to make another.
    """

    def __init__(self, env: Environment, num_envs: int, mode: AutoresetMode, spec: EnvSpec):
        """Nothing is compiled yet."""
        self.num_envs, self.spec = num_envs, spec
        self.metadata = {"render_modes": [], "autoreset_mode": mode}
        self.single_observation_space, self.single_action_space = make_space(env), Discrete(env.num_actions)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._mode, self._num_actions = mode, env.num_actions
        self._seed, self._reset, self._step = _programs(env.reset, env.step, mode)
        self._seeds = [-1] * num_envs
        self._keys, self._state, self._observation = None, None, None
        self._ended = np.zeros(num_envs, bool)

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The seed of every copy; -1 before the first reset."""
        return tuple(self._seeds)

    def reset(
        self,
        *,
        seed: int | np.integer | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin a new episode in every copy, or in those of `options["reset_mask"]`.

        Args:
            seed: of copy `i`, `seed + i` or `seed[i]`; without one a copy goes on with its random numbers, at the first
                reset with others every time.
            options: `reset_mask`, bool `[num_envs]`; nothing else is read.

        Returns:
            The observations of all copies, `[num_envs, ...]`, and no infos.

        Raises:
            AccumbensError: seeds or mask do not fit the copies.
            gymnasium.error.ResetNeeded: the first reset has a mask.
        """
        mask = self._mask(options or {})
        self._draw_keys(seed, mask)
        carry = self._keys, self._state, self._observation
        self._keys, self._state, self._observation = self._reset(mask, *carry)
        self._ended &= ~mask
        return np.array(self._observation), {}  # a copy, which the caller may write to

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Step every copy.

        Args:
            actions: integers, `[num_envs]`.

        Returns:
            `(observations, rewards, terminated, truncated, infos)`, `[num_envs, ...]` each.

        Raises:
            AccumbensError: the actions are not in `action_space`.
            gymnasium.error.ResetNeeded: an episode has not begun yet.
        """
        actions = self._checked(actions)
        if self._keys is None:
            raise gymnasium.error.ResetNeeded("call reset before the first step")
        if self._mode is AutoresetMode.DISABLED and self._ended.any():
            ended = np.flatnonzero(self._ended).tolist()
            raise gymnasium.error.ResetNeeded(
                f"the episodes of the copies {ended} have ended: reset them by reset_mask"
            )
        outcome = self._step(self._keys, self._state, self._ended, actions)
        self._keys, self._state, self._observation, ends, final = outcome
        observation, reward, terminated, truncated = (np.array(part) for part in (self._observation, *ends))
        self._ended = terminated | truncated
        infos = self._final(final) if final is not None and self._ended.any() else {}
        return observation, reward.astype(np.float64), terminated, truncated, infos

    def _final(self, observations: jax.Array) -> dict[str, Any]:
        """What `SyncVectorEnv` says of the episodes that ended; our environments give no infos."""
        final, fetched = np.full(self.num_envs, None, object), np.asarray(observations)
        for copy in np.flatnonzero(self._ended):
            final[copy] = fetched[copy].copy()
        mask = self._ended
        return {"final_obs": final, "_final_obs": mask.copy(), "final_info": {}, "_final_info": mask.copy()}

    def _mask(self, options: dict[str, Any]) -> np.ndarray:
        if "reset_mask" not in options:
            return np.ones(self.num_envs, bool)
        mask = np.asarray(options["reset_mask"])
        if mask.dtype != bool or mask.shape != (self.num_envs,) or not mask.any():
            raise AccumbensError(f"reset_mask must be {self.num_envs} booleans, some of them True, not {mask!r}")
        if self._keys is None:
            raise gymnasium.error.ResetNeeded("call reset without reset_mask before the first one with it")
        return mask

    def _draw_keys(self, seed: int | np.integer | Sequence[int | None] | None, mask: np.ndarray) -> None:
        """Begin new streams of keys in the copies of the mask that get a seed; at first, in all."""
        if seed is None:
            seeds = [None] * self.num_envs
        elif isinstance(seed, (int, np.integer)):
            seeds = [int(seed) + copy for copy in range(self.num_envs)]
        else:
            seeds = list(seed)
        if len(seeds) != self.num_envs:
            raise AccumbensError(f"there must be a seed for each of {self.num_envs} copies, not {len(seeds)} seeds")
        words, given = np.zeros(self.num_envs, np.uint32), np.zeros(self.num_envs, bool)
        for copy in np.flatnonzero(mask):
            if seeds[copy] is not None or self._keys is None:
                generator, self._seeds[copy] = seeding.np_random(seeds[copy])
                words[copy], given[copy] = word(generator), True
        if given.any():
            self._keys = self._seed(words, given, self._keys)

    def _checked(self, actions: Any) -> np.ndarray:
        array = np.asarray(actions)
        if array.shape != (self.num_envs,) or array.dtype.kind not in "iu":
            raise AccumbensError(f"actions must be {self.num_envs} integers, not {array.dtype}{list(array.shape)}")
        wrong = (array < 0) | (array >= self._num_actions)
        if wrong.any():
            copy = int(wrong.argmax())
            raise AccumbensError(f"the action {array[copy]} of copy {copy} is not in {self.single_action_space}")
        return array.astype(np.int32)


@lru_cache(maxsize=16)
def _programs(reset: Callable, step: Callable, mode: AutoresetMode) -> tuple[Callable, Callable, Callable]:
    """Compile `seed`, `reset` and `step` for all copies; each copy splits its key as a single environment does."""

    def choose(condition, chosen, other):
        return jax.tree.map(lambda one, two: jnp.where(condition, one, two), chosen, other)

    def seed(word, given, key):
        first = make_key(word)
        return first if key is None else choose(given, first, key)

    def begin(key):
        key, reset_key = jax.random.split(key)
        state, observation = reset(reset_key)
        return key, state, as_declared(observation)

    @pinned_generator()
    def begin_some(chosen, key, state, observation):
        begun = begin(key)
        return begun if state is None else choose(chosen, begun, (key, state, observation))

    @pinned_generator()
    def advance(key, state, ended, action):
        """`(key, state, observation, (reward, terminated, truncated), final observation where one is needed)`."""
        next_key, step_key = jax.random.split(key)
        stepped, outcome = step(step_key, state, action)
        observation, final = as_declared(outcome.observation), None
        going_on = next_key, stepped, observation
        reward, terminated, truncated = outcome.reward, outcome.terminated, outcome.truncated
        if mode is AutoresetMode.SAME_STEP:
            going_on, final = choose(terminated | truncated, begin(next_key), going_on), observation
        elif mode is AutoresetMode.NEXT_STEP:
            going_on = choose(ended, begin(key), going_on)
            reward = jnp.where(ended, 0, reward)
            terminated, truncated = terminated & ~ended, truncated & ~ended
        return *going_on, (reward, terminated, truncated), final

    return jax.jit(jax.vmap(seed)), jax.jit(jax.vmap(begin_some)), jax.jit(jax.vmap(advance))
