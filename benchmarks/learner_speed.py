"""Measure environment steps of learning per second and per CPU second, presets beside the paper's agent in one run.

Each preset trains one seed as it would in the middle of a run: it learns, and does not wait for replay memory to fill.
Compiling, and filling that memory with zeros, are not timed. The ratio is to the first agent's steps per CPU second,
median by median. The published script of the paper's agent makes about 10 steps per second on a laptop.

Usage: `python benchmarks/learner_speed.py [--env dmc/hopper-hop --algos ad_dqn ad_dqn_lambda ad_ck_dqn_lambda]`
"""

import statistics
import time
from pathlib import Path

import tyro
from learning import Learning

from accumbens.runs.tables import read_table, write_table
from accumbens.training.config import resolve_config
from accumbens.training.trainer import Trainer

RESULTS = Path(__file__).parent / "results" / "learner_speed.csv"


def main(
    env: str = "CartPole-v1",
    algos: tuple[str, ...] = ("ad_dqn", "ad_pqn", "dqn", "pqn"),
    repeats: int = 5,
    seconds: float = 2.0,
) -> None:
    """Print a table and write it to `results/learner_speed.csv` beside this file, in the place of the environment's.

    Args:
        env: name of an environment.
        algos: agents; ratios are to the first.
        repeats: how often each is timed; they take turns.
        seconds: that a repeat takes, about.
    """
    programs = {}
    for algo in algos:
        program = Learning(Trainer(resolve_config(env, algo))).begin()
        plan = program.trainer.plan
        begin, steps = time.perf_counter(), program.learn(2 * plan.steps_per_block)
        programs[algo] = program, round(seconds * steps / (time.perf_counter() - begin))
    cpu: dict[str, list[float]] = {algo: [] for algo in algos}
    wall: dict[str, list[float]] = {algo: [] for algo in algos}
    for _ in range(repeats):
        for algo, (program, steps) in programs.items():
            begin = time.process_time(), time.perf_counter()
            learned = program.learn(steps)
            cpu[algo].append(learned / (time.process_time() - begin[0]))
            wall[algo].append(learned / (time.perf_counter() - begin[1]))
    rows: list[dict[str, object]] = []
    for algo in algos:
        row: dict[str, object] = {"env": env, "algo": algo}
        for name, speeds in (("steps_per_second", wall), ("steps_per_cpu_second", cpu)):
            row |= {name: f"{statistics.median(speeds[algo]):.4g}", f"{name}_best": f"{max(speeds[algo]):.4g}"}
        row["ratio"] = f"{statistics.median(cpu[algo]) / statistics.median(cpu[algos[0]]):.1f}"
        row["ratio_of_best"] = f"{max(cpu[algo]) / max(cpu[algos[0]]):.1f}"
        rows.append(row | {"repeats": repeats})
        print(*(f"{name} {value}" for name, value in rows[-1].items()), sep="  ", flush=True)
    before = read_table(RESULTS) if RESULTS.exists() else []
    write_table(RESULTS, [*(row for row in before if row["env"] != env), *rows], list(rows[0]))


if __name__ == "__main__":
    tyro.cli(main)
