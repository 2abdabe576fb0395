"""Normalised scores, without which returns of several environments cannot be averaged.

A score is 0 where random actions are and 1 where a reference is: (return - random) / (reference - random).
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from accumbens.errors import AccumbensError
from accumbens.runs.find import AGENTS, FITS, Kind
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


class Scale(NamedTuple):
    """The returns, or other scores, that are the scores 0 and 1, and where they come from."""

    zero: float
    one: float
    source: str

    def normalise(self, value: float) -> float:
        """Return the score on this scale; 1 is better than 0, whichever number is larger."""
        return (value - self.zero) / (self.one - self.zero)


def known_scale(env: str) -> Scale | None:
    """Return the scale of an environment: random actions and the end value of AD's paper; None without either."""
    reference, zero = REFERENCES.get(env), RANDOM.get(env)
    if reference is None or zero is None:
        return None
    return Scale(zero, reference.value, f"0: random actions, our measurement; 1: AD, {reference.source}")


def read_scales(path: Path) -> dict[str, Scale]:
    """Return the scales of a CSV file with the columns env (for fits: task), zero and one.

    Raises:
        AccumbensError: it cannot be read, or a number cannot be used.
    """
    scales = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            columns = rows.fieldnames or ()
            key = next((kind.task_key for kind in (AGENTS, FITS) if kind.task_key in columns), None)
            if key is None or not {"zero", "one"} <= set(columns):
                raise AccumbensError(
                    f"{path} cannot be used: it needs the columns env, zero, one; of fits: task, zero, one"
                )
            for row in rows:
                zero, one = float(row["zero"]), float(row["one"])
                if not abs(one - zero) < float("inf") or one == zero:
                    raise AccumbensError(f"{path} cannot be used: {row[key]} has zero={zero} and one={one}")
                scales[row[key]] = Scale(zero, one, str(path))
    except (OSError, TypeError, ValueError) as error:
        raise AccumbensError(f"{path} cannot be used: {error}") from None
    return scales


def scales_for(tasks: Sequence[str], given: Mapping[str, Scale], kind: Kind) -> dict[str, Scale]:
    """Return the scales of all tasks, or none if there is a single one and none was given.

    Raises:
        AccumbensError: there are several, or some were given, and one has no scale.
    """
    if len(tasks) == 1 and not given:
        return {}
    known = {task: given.get(task) or (known_scale(task) if kind is AGENTS else None) for task in tasks}
    scales = {task: scale for task, scale in known.items() if scale is not None}
    missing = [task for task in tasks if task not in scales]
    if missing:
        scores = "returns" if kind is AGENTS else "scores"
        raise AccumbensError(
            f"{scores} of several {kind.task}s cannot be averaged, and there is no scale for {', '.join(missing)}: "
            f"compare one {kind.task} at a time, or give --scale FILE.csv with the columns {kind.task_key}, zero, one"
        )
    return scales
