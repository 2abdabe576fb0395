"""What `time_to_score.py` keeps: a row per run, and a curve per run."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from score_run import COLUMNS, has_passed

from accumbens.errors import AccumbensError
from accumbens.runs.tables import read_table


class Task(NamedTuple):
    """One run, as rows are told apart by; `settings` are `key=value key=value` beside the preset's."""

    build: str
    env: str
    algo: str
    settings: str
    seed: int

    @property
    def variant(self) -> str:
        """Algorithm and settings."""
        return f"{self.algo} {self.settings}".strip()

    def __str__(self) -> str:
        return f"{self.env} {self.variant} {self.build} seed {self.seed}"


class Row(NamedTuple):
    """One run's outcome; if the score was not reached, the counts are those of all that was run."""

    build: str
    env: str
    algo: str
    settings: str
    seed: int
    commit: str
    target: float
    reached: bool
    steps: int
    cpu_seconds: float
    wall_seconds: float
    compile_cpu_seconds: float
    compile_wall_seconds: float
    mean_return: float
    episodes: int
    total_timesteps: int
    max_steps: int
    resolution: int
    core: str

    @property
    def task(self) -> Task:
        """What was run."""
        return Task(self.build, self.env, self.algo, self.settings, self.seed)


def read_rows(path: Path) -> dict[Task, Row]:
    """Return the rows of a CSV by what was run; of a run that comes again the last counts.

    Raises:
        AccumbensError: the file has other columns.
    """
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != Row._fields:
            raise AccumbensError(f"{path} has other columns than {', '.join(Row._fields)}; move it away")
        rows = [_parse_row(one) for one in reader]
    return {row.task: row for row in rows}


def _parse_row(texts: Mapping[str, str]) -> Row:
    values: list[Any] = []
    for name in Row._fields:
        kind = Row.__annotations__[name]
        values.append(texts[name] == "True" if kind is bool else kind(texts[name]))
    return Row(*values)


def append_row(path: Path, row: Row) -> None:
    """Add a row to a CSV, which is made if it is not there."""
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([Row._fields, row] if is_new else [row])


def is_done(row: Row | None, target: float, total_timesteps: int, max_steps: int) -> bool:
    """Return whether a run need not be repeated: it reached this target, or failed to in as many steps."""
    if row is None or (row.target, row.total_timesteps) != (target, total_timesteps):
        return False
    return row.reached or row.max_steps >= max_steps


def curve_path(folder: Path, task: Task) -> Path:
    """Return the file of a run's curve."""
    variant = task.variant.replace(" ", "+").replace("/", "-")
    return folder / f"{task.env.replace('/', '-')}_{variant}_{task.build}_{task.seed}.csv"


def read_curve(path: Path) -> list[dict[str, float]]:
    """Return the points of a curve, in order."""
    return [{name: float(point[name]) for name in COLUMNS} for point in read_table(path)]


def outcome(points: Sequence[Mapping[str, float]], target: float) -> dict[str, Any]:
    """Return what a row says of a curve: its first point that has passed the target, or else its last."""
    passed = (point for point in points if has_passed(point["mean_return"], int(point["episodes"]), target))
    point = next(passed, None)
    counts = dict(point or points[-1])
    return counts | {"reached": point is not None, "steps": int(counts["steps"]), "episodes": int(counts["episodes"])}
