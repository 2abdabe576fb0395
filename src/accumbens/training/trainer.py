"""The compiled pieces of runs of cells, with the same face for the device loop and the host loop."""

import time
from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.agents.settings import AgentSettings
from accumbens.cells import Stack
from accumbens.envs import registry
from accumbens.envs.promises import require_kept
from accumbens.envs.protocol import Environment
from accumbens.runs.devices import ALL, SEEDS, over_devices
from accumbens.runs.health import require_finite_parameters
from accumbens.runs.interrupt import wait_for
from accumbens.runs.side_by_side import SideBySide
from accumbens.training.config import RunConfig
from accumbens.training.device import RunState, make_device_loop
from accumbens.training.evaluate import Evaluate, Evaluation, make_device_evaluation
from accumbens.training.health import HELPS, negative_reward_warning, require_finite
from accumbens.training.host import HostLoop
from accumbens.training.host_evaluation import HostEvaluation
from accumbens.training.job import MEASURED_BLOCKS, MeasuredJob
from accumbens.training.metrics import PER_CELL, ChunkMetrics
from accumbens.training.plan import make_agent_and_plan, make_agent_with


class Trainer(SideBySide[RunState], MeasuredJob[RunState]):
    """The compiled pieces of one run of cells, or of several side by side."""

    added_leaves = (".episodes.current_lost",)

    def __init__(self, config: RunConfig, *beside: RunConfig):
        """Build the agent and its loop; nothing is compiled yet.

        Args:
            config: of the run.
            beside: of runs that learn side by side with it: they may differ in numbers of their settings and in
                their seeds, and the environment must be on the device.

        Raises:
            AccumbensError: the environment cannot be used, or a size does not fit it.
        """
        self.agent, plan = make_agent_and_plan(config, checked=True)
        super().__init__(config, plan)
        self.num_cells = self.agent.num_cells
        self.learns_at_once = self.agent.updates_at(1) > 0
        per_cell = [f"{name}_{cell}" for name in PER_CELL for cell in range(1, self.num_cells + 1)]
        shared = ["episodes", "mean_return", "mean_length", "epsilon", "learning_rate", "updates"]
        self.columns = [*shared, *per_cell]
        self._warned = False
        self._take([config, *beside], "settings")
        self._env: Environment | None = None
        self._host: HostLoop | None = None
        self._host_evaluation: HostEvaluation | None = None
        episodes = config.num_eval_episodes
        if registry.is_on_device(config.env):
            env = self._env = registry.make(config.env)
            agent_with = make_agent_with(config)
            loop, count, whole = (
                make_device_loop(env, self.agent, agent_with),
                len(self.seeds),
                cast(Any, RunState)(SEEDS, ALL),
            )
            self.shares_out = True
            init = jax.jit(over_devices(loop.init, count, (SEEDS, SEEDS), whole))
            self._init = lambda seeds: init(seeds, self._values)
            chunk = over_devices(loop.chunk, count, (whole, ALL, SEEDS), (whole, SEEDS))
            self._program: Any = jax.jit(chunk, donate_argnums=0)
            self._chunk: Callable[[RunState, int], tuple[RunState, ChunkMetrics]] = lambda state, blocks: self._program(
                state, jnp.int32(blocks), self._values
            )

            def evaluate(agent_state: Any, epsilon: Any, values: Any) -> Evaluation:
                agent = self.agent if values is None else agent_with(values)
                return make_device_evaluation(env, agent, episodes)(agent_state, epsilon)

            play = jax.jit(over_devices(jax.vmap(evaluate, (0, None, 0)), count, (SEEDS, ALL, SEEDS), SEEDS))
            self._evaluate: Evaluate = lambda agent_state, epsilon=0.0: play(agent_state, epsilon, self._values)
        else:
            settings = cast(AgentSettings, config.settings)
            self._host = HostLoop(config.env, self.agent, self.seeds, settings.discretisation, overlap=settings.overlap)
            self._init, self._chunk = self._host.init, self._host.chunk
            self._evaluate = self._host_evaluation = HostEvaluation(
                config.env, self.agent, len(self.seeds), episodes, settings.discretisation
            )
        if beside:
            self._runs = [self._alone(own) for own in (config, *beside)]

    def _alone(self, config: RunConfig) -> "Trainer":
        """One of the runs side by side, which reads and writes for itself but does not learn alone."""
        own = super()._alone(config)
        own.agent = make_agent_with(config)({})
        return own

    def init(self) -> RunState:
        """Return the run before its first step."""
        return self._init(jnp.asarray(self.seeds, jnp.uint32))

    def chunk(self, state: RunState, blocks: int) -> tuple[RunState, ChunkMetrics]:
        """Run that many blocks; the state that goes in is used up. On the device this returns at once."""
        return self._chunk(state, blocks)

    def run_blocks(
        self, state: RunState, blocks: int, warn: Callable[[str], None]
    ) -> tuple[RunState, list[dict[str, Any]]]:
        """Run that many blocks and wait for them; `warn` is told, once, if rewards make values the cells cannot have.

        Returns:
            the state, and for each seed a row with `columns`.

        Raises:
            EnvironmentFailedError: the environment does not do what it declares.
            NotFiniteError: a cell stopped being finite.
        """
        state, metrics = self.chunk(state, blocks)
        wait_for(metrics)
        if self._env is not None:
            require_kept(self._env, np.asarray(metrics.first_broken), self.plan.steps_per_block)
        require_finite(metrics, self.seeds, self.plan.steps_per_block)
        warning = negative_reward_warning(self.config.settings, float(np.min(metrics.lowest_reward)))
        if warning and not self._warned:
            warn(warning)
            self._warned = True
        return state, self._rows(jax.tree.map(np.asarray, metrics), self.step_of(state))

    def _rows(self, metrics: ChunkMetrics, step: int) -> list[dict[str, Any]]:
        updates = self.agent.updates_at(step // self.plan.steps_per_block)
        each = len(self.seeds) // len(self._runs)
        rates = [np.asarray(run.agent.learning_rate(jnp.int32(updates))).item() for run in self._runs]
        rows = []
        for index in range(len(self.seeds)):
            row = {
                "epsilon": metrics.epsilon[index].item(),
                "learning_rate": rates[index // each],
                "updates": updates,
                "episodes": int(metrics.episodes[index]),
                "mean_return": metrics.mean_return[index].item(),
                "mean_length": metrics.mean_length[index].item(),
            }
            for name in PER_CELL:
                values = np.asarray(getattr(metrics.learning, name))[index].tolist()
                row |= {f"{name}_{cell}": value for cell, value in enumerate(values, start=1)}
            rows.append({column: row[column] for column in self.columns})
        return rows

    def networks(self, state: RunState) -> Stack:
        """Return the stacks that act, with a leading axis of seeds."""
        return self.agent.network(state.seeds.agent)

    def require_finite_parameters(self, state: RunState) -> None:
        """Raise if a parameter of a cell is not finite.

        Raises:
            NotFiniteError: names the first cell.
        """
        cells = ((f"cell {number}", cell) for number, cell in enumerate(self.networks(state).cells, start=1))
        require_finite_parameters(cells, self.seeds, f"in the parameters at step {self.step_of(state)}; {HELPS}")

    def play(self, state: RunState, epsilon: float = 0.0) -> Evaluation:
        """Let the agents of all seeds play; arrays have a leading axis of seeds."""
        return jax.tree.map(np.asarray, self._evaluate(state.seeds.agent, epsilon))

    def begin_from(self, state: RunState, networks: Stack) -> RunState:
        """Return a first state with other stacks; optimisers, replay and target network are those of a beginning."""
        agent = jax.vmap(self.agent.with_network)(state.seeds.agent, networks)
        return state._replace(seeds=state.seeds._replace(agent=agent))

    def restored(self, state: RunState) -> RunState:
        """Return a state that was read from a checkpoint; environments on the host begin new episodes."""
        return state if self._host is None else self._host.resume(state)

    def like(self) -> RunState:
        """Return the shapes of a state; environments on the host must be begun for them."""
        if self._host is None:
            return jax.eval_shape(self._init, jax.ShapeDtypeStruct((len(self.seeds),), jnp.uint32))
        return self.init()

    def step_of(self, state: RunState) -> int:
        """Return the environment steps each seed has done."""
        return int(state.iteration) * self.plan.steps_per_block

    def compile(self) -> None:
        """Compile the chunk; environments on the host are stepped for it, and `init` and `restore` begin them anew."""
        if self._host is None:
            self._program = self._program.lower(
                self.like(), jax.ShapeDtypeStruct((), jnp.int32), self._values
            ).compile()
        else:
            jax.block_until_ready(self.chunk(self._late(), 1))

    def trace(self) -> None:
        """Go through the programs on the device without compiling them.

        Raises:
            TypeError: of JAX; a setting that differs between runs side by side is not a number to compute with.
        """
        state = self.like()
        jax.eval_shape(self._program, state, jax.ShapeDtypeStruct((), jnp.int32), self._values)
        jax.eval_shape(self._evaluate, state.seeds.agent)

    def _late(self) -> RunState:
        """A state in which it learns, to be thrown away."""
        return self.init()._replace(iteration=jnp.int32(max(0, self.plan.blocks - 3)))

    def measure_speed(self) -> float:
        """Return blocks per second while learning, measured on a state that is thrown away.

        Environments on the host have moved on afterwards; `init` and `restore` begin their episodes anew.
        """
        late = jax.block_until_ready(self._late())  # on the device, filling replay memory takes longer than some blocks
        begin = time.perf_counter()
        late, _ = self.chunk(late, MEASURED_BLOCKS)
        jax.block_until_ready(late)
        return MEASURED_BLOCKS / (time.perf_counter() - begin)

    def close(self) -> None:
        """Release environments on the host."""
        if self._host is not None:
            self._host.close()
        if self._host_evaluation is not None:
            self._host_evaluation.close()
