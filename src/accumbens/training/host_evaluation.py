"""Evaluation on the host: the agents of all seeds, and every prefix of their cells, play side by side."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from accumbens.agents.protocol import Agent, reset_memory
from accumbens.envs.bang_bang import Discretisation
from accumbens.envs.gymnasium import HostEnvironments
from accumbens.runs.streams import Stream, stream_key
from accumbens.training import evaluate
from accumbens.training.evaluate import EVALUATION_SEED, Evaluation, forget_repeats, prefix_weights


class HostEvaluation:
    """`evaluation(agent_states, epsilon) -> Evaluation`, with a leading axis of seeds on both.

    Every prefix of every seed of every run meets the same first states; what an environment draws later may differ. The
    environments are made at the first call and kept for the next ones.
    """

    def __init__(
        self,
        name: str,
        agent: Agent,
        num_seeds: int,
        num_episodes: int,
        discretisation: Discretisation = "joint",
        num_workers: int | None = None,
    ):
        """Prepare; no environment is made yet.

        Args:
            name: of the environment.
            agent: acts.
            num_seeds: how many agents are evaluated.
            num_episodes: for every prefix of every seed.
            discretisation: how continuous actions are made bang-bang.
            num_workers: processes that step environments; the results are the same whatever their number.
        """
        self._agent, self._num_seeds, self._num_episodes = agent, num_seeds, num_episodes
        self._arguments = name, num_episodes, [EVALUATION_SEED] * (num_seeds * agent.num_cells)
        self._options = discretisation, num_workers
        self._envs: HostEnvironments | None = None
        weights = jnp.asarray(prefix_weights(agent, num_episodes))

        def act(network, memory, ended, observation, time, epsilon):
            key = stream_key(jnp.uint32(EVALUATION_SEED), Stream.EVALUATION, time)
            memory = forget_repeats(memory, agent.init_memory(weights.shape[0]))
            return agent.act(network, reset_memory(memory, ended), observation, epsilon, key, weights)

        self._act = jax.jit(jax.vmap(act, (0, 0, 0, 0, None, None)))

    def __call__(self, agent_states: Any, epsilon: Float[Array, ""] | float = 0.0) -> Evaluation:
        """Play until the first episode of every environment has ended; `epsilon` of the actions are random."""
        if self._envs is None:
            self._envs = HostEnvironments(*self._arguments, *self._options)
        envs, agent = self._envs, self._agent
        networks = agent.network(agent_states)
        shape = self._num_seeds, agent.num_cells * self._num_episodes
        observation = envs.reset(self._arguments[-1])
        memory = jax.vmap(lambda _: agent.init_memory(shape[1]))(jnp.arange(self._num_seeds))
        finished = just_ended = np.zeros(envs.num_envs, bool)
        returns, lengths = np.zeros(envs.num_envs), np.zeros(envs.num_envs, np.int32)
        for time in range(envs.spec.max_episode_steps or evaluate.LONGEST_EPISODE):
            observation = observation.reshape(*shape, *envs.spec.observation_shape)
            decision = self._act(networks, memory, just_ended.reshape(shape), observation, time, epsilon)
            memory, action = decision.memory, np.asarray(decision.action)
            observation, outcome = envs.step(action.reshape(-1, *action.shape[2:]))
            returns += np.where(finished, 0.0, outcome.reward)
            lengths += ~finished
            just_ended = outcome.terminated | outcome.truncated
            finished = finished | just_ended
            if finished.all():
                break
        shape = self._num_seeds, agent.num_cells, self._num_episodes
        parts = returns.astype(np.float32), lengths, ~finished
        return Evaluation(*(jnp.asarray(part.reshape(shape)) for part in parts))

    def close(self) -> None:
        """Release the environments."""
        if self._envs is not None:
            self._envs.close()
