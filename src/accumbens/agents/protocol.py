"""What an agent is: a NamedTuple of pure functions, batched over environments."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, Shaped

from accumbens.cells import Carry
from accumbens.td.exploration import Repeat

AgentState = Any


@runtime_checkable
class EnvironmentFacts(Protocol):
    """The static facts of an environment that an agent is built from; an `Environment` has them."""

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """Shape of one observation."""
        ...

    @property
    def observation_dtype(self) -> np.dtype:
        """`bool` or `float32`."""
        ...

    @property
    def observation_low(self) -> np.ndarray:
        """Lower bounds."""
        ...

    @property
    def observation_high(self) -> np.ndarray:
        """Upper bounds."""
        ...

    @property
    def num_actions(self) -> int:
        """Number of discrete actions; of a factored action, the choices of all its dimensions together."""
        ...

    @property
    def action_dimensions(self) -> int | None:
        """Dimensions of a factored action, each with its own choice; None for one choice among all actions."""
        ...

    @property
    def action_features(self) -> np.ndarray | None:
        """What each action is made of, [num_actions, features]; None if actions have nothing in common."""
        ...


class Memory(NamedTuple):
    """What the acting agent remembers from one step to the next, per environment; zeros at an episode's start."""

    carry: Carry
    repeat: Repeat


class Decision(NamedTuple):
    """What the agent decided in one step, per environment."""

    action: Int[Array, "envs *dimensions"]
    values: Float[Array, "envs cells *quantiles actions"]
    memory: Memory


class Rollout(NamedTuple):
    """What happened in one block of steps, time first.

    Attributes:
        observation: what was acted on.
        carry: hidden activity before the step, as the cells saw it.
        next_carry: hidden activity after the step, before any reset.
        values: values of every cell for `observation`.
        action, reward, terminated, truncated: as the environment gave them.
        final_observation: the true next observation; None if episodes are never truncated.
        last_observation: what will be acted on next, without the time axis.
        last_carry: the carry that goes with it.
    """

    observation: Shaped[Array, "time envs ..."]
    carry: Carry
    next_carry: Carry | None
    values: Float[Array, "time envs cells *quantiles actions"]
    action: Int[Array, "time envs *dimensions"]
    reward: Float[Array, "time envs"]
    terminated: Bool[Array, "time envs"]
    truncated: Bool[Array, "time envs"]
    final_observation: Shaped[Array, "time envs ..."] | None
    last_observation: Shaped[Array, "envs ..."]
    last_carry: Carry


class LearningMetrics(NamedTuple):
    """Means over the updates of one learning phase, per predicting cell; zeros (and no updates) before learning starts.

    Attributes:
        loss: of one TD error.
        td_error: its size.
        value: of the actions taken.
        gradient_norm: before clipping; of the cell's own gradient, or of all cells' if only the top cell predicts.
        updates: number of updates.
    """

    loss: Float[Array, " cells"]
    td_error: Float[Array, " cells"]
    value: Float[Array, " cells"]
    gradient_norm: Float[Array, " cells"]
    updates: Int[Array, ""]


class Agent(NamedTuple):
    """An agent as pure functions. Everything static is closed over; nothing here does I/O or compiles.

    Attributes:
        init: `init(key) -> state`.
        init_memory: `init_memory(num_envs) -> memory`.
        act: `act(network, memory, observation, epsilon, key, cell_weights=None) -> Decision`; `network` is what the
            function of that name returns. Acts on the sum over cells weighted by `cell_weights` [envs, cells], or by
            the last row of the agent's own.
        learn: `learn(state, rollout, iteration, key) -> (state, LearningMetrics)`, once per block; `iteration` counts
            blocks from 0 and is shared by all seeds.
        epsilon: `epsilon(step) -> ε` used for acting at environment step `step`.
        learning_rate: `learning_rate(updates) -> rate`, for the log.
        network: `network(state)`: the stack that acts.
        with_network: `with_network(state, network) -> state`: the same with another stack, target network included.
        num_envs: environments stepped side by side.
        rollout_length: steps of each environment in one block.
        num_cells: number of predicting cells.
        cell_weights: [cells, cells]; row l-1 has the weights by which the agent acts if it has cells 1..l alone.
        updates_at: `updates_at(iteration) -> int`: updates done after that many blocks.
        cut_off: `cut_off(state, iteration) -> state`: after that many blocks the episodes under way do not go on.
    """

    init: Callable[[PRNGKeyArray], AgentState]
    init_memory: Callable[[int], Memory]
    act: Callable[..., Decision]
    learn: Callable[[AgentState, Rollout, Int[Array, ""], PRNGKeyArray], tuple[AgentState, LearningMetrics]]
    epsilon: Callable[[Int[Array, ""]], Float[Array, ""]]
    learning_rate: optax.Schedule
    network: Callable[[AgentState], Any]
    with_network: Callable[[AgentState, Any], AgentState]
    num_envs: int
    rollout_length: int
    num_cells: int
    cell_weights: Float[np.ndarray, "cells cells"]
    updates_at: Callable[[int], int]
    cut_off: Callable[[AgentState, Int[Array, ""]], AgentState]


def reset_memory(memory: Memory, ended: Bool[Array, " envs"]) -> Memory:
    """Return the memory with zeros where an episode ended."""
    carry = tuple(jnp.where(ended[:, None], 0.0, hidden) for hidden in memory.carry)
    repeat = memory.repeat._replace(remaining=jnp.where(ended, 0, memory.repeat.remaining))
    return Memory(carry, repeat)
