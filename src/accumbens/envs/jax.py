"""Classic control on the device: Gymnasium's CartPole, Acrobot and MountainCar, with the dynamics of gymnax."""

import functools
import importlib
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray

from accumbens.envs.protocol import Environment, Observation, State, Step
from accumbens.envs.wrappers import time_limit


def cartpole() -> Environment:
    """Balance a pole on a cart: CartPole-v1, with 1 per step, terminated when the cart or the pole leaves its range."""
    high = np.array([4.8, np.inf, np.deg2rad(24), np.inf], np.float32)
    return _environment("CartPole-v1", "cartpole:CartPole", 2, -high, high, max_episode_steps=500)


def acrobot() -> Environment:
    """Swing two links up: Acrobot-v1, with -1 per step but 0 for the last, terminated one link above the pivot."""
    high = np.array([1, 1, 1, 1, 4 * np.pi, 9 * np.pi], np.float32)
    return _environment("Acrobot-v1", "acrobot:Acrobot", 3, -high, high, max_episode_steps=500)


def mountain_car() -> Environment:
    """Drive a weak car up a hill: MountainCar-v0, with -1 per step, the last included, terminated at the goal."""
    low, high = np.array([-1.2, -0.07], np.float32), np.array([0.6, 0.07], np.float32)
    return _environment("MountainCar-v0", "mountain_car:MountainCar", 3, low, high, max_episode_steps=200)


CLASSIC_CONTROL = {"CartPole-v1": cartpole, "Acrobot-v1": acrobot, "MountainCar-v0": mountain_car}


def _environment(
    name: str, home: str, num_actions: int, low: np.ndarray, high: np.ndarray, max_episode_steps: int
) -> Environment:
    """Wrap an environment of gymnax, whose own resets and time limit stay unused.

    It is imported where it is first played, which who only asks for the facts need not wait for.
    """

    @functools.cache
    def gymnax() -> Any:
        module, _, kind = home.partition(":")
        with jax.ensure_compile_time_eval():  # arrays that it made would outlive whatever is being traced
            return getattr(_module_of_gymnax(f"gymnax.environments.classic_control.{module}"), kind)()

    def reset(key: PRNGKeyArray) -> tuple[State, Observation]:
        game = gymnax()
        observation, state = game.reset_env(key, game.default_params)
        return strongly_typed(state), observation.astype(jnp.float32)

    def step(key: PRNGKeyArray, state: State, action: Int[Array, ""]) -> tuple[State, Step]:
        # `step_env` knows no time limit (`step` has it), so what it calls done is terminated.
        game = gymnax()
        # Its parameters are made anew: arrays among them have 32 or 64 bits, as is asked for where it plays.
        observation, state, reward, terminated, _ = game.step_env(key, state, action, game.default_params)
        observation, reward = observation.astype(jnp.float32), reward.astype(jnp.float32)
        return strongly_typed(state), Step(observation, reward, terminated, jnp.zeros((), bool))

    env = Environment(name, reset, step, low.shape, np.dtype(np.float32), low, high, num_actions, None)
    return time_limit(env, max_episode_steps)


def _module_of_gymnax(name: str) -> ModuleType:
    """Import a module of gymnax without all the others.

    Its packages import every environment when they are imported themselves, and with them seaborn, SciPy's statistics
    and pyplot: 2.5 seconds instead of 0.2 (gymnax 1.0.1). So empty packages stand in for them meanwhile. Whoever
    imports gymnax later gets all of it.
    """
    if "gymnax" in sys.modules:
        return importlib.import_module(name)
    spec, packages = find_spec("gymnax"), name.split(".")[:-1]
    if spec is None or not spec.submodule_search_locations:
        return importlib.import_module(name)  # whose error says what is wrong
    (root,) = spec.submodule_search_locations
    for depth in range(len(packages)):
        package = ModuleType(".".join(packages[: depth + 1]))
        package.__path__ = ["/".join([root, *packages[1 : depth + 1]])]
        sys.modules[package.__name__] = package
    try:
        return importlib.import_module(name)
    finally:
        for loaded in [loaded for loaded in sys.modules if loaded.partition(".")[0] == "gymnax"]:
            del sys.modules[loaded]


def strongly_typed(state: State) -> State:
    """Fix the types of all leaves: with the weak types of Python numbers, a restored run would compile again."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.result_type(leaf)), state)
