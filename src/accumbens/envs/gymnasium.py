"""Environments on the host: many copies of one Gymnasium environment, stepped together."""

import importlib
import os
import warnings
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box, Discrete, MultiBinary, Space, Text

from accumbens.envs import registry
from accumbens.envs.bang_bang import BangBang, Discretisation
from accumbens.envs.copies import Copies, Layout
from accumbens.envs.declared import Declared, given_bounds
from accumbens.envs.workers import Workers
from accumbens.errors import AccumbensError, EnvironmentFailedError, UnknownNameError, users_code


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
    """Copies of a Gymnasium environment that are stepped together and start their next episode by themselves.

    Observations are boolean where the space is (also integers that can only be 0 or 1), otherwise float32. Actions are
    `0 … num_actions - 1` even where Gymnasium counts from another number; continuous ones are made bang-bang. The state
    of the simulators cannot be saved: a resumed run begins new episodes with `reset(seed=…)`.

    The copies are dealt out to one process per core. They stay in this process if there is only one core or one copy,
    and if the environment was registered with an object and not with a text "module:Class", which alone another process
    can import.

    Attributes:
        spec: the static facts of one copy.
        num_envs: the number of copies, of all seeds together.
    """

    def __init__(
        self,
        name: str,
        num_envs: int,
        seed: int | Sequence[int],
        discretisation: Discretisation = "joint",
        num_workers: int | None = None,
    ):
        """Make the copies.

        Args:
            name: a task of the control suite, an id of Gymnasium, or `module:id`.
            num_envs: the number of copies for every seed.
            seed: seeds the first `reset`, every copy differently; or several seeds.
            discretisation: how continuous actions are made bang-bang.
            num_workers: the number of processes; 0 keeps the copies in this one. The results are the same.

        Raises:
            UnknownNameError: Gymnasium does not know the name.
            AccumbensError: a package is missing, or the spaces are not supported.
        """
        if num_envs < 1:
            raise AccumbensError(f"num_envs must be at least 1, not {num_envs}")
        self.spec, first_action, source = describe(name, discretisation)
        seeds = np.atleast_1d(seed).tolist()
        self._seeds: list[int] | None = seeds
        self._per_seed, self.num_envs = num_envs, num_envs * len(seeds)
        make = partial(_make, source, discretisation, name)
        spec = self.spec
        layout = Layout(self.num_envs, spec.observation_shape, spec.observation_dtype, spec.action_dimensions)
        if num_workers is None:
            num_workers = _default_workers(source, self.num_envs)
        if num_workers:
            self._copies = Workers(name, make, layout, first_action, min(num_workers, self.num_envs))
            self._buffers = self._copies.buffers
        else:
            self._buffers = layout.buffers(bytearray(layout.num_bytes()))
            self._copies = Copies(make, self._buffers, first_action)

    def reset(self, seed: int | Sequence[int] | None = None) -> np.ndarray:
        """Begin a new episode in every copy.

        Args:
            seed: begins new streams of random numbers, another one for every copy; as many seeds as at construction.
                Without it the first reset takes those given at construction, and later ones go on with the streams at
                hand.

        Returns:
            The first observations, `[num_envs, ...]`, the copies of the first seed first.
        """
        seeds, self._seeds = (self._seeds if seed is None else np.atleast_1d(seed).tolist()), None
        if seeds is not None:
            # Not seed, seed + 1, …, which neighbouring seeds would share.
            streams = [np.random.SeedSequence(number).generate_state(self._per_seed) for number in seeds]
            seeds = np.concatenate(streams).tolist()
        self._copies.reset(seeds)
        return self._buffers.observation.copy()

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, HostStep]:
        """Step every copy, and where its episode ended start the next one.

        Args:
            actions: integers in `0 … num_actions - 1`, `[num_envs]`; of a factored action 0 (low) or 1 (high) in every
                dimension, `[num_envs, action_dimensions]`.

        Returns:
            `(observations, step)`: the observations to act on next, and the outcome, whose observations are the true
            next ones.
        """
        buffers = self._buffers
        buffers.action[:] = actions
        self._copies.step()
        outcome = (buffers.final_observation, buffers.reward, buffers.terminated, buffers.truncated)
        return buffers.observation.copy(), HostStep(*(array.copy() for array in outcome))

    def close(self) -> None:
        """Release what the simulators hold."""
        self._copies.close()


def describe(
    name: str, discretisation: Discretisation = "joint", tried: bool = False
) -> tuple[HostSpec, int, str | EnvSpec]:
    """Return an environment's static facts, the number that it gives to action 0, and what it can be made from.

    Args:
        name: a task of the control suite, an id of Gymnasium, or `module:id`.
        discretisation: how continuous actions are made bang-bang.
        tried: reset it and make a step, which shows much of what it does against its own declaration.

    Raises:
        UnknownNameError: Gymnasium does not know the name.
        AccumbensError: a package is missing, or the spaces are not supported.
        EnvironmentFailedError: it was tried, and raised or did what it does not declare.
    """
    source = source_of(name)
    first = _make(source, discretisation, name)
    try:
        facts = _describe(name, first)
        if tried:
            first.reset(seed=0)
            first.action_space.seed(0)
            first.step(first.action_space.sample())
        return *facts, source
    finally:
        first.close()


def source_of(name: str) -> str | EnvSpec:
    """Return what an environment can be made from, also in another process.

    Raises:
        UnknownNameError: Gymnasium does not know the name.
    """
    if not registry.on_host(name):
        known = [*registry.control_suite_environments(), *sorted(gymnasium.registry)]
        raise UnknownNameError("Gymnasium environment", name, known, command="accumbens envs")
    if name in registry.control_suite_environments():
        return name
    return gymnasium.spec(name.rpartition(":")[2])  # `on_host` has imported the module


def _default_workers(source: str | EnvSpec, num_envs: int) -> int:
    """One process per core that this one may use; none where they could not help or could not make the copies."""
    importable = isinstance(source, str) or isinstance(source.entry_point, str)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = min(cores, num_envs)
    return workers if importable and workers > 1 else 0


def _make(source: str | EnvSpec, discretisation: Discretisation, name: str) -> gymnasium.Env:
    env = make_unchanged(source, name=name)
    return BangBang(env, discretisation) if isinstance(env.action_space, Box) else env


def make_unchanged(source: str | EnvSpec, render_mode: str | None = None, name: str | None = None) -> gymnasium.Env:
    """Make an environment as it is: continuous actions stay continuous. It is held to what it declares.

    Args:
        source: of `source_of`.
        render_mode: `rgb_array` for an environment whose `render` returns pictures.
        name: as the user calls it, for messages; None takes its id.

    Raises:
        AccumbensError: a package is missing, or it has no spaces.
        EnvironmentFailedError: the environment raised.
    """
    if isinstance(source, str):
        from accumbens.envs.control_suite import ControlSuiteEnvironment

        return Declared(ControlSuiteEnvironment(source, render_mode), source)
    name = name or source.id
    try:
        if "box2d" in str(source.entry_point):
            _import_box2d()
        # An environment that cannot draw need not take the argument.
        options: dict[str, Any] = {} if render_mode is None else {"render_mode": render_mode}
        with users_code(f"environment {name!r} cannot be made", source.entry_point, EnvironmentFailedError):
            env = gymnasium.make(source, disable_env_checker=True, **options)
    except (gymnasium.error.Error, ImportError, AssertionError) as error:  # it asserts what specs must be
        if "box2d" in str(error).lower():
            raise AccumbensError(
                f"environment {source.id!r} needs Box2D, which is not installed. In a checkout run "
                """'uv sync --extra box2d', elsewhere 'pip install "accumbens[box2d]"'."""
            ) from error
        raise AccumbensError(f"Gymnasium cannot make environment {source.id!r}: {error}") from error
    for space in ("observation_space", "action_space"):
        if getattr(env, space, None) is None:
            raise AccumbensError(f"environment {name!r} has no {space}: its class has to set one")
    return Declared(env, name)


def _import_box2d() -> None:
    """Import it with warnings ignored: SWIG's types lack `__module__`, and Python crashes if that is an error."""
    with warnings.catch_warnings(), suppress(ImportError):  # Gymnasium says what is missing
        warnings.simplefilter("ignore")
        importlib.import_module("Box2D")


def _describe(name: str, env: gymnasium.Env) -> tuple[HostSpec, int]:
    """The static facts, and the number that Gymnasium gives to the first action."""
    observations, actions = env.observation_space, env.action_space
    if isinstance(observations, Text):
        raise AccumbensError(f"environment {name!r} tells texts: language agents such as poad read them")
    if not isinstance(observations, Box | MultiBinary):
        raise AccumbensError(
            f"environment {name!r} has the observation space {observations}; supported are Box and MultiBinary. "
            "gymnasium.wrappers.FlattenObservation makes a Box of most others."
        )
    boolean = _is_boolean(observations)
    low, high = (0, 1) if isinstance(observations, MultiBinary) else given_bounds(observations, name)
    dtype = np.dtype(bool if boolean else np.float32)
    low, high = np.asarray(low).astype(dtype), np.asarray(high).astype(dtype)
    limit = env.spec.max_episode_steps if env.spec else None
    spec = HostSpec(name, observations.shape, dtype, low, high, 0, limit)
    if isinstance(env, BangBang):
        features = env.action_features
        return spec._replace(num_actions=len(features), action_dimensions=env.dimensions, action_features=features), 0
    if not isinstance(actions, Discrete):
        raise AccumbensError(f"environment {name!r} has the action space {actions}; supported are Discrete and Box.")
    return spec._replace(num_actions=int(actions.n)), int(actions.start)


def _is_boolean(space: Space) -> bool:
    if isinstance(space, Box) and np.issubdtype(space.dtype, np.integer):
        return bool(np.all(space.low == 0) and np.all(space.high == 1))
    return isinstance(space, MultiBinary) or space.dtype == bool
