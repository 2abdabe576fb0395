"""Measure what seeds side by side in one program save: CPU time of a step of one seed, against the number of seeds.

Learning alone, without compiling and evaluations, from half way through the preset's run on. The programs take turns
within each repeat, so that others on the machine slow them alike.

Usage: `python benchmarks/seed_speed.py`
"""

import statistics
import time
from collections.abc import Mapping
from pathlib import Path

import tyro
from learning import Learning

from accumbens.runs.tables import read_table, write_table
from accumbens.training.config import resolve_config
from accumbens.training.trainer import Trainer

RESULTS = Path(__file__).parent / "results" / "seed_speed.csv"
ENV = "minatar/breakout"


def main(
    algos: tuple[str, ...] = ("ad_pqn", "ad_ck_pqn", "pqn"),
    seeds: tuple[int, ...] = (1, 2, 4, 8, 16, 32),
    steps: int = 131_072,
    repeats: int = 5,
) -> None:
    """Print a table and write it to `results/seed_speed.csv` beside this file, in the place of these agents' rows.

    Args:
        algos: agents.
        seeds: numbers of seeds.
        steps: of all seeds together, in one repeat.
        repeats: how often each is timed.
    """
    before = read_table(RESULTS) if RESULTS.exists() else []
    rows: list[Mapping[str, object]] = [row for row in before if row["algo"] not in algos]
    for algo in algos:
        programs = {count: Learning(Trainer(resolve_config(ENV, algo, seeds=count))).begin() for count in seeds}
        cpu: dict[int, list[float]] = {count: [] for count in seeds}
        wall: dict[int, list[float]] = {count: [] for count in seeds}
        for _ in range(repeats):
            for count, program in programs.items():
                begin = time.process_time(), time.perf_counter()
                learned = program.learn(steps // count)
                cpu[count].append(1e6 * (time.process_time() - begin[0]) / learned)
                wall[count].append(1e6 * (time.perf_counter() - begin[1]) / learned)
        for count in seeds:
            row: dict[str, object] = {
                "env": ENV,
                "algo": algo,
                "seeds": count,
                "compile_seconds": f"{programs[count].compile_seconds:.1f}",
            }
            for clock, times in (("cpu", cpu), ("wall", wall)):
                row |= {f"{clock}_us_best": f"{min(times[count]):.2f}"}
                row |= {f"{clock}_us_median": f"{statistics.median(times[count]):.2f}"}
            row["times_less"] = f"{statistics.median(cpu[seeds[0]]) / statistics.median(cpu[count]):.2f}"
            rows.append(row | {"repeats": repeats})
            print(rows[-1], flush=True)
        write_table(RESULTS, rows)


if __name__ == "__main__":
    tyro.cli(main)
