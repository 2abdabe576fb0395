"""The host loop: environments of Gymnasium step on the host, agents of all seeds act and learn on the device."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Integer

from accumbens.agents.protocol import Agent, Decision, Memory, Rollout, reset_memory
from accumbens.cells import Carry
from accumbens.envs.bang_bang import Discretisation
from accumbens.envs.gymnasium import HostEnvironments, HostStep
from accumbens.envs.promises import PROMISES
from accumbens.generator import pinned_generator
from accumbens.runs.streams import Stream, stream_key
from accumbens.training.device import Collected, RunState, SeedState, absorb
from accumbens.training.episodes import no_episodes
from accumbens.training.metrics import ChunkMetrics, Totals, add_block, healthy, no_totals, summarise


class Block(NamedTuple):
    """What one block of steps brought.

    Attributes:
        acting: for every step the carry that was acted on, the decision, and ε, on the device.
        outcome: of all steps, `[seeds, time, envs, ...]`.
        observations: what was acted on, and at last what will be acted on next, `[seeds, time + 1, envs, ...]`.
    """

    acting: list[tuple[Carry, Decision, Array]]
    outcome: HostStep
    observations: np.ndarray

    def left(self) -> tuple[Memory, np.ndarray]:
        """Return the memory after the last step, not yet reset, and where episodes have ended in it, [seeds, envs]."""
        return self.acting[-1][1].memory, self.outcome.terminated[:, -1] | self.outcome.truncated[:, -1]


class HostLoop:
    """The same run as the device loop's, with environments whose state cannot be saved.

    The copies of all seeds are stepped together, in several processes. Between two steps there is one call of the
    device, which lets all seeds' agents act and brings back nothing but their actions; what else acting computed stays
    there until the block is learned from.

    With `overlap` a block is learned from while the next one is collected. The results do not depend on the timing: the
    first block of a chunk is acted on with the newest parameters, every other one with those from before the learning
    that it overlaps, and a chunk ends when all its blocks are learned from.

    `RunState` holds what the device knows; its `env_states` are empty. A run that is resumed begins new episodes.
    """

    def __init__(
        self,
        name: str,
        agent: Agent,
        seeds: list[int],
        discretisation: Discretisation = "joint",
        num_workers: int | None = None,
        overlap: bool = False,
    ):
        """Make `agent.num_envs` environments for every seed.

        Args:
            name: of the environment.
            agent: acts and learns.
            seeds: of the run.
            discretisation: how continuous actions are made bang-bang.
            num_workers: processes that step environments; the results are the same whatever their number.
            overlap: learn from a block while the next one is collected.

        Raises:
            UnknownNameError: nothing of that name is registered.
            AccumbensError: the environment cannot be used.
        """
        self._agent = agent
        self._seeds = seeds
        self._envs = HostEnvironments(name, agent.num_envs, seeds, discretisation, num_workers)
        # A truncation may come at any step: what Gymnasium calls a time limit need not be the only cause.
        self.spec = self._envs.spec
        self._observation = np.zeros(())  # until the first reset
        # What one thread dispatches to the CPU runs in sequence, so learning must come from another one.
        self._learner = ThreadPoolExecutor(1) if overlap else None
        self._seed = jnp.asarray(seeds, jnp.uint32)
        self._act = jax.jit(jax.vmap(self._act_one, (0, 0, 0, 0, 0, None)))
        self._learn = jax.jit(self._learn_all, donate_argnums=0)
        self._copy = jax.jit(lambda tree: jax.tree.map(jnp.copy, tree))
        self._summarise = jax.jit(summarise)

    def init(self, seeds: Integer[Array, " seeds"]) -> RunState:
        """Return the run before its first step, and begin every environment's first episode."""
        observation = jnp.asarray(self._reset(0))
        return RunState(jax.jit(jax.vmap(self._init_one))(seeds, observation), jnp.zeros((), jnp.int32))

    def resume(self, run: RunState) -> RunState:
        """Begin new episodes, whose random numbers depend on where the run stands; unfinished ones are forgotten."""
        observation = self._reset(int(run.iteration))
        agent, fresh = self._agent, run.seeds.episodes
        current = ("current_return", "current_length", "current_lost")
        episodes = fresh._replace(**{name: jnp.zeros_like(getattr(fresh, name)) for name in current})
        memory = jax.vmap(lambda _: agent.init_memory(agent.num_envs))(run.seeds.seed)
        # Not compiled, so that what stays, a whole replay, is not copied.
        state = jax.vmap(agent.cut_off, (0, None))(run.seeds.agent, run.iteration)
        seeds = run.seeds._replace(observation=jnp.asarray(observation), agent=state, memory=memory, episodes=episodes)
        return run._replace(seeds=seeds)

    def chunk(self, run: RunState, blocks: int) -> tuple[RunState, ChunkMetrics]:
        """Run that many blocks, fewer if something stops being finite."""
        totals = no_totals(len(self._seeds), self._agent.num_cells)
        if self._learner is None:
            run, totals = self._in_turns(run, totals, blocks)
        else:
            run, totals = self._overlapping(self._learner, run, totals, blocks)
        return run, self._summarise(totals, run.seeds.episodes)

    def close(self) -> None:
        """Release the environments, and the thread that learns."""
        if self._learner is not None:
            self._learner.shutdown()
        self._envs.close()

    def _in_turns(self, run: RunState, totals: Totals, blocks: int) -> tuple[RunState, Totals]:
        """Collect a block, learn from it, and so on."""
        memory, ended = self._first_memory(run)
        first = int(run.iteration)
        for iteration in range(first, first + blocks):
            block = self._collect(self._agent.network(run.seeds.agent), memory, ended, iteration)
            memory, ended = block.left()
            run, totals = self._learn(run, *block, totals)
            if not healthy(totals):
                break
        return run, totals

    def _overlapping(
        self, learner: ThreadPoolExecutor, run: RunState, totals: Totals, blocks: int
    ) -> tuple[RunState, Totals]:
        """Learn from a block while the next is collected, which is dropped if something stops being finite."""
        network = self._agent.network(run.seeds.agent)
        memory, ended = self._first_memory(run)
        first = int(run.iteration)
        learning: Future[tuple[RunState, Totals]] = Future()
        learning.set_result((run, totals))  # nothing to learn from yet
        try:
            for iteration in range(first, first + blocks):
                block = self._collect(network, memory, ended, iteration)
                memory, ended = block.left()
                run, totals = learning.result()
                if not healthy(totals):
                    break
                # Learning uses the run up; what the next block is acted on with must outlive it.
                network = self._copy(self._agent.network(run.seeds.agent))
                learning = learner.submit(self._learn_and_wait, run, block, totals)
            return learning.result()
        finally:
            wait([learning])

    @pinned_generator()  # holds in one thread, and this is another
    def _learn_and_wait(self, run: RunState, block: Block, totals: Totals) -> tuple[RunState, Totals]:
        return jax.block_until_ready(self._learn(run, *block, totals))

    def _first_memory(self, run: RunState) -> tuple[Memory, np.ndarray]:
        """The memory that a chunk begins with, which is already reset."""
        return run.seeds.memory, np.zeros((len(self._seeds), self._agent.num_envs), bool)

    def _reset(self, iteration: int) -> np.ndarray:
        seeds = [np.random.SeedSequence([seed, iteration]).generate_state(1)[0] for seed in self._seeds]
        self._observation = self._by_seed(self._envs.reset([int(seed) for seed in seeds]))
        return self._observation

    def _by_seed(self, array: np.ndarray) -> np.ndarray:
        """From [seeds × envs, …] to [seeds, envs, …]."""
        return array.reshape(len(self._seeds), self._agent.num_envs, *array.shape[1:])

    def _init_one(self, seed: Integer[Array, ""], observation: Array) -> SeedState:
        agent = self._agent
        parameters = agent.init(stream_key(seed, Stream.PARAMETERS, 0))
        episodes = no_episodes(agent.num_envs)
        return SeedState(seed, parameters, agent.init_memory(agent.num_envs), (), observation, episodes)

    def _act_one(self, seed: Integer[Array, ""], network: Any, memory: Memory, ended: Array, observation, time):
        memory = reset_memory(memory, ended)
        epsilon = self._agent.epsilon(time * self._agent.num_envs)
        key = stream_key(seed, Stream.EXPLORATION, time)
        return memory.carry, self._agent.act(network, memory, observation, epsilon, key), epsilon

    def _collect(self, network: Any, memory: Memory, ended: np.ndarray, iteration: int) -> Block:
        """Step through one block, with episodes beginning anew where `ended`, [seeds, envs]."""
        start = iteration * self._agent.rollout_length
        acting, outcomes, observations = [], [], [self._observation]
        for time in range(start, start + self._agent.rollout_length):
            # A plain int would make ε weakly typed, and learning would be compiled again at its second block.
            acting.append(self._act(self._seed, network, memory, ended, self._observation, np.int32(time)))
            decision = acting[-1][1]
            action = np.asarray(decision.action)
            observation, outcome = self._envs.step(action.reshape(-1, *action.shape[2:]))
            outcomes.append(HostStep(*map(self._by_seed, outcome)))
            self._observation = self._by_seed(observation)
            observations.append(self._observation)
            memory, ended = decision.memory, outcomes[-1].terminated | outcomes[-1].truncated
        stacked = HostStep(*(np.stack(part, axis=1) for part in zip(*outcomes, strict=True)))
        return Block(acting, stacked, np.stack(observations, axis=1))

    def _learn_all(
        self, run: RunState, acting: list[tuple[Carry, Decision, Array]], outcome: Any, observations: Array, totals
    ):
        # [time, seeds, envs, …] -> [seeds, time, envs, …], as `absorb` under vmap wants it.
        carry, decision, epsilon = jax.tree.map(lambda *leaves: jnp.stack(leaves, axis=1), *acting)
        ended = outcome.terminated | outcome.truncated
        memory = jax.vmap(reset_memory)(acting[-1][1].memory, ended[:, -1])
        rollout = Rollout(
            observation=observations[:, :-1],
            carry=carry,
            next_carry=decision.memory.carry,
            values=decision.values,
            action=decision.action,
            reward=outcome.reward,
            terminated=outcome.terminated,
            truncated=outcome.truncated,
            final_observation=outcome.observation,
            last_observation=observations[:, -1],
            last_carry=memory.carry,
        )
        # What these environments declare is looked at step by step, on the host.
        collected = Collected(rollout, epsilon[:, 0], jnp.zeros((len(self._seeds), len(PROMISES)), bool))
        absorb_seeds: Callable = jax.vmap(lambda s, c: absorb(self._agent, s, c, run.iteration))
        seeds, metrics = absorb_seeds(run.seeds, collected)
        seeds = seeds._replace(memory=memory, observation=rollout.last_observation)
        return RunState(seeds, run.iteration + 1), add_block(totals, metrics, run.iteration)
