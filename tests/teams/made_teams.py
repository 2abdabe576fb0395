"""Directories of teams' runs, whose networks are as they were drawn, or whose tables were written by hand."""

import csv
import math
from pathlib import Path

import jax
import jax.numpy as jnp

from accumbens.envs.teams.registry import make_team
from accumbens.runs.directory import RunDirectory
from accumbens.runs.snapshots import save_snapshot
from accumbens.teams.config import resolve_team_config
from accumbens.teams.job import make_learner
from accumbens.teams.kind import TEAMS
from accumbens.teams.settings import DistilledSettings, PlayingSettings, PolicySettings
from accumbens.teams.windows import Scale

SMALL = {"context": "4", "width": "8", "blocks": "2", "heads": "2"}
SCALE = Scale(tuple(-10.0 + step / 2 for step in range(20)), 1.5, -14.0, -6.0, 20)
"""What is kept of the data, which were never there."""


def make_team_run(
    folder: Path,
    algo: str,
    name: str = "a",
    *,
    env: str = "team/fill-in-2",
    seeds: int = 2,
    changes: dict[str, str] | None = None,
    networks: bool = True,
    returns: tuple[float, ...] | None = None,
    won: float = math.nan,
    digest: str = "abc",
) -> Path:
    """Write a run of three evaluations at 0, 5 and 10 updates, a teacher's before; return its directory.

    Args:
        folder: where runs are kept.
        algo: the method.
        name: of the run.
        env: it plays in.
        seeds: of it.
        changes: of the settings.
        networks: it has a snapshot, of the networks as they were drawn.
        returns: of every seed at the end.
        won: share of the episodes, at the end.
        digest: of the data.
    """
    like = resolve_team_config(env, algo, data="" if algo == "ipqn" else "random:7").settings
    small = SMALL if isinstance(like, PolicySettings) else {"layers": "8"}
    small = small | ({"teacher_updates": "6"} if isinstance(like, DistilledSettings) else {})
    data = "" if isinstance(like, PlayingSettings) else "random:7"
    config = resolve_team_config(
        env, algo, data=data, seeds=seeds, updates=10, evaluations=2, changes=small | (changes or {})
    )
    run = RunDirectory(folder / env / algo / name)
    run.path.mkdir(parents=True)
    TEAMS.write(config, run.config)
    meta = {"command": f"accumbens train {env} {algo}", "versions": {"python": "3"}, "commit": "c", "hardware": {}}
    if data:
        meta |= {"data_sha256": digest, "data_episodes": 7, "scale": SCALE._asdict()}
    run.write_meta(**meta)
    before = config.teacher_updates
    returns = tuple(-9.0 - seed for seed in range(seeds)) if returns is None else returns
    rows = []
    for step, share in ((0, 0.25), (before + 5, 0.5), (before + 10, 1.0)):
        for seed in range(seeds):
            row: dict[str, object] = {"step": step, "seed": seed, "learning_loss": 2.0 - share if step else math.nan}
            if isinstance(like, PolicySettings):
                row |= {"valid_loss": 1.5 + 0.1 * seed, "valid_accuracy": 0.5}
            if isinstance(like, DistilledSettings):
                agents = 1 if config.settings.shared else len(make_team(env).facts.agents)
                row |= {"kl_loss": 0.1, "relation_loss": 0.2 * share, "feature_loss": 0.0, "teacher_loss": 1.0}
                row |= {f"angle_{agent + 1}": 40.0 + 10 * agent + seed for agent in range(agents)}
            row |= {"mean_return": returns[seed] / share, "won": won * share, "mean_length": 20.0}
            rows.append(row | {"wall_seconds": 1.0 + step})
    with run.metrics.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    if networks:
        learner = make_learner(config, make_team(env), SCALE)
        drawn = jax.jit(lambda seeds: jax.vmap(learner.init)(seeds).networks)(jnp.arange(seeds, dtype=jnp.uint32))
        save_snapshot(run, before + 10, drawn)
    return run.path
