"""A trained network that acts: observations in, actions out, wherever they come from and go to."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from accumbens.agents import network
from accumbens.agents.protocol import Memory, reset_memory
from accumbens.cells import Stack
from accumbens.errors import AccumbensError
from accumbens.generator import pinned_generator
from accumbens.runs.streams import Stream, stream_key
from accumbens.training.config import RunConfig
from accumbens.training.evaluate import forget_repeats
from accumbens.training.facts import Facts


class ActingAgent:
    """Acts as the run did, and remembers the activity of its cells from one step to the next: one object per player.

    Observations are single ones, or batches of as many environments as at the episode's start:

        agent.reset()
        action = agent.act(observation)

    Attributes:
        config: what the run was asked to do.
        facts: of its environment.
        network: its cells, with the parameters of one seed.
        seed: the seed of the run whose network this is.
        step: environment steps of that seed by then.
    """

    def __init__(self, config: RunConfig, facts: Facts, stack: Stack, seed: int, step: int, exploration_seed: int = 0):
        """Prepare; every number of observations is compiled once.

        Args:
            config: of the run.
            facts: of its environment.
            stack: its network.
            seed: of the run.
            step: of the run.
            exploration_seed: of the random numbers for `epsilon`.
        """
        self.config, self.facts, self.network, self.seed, self.step = config, facts, stack, seed, step
        settings: Any = config.settings
        act = network.make_act(settings, facts, network.make_encoder(settings, facts))
        layout, key_seed = network.layout_of(settings, facts), jnp.uint32(exploration_seed)

        def decide(stack: Stack, memory: Memory, observation: Array, epsilon: Array, time: Array):
            key = stream_key(key_seed, Stream.EXPLORATION, time)
            decision = act(stack, memory, observation, epsilon, key)
            # Nothing is repeated: ε is the share of random actions for every agent, as in evaluations.
            memory = forget_repeats(decision.memory, network.init_memory(settings, facts, len(observation)))
            return decision.action, layout.expected(decision.values), memory

        self._decide = jax.jit(pinned_generator()(decide))  # traced when it first acts, wherever that is
        self._first_memory = lambda num_envs: network.init_memory(settings, facts, num_envs)
        self._memory: Memory | None = None
        self._time = 0

    def act(self, observation: Any, epsilon: float = 0.0) -> Any:
        """Return what to do, and remember the step.

        Args:
            observation: as the environment gives it, or a batch of them, [batch, ...].
            epsilon: probability of a random action.

        Returns:
            As the environment takes it: an int, or an array where it has several dimensions or is continuous; of a
            batch an array with an axis in front.

        Raises:
            AccumbensError: the observation is not the environment's, the batch is not as long as the last one, or ε is
                no probability.
        """
        if not 0 <= epsilon <= 1:
            raise AccumbensError(f"epsilon={epsilon} cannot be used: it must be from 0 to 1")
        rows, single = self._rows(observation)
        choice, _, self._memory = self._think(rows, epsilon)
        self._time += 1
        action = self.facts.to_environment(np.asarray(choice))
        if not single:
            return action
        return action[0] if action[0].ndim else action[0].item()

    def values(self, observation: Any) -> np.ndarray:
        """Return every cell's expected value of every action, as `act` would see them now; nothing is remembered.

        Args:
            observation: as for `act`.

        Returns:
            float32 [cells, actions], or [batch, cells, actions]; in units of `reward_scale` × return. The actions are
            the agent's choices: of continuous ones the corners, in the order of `facts.action_features`.

        Raises:
            AccumbensError: the observation is not the environment's, or the batch is not as long as the last one.
        """
        rows, single = self._rows(observation)
        values = np.asarray(self._think(rows, 0.0)[1])
        return values[0] if single else values

    def reset(self, ended: Any = None) -> None:
        """Forget, at an episode's start.

        Args:
            ended: which environments of the batch begin an episode, bool [batch]; None is all, and a batch of any
                length may follow.

        Raises:
            AccumbensError: `ended` does not fit the batch.
        """
        if ended is None or self._memory is None:
            self._memory = None
            return
        mask = np.atleast_1d(np.asarray(ended))
        size = len(self._memory.repeat.remaining)
        if mask.shape != (size,) or mask.dtype != bool:
            raise AccumbensError(f"ended is {mask.dtype}{list(mask.shape)} and cannot be used: expected bool[{size}]")
        self._memory = reset_memory(self._memory, jnp.asarray(mask))

    def _think(self, rows: np.ndarray, epsilon: float) -> tuple[Array, Array, Memory]:
        memory = self._first_memory(len(rows)) if self._memory is None else self._memory
        known = len(memory.repeat.remaining)
        if known != len(rows):
            raise AccumbensError(
                f"{len(rows)} observation(s) after {known}: call reset() before another number of them"
            )
        return self._decide(self.network, memory, rows, jnp.float32(epsilon), jnp.int32(self._time))

    def _rows(self, observation: Any) -> tuple[np.ndarray, bool]:
        """The observations with a batch axis, and whether there is only a single one, without."""
        expected = self.facts.observation_shape
        try:
            with np.errstate(over="ignore"):  # what float32 cannot hold is refused below
                array = np.asarray(observation).astype(self.facts.observation_dtype)
        except (TypeError, ValueError) as error:
            raise AccumbensError(f"the observation cannot be used: {error}") from error
        if not np.isfinite(array).all():
            raise AccumbensError(f"the observation {observation!r} cannot be used: not all of it is finite in float32")
        if array.shape == expected:
            return array[None], True
        if array.shape[1:] == expected and len(array):
            return array, False
        raise AccumbensError(
            f"an observation of the shape {array.shape} cannot be used: those of {self.config.env} have {expected}, "
            "and a batch has one axis in front"
        )

    def __repr__(self) -> str:
        """Say what it is."""
        config = self.config
        return f"<accumbens agent: {config.algo} on {config.env}, seed {self.seed}, {self.step:,} steps>"
