"""Playing with a trained network step by step, and seeing what every cell thinks of each step."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Shaped

from accumbens.agents import network
from accumbens.agents.protocol import Memory, reset_memory
from accumbens.cells import Carry, Stack
from accumbens.envs import registry
from accumbens.envs.wrappers import auto_reset
from accumbens.runs.streams import Stream, stream_key
from accumbens.training.evaluate import forget_repeats
from accumbens.training.trained import Trained


class Outcome(NamedTuple):
    """What the environments answer to an action; `final_observation` is the true next one, before any reset."""

    final_observation: Shaped[np.ndarray, "envs ..."]
    reward: Float[np.ndarray, " envs"]
    terminated: Bool[np.ndarray, " envs"]
    truncated: Bool[np.ndarray, " envs"]


@runtime_checkable
class Arena(Protocol):
    """Copies of one environment, on the device or on the host, that start their next episode by themselves.

    Attributes:
        num_envs: number of copies.
    """

    num_envs: int

    def reset(self) -> Shaped[np.ndarray, "envs ..."]:
        """Begin and return the first observations."""
        ...

    def step(self, action: Int[np.ndarray, "envs *dimensions"]) -> tuple[Shaped[np.ndarray, "envs ..."], Outcome]:
        """Step every copy; return the observations to act on next, and the outcome."""
        ...

    def close(self) -> None:
        """Release what simulators hold."""
        ...


class DeviceArena:
    """Copies of an environment that runs on the device.

    Attributes:
        env: the environment.
        num_envs: number of copies.
        states: of all copies, with a leading axis; what `reset` and `step` left.
    """

    def __init__(self, name: str, num_envs: int, seed: int):
        """Prepare `num_envs` copies, whose random numbers come from `seed`.

        Raises:
            UnknownNameError: no such environment.
        """
        self.env = registry.make(name)
        self.num_envs, self._seed, self._time = num_envs, jnp.uint32(seed), 0
        self.states: Any = None
        self._split = jax.jit(lambda seed, time: jax.random.split(stream_key(seed, Stream.ENVIRONMENT, time), num_envs))
        self._reset = jax.jit(jax.vmap(self.env.reset))
        self._step = jax.jit(jax.vmap(lambda key, state, action: auto_reset(self.env, key, state, action)))

    def _keys(self) -> Array:
        self._time += 1
        return self._split(self._seed, jnp.int32(self._time - 1))

    def reset(self) -> np.ndarray:
        """Begin and return the first observations."""
        self._time = 0
        self.states, observation = self._reset(self._keys())
        return np.asarray(observation)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, Outcome]:
        """Step every copy; return the observations to act on next, and the outcome."""
        self.states, observation, outcome = self._step(self._keys(), self.states, jnp.asarray(action))
        final = (outcome.observation, outcome.reward, outcome.terminated, outcome.truncated)
        return np.asarray(observation), Outcome(*map(np.asarray, final))

    def close(self) -> None:
        """Nothing is held."""


class HostArena:
    """Copies of an environment that runs on the host, in this process.

    Attributes:
        num_envs: number of copies.
    """

    def __init__(self, name: str, num_envs: int, seed: int, discretisation: Any):
        """Make `num_envs` copies.

        Raises:
            AccumbensError: the environment cannot be made.
        """
        from accumbens.envs.gymnasium import HostEnvironments

        self._envs = HostEnvironments(name, num_envs, seed, discretisation, num_workers=0)
        self.num_envs, self._seed = num_envs, seed

    def reset(self) -> np.ndarray:
        """Begin and return the first observations."""
        return self._envs.reset(self._seed)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, Outcome]:
        """Step every copy; return the observations to act on next, and the outcome."""
        observation, outcome = self._envs.step(action)
        return observation, Outcome(*outcome)

    def close(self) -> None:
        """Release the environments."""
        self._envs.close()


def make_arena(trained: Trained, num_envs: int = 1, seed: int = 0) -> Arena:
    """Return copies of the environment that a run was trained on.

    Raises:
        AccumbensError: the environment cannot be made.
    """
    if registry.is_on_device(trained.config.env):
        return DeviceArena(trained.config.env, num_envs, seed)
    return HostArena(trained.config.env, num_envs, seed, trained.settings.discretisation)


class Thought(NamedTuple):
    """What the network computes in one step.

    Attributes:
        values: expected values of every cell for all actions (the mean over quantiles).
        action: what it does.
        memory: what it remembers.
    """

    values: Float[Array, "envs cells actions"]
    action: Int[Array, "envs *dimensions"]
    memory: Memory


class Moment(NamedTuple):
    """One step of all copies.

    Attributes:
        observation: what was acted on.
        carry: hidden activity of every cell one step before, as the cells saw it.
        hidden: their activity in this step.
        values: expected value of every cell for all actions, in units of `reward_scale` × return.
        action: what was done.
        taken: every cell's value of it.
        reward: as the environment gave it.
        terminated: the episode reached a terminal state.
        truncated: the episode was cut by a time limit.
        next_observation: the true next one, also where an episode ended.
        td_error: of every cell, δ = reward_scale · r + γ max Q(s', ·) − Q(s, a), with its own Q (in s' the mean over
            cells, if the agent bootstraps from that); no bootstrap where terminated.
    """

    observation: Shaped[np.ndarray, "envs ..."]
    carry: Carry
    hidden: Carry
    values: Float[np.ndarray, "envs cells actions"]
    action: Int[np.ndarray, "envs *dimensions"]
    taken: Float[np.ndarray, "envs cells"]
    reward: Float[np.ndarray, " envs"]
    terminated: Bool[np.ndarray, " envs"]
    truncated: Bool[np.ndarray, " envs"]
    next_observation: Shaped[np.ndarray, "envs ..."]
    td_error: Float[np.ndarray, "envs cells"]


class Mind:
    """A trained network as a player sees it: what it does in a step, and each cell's TD error after it."""

    def __init__(self, trained: Trained, epsilon: float = 0.0, seed: int = 0):
        """Prepare; every shape of observation is compiled once.

        Args:
            trained: whose agent acts.
            epsilon: probability of a random action.
            seed: of exploration.
        """
        settings, agent = trained.settings, trained.agent
        q_function = network.value_function(settings, trained.facts)
        layout = q_function.layout
        encode = network.make_encoder(settings, trained.facts)
        key_seed = jnp.uint32(seed)

        def decide(stack: Stack, memory: Memory, observation: Array, time: Int[Array, ""]) -> Thought:
            key = stream_key(key_seed, Stream.EXPLORATION, time)
            decision = agent.act(stack, memory, observation, epsilon, key)
            # Nothing is repeated: ε is the share of random actions for every agent, as in evaluations.
            memory = forget_repeats(decision.memory, agent.init_memory(len(observation)))
            return Thought(layout.expected(decision.values), decision.action, memory)

        def td_error(stack: Stack, thought: Thought, outcome: Outcome) -> tuple[Array, Array]:
            next_values, _ = q_function.all(stack, encode(jnp.asarray(outcome.final_observation)), thought.memory.carry)
            next_values = layout.expected(q_function.for_bootstrap(next_values))
            expected = layout._replace(num_quantiles=None)
            bootstrap = expected.at(next_values, expected.greedy(next_values))
            taken = expected.at(thought.values, thought.action[:, None])
            reward, terminated = jnp.asarray(outcome.reward)[:, None], jnp.asarray(outcome.terminated)[:, None]
            target = settings.reward_scale * reward + settings.discount * jnp.where(terminated, 0.0, bootstrap)
            return taken, target - taken

        self.decide = jax.jit(decide)
        """`decide(stack, memory, observation [envs, ...], time) -> Thought`."""
        self.forget = jax.jit(reset_memory)
        """`forget(memory, ended [envs]) -> memory`, with zeros where an episode ended."""
        self.td_error = jax.jit(td_error)
        """`td_error(stack, thought, outcome) -> (value of the action taken, TD error)`, each [envs, cells]."""


def play(
    trained: Trained,
    arena: Arena,
    *,
    seed: int | None = None,
    epsilon: float = 0.0,
    mind: Mind | None = None,
) -> Iterator[Moment]:
    """Yield one step of all copies after another, without end.

    Args:
        trained: what plays.
        arena: where; it is reset first.
        seed: whose network plays; None takes the run's first.
        epsilon: probability of a random action.
        mind: to be used again where several seeds or snapshots of one run play; its own ε counts.

    Raises:
        AccumbensError: the run has no such seed.
    """
    stack = trained.network(trained.seeds[0] if seed is None else seed)
    mind = mind or Mind(trained, epsilon)
    memory, observation, time = trained.agent.init_memory(arena.num_envs), arena.reset(), 0
    while True:
        thought = mind.decide(stack, memory, observation, jnp.int32(time))
        next_observation, outcome = arena.step(np.asarray(thought.action))
        taken, td_error = mind.td_error(stack, thought, outcome)
        yield Moment(
            observation=observation,
            carry=memory.carry,
            hidden=thought.memory.carry,
            values=np.asarray(thought.values),
            action=np.asarray(thought.action),
            taken=np.asarray(taken),
            reward=outcome.reward,
            terminated=outcome.terminated,
            truncated=outcome.truncated,
            next_observation=outcome.final_observation,
            td_error=np.asarray(td_error),
        )
        memory = mind.forget(thought.memory, outcome.terminated | outcome.truncated)
        observation, time = next_observation, time + 1
