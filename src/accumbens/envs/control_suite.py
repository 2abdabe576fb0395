"""The DeepMind Control Suite as Gymnasium environments: MuJoCo's physics on the host."""

import copy
import functools
import math
import os
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box

from accumbens.errors import AccumbensError

LONGEST_EPISODE = 1000
"""Steps after which an episode is cut where the task itself sets no limit (`lqr`); all others set this one."""


class ControlSuiteEnvironment(gymnasium.Env):
    """One task of the suite, with dm_control's own observations, rewards and ends, and no action repeat.

    Observations are the task's, flattened in its own order, float32. Actions are in `[-1, 1]`, scaled to the actuators'
    range (`lqr` has no range: its actions are unbounded and as they are). Where the task's limit ends an episode it is
    truncated; where the task says that its value is zero (discount 0), terminated. A model that is drawn at random
    (`lqr`) is the same in all copies; `reset(seed=…)` seeds the task's random numbers, which first states come from.
    """

    def __init__(self, name: str, render_mode: str | None = None):
        """Load the task.

        Args:
            name: `dmc/{domain}-{task}`, such as `dmc/walker-walk`.
            render_mode: None, or `rgb_array` to see pictures.

        Raises:
            AccumbensError: dm_control is not installed.
        """
        self.render_mode, self._camera = render_mode, None
        self._env = copy.deepcopy(_load(name))  # seven times as fast as loading it again
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": round(1 / self._env.control_timestep())}
        actions = self._env.action_spec()
        low, high = (np.broadcast_to(bound, actions.shape) for bound in (actions.minimum, actions.maximum))
        unbounded = np.maximum(np.abs(low), np.abs(high)) >= _UNLIMITED
        self._centre = np.where(unbounded, 0.0, (high + low) / 2)
        self._half_range = np.where(unbounded, 1.0, (high - low) / 2)
        highest = np.where(unbounded, np.inf, 1.0).astype(np.float32)
        self.action_space = Box(-highest, highest, dtype=np.float32)
        sizes = [np.prod(spec.shape, dtype=int) for spec in self._env.observation_spec().values()]
        self.observation_space = Box(-np.inf, np.inf, (int(sum(sizes)),), np.float32)
        self._limit, self._elapsed = math.ceil(min(self._env._step_limit, LONGEST_EPISODE)), 0
        self.spec = EnvSpec(name, entry_point=lambda **_: ControlSuiteEnvironment(name), max_episode_steps=self._limit)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        """Begin an episode."""
        super().reset(seed=seed)
        if seed is not None:
            self._env.task.random.seed(seed)
        self._elapsed = 0
        return _flatten(self._env.reset().observation), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict]:
        """Hold an action for one control step."""
        outcome = self._env.step(self._centre + self._half_range * action)
        self._elapsed += 1
        terminated = outcome.last() and outcome.discount == 0
        truncated = not terminated and (outcome.last() or self._elapsed >= self._limit)
        return _flatten(outcome.observation), float(outcome.reward), terminated, truncated, {}

    def render(self) -> np.ndarray | None:
        """Return a picture, uint8 `[height, width, 3]`, if the environment was made with `rgb_array`.

        Raises:
            AccumbensError: there is no way to draw on this machine.
        """
        if self.render_mode != "rgb_array":
            return None
        if self._camera is None:
            from accumbens.envs.mujoco_pictures import Camera

            self._camera = Camera(self._env.physics, *_PICTURE_SIZE)
        return self._camera.picture()

    def close(self) -> None:
        """Release the physics."""
        if self._camera is not None:
            self._camera.close()
            self._camera = None
        self._env.close()


_PICTURE_SIZE = (384, 288)
_UNLIMITED = 1e9  # dm_control gives actuators without a range MuJoCo's largest number, 1e10


@functools.cache
def _load(name: str) -> Any:
    """dm_control's environment, with the random numbers of seed 0; to be copied and never stepped itself."""
    os.environ.setdefault("MUJOCO_GL", "disable")  # or dm_control looks for a display when it is imported
    try:
        from dm_control import suite
    except ImportError as error:
        raise AccumbensError(
            f"environment {name!r} needs dm_control, which is not installed. In a checkout run 'uv sync --extra dmc', "
            """elsewhere 'pip install "accumbens[dmc]"'."""
        ) from error
    domain, task = name.removeprefix("dmc/").split("-")
    env = suite.load(domain, task, task_kwargs={"random": 0})
    # `quadruped-escape` asks for the rendering contexts at every reset, which would open a display to make them.
    kind = type(env.physics)
    env.physics.__class__ = type(kind.__name__, (kind,), {"contexts": None})
    return env


def _flatten(observation: Any) -> np.ndarray:
    return np.concatenate([np.ravel(part) for part in observation.values()]).astype(np.float32)
