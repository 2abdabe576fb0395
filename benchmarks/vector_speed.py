"""Measure how fast `to_gymnasium` steps many copies of each MinAtar game, beside `SyncVectorEnv` of the original.

Both step in Gymnasium's default mode, `NextStep`, with the same random actions. They take turns within each repeat, so
that other programs on the machine slow them alike; best and median of the repeats are kept, by the clock on the wall
and by the seconds of CPU time of all threads. The column `load` says how many processes wanted a core. The original is
the package `minatar` of the test dependencies.

Usage: `python benchmarks/vector_speed.py --num-envs 512`
"""

import logging
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import gymnasium
import jax
import numpy as np
import tyro

from accumbens.envs import registry
from accumbens.envs.to_gymnasium import to_gymnasium
from accumbens.errors import AccumbensError
from accumbens.runs.tables import write_table

RESULTS = Path(__file__).parent / "results" / "vector_speed.csv"
GAMES = tuple(name for name in registry.device_environments() if name.startswith("minatar/"))
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}


def original(name: str, num_envs: int) -> gymnasium.vector.VectorEnv:
    """Gymnasium's loop over copies of the original game, with its minimal action set."""
    logging.disable(logging.WARNING)  # it asks for seaborn, which only its pictures need
    try:
        from minatar.gym import BaseEnv
    except ImportError as error:
        raise AccumbensError(f"the original is not there: {error}. Install the test dependencies") from error

    def make() -> gymnasium.Env:
        return BaseEnv(name.removeprefix("minatar/"), use_minimal_action_set=True)

    return gymnasium.vector.SyncVectorEnv([make] * num_envs)


def main(
    envs: tuple[str, ...] = GAMES, num_envs: int = 512, num_calls: int = 100, original_calls: int = 10, repeats: int = 9
) -> None:
    """Print a table and write it to `results/vector_speed.csv` beside this file.

    Args:
        envs: MinAtar games.
        num_envs: copies of each.
        num_calls: calls of our `step` in one repeat.
        original_calls: calls of the original's `step` in one repeat.
        repeats: how often each is timed.
    """
    rows = []
    for name in envs:
        both = {
            "ours": (to_gymnasium(name, num_envs), num_calls),
            "original": (original(name, num_envs), original_calls),
        }
        choose = np.random.default_rng(0)
        speeds: dict[str, list[float]] = {f"{who}_{clock}": [] for who in both for clock in CLOCKS}
        for vector, _ in both.values():
            vector.reset(seed=0)
            vector.step(np.zeros(num_envs, int))  # compiles ours
        for _ in range(repeats):
            for who, (vector, calls) in both.items():
                actions = choose.integers(vector.single_action_space.n, size=(calls, num_envs))
                began = {clock: now() for clock, now in CLOCKS.items()}
                for action in actions:
                    vector.step(action)
                for clock, now in CLOCKS.items():
                    speeds[f"{who}_{clock}"].append(calls * num_envs / (now() - began[clock]))
        row: dict[str, object] = {"environment": name, "num_envs": num_envs}
        for kind, values in speeds.items():
            row[f"{kind}_best"], row[f"{kind}_median"] = round(max(values)), round(statistics.median(values))
        for clock in CLOCKS:
            for pick in ("best", "median"):
                row[f"ratio_{clock}_{pick}"] = round(row[f"ours_{clock}_{pick}"] / row[f"original_{clock}_{pick}"], 1)
        row |= {"repeats": repeats, "device": jax.devices()[0].platform, "cores": len(os.sched_getaffinity(0))}
        row |= {"load": round(os.getloadavg()[0], 1), "jax": jax.__version__, "gymnasium": gymnasium.__version__}
        rows.append(row)
        write_table(RESULTS, rows)
        times = ", ".join(
            f"{clock} {row[f'ratio_{clock}_best']} × ({row[f'ratio_{clock}_median']} ×)" for clock in CLOCKS
        )
        speed = f"{row['ours_wall_best']:,} against {row['original_wall_best']:,} steps/s"
        print(f"{name:22} {speed}; best (median): {times}", flush=True)


if __name__ == "__main__":
    tyro.cli(main)
