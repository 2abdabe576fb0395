"""What a sweep leaves beside its runs, and a copy small enough to be committed."""

import shutil
from pathlib import Path

import tomli_w

from accumbens.errors import AccumbensError
from accumbens.runs.directory import command_line
from accumbens.runs.tables import to_json
from accumbens.sweeps.diverged import read_diverged
from accumbens.sweeps.effects import effects_of, write_effects
from accumbens.sweeps.figure import draw_sensitivity
from accumbens.sweeps.plan import Sweep
from accumbens.sweeps.result import Standing
from accumbens.sweeps.tables import write_summary

FILES = ("summary.csv", "effects.csv", "sensitivity.png")
"""What is written, and copied by an export."""
SPEC = "sweep.toml"
"""Of an export: the sweep as a file."""
_COMMAND, _DIVERGED = "command.txt", "diverged.json"


def write(sweep: Sweep, standing: Standing, folder: Path) -> None:
    """Write `summary.csv`, `effects.csv` and `sensitivity.png`.

    Raises:
        OSError: they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_summary(sweep, standing, folder / "summary.csv")
    effects = effects_of(sweep, standing)
    write_effects(effects, folder / "effects.csv")
    draw_sensitivity(sweep, standing, effects, folder / "sensitivity.png")


def export(sweep: Sweep, standing: Standing, folder: Path, to: Path) -> None:
    """Copy what others need to check a result: tables, figure, the sweep as a file, and the command.

    Raises:
        AccumbensError: nothing was run yet, or the folder has files that are not of an export of this sweep.
    """
    if standing.metric is None:
        raise AccumbensError(f"there is nothing to export in {folder}")
    spec = tomli_w.dumps(dict(sweep.document))
    require_own(sweep, to)
    to.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copy(folder / name, to / name)
    if diverged := read_diverged(folder):
        (to / _DIVERGED).write_text(to_json(diverged, indent=1), encoding="utf-8")
    (to / SPEC).write_text(spec, encoding="utf-8")
    (to / _COMMAND).write_text(f"{command_line()}\n", encoding="utf-8")


def require_own(sweep: Sweep, to: Path) -> None:
    """Refuse a folder for an export in which it would write over what is somebody else's.

    Raises:
        AccumbensError: says what is there.
    """
    if to.exists() and not to.is_dir():
        raise AccumbensError(f"export={to} cannot be used: it must be a folder")
    spec = tomli_w.dumps(dict(sweep.document))
    there = [name for name in (SPEC, *FILES, _COMMAND, _DIVERGED) if (to / name).exists()]
    if there and not ((to / SPEC).is_file() and (to / SPEC).read_text(encoding="utf-8") == spec):
        raise AccumbensError(f"export={to} cannot be used: its {there[0]} is not of an export of this sweep")
