"""An episode of a team, step by step: what each does, attends to and is still asked for, and how features relate."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from accumbens.envs.teams.protocol import HostTeam, Seen
from accumbens.runs.streams import Stream, stream_key
from accumbens.teams.acting import Memory
from accumbens.teams.imitation import mapped_features, teacher_settings
from accumbens.teams.losses import angles
from accumbens.teams.model import policies_of
from accumbens.teams.play_host import OnHost, endless
from accumbens.teams.settings import DistilledSettings, PolicySettings
from accumbens.teams.trained import TrainedTeam


class Mind(NamedTuple):
    """What can be seen inside of a team that decides.

    Attributes:
        attention: of each mind to its last steps, the newest last; mean over the heads of the last block. A centralised
            network is one mind, otherwise every agent is. NaN before the episode's start.
        teacher: angles between agents of the teacher's features, mapped by M, in degrees; None without a teacher.
        students: the same of the students' features, mapped by N.
    """

    attention: Float[np.ndarray, "minds context"]
    teacher: Float[np.ndarray, "agents agents"] | None = None
    students: Float[np.ndarray, "agents agents"] | None = None


class TeamInstant(NamedTuple):
    """A moment of an episode, and what is decided in it.

    Attributes:
        time: steps since the start.
        picture: of the state; None if the environment draws none.
        seen: by the agents.
        actions: that are taken; None at the end.
        returns: of each agent so far.
        asked: of each, still; None if the team is told no return.
        mind: None at the end, and if nothing can be seen inside.
        ended: how the episode ended: `terminated`, `truncated`, or nothing yet.
    """

    time: int
    picture: np.ndarray | None
    seen: Seen
    actions: Int[np.ndarray, " agents"] | None
    returns: Float[np.ndarray, " agents"]
    asked: Float[np.ndarray, " agents"] | None
    mind: Mind | None = None
    ended: str = ""


def watched_team(
    trained: TrainedTeam, seed: int, episode_seed: int, target: float | None = None
) -> Iterator[TeamInstant]:
    """Play an episode, the one that `accumbens.teams.play.play` plays from the same seed; it never ends before its end.

    Args:
        trained: the team.
        seed: whose networks act.
        episode_seed: of the episode.
        target: the return of each agent that is asked for; None takes the run's own.

    Raises:
        AccumbensError: there is no such seed.
        EnvironmentFailedError: the episode went on beyond `max_episode_steps`.
    """
    target = trained.target if target is None else target
    facts, policy, params = trained.environment.facts, trained.learner.policy, trained.params(seed, target)
    team = trained.environment if isinstance(trained.environment, HostTeam) else OnHost(trained.environment)
    act, look = jax.jit(policy.act), _look(trained, seed)
    told = trained.is_told_returns
    seen, memory, agents = team.reset(episode_seed), policy.init(), len(facts.agents)
    returns, rewards = np.zeros(agents), np.zeros(agents, np.float32)
    for time in range(facts.max_episode_steps):
        actions, memory = act(
            params, memory, seen, rewards, stream_key(jnp.uint32(episode_seed), Stream.EXPLORATION, time)
        )
        actions, asked = np.asarray(actions), target - returns if told else None
        # Copies: an environment may draw and write into the same memory again.
        shown = jax.tree.map(np.array, seen)
        yield TeamInstant(time, _picture(team), shown, actions, returns.copy(), asked, look(memory) if look else None)
        seen, rewards, terminated, truncated = team.step(actions)
        rewards = np.array(rewards, np.float32)
        returns = returns + rewards
        if terminated or truncated:
            ended = "terminated" if terminated else "truncated"
            asked = target - returns if told else None
            yield TeamInstant(time + 1, _picture(team), jax.tree.map(np.array, seen), None, returns, asked, None, ended)
            return
    raise endless(facts.name, facts.max_episode_steps)


def _picture(team: HostTeam) -> np.ndarray | None:
    picture = team.picture()
    return None if picture is None else np.array(picture)


def _look(trained: TrainedTeam, seed: int) -> Any:
    """A function of the memory after a decision, to what could be seen inside; None if nothing can."""
    settings, facts = trained.config.settings, trained.environment.facts
    if not isinstance(settings, PolicySettings):
        return None
    policies, networks, context = policies_of(settings, facts), trained.network(seed), settings.context
    taught = policies_of(teacher_settings(settings), facts) if isinstance(settings, DistilledSettings) else None
    if policies.attend is None and taught is None:
        return None

    @jax.jit
    def inside(memory: Memory) -> tuple[Array | None, Array | None, Array | None]:
        newest = jnp.minimum(memory.steps, context) - 1
        attention = teacher = students = None
        if policies.attend is not None:
            attention = policies.attend(networks.team, memory.window)[:, :, newest].mean(axis=1)
        if taught is not None:
            features = taught.read(networks.teacher, memory.window).features[-1, newest]
            own = policies.read(networks.team, memory.window).features[-1, newest]
            teacher, students = (jnp.rad2deg(angles(part)) for part in mapped_features(networks, features, own))
        return attention, teacher, students

    def look(memory: Memory) -> Mind:
        attention, teacher, students = (None if part is None else np.asarray(part) for part in inside(memory))
        count = min(int(memory.steps), context)
        weights = np.full((0 if attention is None else len(attention), context), np.nan)
        if attention is not None:
            weights[:, context - count :] = attention[:, :count]
        return Mind(weights, teacher, students)

    return look
