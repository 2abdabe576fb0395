"""What an environment that runs on the device is: a pair of pure functions."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, Shaped

State = Any
Observation = Shaped[Array, "..."]


class Step(NamedTuple):
    """The outcome of one environment step, before any reset.

    Attributes:
        observation: the *true* next observation: at an episode's end the final one, never the next episode's first.
        reward: float32 scalar.
        terminated: the episode reached a terminal state; the value beyond it is zero.
        truncated: the episode was cut by a time limit; the value beyond it is not zero.
    """

    observation: Observation
    reward: Float[Array, ""]
    terminated: Bool[Array, ""]
    truncated: Bool[Array, ""]


class Environment(NamedTuple):
    """An environment as pure functions on one instance; `jax.vmap` makes many.

    Attributes:
        name: the registered name, such as `minatar/breakout`.
        reset: `reset(key) -> (state, observation)`: a first state.
        step: `step(key, state, action) -> (state, Step)`: one transition. It does not reset; see `wrappers.auto_reset`.
        observation_shape: shape of one observation.
        observation_dtype: `bool` or `float32`.
        observation_low: lower bounds, broadcastable to `observation_shape`.
        observation_high: upper bounds, broadcastable to `observation_shape`.
        num_actions: number of discrete actions.
        max_episode_steps: the time limit that *truncates* episodes, in steps; None if there is none.
        action_dimensions: dimensions of a factored action, each with its own choice among
            `num_actions / action_dimensions`; None for one choice among all actions.
        action_features: what each action is made of, `[num_actions, features]`; None if they have nothing in common.
        truncates_early: episodes may be truncated at any step, whatever the time limit.
    """

    name: str
    reset: Callable[[PRNGKeyArray], tuple[State, Observation]]
    step: Callable[[PRNGKeyArray, State, Int[Array, ""]], tuple[State, Step]]
    observation_shape: tuple[int, ...]
    observation_dtype: np.dtype
    observation_low: np.ndarray
    observation_high: np.ndarray
    num_actions: int
    max_episode_steps: int | None
    action_dimensions: int | None = None
    action_features: np.ndarray | None = None
    truncates_early: bool = False

    @property
    def truncates(self) -> bool:
        """Whether episodes are ever truncated."""
        return self.max_episode_steps is not None or self.truncates_early
