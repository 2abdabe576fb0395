"""Any parallel environment of PettingZoo's kind as an environment of several agents on the host.

Reference: Terry et al. (2021), "PettingZoo: Gym for multi-agent reinforcement learning".
"""

import importlib.util
import os
import sys
from collections.abc import Callable, Mapping
from inspect import Parameter, signature
from typing import Any

import numpy as np
from gymnasium.spaces import Dict, Discrete, Space
from gymnasium.spaces.utils import flatdim, flatten
from jaxtyping import Int

from accumbens.envs.teams.protocol import HostTeam, Seen, TeamFacts, TeamStep
from accumbens.errors import AccumbensError, EnvironmentFailedError, users_code
from accumbens.registration import import_module

LIMITS = ("max_cycles", "max_steps", "max_episode_steps")
"""Attributes by which an environment says after how many steps its episodes are truncated."""

_EXTRA = ("pettingzoo", "mpe2")


class PettingZooTeam(HostTeam):
    """A parallel environment with discrete actions, whose observations are flattened and padded with zeros.

    An observation may be anything that Gymnasium flattens to numbers: a Box, and so on. Where it is a dictionary of
    `observation` and `action_mask`, or where `infos` have an `action_mask`, the mask says which actions are legal.

    An agent that is no longer among `agents` while others are, or that ends alone, is dead: it sees zeros, except for
    its last observation, and gets 0. When nobody is left, the episode has been truncated if anybody's was, otherwise it
    has terminated, and those who were there to the last count as alive. It is truncated after `max_episode_steps` even
    if it would go on.

    Attributes:
        facts: what it is like.
    """

    def __init__(self, place: str):
        """Make it, and begin an episode to look at.

        Args:
            place: a module, whose `parallel_env` makes the environment, or `module:function`.

        Raises:
            AccumbensError: it cannot be imported, or is not supported.
            EnvironmentFailedError: the environment raised.
        """
        self._name = name = f"pettingzoo/{place}"
        self._source = _factory(name, place)
        with users_code(f"environment {name!r} cannot be made", self._source, EnvironmentFailedError):
            self._env: Any = self._source(**_render_mode(self._source))
        for method in ("reset", "step", "observation_space", "action_space"):
            if not callable(getattr(self._env, method, None)):
                raise AccumbensError(f"environment {name!r} is no parallel environment: it has no {method}")
        if hasattr(self._env, "agent_iter"):
            raise AccumbensError(
                f"environment {name!r} has agents that act in turn (AEC): give what makes a parallel one, such as "
                "pettingzoo.utils.aec_to_parallel(env)"
            )
        self._agents = list(getattr(self._env, "possible_agents", ()))
        if not self._agents:
            raise AccumbensError(f"environment {name!r} has no agents: possible_agents has to list all there can be")
        with users_code(f"environment {name!r} has no spaces", type(self._env), EnvironmentFailedError):
            spaces = {agent: self._env.observation_space(agent) for agent in self._agents}
            actions = {agent: self._env.action_space(agent) for agent in self._agents}
        masked = any(isinstance(space, Dict) and "action_mask" in space.spaces for space in spaces.values())
        self._spaces = {agent: _numbers(name, agent, space) for agent, space in spaces.items()}
        self._actions = {agent: _discrete(name, agent, space) for agent, space in actions.items()}
        sizes = [int(space.n) for space in self._actions.values()]
        self.facts = TeamFacts(
            name=name,
            agents=tuple(str(agent) for agent in self._agents),
            observation_size=max(flatdim(space) for space in self._spaces.values()),
            num_actions=max(sizes),
            max_episode_steps=_limit(name, self._env),
            masks=masked or len(set(sizes)) > 1,
        )
        self._own = np.arange(self.facts.num_actions) < np.array(sizes)[:, None]
        self._elapsed, self._living = 0, list(self._agents)
        first = self.reset(0)
        # Masks in `infos` are not declared.
        self.facts = self.facts._replace(masks=self.facts.masks or self._tells_masks or not first.legal.all())

    def reset(self, seed: int) -> Seen:
        """Begin the episode of a seed.

        Raises:
            EnvironmentFailedError: the environment raised, or not all agents are there.
        """
        with self._users("reset"):
            observations, infos = self._env.reset(seed=int(seed))
            agents = list(self._env.agents)
        if set(agents) != set(self._agents):
            raise self._failed(f"an episode begins with the agents {agents}, not with all of {self._agents}")
        self._elapsed, self._living = 0, list(self._agents)
        self._tells_masks = any("action_mask" in infos.get(agent, {}) for agent in self._agents)
        return self._see(observations, infos, self._living)

    def step(self, actions: Int[np.ndarray, " agents"]) -> TeamStep:
        """Do one step; what the dead choose is not told to the environment.

        Raises:
            EnvironmentFailedError: the environment raised, agents came back, or something that is needed is missing.
        """
        acting = self._living
        chosen = {
            agent: int(actions[index]) + int(self._actions[agent].start)
            for index, agent in enumerate(self._agents)
            if agent in acting
        }
        with self._users("step"):
            observations, rewards, terminations, truncations, infos = self._env.step(chosen)
            left = list(self._env.agents)
        self._elapsed += 1
        for what, of in (("reward", rewards), ("termination", terminations), ("truncation", truncations)):
            if missing := [agent for agent in acting if agent not in of]:
                raise self._failed(f"a step tells no {what} of {', '.join(map(repr, missing))}")
        if new := [agent for agent in left if agent not in acting]:
            raise self._failed(f"{', '.join(map(repr, new))} came after the episode had begun without or lost them")
        ended = {agent: bool(terminations[agent] or truncations[agent]) for agent in acting}
        living = [agent for agent in acting if agent in left and not ended[agent]]
        cut = any(bool(truncations[agent]) and not terminations[agent] for agent in acting)
        terminated = not living and not cut
        truncated = not terminated and (not living or self._elapsed >= self.facts.max_episode_steps)
        self._living = living or acting
        paid = np.array([rewards.get(agent, 0.0) if agent in acting else 0.0 for agent in self._agents], np.float32)
        if not np.isfinite(paid).all():
            raise self._failed("a reward is not finite")
        seen: Any = self._see(observations, infos, self._living)
        outcome: Any = (seen, paid, np.bool_(terminated), np.bool_(truncated))
        return TeamStep(*outcome)

    def picture(self) -> np.ndarray | None:
        """Return what the environment draws; None if it draws no pictures."""
        if getattr(self._env, "render_mode", None) != "rgb_array":
            return None
        with self._users("render"):
            return self._env.render()

    def close(self) -> None:
        """Close the environment."""
        with self._users("close"):
            self._env.close()

    def _see(self, observations: Mapping[Any, Any], infos: Mapping[Any, Any], living: list[Any]) -> Seen:
        """What all are told; of those that are not living, their last observation if it is there."""
        seen = np.zeros((len(self._agents), self.facts.observation_size), np.float32)
        legal = self._own.copy()
        for index, agent in enumerate(self._agents):
            if agent not in observations:
                if agent in living:
                    raise self._failed(f"{agent!r} is told no observation")
                continue
            observation, mask = observations[agent], infos.get(agent, {}).get("action_mask")
            if isinstance(observation, Mapping) and "action_mask" in observation:
                observation, mask = observation["observation"], observation["action_mask"]
            space = self._spaces[agent]
            with self._users("an observation's flattening"):
                flat = np.asarray(flatten(space, observation), np.float32)
            if flat.shape != (flatdim(space),):
                raise self._failed(f"the observation of {agent!r} has {flat.size} numbers, not {flatdim(space)}")
            if not np.isfinite(flat).all():
                raise self._failed(f"the observation of {agent!r} is not finite")
            seen[index, : len(flat)] = flat
            if mask is not None and agent in living:
                legal[index] = self._mask(agent, mask)
        alive = np.array([agent in living for agent in self._agents])
        told: Any = (seen, legal, alive)
        return Seen(*told)

    def _mask(self, agent: Any, mask: Any) -> np.ndarray:
        allowed, size = np.asarray(mask).astype(bool), int(self._actions[agent].n)
        if allowed.shape != (size,) or not allowed.any():
            raise self._failed(f"the action_mask of {agent!r} is {mask}: it must allow at least one of {size} actions")
        return np.pad(allowed, (0, self.facts.num_actions - size))

    def _users(self, what: str) -> Any:
        return users_code(f"environment {self._name!r}: {what} failed", type(self._env), EnvironmentFailedError)

    def _failed(self, what: str) -> EnvironmentFailedError:
        return EnvironmentFailedError(f"environment {self._name!r} cannot be played: {what}")


def _factory(name: str, place: str) -> Callable[..., Any]:
    """Return what makes the environment.

    Raises:
        AccumbensError: there is nothing of that name.
    """
    module, _, function = place.partition(":")
    function = function or "parallel_env"
    root = module.partition(".")[0]
    if root in _EXTRA and importlib.util.find_spec(root) is None:
        raise AccumbensError(
            f"environment {name!r} needs {root}, which is not installed. In a checkout run 'uv sync --extra "
            """pettingzoo', elsewhere 'pip install "accumbens[pettingzoo]"'."""
        )
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # or pygame greets on the screen
    if not import_module(module, f"environment {name!r}"):
        raise AccumbensError(f"environment {name!r}: {module!r} cannot be a module; write pettingzoo/MODULE")
    make = getattr(sys.modules[module], function, None)
    if not callable(make):
        raise AccumbensError(
            f"environment {name!r}: the module {module!r} has no function {function!r} that makes a parallel "
            "environment; another name is given as pettingzoo/MODULE:FUNCTION"
        )
    return make


def _render_mode(make: Callable[..., Any]) -> dict[str, str]:
    """Ask for pictures where they can be asked for; nothing is drawn before `render` is called."""
    try:
        parameters = signature(make).parameters.values()
    except ValueError:  # built in
        return {}
    takes = any(each.name == "render_mode" or each.kind is Parameter.VAR_KEYWORD for each in parameters)
    return {"render_mode": "rgb_array"} if takes else {}


def _numbers(name: str, agent: Any, space: Space) -> Space:
    """Return the space of what an agent sees, without its mask.

    Raises:
        AccumbensError: it cannot be made numbers.
    """
    if isinstance(space, Dict) and "action_mask" in space.spaces:
        if set(space.spaces) != {"observation", "action_mask"}:
            raise AccumbensError(
                f"environment {name!r}: {agent!r} has an action_mask beside {sorted(set(space.spaces))}; it must be "
                "beside one 'observation'"
            )
        space = space["observation"]
    if not isinstance(space, Space) or not space.is_np_flattenable:
        raise AccumbensError(f"environment {name!r}: {agent!r} has the observation space {space}, not one of numbers")
    return space


def _discrete(name: str, agent: Any, space: Any) -> Discrete:
    """Return the space of an agent's actions.

    Raises:
        AccumbensError: its actions are not discrete.
    """
    if not isinstance(space, Discrete):
        raise AccumbensError(
            f"environment {name!r}: {agent!r} has the action space {space}; supported is Discrete: an environment with "
            "continuous actions often has an argument for discrete ones, which a function of yours can give it "
            "(pettingzoo/MODULE:FUNCTION)"
        )
    return space


def _limit(name: str, env: Any) -> int:
    """Return after how many steps episodes are truncated.

    Raises:
        AccumbensError: the environment does not say.
    """
    for holder in (env, getattr(env, "unwrapped", None)):
        for attribute in LIMITS:
            limit = getattr(holder, attribute, None)
            if isinstance(limit, int | np.integer) and limit >= 1:
                return int(limit)
    raise AccumbensError(
        f"environment {name!r} does not say after how many steps an episode is truncated: it must have an attribute "
        f"{' or '.join(LIMITS)}, a whole number from 1"
    )
