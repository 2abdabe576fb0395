"""Bang-bang control: every dimension of a continuous action is at its lowest or its highest, nothing between.

Seyde et al. (2021), "Is bang-bang control all you need?". It makes any Gymnasium environment with a Box of actions one
with choices, as agents need that compare the values of actions.
"""

import itertools
from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete

from accumbens.errors import AccumbensError

Discretisation = Literal["joint", "factored"]

MOST_JOINT_ACTIONS = 1024
"""Of a joint choice, all of whose values an agent computes at every step."""

LARGEST_BOUND = 1e9
"""Bounds beyond it count as infinite: MuJoCo's actuators without limits have 1e10."""


class BangBang(gymnasium.ActionWrapper):
    """An environment whose action is a choice among the corners of its Box of `n` dimensions.

    `joint`: one choice among all `2^n` corners, in the order in which binary numbers count: choice 0 is low in every
    dimension, choice 1 is high in the last one. `factored`: 0 (low) or 1 (high) for every dimension by itself, `[n]`.

    Attributes:
        dimensions: `n` if the choice is factored, None if it is joint.
        action_features: what every choice is made of, float32: a joint choice is -1 or 1 in each dimension, `[2^n, n]`;
            choice c of dimension d, in row `2 d + c`, is -1 or 1 in that dimension and 0 in the others, `[2 n, n]`.
    """

    def __init__(self, env: gymnasium.Env, discretisation: Discretisation):
        """Wrap an environment.

        Raises:
            AccumbensError: its actions are not a Box with finite bounds, or have too many corners.
        """
        super().__init__(env)
        space, name = env.action_space, env.spec.id if env.spec else str(env)
        if not isinstance(space, Box):
            raise AccumbensError(f"environment {name!r} has the action space {space}; bang-bang control needs a Box")
        self._shape, self._dtype = space.shape, space.dtype
        self._low, self._high = (bound.astype(np.float64).ravel() for bound in (space.low, space.high))
        if not np.all(np.maximum(np.abs(self._low), np.abs(self._high)) <= LARGEST_BOUND):
            raise AccumbensError(
                f"environment {name!r} has the action space {space}, whose bounds are not finite: bang-bang control "
                "chooses between the lowest and the highest action, and there is none"
            )
        n = len(self._low)
        if discretisation == "factored":
            self.dimensions: int | None = n
            self.action_features = np.zeros((2 * n, n), np.float32)
            self.action_features[np.arange(2 * n), np.repeat(np.arange(n), 2)] = np.tile([-1.0, 1.0], n)
            self.action_space = MultiDiscrete([2] * n)
            return
        if 2**n > MOST_JOINT_ACTIONS:
            raise AccumbensError(
                f"environment {name!r} has actions of {n} dimensions, which have 2^{n} = {2**n} corners; a joint "
                f"choice is limited to {MOST_JOINT_ACTIONS}. Let every dimension choose by itself: "
                "--set discretisation=factored"
            )
        self.dimensions = None
        self.action_features = np.array(list(itertools.product((-1, 1), repeat=n)), np.float32)
        self.action_space = Discrete(2**n)

    def action(self, action: Any) -> np.ndarray:
        """Return the corner that a choice stands for, in the environment's own Box."""
        high = self.action_features[action] > 0 if self.dimensions is None else np.asarray(action) > 0
        return np.where(high, self._high, self._low).astype(self._dtype).reshape(self._shape)
