"""Episodes of a team, as arrays: what is recorded, learned from, and played."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int


class Episodes(NamedTuple):
    """Episodes of a team, each padded to the longest; what is behind an episode's length means nothing.

    Attributes:
        observation: of each agent before each step, and the true last one.
        legal: the actions that each could take.
        alive: of each agent.
        actions: what each did.
        rewards: of each, for what was done at that step.
        lengths: steps.
        terminated: ended in a terminal state.
        truncated: cut by a time limit. Never both.
        seeds: that each began from.
    """

    observation: Float[np.ndarray, "episodes times agents observation"]
    legal: Bool[np.ndarray, "episodes times agents actions"]
    alive: Bool[np.ndarray, "episodes times agents"]
    actions: Int[np.ndarray, "episodes steps agents"]
    rewards: Float[np.ndarray, "episodes steps agents"]
    lengths: Int[np.ndarray, " episodes"]
    terminated: Bool[np.ndarray, " episodes"]
    truncated: Bool[np.ndarray, " episodes"]
    seeds: Int[np.ndarray, " episodes"]

    def returns(self) -> Float[np.ndarray, "episodes agents"]:
        """Return the undiscounted sum of each agent's rewards."""
        inside = np.arange(self.actions.shape[1]) < self.lengths[:, None]
        return (self.rewards * inside[:, :, None]).sum(axis=1)
