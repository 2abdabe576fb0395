"""The host loop: environments of Gymnasium step on the host, agents of all seeds act and learn on the device."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Integer

from accumbens.agents.protocol import Agent, Memory, Rollout, reset_memory
from accumbens.envs.bang_bang import Discretisation
from accumbens.envs.gymnasium import HostEnvironments, HostStep
from accumbens.training.device import RunState, SeedState, absorb
from accumbens.training.episodes import no_episodes
from accumbens.training.metrics import ChunkMetrics, add_block, healthy, no_totals, summarise
from accumbens.training.streams import Stream, stream_key


class HostLoop:
    """The same run as the device loop's, with environments whose state cannot be saved.

    `RunState` holds what the device knows; its `env_states` are empty. A run that is resumed begins new episodes.
    """

    def __init__(self, name: str, agent: Agent, seeds: list[int], discretisation: Discretisation = "joint"):
        """Make `agent.num_envs` environments for every seed."""
        self._agent = agent
        self._seeds = seeds
        self._envs = [HostEnvironments(name, agent.num_envs, seed, discretisation) for seed in seeds]
        # A truncation may come at any step: what Gymnasium calls a time limit need not be the only cause.
        self.spec = self._envs[0].spec
        self._observation: np.ndarray | None = None
        self._act = jax.jit(jax.vmap(self._act_one, (0, 0, 0, 0, None)))
        self._learn = jax.jit(self._learn_all, donate_argnums=0)
        self._summarise = jax.jit(summarise)

    def init(self, seeds: Integer[Array, " seeds"]) -> RunState:
        """Return the run before its first step, and begin every environment's first episode."""
        observation = jnp.asarray(self._reset(0))
        return RunState(jax.jit(jax.vmap(self._init_one))(seeds, observation), jnp.zeros((), jnp.int32))

    def resume(self, run: RunState) -> RunState:
        """Begin new episodes, whose random numbers depend on where the run stands; unfinished ones are forgotten."""
        observation = self._reset(int(run.iteration))
        agent, fresh = self._agent, run.seeds.episodes
        episodes = fresh._replace(
            current_return=jnp.zeros_like(fresh.current_return), current_length=jnp.zeros_like(fresh.current_length)
        )
        memory = jax.vmap(lambda _: agent.init_memory(agent.num_envs))(run.seeds.seed)
        seeds = run.seeds._replace(observation=jnp.asarray(observation), memory=memory, episodes=episodes)
        return run._replace(seeds=seeds)

    def chunk(self, run: RunState, blocks: int) -> tuple[RunState, ChunkMetrics]:
        """Run that many blocks, fewer if something stops being finite."""
        totals = no_totals(len(self._seeds), self._agent.num_cells)
        for _ in range(blocks):
            memory, rollout = self._collect(run)
            run, totals = self._learn(run, memory, rollout, totals)
            if not healthy(totals):
                break
        return run, self._summarise(totals, run.seeds.episodes)

    def close(self) -> None:
        """Release the environments."""
        for envs in self._envs:
            envs.close()

    def _reset(self, iteration: int) -> np.ndarray:
        seeds = [np.random.SeedSequence([seed, iteration]).generate_state(1)[0] for seed in self._seeds]
        self._observation = np.stack([envs.reset(seed=int(seed)) for envs, seed in zip(self._envs, seeds, strict=True)])
        return self._observation

    def _init_one(self, seed: Integer[Array, ""], observation: Array) -> SeedState:
        agent = self._agent
        parameters = agent.init(stream_key(seed, Stream.PARAMETERS, 0))
        episodes = no_episodes(agent.num_envs)
        return SeedState(seed, parameters, agent.init_memory(agent.num_envs), (), observation, episodes)

    def _act_one(self, seed: Integer[Array, ""], agent_state: Any, memory: Memory, observation: Array, time):
        epsilon = self._agent.epsilon(time * self._agent.num_envs)
        key = stream_key(seed, Stream.EXPLORATION, time)
        return self._agent.act(agent_state, memory, observation, epsilon, key)

    def _collect(self, run: RunState) -> tuple[Memory, Rollout]:
        seeds, agent = run.seeds, self._agent
        memory, start = seeds.memory, int(run.iteration) * agent.rollout_length
        rows = []
        for time in range(start, start + agent.rollout_length):
            observation = self._observation
            decision = self._act(seeds.seed, seeds.agent, memory, observation, time)
            action = np.asarray(decision.action)
            steps = [envs.step(actions) for envs, actions in zip(self._envs, action, strict=True)]
            self._observation = np.stack([following for following, _ in steps])
            outcome = HostStep(*(np.stack(part) for part in zip(*(outcome for _, outcome in steps), strict=True)))
            rows.append((observation, memory.carry, decision.memory.carry, decision.values, action, outcome))
            memory = _reset_memories(decision.memory, outcome.terminated | outcome.truncated)
        # [time, seeds, envs, …] -> [seeds, time, envs, …], as `absorb` under vmap wants it.
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves, axis=1), *rows)
        observation, carry, next_carry, values, action, outcome = stacked
        return memory, Rollout(
            observation=observation,
            carry=carry,
            next_carry=next_carry,
            values=values,
            action=action,
            reward=outcome.reward,
            terminated=outcome.terminated,
            truncated=outcome.truncated,
            final_observation=outcome.observation,
            last_observation=jnp.asarray(self._observation),
            last_carry=memory.carry,
        )

    def _learn_all(self, run: RunState, memory: Memory, rollout: Rollout, totals):
        absorb_seeds: Callable = jax.vmap(lambda s, r: absorb(self._agent, s, r, run.iteration))
        seeds, metrics = absorb_seeds(run.seeds, rollout)
        seeds = seeds._replace(memory=memory, observation=rollout.last_observation)
        return RunState(seeds, run.iteration + 1), add_block(totals, metrics, run.iteration)


_reset_memories = jax.jit(jax.vmap(reset_memory))
