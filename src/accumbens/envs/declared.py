"""An environment of Gymnasium held to what it declares: what it does against its own spaces is refused by name."""

import inspect
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Space

from accumbens.errors import EnvironmentFailedError, users_place

LARGEST_BOUND = 1e6
"""Bounds as large as this stand for none, as `np.finfo(...).max` and 1e9 do in many environments."""

WRONG_BOUNDS = ("LunarLander-v3", "LunarLanderContinuous-v3", "BipedalWalker-v3", "BipedalWalkerHardcore-v3")
"""Environments of Gymnasium 1.3 whose observations leave their declared bounds, which count as none: a lander with its
main engine on reaches a height of 20, and 2.5 is declared. `findings/gymnasium_bounds.sh` shows it."""

_FLOAT16_MAX = float(np.finfo(np.float16).max)
_KINDS = {"f": "fiub", "i": "iub", "u": "iub", "b": "iub"}
"""Kinds of numbers that a space of another kind takes without loss of meaning; ranges are checked."""


def given_bounds(space: Box, name: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of an environment's observations, float32, infinite where they only stand for none.

    Args:
        space: of its observations.
        name: of the environment.
    """
    if name.endswith(WRONG_BOUNDS):
        return np.full(space.shape, -np.inf, np.float32), np.full(space.shape, np.inf, np.float32)
    low, high = (np.array(bound, np.float64) for bound in (space.low, space.high))
    for bound in (low, high):
        none = np.abs(bound) >= LARGEST_BOUND
        if not np.issubdtype(space.dtype, np.integer):
            none |= np.abs(bound) == _FLOAT16_MAX
        bound[none] = np.copysign(np.inf, bound[none])
    return low.astype(np.float32), high.astype(np.float32)


class Declared(gymnasium.Wrapper):
    """An environment whose every outcome is checked against its observation space and against Gymnasium's interface.

    Shapes must match; numbers must be finite in float32, inside the bounds, and castable to the space's type without
    changing their kind. A reward is one finite number; ends are booleans. What the environment raises is told with the
    user's own file and line. The wrapper takes the place of Gymnasium's passive checker, which only warns.
    """

    def __init__(self, env: gymnasium.Env, name: str):
        """Wrap an environment.

        Args:
            env: the environment.
            name: as the user calls it, for messages.
        """
        super().__init__(env)
        self._name, self._steps = name, 0
        space = self._space = env.observation_space
        self._shape = space.shape
        self._all_inside = (int(np.prod(space.shape or ())),) * 2
        self._dtype = None if space.dtype is None else np.dtype(space.dtype)
        finite = np.finfo(np.float32)
        if isinstance(space, Box):
            low, high = (np.clip(bound, finite.min, finite.max) for bound in given_bounds(space, name))
        else:  # MultiBinary
            low, high = np.array(0), np.array(1)
        # Whole arrays of one type: NumPy compares those quickest.
        self._low, self._high = (np.full(space.shape or (), bound, np.float32) for bound in (low, high))
        # Every number of the type is allowed, as in a picture of bytes.
        self._everything = self._dtype is not None and self._dtype.kind in "ui" and _spans(space, self._dtype)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode.

        Raises:
            EnvironmentFailedError: the environment raised, or returned what it does not declare.
        """
        self._steps = 0
        try:
            outcome = self.env.reset(seed=seed, options=options)
        except (Exception, SystemExit) as error:
            raise self._raised(error) from error
        if not isinstance(outcome, tuple) or len(outcome) != 2:
            raise self._broken(f"reset returned {_what(outcome)}, not the pair (observation, info)")
        self._check(outcome[0])
        return outcome

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Go on by one step.

        Raises:
            EnvironmentFailedError: the environment raised, or returned what it does not declare.
        """
        self._steps += 1
        try:
            outcome = self.env.step(action)
        except (Exception, SystemExit) as error:
            raise self._raised(error) from error
        if not isinstance(outcome, tuple) or len(outcome) != 5:
            raise self._broken(
                f"step returned {_what(outcome)}, not (observation, reward, terminated, truncated, info)"
            )
        observation, reward, terminated, truncated, info = outcome
        self._check(observation)
        if type(reward) is not float:
            reward = self._number(reward)
        if not -_FLOAT32_MAX <= reward <= _FLOAT32_MAX:
            raise self._broken(f"the reward is {reward}, which is not a finite number of float32")
        if type(terminated) is not bool:
            terminated = self._flag("terminated", terminated)
        if type(truncated) is not bool:
            truncated = self._flag("truncated", truncated)
        return observation, reward, terminated, truncated, info

    def _check(self, observation: Any) -> None:
        # At every step: what the user's environment mostly returns comes first, and NumPy's quickest functions.
        try:
            array = np.asarray(observation)
        except ValueError:  # rows of different lengths
            raise self._against_space(f"is {_what(observation)}") from None
        if array.shape != self._shape:
            raise self._against_space(f"has the shape {array.shape}")
        if array.dtype is not self._dtype:
            if self._dtype is None or array.dtype.kind not in _KINDS[self._dtype.kind]:
                raise self._against_space(f"is of type {array.dtype}")
        elif self._everything:
            return
        inside = np.count_nonzero(array >= self._low), np.count_nonzero(array <= self._high)  # NaN is not
        if inside != self._all_inside:
            raise self._broken(self._outside(array))

    def _against_space(self, found: str) -> EnvironmentFailedError:
        return self._broken(f"the observation {found}; the observation space is {self._space}")

    def _outside(self, array: np.ndarray) -> str:
        low, high = (np.broadcast_to(bound, array.shape) for bound in (self._low, self._high))
        place = tuple(np.argwhere(~((array >= low) & (array <= high)))[0].tolist())
        value, where = array[place], f" at {list(place)}" if place else ""
        found = f"the observation has the value {value}{where}"
        if not np.isfinite(value) or abs(value) > _FLOAT32_MAX:
            return f"{found}, which is not a finite number of float32"
        return f"{found}, outside its bounds from {low[place]:g} to {high[place]:g}: declare the true bounds, or np.inf"

    def _number(self, reward: Any) -> float:
        number = isinstance(reward, int | float | np.number | np.bool_)
        if not number and not (isinstance(reward, np.ndarray) and reward.ndim == 0 and reward.dtype.kind in "iufb"):
            raise self._broken(f"the reward is {_what(reward)}, not one number")
        return float(reward)

    def _flag(self, name: str, flag: Any) -> bool:
        if not isinstance(flag, np.bool_) and not (
            isinstance(flag, np.ndarray) and flag.dtype == bool and not flag.ndim
        ):
            raise self._broken(f"{name} is {_what(flag)}, not a bool")
        return bool(flag)

    def _when(self) -> str:
        return f"in step {self._steps} of an episode" if self._steps else "at an episode's start"

    def _broken(self, broken: str) -> EnvironmentFailedError:
        return EnvironmentFailedError(f"environment {self._name!r}, {self._when()}: {broken} ({self._place()})")

    def _place(self) -> str:
        """Where the environment's class is defined."""
        kind = type(self.env.unwrapped)
        try:
            return f"{kind.__qualname__}, {inspect.getsourcefile(kind)}, line {inspect.getsourcelines(kind)[1]}"
        except (OSError, TypeError):  # made at a prompt
            return kind.__qualname__

    def _raised(self, error: BaseException) -> EnvironmentFailedError:
        """The error, with the last line of the user's own code that it passed, or else where the environment is."""
        said = f"environment {self._name!r} raised {type(error).__name__} {self._when()}: {error}"
        return EnvironmentFailedError(said + (users_place(error) or f" ({self._place()})"))


_FLOAT32_MAX = float(np.finfo(np.float32).max)


def _spans(space: Space, dtype: np.dtype) -> bool:
    info = np.iinfo(dtype)
    return isinstance(space, Box) and bool(np.all(space.low == info.min) and np.all(space.high == info.max))


def _what(value: Any) -> str:
    """A value as messages name it: what it is, and what it looks like."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return repr(value)
