"""Environments on the host: many copies of one Gymnasium environment, stepped together."""

import importlib
import warnings
from contextlib import suppress
from typing import NamedTuple

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary, Space
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from accumbens.envs import registry
from accumbens.envs.bang_bang import BangBang, Discretisation
from accumbens.errors import AccumbensError, UnknownNameError


class HostStep(NamedTuple):
    """The outcome of one step of `N` environments, before any reset: `protocol.Step` in NumPy.

    Attributes:
        observation: the *true* next observations `[N, ...]`: at an episode's end the final one.
        reward: float32 `[N]`.
        terminated: bool `[N]`: the episode reached a terminal state; the value beyond it is zero.
        truncated: bool `[N]`: the episode was cut and did not terminate; the value beyond it is not zero.
    """

    observation: np.ndarray
    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray


class HostSpec(NamedTuple):
    """The static facts of an environment on the host, with the meanings they have in `protocol.Environment`."""

    name: str
    observation_shape: tuple[int, ...]
    observation_dtype: np.dtype
    observation_low: np.ndarray
    observation_high: np.ndarray
    num_actions: int
    max_episode_steps: int | None
    action_dimensions: int | None = None
    action_features: np.ndarray | None = None


class HostEnvironments:
    """`num_envs` copies of a Gymnasium environment that start their next episode by themselves.

    Observations are boolean where the space is (also integers that can only be 0 or 1), otherwise float32. Actions are
    `0 … num_actions - 1` even where Gymnasium counts from another number; continuous ones are made bang-bang. The state
    of the simulators cannot be saved: a resumed run begins new episodes with `reset(seed=…)`.

    Attributes:
        spec: the static facts of one copy.
        num_envs: the number of copies.
    """

    def __init__(self, name: str, num_envs: int, seed: int, discretisation: Discretisation = "joint"):
        """Make the copies.

        Args:
            name: a task of the control suite, an id of Gymnasium, or `module:id`.
            num_envs: the number of copies.
            seed: seeds the first `reset`, every copy differently.
            discretisation: how continuous actions are made bang-bang.

        Raises:
            UnknownNameError: Gymnasium does not know the name.
            AccumbensError: a package is missing, or the spaces are not supported.
        """
        if num_envs < 1:
            raise AccumbensError(f"num_envs must be at least 1, not {num_envs}")
        if not registry.on_host(name):
            known = [*registry.control_suite_environments(), *sorted(gymnasium.registry)]
            raise UnknownNameError("Gymnasium environment", name, known, command="accumbens envs")
        first = _make(name, discretisation)
        try:
            self.spec, self._first_action = _describe(name, first)
        finally:
            first.close()
        self.num_envs = num_envs
        self._seed: int | None = seed
        self._envs = SyncVectorEnv(
            [lambda: _make(name, discretisation)] * num_envs, copy=False, autoreset_mode=AutoresetMode.SAME_STEP
        )

    def reset(self, seed: int | None = None) -> np.ndarray:
        """Begin a new episode in every copy.

        Args:
            seed: begins new streams of random numbers, another one for every copy. Without it the first reset takes the
                seed given at construction, and later ones go on with the streams at hand.

        Returns:
            The first observations, `[num_envs, ...]`.
        """
        seed, self._seed = (self._seed if seed is None else seed), None
        # Not seed, seed + 1, …, which neighbouring seeds would share.
        seeds = None if seed is None else np.random.SeedSequence(seed).generate_state(self.num_envs).tolist()
        observations, _ = self._envs.reset(seed=seeds)
        return self._convert(observations)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, HostStep]:
        """Step every copy, and where its episode ended start the next one.

        Args:
            actions: integers in `0 … num_actions - 1`, `[num_envs]`; of a factored action 0 (low) or 1 (high) in every
                dimension, `[num_envs, action_dimensions]`.

        Returns:
            `(observations, step)`: the observations to act on next, and the outcome, whose observations are the true
            next ones.
        """
        raw, reward, terminated, truncated, info = self._envs.step(np.asarray(actions, np.int64) + self._first_action)
        observations = self._convert(raw)
        true_next = observations.copy()
        for index in np.flatnonzero(terminated | truncated):
            true_next[index] = info["final_obs"][index]
        # Gymnasium's time limit sets both where the last allowed step happens to terminate.
        outcome = HostStep(true_next, reward.astype(np.float32), terminated, truncated & ~terminated)
        return observations, outcome

    def close(self) -> None:
        """Release what the simulators hold."""
        self._envs.close()

    def _convert(self, observations: np.ndarray) -> np.ndarray:
        return observations.astype(self.spec.observation_dtype)


def _make(name: str, discretisation: Discretisation) -> gymnasium.Env:
    env = _make_raw(name)
    return BangBang(env, discretisation) if isinstance(env.action_space, Box) else env


def _make_raw(name: str) -> gymnasium.Env:
    if name in registry.control_suite_environments():
        from accumbens.envs.control_suite import ControlSuiteEnvironment

        return ControlSuiteEnvironment(name)
    try:
        if "box2d" in str(gymnasium.spec(name).entry_point):
            _import_box2d()
        return gymnasium.make(name)
    except (gymnasium.error.Error, ImportError) as error:
        if "box2d" in str(error).lower():
            raise AccumbensError(
                f"environment {name!r} needs Box2D, which is not installed. In a checkout run 'uv sync --extra box2d', "
                """elsewhere 'pip install "accumbens[box2d]"'."""
            ) from error
        raise AccumbensError(f"Gymnasium cannot make environment {name!r}: {error}") from error


def _import_box2d() -> None:
    """Import it with warnings ignored: SWIG's types lack `__module__`, and Python crashes if that is an error."""
    with warnings.catch_warnings(), suppress(ImportError):  # Gymnasium says what is missing
        warnings.simplefilter("ignore")
        importlib.import_module("Box2D")


def _describe(name: str, env: gymnasium.Env) -> tuple[HostSpec, int]:
    """The static facts, and the number that Gymnasium gives to the first action."""
    observations, actions = env.observation_space, env.action_space
    if not isinstance(observations, Box | MultiBinary):
        raise AccumbensError(
            f"environment {name!r} has the observation space {observations}; supported are Box and MultiBinary. "
            "gymnasium.wrappers.FlattenObservation makes a Box of most others."
        )
    if not isinstance(actions, Discrete) and not isinstance(env, BangBang):
        raise AccumbensError(f"environment {name!r} has the action space {actions}; supported are Discrete and Box.")
    boolean = _is_boolean(observations)
    low, high = (0, 1) if isinstance(observations, MultiBinary) else (observations.low, observations.high)
    dtype = np.dtype(bool if boolean else np.float32)
    with np.errstate(over="ignore"):  # bounds beyond the range of float32 become infinite
        low, high = np.asarray(low).astype(dtype), np.asarray(high).astype(dtype)
    limit = env.spec.max_episode_steps if env.spec else None
    spec = HostSpec(name, observations.shape, dtype, low, high, 0, limit)
    if isinstance(env, BangBang):
        features = env.action_features
        return spec._replace(num_actions=len(features), action_dimensions=env.dimensions, action_features=features), 0
    return spec._replace(num_actions=int(actions.n)), int(actions.start)


def _is_boolean(space: Space) -> bool:
    if isinstance(space, Box) and np.issubdtype(space.dtype, np.integer):
        return bool(np.all(space.low == 0) and np.all(space.high == 1))
    return isinstance(space, MultiBinary) or space.dtype == bool
