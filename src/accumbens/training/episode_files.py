"""What `accumbens evaluate` leaves in a run: a CSV file per step, ε and number of episodes, a row per episode.

    episodes/000001003520_epsilon0.05_100.csv       step, seed, epsilon, cells, episode, return, length, cut

On the device the numbers follow from these three and the run, so the same evaluation again writes nothing. Where they
do differ, on the host or with another version of a library, the new file is put beside the old one: `…_100-2.csv`.
"""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from accumbens.errors import AccumbensError
from accumbens.runs.directory import RunDirectory
from accumbens.runs.outputs import write_beside
from accumbens.training.evaluate import Evaluation

COLUMNS = ("step", "seed", "epsilon", "cells", "episode", "return", "length", "cut")
_NAME = re.compile(r"(?P<step>\d{12})_epsilon(?P<epsilon>[^_]+)_(?P<episodes>\d+)(-(?P<number>\d+))?\.csv")


class EpisodeFile(NamedTuple):
    """A file of episodes, by what its name says; `number` counts those of the same evaluation that differ."""

    path: Path
    step: int
    epsilon: float
    episodes: int
    number: int


def write_episodes(
    run: RunDirectory, step: int, epsilon: float, evaluation: Evaluation, seeds: Sequence[int]
) -> tuple[Path, bool]:
    """Write a row for every seed, prefix of cells and episode, unless a file says the same already.

    Args:
        run: that was evaluated.
        step: of its checkpoint.
        epsilon: probability of a random action.
        evaluation: with a leading axis of seeds.
        seeds: of the run.

    Returns:
        the file, and whether other numbers were there before, which are kept.
    """
    returns, lengths, cut = map(np.asarray, evaluation)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for (index, cells, episode), value in np.ndenumerate(returns):
        place = index, cells, episode
        row = (step, seeds[index], epsilon, cells + 1, episode, value.item(), lengths[place].item(), int(cut[place]))
        writer.writerow(row)
    stem = f"{step:012d}_epsilon{epsilon:.12g}_{returns.shape[-1]}"
    return write_beside(run.path / "episodes", stem, text.getvalue())


def episode_files(run: RunDirectory) -> list[EpisodeFile]:
    """Return the files of a run: the newest step last, and of one step the most episodes; of these by ε."""
    found = [(path, _NAME.fullmatch(path.name)) for path in (run.path / "episodes").glob("*.csv")]
    files = [
        EpisodeFile(path, int(name["step"]), float(name["epsilon"]), int(name["episodes"]), int(name["number"] or 1))
        for path, name in found
        if name
    ]
    return sorted(files, key=lambda file: (file.step, file.episodes, file.epsilon, file.number))


class Episodes(NamedTuple):
    """The episodes of one prefix of cells, by column."""

    seed: Int[np.ndarray, " episodes"]
    returns: Float[np.ndarray, " episodes"]
    lengths: Int[np.ndarray, " episodes"]


def read_episodes(path: Path, cells: int | None = None) -> Episodes:
    """Return the episodes in which cells 1 to `cells` acted; None for the full network.

    Raises:
        AccumbensError: it is no such file, or has no such prefix.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not set(COLUMNS) - {"cut"} <= set(rows[0]) <= set(COLUMNS):  # earlier versions did not say so
        raise AccumbensError(f"{path} is not a file of episodes: it needs the columns {', '.join(COLUMNS)} and a row")
    prefixes = sorted({int(row["cells"]) for row in rows})
    cells = prefixes[-1] if cells is None else cells
    if cells not in prefixes:
        raise AccumbensError(f"cells={cells} cannot be used: {path} has {', '.join(map(str, prefixes))}")
    kept = [row for row in rows if int(row["cells"]) == cells]
    seed, lengths = (np.array([int(row[column]) for row in kept]) for column in ("seed", "length"))
    return Episodes(seed, np.array([float(row["return"]) for row in kept]), lengths)
