"""Run directories written by hand, whose numbers are known: nothing is trained."""

import csv
import math
from pathlib import Path

from accumbens.runs.directory import RunDirectory
from accumbens.training.config import resolve_config
from accumbens.training.kind import AGENTS
from accumbens.training.plan import make_plan

SMALL = {"num_envs": "4", "rollout_length": "16", "num_minibatches": "2", "net_arch": "6,5"}
META = {
    "versions": {"python": "3.11.0", "accumbens": "0.1.0"},
    "commit": "0123456789abcdef",
    "hardware": {"devices": ["cpu", "cpu"], "backend": "cpu", "cpu_cores": 2, "machine": "x86_64", "system": "Linux"},
    "started": "2025-01-02T03:04:05+00:00",
    "command": "accumbens train CartPole-v1 ad_pqn",
    "wall_seconds": 12.5,
    "result": {"steps_per_second": 1536.0, "updates_per_second": 52.8},
}


def training_return(step: int, seed: int, best: float = 100) -> float:
    """What the made runs return in training."""
    return best * (1 - math.exp(-step / 2000)) + 3 * seed**2


def greedy_return(step: int, seed: int, cells: int) -> float:
    """What they return when they play greedily with the first cells."""
    return training_return(step, seed) + 10 * cells


def make_run(
    folder: Path,
    env: str = "CartPole-v1",
    algo: str = "ad_pqn",
    name: str = "local",
    *,
    seeds: int = 3,
    chunks: int = 40,
    evaluations: int = 4,
    changes: dict[str, str] = SMALL,
    total_timesteps: int = 5120,
    cells: int = 2,
    first_update: int = 3,
    best: float = 100,
    **meta: object,
) -> Path:
    """Write a run of `chunks` chunks of 128 steps and that many evaluations; return its directory.

    `first_update` is the first chunk that learns; `nan` returns come before the second.
    """
    config = resolve_config(env, algo, seeds=seeds, total_timesteps=total_timesteps, changes=changes)
    run = RunDirectory(folder / env / algo / name)
    run.path.mkdir(parents=True)
    AGENTS.write(config, run.config)
    run.write_meta(**META | meta)
    names = ["critic_loss", "actor_loss", "entropy_coefficient"]
    if algo != "sac":
        kinds = ("loss", "td_error", "value", "gradient_norm")
        names = [f"{kind}_{cell}" for kind in kinds for cell in range(1, cells + 1)]
    rows = [
        {"step": 128 * chunk, "seed": seed, "episodes": chunk, "wall_seconds": float(chunk)}
        | {"mean_return": training_return(128 * chunk, seed, best) if chunk > 1 else math.nan}
        | {"updates": max(0, chunk - first_update + 1)}
        | {name: (place + 1) * (seed + 1) / chunk for place, name in enumerate(names)}
        for chunk in range(1, chunks + 1)
        for seed in range(seeds)
    ]
    if chunks:
        _write(run.metrics, rows)
    every = 128 * max(chunks, 1) // max(evaluations, 1)
    played = [
        {"step": every * number, "seed": seed, "cells": prefix, "episodes": 2}
        | {"mean_return": greedy_return(every * number, seed, prefix), "std_return": 1.0, "mean_length": 9.0}
        for number in range(1, evaluations + 1)
        for seed in range(seeds)
        for prefix in range(1, cells + 1)
    ]
    header = {
        "step": "",
        "seed": "",
        "cells": "",
        "episodes": "",
        "mean_return": "",
        "std_return": "",
        "mean_length": "",
    }
    _write(run.evaluations, played, list(header))
    return run.path


def sizes(path: Path) -> list[int]:
    """Parameters of every cell of a made run."""
    return make_plan(AGENTS.read(path / "config.toml")).cell_parameters


def _write(path: Path, rows: list[dict], columns: list[str] | None = None) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns or list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
