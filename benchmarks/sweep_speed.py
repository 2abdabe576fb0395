"""Measure what a sweep of 64 points of CartPole costs in one program, beside 64 runs one by one.

    taskset -c 0 uv run python benchmarks/sweep_speed.py [--lengths 20000 100000] [--runs 4] [--repeats 1] [--all]

Both are commands as a user gives them, processes of their own from start to end: `accumbens sweep` with 8 learning
rates and 8 trace decays, one seed each, and `accumbens train` with the settings of single points, half of the runs
before the sweep and half after it, so that other programs on the machine slow both alike. Counted are the seconds of
the processor and of the clock. What all runs share was compiled before; in a single run the rate and the decay are
constants of the program, which every point compiles anew. Without `--all` only some of the 64 runs are
measured, spread over the grid: `measured` says how many, and what is said of 64 is 64 times the best, or the median, of
these; with it, 64 runs are their sum, whatever the column. `results/sweep_speed.csv` has a row for every length.
"""

import argparse
import itertools
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from accumbens.runs.tables import read_table, write_table

RESULTS = Path(__file__).parent / "results" / "sweep_speed.csv"
RATES = [f"{value:.4g}" for value in np.geomspace(1e-4, 1e-2, 8)]
DECAYS = [f"{value:.4g}" for value in np.linspace(0.0, 0.95, 8)]
POINTS = list(itertools.product(RATES, DECAYS))
BRIEF = 2048
"""Steps of the runs that compile what all share."""


class Cost(NamedTuple):
    """Seconds of a command: of the processor, and of the clock."""

    cpu: float
    wall: float


def command(words: list[str], steps: int) -> Cost:
    """Run accumbens to its end, and return what it cost."""
    call = [sys.executable, "-m", "accumbens.cli.main", *words, "--seeds", "1", "--total-timesteps", str(steps)]
    with tempfile.TemporaryDirectory() as folder:
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([*call, "--output", folder, "--quiet"], check=True)
        after, end = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Cost(cpu, end - begin)


def single(point: tuple[str, str], steps: int) -> Cost:
    """Train one point."""
    rate, decay = point
    return command(["train", "CartPole-v1", "ad_pqn", "--set", f"learning_rate={rate}", f"trace_decay={decay}"], steps)


def sweep(steps: int) -> Cost:
    """Train all points in one program."""
    over = [f"learning_rate={','.join(RATES)}", f"trace_decay={','.join(DECAYS)}"]
    words = ["sweep", "CartPole-v1", "ad_pqn", "--over", *over, "--report-seeds", "0"]
    return command([*words, "--side-by-side", str(len(POINTS))], steps)


def spread(count: int) -> list[tuple[str, str]]:
    """Return so many points, from all over the grid."""
    return [POINTS[round(index)] for index in np.linspace(0, len(POINTS) - 1, count)]


def row_of(steps: int, runs: list[Cost], sweeps: list[Cost], scaled: bool) -> dict[str, object]:
    """Return the row of a length."""
    row: dict[str, object] = {"steps": steps, "points": len(POINTS), "measured": len(runs), "sweeps": len(sweeps)}
    for clock in Cost._fields:
        ones, alls = ([getattr(cost, clock) for cost in costs] for costs in (runs, sweeps))
        for name, of in (("best", min), ("median", statistics.median)):
            many = len(POINTS) * of(ones) if scaled else sum(ones) * len(POINTS) / len(ones)
            row[f"run_{clock}_{name}"] = round(of(ones), 1)
            row[f"runs_{clock}_{name}"] = round(many, 1)
            row[f"sweep_{clock}_{name}"] = round(of(alls), 1)
            row[f"ratio_{clock}_{name}"] = round(many / of(alls), 2)
    return row | {
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "jax": jax.__version__,
    }


def write(row: dict[str, object]) -> None:
    """Write a row in the place of that of the same length."""
    before = read_table(RESULTS) if RESULTS.exists() else []
    rows = [row, *(kept for kept in before if kept["steps"] != str(row["steps"]))]
    write_table(RESULTS, sorted(rows, key=lambda one: int(str(one["steps"]))), list(row))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", type=int, nargs="+", default=[20_000, 100_000], metavar="STEPS")
    parser.add_argument("--runs", type=int, default=4, help="single runs to measure around each sweep")
    parser.add_argument("--repeats", type=int, default=1, help="sweeps of each length")
    parser.add_argument("--all", action="store_true", help="measure all 64 single runs")
    asked = parser.parse_args()
    points = POINTS if asked.all else spread(asked.runs)
    with tempfile.TemporaryDirectory() as programs:
        os.environ["ACCUMBENS_COMPILATION_CACHE"] = programs
        single(points[0], BRIEF)  # compiles
        sweep(BRIEF)
        for steps in asked.lengths:
            runs: list[Cost] = []
            sweeps: list[Cost] = []
            for _ in range(asked.repeats):
                runs += [single(point, steps) for point in points[: len(points) // 2]]
                sweeps.append(sweep(steps))
                runs += [single(point, steps) for point in points[len(points) // 2 :]]
            row = row_of(steps, runs, sweeps, scaled=not asked.all)
            write(row)
            print(*(f"{name} {value}" for name, value in row.items()), sep=", ", flush=True)


if __name__ == "__main__":
    main()
