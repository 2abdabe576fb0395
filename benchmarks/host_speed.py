"""Measure how many steps per second tasks of the control suite make on the host, beside dm_control itself.

`dm_control`: one instance in one thread, random corners as actions, as its own loop steps it. Ours, with the same
actions: many copies in this process, in one thread per core, and in one process per core (which is what runs use). And
an agent that acts and learns: `agent` in turns, `overlap` learning from one block while the next is collected. All
take turns within each repeat, so that other programs on the machine slow them alike; the best of the repeats counts,
the median is beside it. The column `load` says how many processes wanted a core when it was measured: with more than
the machine has, no ratio means much. Results are written after every task.

Usage: `python benchmarks/host_speed.py --envs dmc/walker-walk --num-envs 64`
"""

import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

os.environ.setdefault("MUJOCO_GL", "disable")

import jax
import numpy as np
import tyro
from dm_control import suite
from learning import Learning

from accumbens.envs.bang_bang import BangBang
from accumbens.envs.control_suite import ControlSuiteEnvironment
from accumbens.envs.copies import Copies, Layout
from accumbens.envs.gymnasium import HostEnvironments
from accumbens.runs.tables import write_table
from accumbens.training.config import resolve_config
from accumbens.training.trainer import Trainer

RESULTS = Path(__file__).parent / "results" / "host_speed.csv"
TASKS = ("dmc/walker-walk", "dmc/cheetah-run", "dmc/hopper-hop", "dmc/reacher-hard")
CORES = len(os.sched_getaffinity(0))

Play = Callable[[int], int]
"""`play(num_steps)`: make about that many environment steps; return how many, all copies counted."""


def original(name: str) -> Play:
    """dm_control's own loop."""
    env = suite.load(*name.removeprefix("dmc/").split("-"), task_kwargs={"random": 0})
    spec, choose = env.action_spec(), np.random.default_rng(0)
    env.reset()

    def play(num_steps: int) -> int:
        for corner in choose.integers(2, size=(num_steps, *spec.shape)):
            if env.step(np.where(corner, spec.maximum, spec.minimum)).last():
                env.reset()
        return num_steps

    return play


def copies(envs: HostEnvironments) -> Play:
    """Our copies, wherever they live."""
    choose = np.random.default_rng(0)
    envs.reset()

    def play(num_steps: int) -> int:
        for _ in range(num_steps // envs.num_envs):
            envs.step(choose.integers(envs.spec.num_actions, size=envs.num_envs))
        return num_steps // envs.num_envs * envs.num_envs

    return play


def threads(name: str, spec, num_envs: int, pool: ThreadPoolExecutor) -> Play:
    """Our copies dealt out to one thread per core; MuJoCo lets other threads run while it computes."""
    layout = Layout(num_envs, spec.observation_shape, spec.observation_dtype, None)
    buffers = layout.buffers(bytearray(layout.num_bytes()))
    bounds = np.linspace(0, num_envs, CORES + 1).astype(int)

    def make() -> BangBang:
        return BangBang(ControlSuiteEnvironment(name), "joint")

    parts = [Copies(make, buffers.part(*bounds[core : core + 2]), 0) for core in range(CORES)]
    for core, part in enumerate(parts):
        part.reset(list(range(bounds[core], bounds[core + 1])))
    choose = np.random.default_rng(0)

    def play(num_steps: int) -> int:
        for _ in range(num_steps // num_envs):
            buffers.action[:] = choose.integers(spec.num_actions, size=num_envs)
            list(pool.map(Copies.step, parts))
        return num_steps // num_envs * num_envs

    return play


def write(rows: list[dict[str, object]]) -> None:
    """Write the rows measured so far."""
    RESULTS.parent.mkdir(exist_ok=True)
    write_table(RESULTS, rows)


def main(
    envs: tuple[str, ...] = TASKS, algo: str = "ad_pqn", num_envs: int = 64, num_steps: int = 4096, repeats: int = 5
) -> None:
    """Print a table and write it, task by task, to `results/host_speed.csv` beside this file.

    Args:
        envs: tasks of the control suite with a joint choice of actions.
        algo: preset of the agent that acts and learns, with its own number of copies.
        num_envs: our copies that play at random.
        num_steps: environment steps of each kind in one repeat.
        repeats: how often each is timed.
    """
    rows = []
    for name in envs:
        with ExitStack() as stack:
            open_envs = partial(HostEnvironments, name, num_envs, 0)
            here, there = (stack.enter_context(closing(open_envs(num_workers=n))) for n in (0, CORES))
            configs = (
                resolve_config(name, algo, total_timesteps=10**6, changes={"overlap": overlap})
                for overlap in ("off", "on")
            )
            in_turns, overlapping = (stack.enter_context(closing(Trainer(config))) for config in configs)
            pool = stack.enter_context(ThreadPoolExecutor(CORES))
            plays = {
                "dm_control": original(name),
                "one_process": copies(here),
                "threads": threads(name, here.spec, num_envs, pool),
                "processes": copies(there),
                "agent": Learning(in_turns).begin().learn,
                "overlap": Learning(overlapping).begin().learn,
            }
            speeds: dict[str, list[float]] = {kind: [] for kind in plays}
            for _ in range(repeats):
                for kind, play in plays.items():
                    begin = time.perf_counter()
                    made = play(num_steps)
                    speeds[kind].append(made / (time.perf_counter() - begin))
        best = {kind: max(each) for kind, each in speeds.items()}
        row: dict[str, object] = {"environment": name, "num_envs": num_envs, "agent": algo}
        row["agent_num_envs"] = in_turns.agent.num_envs
        for kind, each in speeds.items():
            row[f"{kind}_best_steps_per_second"] = round(best[kind])
            row[f"{kind}_median_steps_per_second"] = round(statistics.median(each))
            if kind != "dm_control":
                row[f"{kind}_ratio"] = round(best[kind] / best["dm_control"], 2)
        row |= {"repeats": repeats, "cores": CORES, "load": round(os.getloadavg()[0], 1), "jax": jax.__version__}
        rows.append(row)
        write(rows)
        text = ", ".join(f"{kind} {best[kind]:,.0f} ({best[kind] / best['dm_control']:.2f} ×)" for kind in best)
        print(f"{name:18} {text} steps/s", flush=True)


if __name__ == "__main__":
    tyro.cli(main)
