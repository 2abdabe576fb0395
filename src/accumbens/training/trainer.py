"""The compiled pieces of one run, with the same face for the device loop and the host loop."""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.envs import registry
from accumbens.errors import AccumbensError
from accumbens.training import checkpoints
from accumbens.training.config import RunConfig
from accumbens.training.device import RunState, make_device_loop
from accumbens.training.evaluate import Evaluation, make_device_evaluation, make_host_evaluation
from accumbens.training.host import HostLoop
from accumbens.training.metrics import ChunkMetrics
from accumbens.training.plan import make_agent_and_plan
from accumbens.training.runs import RunDirectory


class Trainer:
    """The compiled pieces of one run."""

    def __init__(self, config: RunConfig, evaluation_epsilon: float = 0.0):
        """Build the agent and its loop; nothing is compiled yet.

        Raises:
            AccumbensError: the environment cannot be used, or a size does not fit it.
        """
        self.config = config
        self.seeds = config.seed_list()
        self.agent, self.plan = make_agent_and_plan(config)
        self._host: HostLoop | None = None
        episodes = config.num_eval_episodes
        if registry.is_on_device(config.env):
            env = registry.make(config.env)
            loop = make_device_loop(env, self.agent)
            self._init = jax.jit(loop.init)
            chunk = jax.jit(loop.chunk, donate_argnums=0)
            self._chunk: Callable[[RunState, int], tuple[RunState, ChunkMetrics]] = lambda state, blocks: chunk(
                state, jnp.int32(blocks)
            )
            evaluate = make_device_evaluation(env, self.agent, episodes, evaluation_epsilon)
            self._evaluate: Callable[[Any], Evaluation] = jax.jit(jax.vmap(evaluate))
        else:
            discretisation = config.settings.discretisation
            self._host = HostLoop(config.env, self.agent, self.seeds, discretisation)
            self._init, self._chunk = self._host.init, self._host.chunk
            evaluate = make_host_evaluation(config.env, self.agent, episodes, evaluation_epsilon, discretisation)
            self._evaluate = lambda agents: _for_each_seed(evaluate, agents, len(self.seeds))

    def init(self) -> RunState:
        """Return the run before its first step."""
        return self._init(jnp.asarray(self.seeds, jnp.uint32))

    def chunk(self, state: RunState, blocks: int) -> tuple[RunState, ChunkMetrics]:
        """Run that many blocks; the state that goes in is used up. On the device this returns at once."""
        return self._chunk(state, blocks)

    def evaluate(self, state: RunState) -> Evaluation:
        """Evaluate the agents of all seeds; arrays have a leading axis of seeds."""
        return jax.tree.map(np.asarray, self._evaluate(state.seeds.agent))

    def restore(self, run: RunDirectory, warn: Callable[[str], None]) -> RunState:
        """Return the state of the newest good checkpoint.

        Raises:
            AccumbensError: there is none, or it does not fit this run.
        """
        if not has_checkpoint(run):
            raise AccumbensError(f"{run.path} has no checkpoint yet")
        state, _, warnings = checkpoints.restore_latest(run.checkpoints, self._like())
        for warning in warnings:
            warn(warning)
        return state if self._host is None else self._host.resume(state)

    def _like(self) -> RunState:
        if self._host is None:
            return jax.eval_shape(self._init, jax.ShapeDtypeStruct((len(self.seeds),), jnp.uint32))
        return self.init()

    def step_of(self, state: RunState) -> int:
        """Return the environment steps each seed has done."""
        return int(state.iteration) * self.plan.steps_per_block

    def measure_speed(self) -> float:
        """Compile the chunk and return blocks per second while learning, measured on a state that is thrown away.

        Environments on the host have moved on afterwards; `init` and `restore` begin their episodes anew.
        """
        late = self.init()._replace(iteration=jnp.int32(max(0, self.plan.blocks - 3)))
        late, _ = self.chunk(late, 1)
        jax.block_until_ready(late)
        begin = time.perf_counter()
        late, _ = self.chunk(late, 2)
        jax.block_until_ready(late)
        return 2 / (time.perf_counter() - begin)

    def close(self) -> None:
        """Release environments on the host."""
        if self._host is not None:
            self._host.close()


def has_checkpoint(run: RunDirectory) -> bool:
    """Return whether a run has a checkpoint, good or damaged."""
    return any(run.checkpoints.glob("*.ckpt"))


def _for_each_seed(evaluate: Callable[[Any], Evaluation], agents: Any, num_seeds: int) -> Evaluation:
    each = [evaluate(jax.tree.map(lambda leaf, index=index: leaf[index], agents)) for index in range(num_seeds)]
    return Evaluation(*(jnp.stack(part) for part in zip(*each, strict=True)))
