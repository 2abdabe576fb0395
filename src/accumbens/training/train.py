"""One run from start to end: the loop in chunks, and between chunks the log, evaluations, checkpoints and health."""

import dataclasses
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.agents.factory import make_agent, replay_ring
from accumbens.agents.protocol import Agent
from accumbens.agents.settings import ReplaySettings
from accumbens.analysis.curves import draw_curve
from accumbens.envs import registry
from accumbens.errors import AccumbensError
from accumbens.training import checkpoints
from accumbens.training.config import RunConfig, to_document
from accumbens.training.device import RunState, make_device_loop
from accumbens.training.evaluate import Evaluation, make_device_evaluation, make_host_evaluation
from accumbens.training.health import require_finite
from accumbens.training.host import HostLoop
from accumbens.training.metrics import PER_CELL, ChunkMetrics
from accumbens.training.runs import RunDirectory, Table, command_line, create, describe_machine, open_run, read_table
from accumbens.training.tracking import make_tracker

MOST_CHUNKS = 500
"""A run is cut into at most this many chunks, each a row of `metrics.csv`."""


class Reporter(Protocol):
    """Whoever shows the run to a person; every method may do nothing."""

    def start(self, config: RunConfig, run: Path, step: int) -> None:
        """Training begins, at step 0 or where a resumed run stands."""
        ...

    def projected(self, seconds: float, steps_per_second: float) -> None:
        """The whole run is expected to take this long."""
        ...

    def progress(self, step: int, mean_return: np.ndarray, steps_per_second: float) -> None:
        """A chunk ended; `mean_return` is per seed, of the last 100 episodes."""
        ...

    def evaluated(self, step: int, evaluation: Evaluation) -> None:
        """An evaluation ended; arrays have a leading axis of seeds."""
        ...

    def message(self, text: str) -> None:
        """Something the user should know."""
        ...


class Result(NamedTuple):
    """What a run came to; lists have one entry per seed.

    Attributes:
        steps: environment steps of each seed.
        final_return: mean return of the last 100 training episodes.
        eval_return: mean return of the full network in the last evaluation.
        wall_seconds: over all sessions of the run, compilation included.
        steps_per_second: environment steps of all seeds over the wall time of this session's training.
        interrupted: the user stopped the run; it can be resumed.
    """

    env: str
    algo: str
    credit: str
    seeds: list[int]
    steps: int
    final_return: list[float]
    eval_return: list[float]
    wall_seconds: float
    steps_per_second: float
    run: str
    interrupted: bool


class Plan(NamedTuple):
    """A run's sizes, known before anything is compiled.

    Attributes:
        steps_per_block: environment steps of one block, per seed.
        blocks: blocks of the whole run; the last may overshoot `total_timesteps` by less than a block.
        chunk_blocks: blocks of one chunk.
        updates: optimiser steps that will really run, per seed.
        cell_parameters: number of parameters of every cell.
        replay_bytes: size of the replay buffer, per seed; 0 without one.
        replay_rows: rows it holds.
    """

    steps_per_block: int
    blocks: int
    chunk_blocks: int
    updates: int
    cell_parameters: list[int]
    replay_bytes: int
    replay_rows: int


def environment_facts(name: str) -> tuple[Any, int | None]:
    """Return the static facts of an environment, and the least number of steps between truncations."""
    if registry.is_on_device(name):
        env = registry.make(name)
        return env, env.max_episode_steps
    from accumbens.envs.gymnasium import HostEnvironments

    envs = HostEnvironments(name, 1, 0)
    envs.close()
    return envs.spec, 1  # an environment of unknown make may truncate at any step


def make_plan(config: RunConfig, facts: Any, truncation_spacing: int | None, agent: Agent) -> Plan:
    """Return the sizes of a run."""
    steps_per_block = agent.num_envs * agent.rollout_length
    blocks = -(-config.total_timesteps // steps_per_block)
    stack = jax.eval_shape(lambda: agent.network(agent.init(jax.random.key(0))))
    ring = None
    if isinstance(config.settings, ReplaySettings):
        ring = replay_ring(config.settings, facts, config.total_timesteps, truncation_spacing)
    return Plan(
        steps_per_block=steps_per_block,
        blocks=blocks,
        chunk_blocks=-(-blocks // MOST_CHUNKS),
        updates=agent.updates_at(blocks),
        cell_parameters=[sum(leaf.size for leaf in jax.tree.leaves(cell)) for cell in stack.cells],
        replay_bytes=ring.num_bytes if ring else 0,
        replay_rows=ring.capacity if ring else 0,
    )


class Trainer:
    """The compiled pieces of one run."""

    def __init__(self, config: RunConfig):
        """Build the agent and its loop; nothing is compiled yet."""
        self.config = config
        self.seeds = config.seed_list()
        facts, spacing = environment_facts(config.env)
        self.agent = make_agent(config.settings, facts, config.total_timesteps, spacing)
        self.plan = make_plan(config, facts, spacing, self.agent)
        self.host: HostLoop | None = None
        if registry.is_on_device(config.env):
            env = registry.make(config.env)
            loop = make_device_loop(env, self.agent)
            self._init = jax.jit(loop.init)
            compiled = jax.jit(loop.chunk, donate_argnums=0)
            self.chunk: Callable[[RunState, int], tuple[RunState, ChunkMetrics]] = lambda run, blocks: compiled(
                run, jnp.int32(blocks)
            )
            evaluate = make_device_evaluation(env, self.agent, config.num_eval_episodes)
            self.evaluate: Callable[[Any], Evaluation] = jax.jit(jax.vmap(evaluate))
        else:
            self.host = HostLoop(config.env, self.agent, self.seeds)
            self._init = self.host.init
            self.chunk = self.host.chunk
            evaluate_one = make_host_evaluation(config.env, self.agent, config.num_eval_episodes)
            self.evaluate = lambda agents: _for_each_seed(evaluate_one, agents, len(self.seeds))

    def init(self) -> RunState:
        """Return the run before its first step."""
        return self._init(jnp.asarray(self.seeds, jnp.uint32))

    def like(self) -> RunState:
        """Return the structure of the run's state, without computing it."""
        if self.host is None:
            return jax.eval_shape(self._init, jax.ShapeDtypeStruct((len(self.seeds),), jnp.uint32))
        return self.init()

    def restore(self, run: RunDirectory, report: Reporter) -> RunState:
        """Return the state of the newest good checkpoint; a run that has none yet starts anew."""
        if not any(run.checkpoints.glob("*.ckpt")):
            return self.init()
        state, _, warnings = checkpoints.restore_latest(run.checkpoints, self.like())
        for warning in warnings:
            report.message(warning)
        return state if self.host is None else self.host.resume(state)

    def step_of(self, state: RunState) -> int:
        """Return the environment steps each seed has done."""
        return int(state.iteration) * self.plan.steps_per_block

    def measure_speed(self) -> float:
        """Compile the chunk and return blocks per second while learning, measured on a state that is thrown away.

        Environments on the host have moved on afterwards; `init` and `restore` begin their episodes anew.
        """
        late = self.init()._replace(iteration=jnp.int32(max(0, self.plan.blocks - 3)))
        late, _ = self.chunk(late, 1)
        begin = time.perf_counter()
        late, _ = self.chunk(late, 2)
        jax.block_until_ready(late)
        return 2 / (time.perf_counter() - begin)


def _for_each_seed(evaluate: Callable[[Any], Evaluation], agents: Any, num_seeds: int) -> Evaluation:
    each = [evaluate(jax.tree.map(lambda leaf, index=index: leaf[index], agents)) for index in range(num_seeds)]
    return Evaluation(*(np.stack(part) for part in zip(*each, strict=True)))


def train(
    config: RunConfig,
    report: Reporter,
    *,
    out: Path = Path("runs"),
    name: str | None = None,
    track: str | None = None,
    checkpoint_seconds: float = 60.0,
) -> Result:
    """Train from the start in a new run directory.

    Raises:
        AccumbensError: the run exists already, a setting cannot be used, or a cell stopped being finite.
    """
    trainer = Trainer(config)
    run = create(config, out, name)
    return _Session(trainer, run, report, track, checkpoint_seconds).execute(trainer.init)


def resume(path: Path, report: Reporter, *, track: str | None = None, checkpoint_seconds: float = 60.0) -> Result:
    """Continue a run from its newest good checkpoint; on the device the result is that of an uninterrupted run.

    Raises:
        AccumbensError: there is no run at `path`, or no checkpoint of it can be used.
    """
    run, config = open_run(path)
    trainer = Trainer(config)
    return _Session(trainer, run, report, track, checkpoint_seconds).execute(lambda: trainer.restore(run, report))


class _Session:
    """One process's work on a run."""

    def __init__(self, trainer: Trainer, run: RunDirectory, report: Reporter, track: str | None, every: float):
        self._trainer, self._run, self._report, self._checkpoint_seconds = trainer, run, report, every
        self._config = trainer.config
        cells = range(1, trainer.agent.num_cells + 1)
        per_cell = [f"{name}_{cell}" for name in PER_CELL for cell in cells]
        columns = ["step", "seed", "episodes", "mean_return", "mean_length", "epsilon", "learning_rate", "updates"]
        self._metrics = Table(run.metrics, [*columns, *per_cell, "wall_seconds"])
        self._evaluations = Table(
            run.evaluations, ["step", "seed", "cells", "episodes", "mean_return", "std_return", "mean_length"]
        )
        self._tracker = make_tracker(track, run.path, to_document(self._config))
        self._earlier_seconds = float(run.read_meta()["wall_seconds"])
        self._begin = time.perf_counter()

    def execute(self, begin: Callable[[], RunState]) -> Result:
        trainer, plan = self._trainer, self._trainer.plan
        blocks_per_second = trainer.measure_speed()
        state = begin()
        first_step = trainer.step_of(state)
        self._metrics.forget_after(first_step)
        self._evaluations.forget_after(first_step)
        self._describe_session(first_step)
        self._report.start(self._config, self._run.path, first_step)
        seconds = (plan.blocks - int(state.iteration)) / blocks_per_second
        steps_per_second = blocks_per_second * plan.steps_per_block * len(trainer.seeds)
        self._report.projected(seconds, steps_per_second)
        training_begin = time.perf_counter()
        interrupted = False
        try:
            with _Interrupt() as interrupt:
                last_checkpoint = time.perf_counter()
                while int(state.iteration) < plan.blocks and not interrupted:
                    state = self._chunk(state)
                    interrupted = interrupt.requested
                    if interrupted or time.perf_counter() - last_checkpoint > self._checkpoint_seconds:
                        self._checkpoint(state)
                        last_checkpoint = time.perf_counter()
        finally:
            if self._tracker:
                self._tracker.close()
            if trainer.host is not None:
                trainer.host.close()
        step = trainer.step_of(state)
        trained_seconds = max(time.perf_counter() - training_begin, 1e-9)
        if not interrupted:
            self._checkpoint(state)
        return self._finish(step, (step - first_step) * len(trainer.seeds) / trained_seconds, interrupted)

    def _chunk(self, state: RunState) -> RunState:
        trainer, plan = self._trainer, self._trainer.plan
        before = int(state.iteration)
        begin = time.perf_counter()
        state, metrics = trainer.chunk(state, min(plan.chunk_blocks, plan.blocks - before))
        require_finite(metrics, trainer.seeds, plan.steps_per_block)
        metrics = jax.tree.map(np.asarray, metrics)
        step = trainer.step_of(state)
        seconds = time.perf_counter() - begin
        speed = (int(state.iteration) - before) * plan.steps_per_block * len(trainer.seeds) / seconds
        self._log(step, metrics)
        self._report.progress(step, metrics.mean_return, speed)
        frequency = self._config.eval_frequency
        passed = frequency and step // frequency > before * plan.steps_per_block // frequency
        if passed or int(state.iteration) == plan.blocks:
            self._evaluate(state, step)
        return state

    def _log(self, step: int, metrics: ChunkMetrics) -> None:
        agent = self._trainer.agent
        block_start = step - self._trainer.plan.steps_per_block
        updates = agent.updates_at(step // self._trainer.plan.steps_per_block)
        shared = {
            "step": step,
            "epsilon": float(agent.epsilon(jnp.int32(block_start))),
            "learning_rate": float(agent.learning_rate(jnp.int32(updates))),
            "updates": updates,
            "wall_seconds": round(self._wall_seconds(), 3),
        }
        rows = []
        for index, seed in enumerate(self._trainer.seeds):
            row = shared | {
                "seed": seed,
                "episodes": int(metrics.episodes[index]),
                "mean_return": float(metrics.mean_return[index]),
                "mean_length": float(metrics.mean_length[index]),
            }
            for name in PER_CELL:
                for cell, value in enumerate(getattr(metrics.learning, name)[index], start=1):
                    row[f"{name}_{cell}"] = float(value)
            rows.append(row)
            if self._tracker:
                numbers = {f"seed{seed}/{key}": value for key, value in row.items() if key not in ("step", "seed")}
                self._tracker.log(step, numbers)
        self._metrics.append(rows)

    def _evaluate(self, state: RunState, step: int) -> None:
        evaluation = jax.tree.map(np.asarray, self._trainer.evaluate(state.seeds.agent))
        rows = evaluation_rows(evaluation, self._trainer.seeds)
        self._evaluations.append([{"step": step} | row for row in rows])
        if self._tracker:
            numbers = {f"seed{row['seed']}/greedy_return_cells_{row['cells']}": row["mean_return"] for row in rows}
            self._tracker.log(step, numbers)
        self._report.evaluated(step, evaluation)

    def _checkpoint(self, state: RunState) -> None:
        checkpoints.save(self._run.checkpoints, self._trainer.step_of(state), state)
        self._run.write_meta(wall_seconds=round(self._wall_seconds(), 3))

    def _wall_seconds(self) -> float:
        return self._earlier_seconds + time.perf_counter() - self._begin

    def _describe_session(self, step: int) -> None:
        sessions = self._run.read_meta()["sessions"]
        sessions.append({"from_step": step, "command": command_line(), **describe_machine()})
        self._run.write_meta(sessions=sessions)

    def _finish(self, step: int, steps_per_second: float, interrupted: bool) -> Result:
        config = self._config
        title = f"{config.env}   {config.algo}, {config.settings.credit} credit"
        draw_curve(self._run.metrics, self._run.evaluations, self._run.curve, title)
        training = [row for row in read_table(self._run.metrics) if int(row["step"]) == step]
        greedy = read_table(self._run.evaluations)
        full = [row for row in greedy if int(row["cells"]) == self._trainer.agent.num_cells]
        latest = [row for row in full if row["step"] == full[-1]["step"]]
        result = Result(
            env=config.env,
            algo=config.algo,
            credit=config.settings.credit,
            seeds=self._trainer.seeds,
            steps=step,
            final_return=[float(row["mean_return"]) for row in training],
            eval_return=[float(row["mean_return"]) for row in latest],
            wall_seconds=round(self._wall_seconds(), 3),
            steps_per_second=round(steps_per_second, 1),
            run=str(self._run.path),
            interrupted=interrupted,
        )
        self._run.write_meta(wall_seconds=result.wall_seconds, result=result._asdict())
        return result


def evaluation_rows(evaluation: Evaluation, seeds: list[int]) -> list[dict[str, Any]]:
    """Return one row per seed and prefix of cells."""
    returns, lengths = np.asarray(evaluation.returns), np.asarray(evaluation.lengths)
    return [
        {
            "seed": seed,
            "cells": cells + 1,
            "episodes": returns.shape[-1],
            "mean_return": float(returns[index, cells].mean()),
            "std_return": float(returns[index, cells].std()),
            "mean_length": float(lengths[index, cells].mean()),
        }
        for index, seed in enumerate(seeds)
        for cells in range(returns.shape[1])
    ]


class _Interrupt:
    """Turns the first Ctrl-C into a request to stop after the chunk; the second stops at once."""

    requested = False

    def __enter__(self) -> "_Interrupt":
        self._in_main_thread = threading.current_thread() is threading.main_thread()
        if self._in_main_thread:
            self._previous = signal.signal(signal.SIGINT, self._request)
        return self

    def __exit__(self, *_: object) -> None:
        if self._in_main_thread:
            signal.signal(signal.SIGINT, self._previous)

    def _request(self, *_: object) -> None:
        self.requested = True
        signal.signal(signal.SIGINT, self._previous)


def evaluate_run(path: Path, num_episodes: int, epsilon: float, report: Reporter) -> tuple[RunConfig, int, Evaluation]:
    """Evaluate the newest good checkpoint of a run.

    Returns:
        the run's configuration, the step of the checkpoint, and the evaluation with a leading axis of seeds.

    Raises:
        AccumbensError: there is no run at `path`, or it has no checkpoint.
    """
    run, config = open_run(path)
    if not any(run.checkpoints.glob("*.ckpt")):
        raise AccumbensError(f"{path} has no checkpoint yet")
    trainer = Trainer(dataclasses.replace(config, num_eval_episodes=num_episodes))
    state = trainer.restore(run, report)
    if trainer.host is None:
        env = registry.make(config.env)
        evaluate = jax.jit(jax.vmap(make_device_evaluation(env, trainer.agent, num_episodes, epsilon)))
        evaluation = evaluate(state.seeds.agent)
    else:
        evaluate_one = make_host_evaluation(config.env, trainer.agent, num_episodes, epsilon)
        evaluation = _for_each_seed(evaluate_one, state.seeds.agent, len(trainer.seeds))
        trainer.host.close()
    return config, trainer.step_of(state), jax.tree.map(np.asarray, evaluation)
