"""Whether an environment did what it declares: shapes while it is played, numbers and ends of whole episodes."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool

from accumbens.envs.teams.protocol import HostTeam, Seen, TeamEnvironment, TeamFacts, TeamStep
from accumbens.errors import EnvironmentFailedError, users_code
from accumbens.generator import make_key
from accumbens.teams.episodes import Episodes


def cannot_be_played(facts: TeamFacts, what: str) -> EnvironmentFailedError:
    """Return the error of an environment that does something else than it declares."""
    return EnvironmentFailedError(f"environment {facts.name!r} cannot be played: {what}")


def require_sound(episodes: Episodes, facts: TeamFacts) -> None:
    """Refuse episodes that nobody could learn from, and that no reader of data would take.

    Raises:
        EnvironmentFailedError: arrays do not suit `facts`, an episode has no steps or too many, ended in two ways or in
            none, has a number that is not finite, a step without a legal action, or an illegal action although `facts`
            has no masks. Names the episode's seed and the step.
    """
    for name, shape in _shapes(facts).items():
        if getattr(episodes, name).shape[2:] != shape:
            raise cannot_be_played(facts, f"{name} has the shape {getattr(episodes, name).shape}, it needs {shape}")

    def refuse(what: str, wrong: Bool[np.ndarray, "episodes ..."]) -> None:
        """Name the first that is wrong: the episode; with more axes the step; with a third the agent."""
        if not wrong.any():
            return
        index, *place = (int(number[0]) for number in np.nonzero(wrong))
        of = f" of {facts.agents[place[1]]!r}" if len(place) > 1 else ""
        step = f", step {place[0]}" if place else ""
        raise cannot_be_played(facts, f"{what.format(of=of)}, in the episode of seed {episodes.seeds[index]}{step}")

    refuse("there are no steps", episodes.lengths < 1)
    limit = facts.max_episode_steps
    refuse(f"there are more steps than max_episode_steps={limit}", episodes.lengths > limit)
    times = np.arange(episodes.observation.shape[1])
    seen = (times <= episodes.lengths[:, None])[..., None]
    refuse("the observation{of} is not finite", seen & ~np.isfinite(episodes.observation).all(axis=-1))
    done = seen[:, 1:]
    refuse("the reward{of} is not finite", done & ~np.isfinite(episodes.rewards))
    refuse("there is no legal action{of}", seen & ~episodes.legal.any(axis=-1))
    if not facts.masks:
        refuse(
            "an action{of} is illegal, although its facts say that all are legal (masks=False)",
            seen & ~episodes.legal.all(axis=-1),
        )
    last = times[:-1] == episodes.lengths[:, None] - 1
    refuse("the end is both terminated and truncated", last & (episodes.terminated & episodes.truncated)[:, None])
    refuse("the end is neither terminated nor truncated", last & ~(episodes.terminated | episodes.truncated)[:, None])


def users_environment(team: HostTeam, what: str) -> Any:
    """Return a context that tells what an environment on the host raises as its failure.

    Args:
        team: the environment.
        what: is done with it, such as `step`.
    """
    ours = type(team).__module__.startswith("accumbens.")  # a wrapper, whose own mistakes keep their traceback
    source = None if ours else type(team)
    return users_code(f"environment {team.facts.name!r}: {what} failed", source, EnvironmentFailedError)


def require_seen(facts: TeamFacts, seen: Seen, when: str) -> None:
    """Refuse what the agents are given if it has other shapes than `facts` says.

    Raises:
        EnvironmentFailedError: names the shapes.
    """
    _require_shapes(facts, seen._asdict(), when)


def require_step(facts: TeamFacts, outcome: TeamStep, when: str) -> None:
    """Refuse the outcome of a step if it has other shapes than `facts` says.

    Raises:
        EnvironmentFailedError: names the shapes.
    """
    _require_shapes(facts, outcome._asdict() | outcome.seen._asdict(), when)


@lru_cache(maxsize=32)
def require_shapes(environment: TeamEnvironment) -> None:
    """Refuse an environment on the device whose functions give other shapes than its facts say; nothing is computed.

    Raises:
        EnvironmentFailedError: names the shapes, or the environment raised.
    """
    facts, key = environment.facts, jax.eval_shape(lambda: make_key(0))
    actions = jax.ShapeDtypeStruct((len(facts.agents),), np.int32)
    with users_code(f"environment {facts.name!r}: reset failed", environment.reset, EnvironmentFailedError):
        state, seen = jax.eval_shape(environment.reset, key)
        seen = Seen(*seen)
    require_seen(facts, seen, "reset")
    with users_code(f"environment {facts.name!r}: step failed", environment.step, EnvironmentFailedError):
        _, outcome = jax.eval_shape(environment.step, key, state, actions)
        outcome = TeamStep(*outcome)
        outcome = outcome._replace(seen=Seen(*outcome.seen))
    require_step(facts, outcome, "step")


def _shapes(facts: TeamFacts) -> dict[str, tuple[int, ...]]:
    """Shapes of what is recorded of one step."""
    agents = len(facts.agents)
    return {
        "observation": (agents, facts.observation_size),
        "legal": (agents, facts.num_actions),
        "alive": (agents,),
        "actions": (agents,),
        "rewards": (agents,),
    }


def _require_shapes(facts: TeamFacts, given: Mapping[str, Any], when: str) -> None:
    for name, shape in (_shapes(facts) | {"terminated": (), "truncated": ()}).items():
        if name not in given or np.shape(given[name]) == shape:
            continue
        raise cannot_be_played(
            facts, f"{when} gives {name} of the shape {np.shape(given[name])}, its facts say {shape}"
        )
