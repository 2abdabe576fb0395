"""One episode of several agents as Minari has it, made the arrays of a team: same sizes for all, and checked."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from jaxtyping import Bool, Float, Int

from accumbens.envs.teams.protocol import TeamFacts
from accumbens.errors import AccumbensError
from accumbens.teams.episodes import Episodes
from accumbens.teams.minari_layout import ALIVE, MASK, OBSERVATION, REWARDS


class Layout(NamedTuple):
    """How a data set's spaces are read.

    Attributes:
        agents: their names, in order.
        sizes: numbers that each sees.
        actions: how many each has.
        starts: the number that each one's first action has.
        masked: whose observation has a mask of legal actions.
        ours: rewards and aliveness of each agent are recorded.
    """

    agents: tuple[str, ...]
    sizes: tuple[int, ...]
    actions: tuple[int, ...]
    starts: tuple[int, ...]
    masked: tuple[bool, ...]
    ours: bool

    @property
    def observation_size(self) -> int:
        """Numbers that the agent sees who sees the most."""
        return max(self.sizes)

    @property
    def num_actions(self) -> int:
        """Actions of the agent who has the most."""
        return max(self.actions)

    @property
    def masks(self) -> bool:
        """Whether any action can be illegal."""
        return any(self.masked) or min(self.actions) < self.num_actions

    def episode(self, where: str, episode: Mapping[str, Any], seed: int) -> Episodes:
        """Return one episode as arrays, with a leading axis of 1.

        Args:
            where: it is from, for messages.
            episode: as Minari's storage gives it.
            seed: of it.

        Raises:
            AccumbensError: it cannot be used; says what is wrong with it.
        """
        rewards = np.asarray(episode["rewards"])
        steps = len(rewards)
        if steps < 1:
            raise AccumbensError(f"{where} has no steps")
        terminated, truncated = self._end(where, episode, steps)
        observation, legal = self._seen(where, episode["observations"], steps)
        actions = self._done(where, episode["actions"], legal)
        alive = np.ones((steps + 1, len(self.agents)), bool)
        if self.ours:
            infos = episode.get("infos") or {}
            rewards, alive = (self._info(where, infos, name, n) for name, n in ((REWARDS, steps), (ALIVE, steps + 1)))
        else:
            if rewards.shape != (steps,):
                raise AccumbensError(f"{where} has rewards of the shape {rewards.shape}, expected one for a step")
            rewards = np.repeat(rewards[:, None], len(self.agents), axis=1)
        _require_finite(f"{where} has a reward", rewards)
        return Episodes(
            observation=observation[None],
            legal=legal[None],
            alive=alive[None].astype(bool),
            actions=actions[None],
            rewards=rewards[None].astype(np.float32),
            lengths=np.array([steps]),
            terminated=np.array([terminated]),
            truncated=np.array([truncated]),
            seeds=np.array([seed]),
        )

    def _end(self, where: str, episode: Mapping[str, Any], steps: int) -> tuple[bool, bool]:
        terminations, truncations = (np.asarray(episode[name], bool) for name in ("terminations", "truncations"))
        if terminations.shape != (steps,) or truncations.shape != (steps,):
            raise AccumbensError(f"{where} has {steps} rewards and other numbers of terminations or truncations")
        ended = np.flatnonzero((terminations | truncations)[:-1])
        if ended.size:
            raise AccumbensError(f"{where} ended at step {ended[0]} and goes on: expected one end, the last step's")
        return bool(terminations[-1]), not terminations[-1]

    def _seen(
        self, where: str, observations: Mapping[str, Any], steps: int
    ) -> tuple[Float[np.ndarray, "times agents observation"], Bool[np.ndarray, "times agents actions"]]:
        self._require_agents(where, "observations", observations)
        seen = np.zeros((steps + 1, len(self.agents), self.observation_size), np.float32)
        legal = np.zeros((steps + 1, len(self.agents), self.num_actions), bool)
        for agent, (name, size, count) in enumerate(zip(self.agents, self.sizes, self.actions, strict=True)):
            own, mask = observations[name], np.ones((steps + 1, count), bool)
            if self.masked[agent]:
                own, mask = own[OBSERVATION], np.asarray(own[MASK], bool)
            own = np.asarray(own)
            if len(own) != steps + 1 or mask.shape != (steps + 1, count):
                raise AccumbensError(f"{where} has {len(own)} observations of {name}, expected {steps + 1}: a last one")
            _require_finite(f"{where} has an observation of {name}", own)
            if not mask.any(axis=1).all():
                raise AccumbensError(f"{where} has no legal action of {name} at step {np.argmin(mask.any(axis=1))}")
            seen[:, agent, :size] = own.reshape(steps + 1, size)
            legal[:, agent, :count] = mask
        return seen, legal

    def _done(
        self, where: str, actions: Mapping[str, Any], legal: Bool[np.ndarray, "times agents actions"]
    ) -> Int[np.ndarray, "steps agents"]:
        self._require_agents(where, "actions", actions)
        steps = len(legal) - 1
        done = np.zeros((steps, len(self.agents)), np.int32)
        for agent, (name, count, start) in enumerate(zip(self.agents, self.actions, self.starts, strict=True)):
            own = np.asarray(actions[name])
            if own.shape != (steps,) or not np.issubdtype(own.dtype, np.integer):
                raise AccumbensError(f"{where} has actions of {name} that are not {steps} integers")
            own = own.astype(np.int64) - start
            wrong = (own < 0) | (own >= count)
            wrong |= ~legal[np.arange(steps), agent, np.where(wrong, 0, own)]
            if wrong.any():
                step = int(np.argmax(wrong))
                raise AccumbensError(f"{where}, step {step}: {name} did {own[step] + start}, which it may not do there")
            done[:, agent] = own
        return done

    def _info(self, where: str, infos: Mapping[str, Any], name: str, times: int) -> np.ndarray:
        expected, array = (times, len(self.agents)), np.asarray(infos.get(name))
        if array.shape != expected:
            raise AccumbensError(f"{where} has {name} of the shape {array.shape} in its infos, expected {expected}")
        return array

    def _require_agents(self, where: str, what: str, given: Mapping[str, Any]) -> None:
        if set(given) != set(self.agents):
            raise AccumbensError(
                f"{where} has {what} of {', '.join(given)}, the data set declares {', '.join(self.agents)}"
            )


def team_of(source: str, observations: spaces.Space, actions: spaces.Space, facts: TeamFacts | None) -> Layout:
    """Return how a data set is read.

    Args:
        source: the data set, for messages.
        observations: its observation space.
        actions: its action space.
        facts: of the team, of a data set of ours, where they set the order of the agents.

    Raises:
        AccumbensError: it is of one agent, an agent's observations or actions cannot be used, or the facts say
            something else.
    """
    if not isinstance(observations, spaces.Dict) or not isinstance(actions, spaces.Dict):
        raise AccumbensError(
            f"{source} is of a single agent: expected Dict spaces of agents, not {_short(observations)} and "
            f"{_short(actions)}"
        )
    if set(observations) != set(actions) or not len(observations):
        raise AccumbensError(
            f"{source} has observations of {', '.join(observations) or 'nobody'} and actions of "
            f"{', '.join(actions) or 'nobody'}: expected the same agents"
        )
    agents = tuple(observations) if facts is None else facts.agents
    if set(agents) != set(observations):
        raise AccumbensError(f"{source} tells of the agents {', '.join(agents)}, its spaces of {', '.join(actions)}")
    sizes, masked, counts, starts = [], [], [], []
    for agent in agents:
        space, action = observations[agent], actions[agent]
        masked.append(isinstance(space, spaces.Dict) and set(space) == {OBSERVATION, MASK})
        own = space[OBSERVATION] if isinstance(space, spaces.Dict) and masked[-1] else space
        if not isinstance(own, spaces.Box | spaces.MultiBinary):
            raise AccumbensError(f"{source}: observations of {agent} are {_short(own)}; supported are Box, MultiBinary")
        if not isinstance(action, spaces.Discrete):
            raise AccumbensError(f"{source}: actions of {agent} are {_short(action)}; supported is Discrete")
        sizes.append(int(np.prod(own.shape)))
        counts.append(int(action.n))
        starts.append(int(action.start))
    layout = Layout(agents, tuple(sizes), tuple(counts), tuple(starts), tuple(masked), facts is not None)
    for name in ("observation_size", "num_actions", "masks") if facts is not None else ():
        said, its = getattr(facts, name), getattr(layout, name)
        if said != its:
            raise AccumbensError(f"{source} tells of {name}={said}, its spaces of {its}: is it damaged?")
    return layout


def _require_finite(what: str, array: np.ndarray) -> None:
    if not np.isfinite(array).all():
        raise AccumbensError(f"{what} that is not finite")


def _short(space: spaces.Space) -> str:
    if isinstance(space, spaces.Box):
        return f"Box of the shape {space.shape}"
    return type(space).__name__ if isinstance(space, spaces.Dict | spaces.Tuple) else str(space)
