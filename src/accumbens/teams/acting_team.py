"""A trained team that acts: what its agents see in, what they do out. Neither environment nor data need be at hand."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from accumbens.envs.teams.protocol import Seen, TeamFacts
from accumbens.errors import AccumbensError, UnknownNameError, require
from accumbens.generator import make_key, pinned_generator
from accumbens.teams.acting import policy_of_values
from accumbens.teams.action_values import values_of
from accumbens.teams.config import TeamConfig
from accumbens.teams.conservative import make_conservative
from accumbens.teams.imitation import make_imitation
from accumbens.teams.job import target_of
from accumbens.teams.policies import TeamPolicy
from accumbens.teams.settings import ConservativeSettings, PlayingSettings, PolicySettings
from accumbens.teams.windows import Scale


class About(NamedTuple):
    """What those who play must know of where they learned.

    Attributes:
        facts: of the environment.
        scale: of the data; None of a team that learned by playing.
    """

    facts: TeamFacts
    scale: Scale | None


class Acting(NamedTuple):
    """How the networks of a method play.

    Attributes:
        policy: greedy.
        params: `params(networks, target) -> what the policy is given`.
        shapes: of the networks of one seed.
    """

    policy: TeamPolicy
    params: Any
    shapes: Any


def acting_of(config: TeamConfig, about: About) -> Acting:
    """Return how the networks of a run play.

    Raises:
        AccumbensError: it learned from data of which nothing is known.
    """
    settings, seed = config.settings, jnp.uint32(0)
    if isinstance(settings, PlayingSettings):
        values = values_of(True, settings.layers, about.facts)
        shapes = jax.eval_shape(values.init, make_key(0))
        return Acting(policy_of_values(values.read), lambda networks, target: networks, shapes)
    if isinstance(settings, ConservativeSettings):
        learner = make_conservative(settings, about.facts)
    elif about.scale is None:
        raise AccumbensError(f"{config.algo} learns from data, and nothing of them is kept: their scale is missing")
    else:
        learner = make_imitation(settings, about.facts, about.scale)
    return Acting(learner.policy, learner.params, jax.eval_shape(learner.init, seed).networks)


class ActingTeam:
    """Acts as the run did when it was evaluated, greedily, and remembers its last steps: one object per episode.

        team.reset()
        actions = team.act(observations)                    # the first step
        actions = team.act(observations, rewards=rewards)   # all others

    Attributes:
        config: what the run was asked to do.
        facts: of its environment.
        scale: of the data that it learned from; None if it learned by playing.
        networks: the parameters of one seed.
        seed: the seed of the run whose networks these are.
        step: updates of that seed by then.
        policy: how it acts, as pure functions.
        params: what the policy is given, with the return that the run asked for.
    """

    def __init__(self, config: TeamConfig, about: About, networks: Any, seed: int, step: int):
        """Prepare; a step is compiled when it is first done.

        Args:
            config: of the run.
            about: what is kept of environment and data.
            networks: of one seed.
            seed: of the run.
            step: of the run.
        """
        self.config, self.networks, self.seed, self.step = config, networks, seed, step
        self.facts, self.scale = about
        acting = acting_of(config, about)
        self.policy, self._params_of = acting.policy, acting.params
        self._act = jax.jit(pinned_generator()(self.policy.act))
        self.params = acting.params(networks, target_of(config, self.scale))
        self.reset()

    def reset(self, target_return: float | None = None) -> None:
        """Begin an episode: forget the last steps.

        Args:
            target_return: of each agent that is asked for; None takes the run's own; see `target_of`.

        Raises:
            AccumbensError: it is not finite, or the team is told no return.
        """
        if target_return is not None:
            number = isinstance(target_return, (int, float, np.number)) and bool(np.isfinite(target_return))
            require("target_return", repr(target_return), "a finite number", number)
            if not self._is_told_returns:
                raise AccumbensError(
                    f"target_return={target_return} cannot be used: {self.config.algo} is told no return"
                )
        self._asked = self.params if target_return is None else self._params_of(self.networks, float(target_return))
        self._memory, self._is_first = self.policy.init(), True

    @property
    def _is_told_returns(self) -> bool:
        return isinstance(self.config.settings, PolicySettings) and self.config.settings.returns

    def act(self, observations: Any, legal: Any = None, rewards: Any = None) -> Any:
        """Return what every agent does, and remember the step.

        Args:
            observations: of each agent, `[agents, size]` in the order of `facts.agents`; or by name, where an agent
                that is not there is dead, and shorter observations are filled with zeros.
            legal: the actions that each may take, `[agents, actions]` or by name; None where all are legal always.
            rewards: of each agent for the step before, or by name; the first step has none.

        Returns:
            actions `[agents]`, or by name if observations are.

        Raises:
            AccumbensError: something is not as the environment gives it, or missing.
        """
        seen = self._seen(observations, legal)
        actions, self._memory = self._act(self._asked, self._memory, seen, self._rewards(rewards), make_key(0))
        self._is_first, actions = False, np.asarray(actions)
        if isinstance(observations, Mapping):
            chosen = dict(zip(self.facts.agents, actions.tolist(), strict=True))
            return {name: chosen[name] for name in observations}
        return actions

    def _seen(self, observations: Any, legal: Any) -> Seen:
        facts, agents = self.facts, len(self.facts.agents)
        alive = np.ones(agents, bool)
        if isinstance(observations, Mapping):
            alive = np.array([name in observations for name in facts.agents])
            observations = self._by_name("observations", observations, facts.observation_size)
        rows = self._numbers("observations", observations, (agents, facts.observation_size))
        if legal is None:
            if facts.masks:
                raise AccumbensError(f"legal is missing: in {facts.name} some actions are illegal at times")
            may: Bool[np.ndarray, "agents actions"] = np.ones((agents, facts.num_actions), bool)
        else:
            if isinstance(legal, Mapping):
                legal = self._by_name("legal", legal, facts.num_actions, missing=1.0)
            may = self._numbers("legal", legal, (agents, facts.num_actions)).astype(bool)
        if not may.any(axis=1).all():
            who = facts.agents[int(np.argmin(may.any(axis=1)))]
            raise AccumbensError(f"legal cannot be used: {who} may do nothing at all")
        return Seen(jnp.asarray(rows), jnp.asarray(may), jnp.asarray(alive))

    def _rewards(self, rewards: Any) -> Any:
        agents = len(self.facts.agents)
        if rewards is None:
            if self._is_told_returns and not self._is_first:
                raise AccumbensError(
                    f"rewards are missing: {self.config.algo} is told the return that is still to come, which those of "
                    "the step before are taken from"
                )
            return jnp.zeros(agents)
        if isinstance(rewards, Mapping):
            rewards = self._by_name("rewards", {name: [value] for name, value in rewards.items()}, 1)[:, 0]
        return jnp.asarray(self._numbers("rewards", rewards, (agents,)))

    def _by_name(
        self, what: str, values: Mapping[Any, Any], size: int, missing: float = 0.0
    ) -> Float[np.ndarray, "agents size"]:
        """Rows in the order of the agents; what is not there is `missing`."""
        rows = np.full((len(self.facts.agents), size), missing)
        for name, value in values.items():
            if name not in self.facts.agents:
                raise UnknownNameError("agent", str(name), list(self.facts.agents))
            numbers = self._as_array(what, value).reshape(-1)
            if len(numbers) > size:
                raise AccumbensError(f"{what} of {name} cannot be used: {len(numbers)} numbers, and at most {size} fit")
            row = self.facts.agents.index(name)
            rows[row] = 0.0
            rows[row, : len(numbers)] = numbers
        return rows

    def _numbers(self, what: str, values: Any, shape: tuple[int, ...]) -> Float[np.ndarray, "..."]:
        found = self._as_array(what, values)
        if found.shape != shape:
            raise AccumbensError(
                f"{what} of the shape {found.shape} cannot be used: those of {self.facts.name} have {shape}"
            )
        if not (np.abs(found) <= np.finfo(np.float32).max).all():
            raise AccumbensError(f"{what} cannot be used: a number is not finite in 32 bits")
        return found.astype(np.float32)

    @staticmethod
    def _as_array(what: str, values: Any) -> Float[np.ndarray, "..."]:
        try:
            return np.asarray(values).astype(np.float64)
        except (TypeError, ValueError) as error:
            raise AccumbensError(f"{what} cannot be used: {error}") from error

    def __repr__(self) -> str:
        """Say what it is."""
        config, count = self.config, len(self.facts.agents)
        return (
            f"<accumbens team: {config.algo} in {config.env}, {count} agents, seed {self.seed}, {self.step:,} updates>"
        )
