"""How agents are compared: by their returns, twins seed by seed, several environments on the scale of AD's paper."""

from functools import partial

import numpy as np

from accumbens.runs.comparing import Comparing, Metric, RunScores, Scale
from accumbens.runs.directory import RunDirectory
from accumbens.runs.find import Files, complete_rows
from accumbens.runs.tables import Rows
from accumbens.training.episode_files import episode_files, read_episodes
from accumbens.training.published import TABLES

REFERENCES = {
    entry.env: entry
    for table in ("ad-minatar", "ad-dmc", "ad-classic")
    for entry in TABLES[table]
    if entry.agent == "AD"
}
"""What Artificial Dopamine returns at the end of training in its own paper."""

RANDOM: dict[str, float] = {
    "minatar/freeway": 0.386,
    "minatar/breakout": 0.356,
    "minatar/space_invaders": 4.019,
    "minatar/seaquest": 0.108,
    "minatar/asterix": 0.45,
    "dmc/walker-walk": 55.95,
    "dmc/walker-run": 30.07,
    "dmc/hopper-hop": 0.04533,
    "dmc/cheetah-run": 7.265,
    "dmc/reacher-hard": 7.94,
    "CartPole-v1": 22.5,
    "Acrobot-v1": -498.1,
    "MountainCar-v0": -200.0,
    "LunarLander-v3": -183.0,
}
"""What random actions return, by benchmarks/random_play.py."""

SCALES = {
    env: Scale(zero, REFERENCES[env].value, f"0: random actions, our measurement; 1: AD, {REFERENCES[env].source}")
    for env, zero in RANDOM.items()
}
"""By environment: random actions, and the end value of AD's paper."""

_GREEDY = "greedy return of the full network"


def _of_full_network(files: Files) -> Rows:
    rows = complete_rows(files.evaluations)
    full = max((int(row["cells"]) for row in rows), default=0)
    return [row for row in rows if int(row["cells"]) == full]


def _played_greedily(files: Files) -> list[dict[str, int | float]]:
    # Of one step, the file with the most episodes is the last.
    greedy = {file.step: file for file in episode_files(RunDirectory(files.path)) if file.epsilon == 0}
    rows = []
    for step, file in greedy.items():
        seeds, returns, _ = read_episodes(file.path)
        for seed in np.unique(seeds).tolist():
            mean = float(returns[seeds == seed].mean())
            rows.append({"step": step, "seed": seed, "episodes": file.episodes, "mean_return": mean})
    return rows


def _are_twins(one: RunScores, other: RunScores, seed: int) -> bool:
    return one.kind.differences(one.config, other.config) == ["credit"]


_return = partial(Metric, column="mean_return", noun="return")
_greedy = partial(_return, rests_on="episodes")

COMPARING = Comparing(
    (
        _return("final_return", "mean of the last 100 training episodes"),
        _greedy("eval_return", f"{_GREEDY} in an evaluation during training", rows=_of_full_network),
        _greedy("episodes", f"{_GREEDY}, as `accumbens evaluate` played it last", rows=_played_greedily, trained=False),
    ),
    by=("algo", "credit"),
    scales=SCALES,
    paired="twins, which differ in credit only; their seeds were resampled together",
    is_paired=_are_twins,
)
