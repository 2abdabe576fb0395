"""What an environment of several agents is: pure functions on the device, or an object on the host.

All agents of a team act at the same time, see observations of the same size and choose among the same number of
actions; where an environment's own differ, the shorter observations are filled with zeros and the actions that an agent
lacks are never legal.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

State = Any


class TeamFacts(NamedTuple):
    """What is known of an environment of several agents without playing it.

    Attributes:
        name: such as `team/fill-in-2`.
        agents: their names.
        observation_size: numbers that each agent sees.
        num_actions: discrete actions of each.
        max_episode_steps: after as many steps an episode is truncated, if it has not terminated.
        masks: some actions are illegal at times; otherwise all are legal always, and `Seen.legal` is all true.
        won: an episode whose return, mean over agents, is at least this was won; None if nothing is won.
    """

    name: str
    agents: tuple[str, ...]
    observation_size: int
    num_actions: int
    max_episode_steps: int
    masks: bool = False
    won: float | None = None


class Seen(NamedTuple):
    """What the agents are given before they act.

    Attributes:
        observation: of each.
        legal: the actions that each may take; at least one, for the dead as well.
        alive: an agent that is not acts without effect, and learns nothing.
    """

    observation: Float[Array, "agents observation"]
    legal: Bool[Array, "agents actions"]
    alive: Bool[Array, " agents"]


class TeamStep(NamedTuple):
    """The outcome of one step of all agents, before any reset.

    Attributes:
        seen: the *true* next: at an episode's end the final one, never the next episode's first.
        rewards: of each agent.
        terminated: the episode reached a terminal state, for all; the value beyond it is zero.
        truncated: the episode was cut by the time limit; the value beyond it is not zero. Never both.
    """

    seen: Seen
    rewards: Float[Array, " agents"]
    terminated: Bool[Array, ""]
    truncated: Bool[Array, ""]


class TeamEnvironment(NamedTuple):
    """A team on the device, as pure functions on one instance; `jax.vmap` makes many.

    Attributes:
        facts: what it is like.
        reset: `reset(key) -> (state, Seen)`: a first state.
        step: `step(key, state, actions) -> (state, TeamStep)`: one transition. It does not reset.
        board: `board(state) -> picture`: a drawing for people, `[height, width, 3]` from 0 to 255; None if there is
            none.
    """

    facts: TeamFacts
    reset: Callable[[PRNGKeyArray], tuple[State, Seen]]
    step: Callable[[PRNGKeyArray, State, Int[Array, " agents"]], tuple[State, TeamStep]]
    board: Callable[[State], np.ndarray] | None = None


class HostTeam(ABC):
    """A team on the host, with NumPy arrays of the same shapes; one episode at a time.

    Attributes:
        facts: what it is like.
    """

    facts: TeamFacts

    @abstractmethod
    def reset(self, seed: int) -> Seen:
        """Begin the episode of a seed."""

    @abstractmethod
    def step(self, actions: Int[np.ndarray, " agents"]) -> TeamStep:
        """Do one step."""

    def picture(self) -> np.ndarray | None:
        """Return a drawing of the state, `[height, width, 3]` from 0 to 255; None if there is none."""
        return None

    def close(self) -> None:  # noqa: B027 - most have nothing to release
        """Release what is not memory."""


def release(environment: TeamEnvironment | HostTeam) -> None:
    """Close a team on the host; one on the device has nothing to close."""
    if isinstance(environment, HostTeam):
        environment.close()
