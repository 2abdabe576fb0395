"""The run directory: `config.toml`, `meta.json`, `metrics.csv`, `evaluations.csv`, `curve.png`, `checkpoints/`.

A run is never overwritten: a directory that exists is only ever continued.
"""

import csv
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from accumbens.errors import AccumbensError
from accumbens.training.config import RunConfig, read_config, write_config

PACKAGES = ("accumbens", "jax", "jaxlib", "equinox", "optax", "gymnasium", "gymnax", "numpy")


class RunDirectory:
    """The files of one run."""

    def __init__(self, path: Path):
        """Point at a directory; `create` makes a new one, `open_run` checks an old one."""
        self.path = path
        self.config = path / "config.toml"
        self.meta = path / "meta.json"
        self.metrics = path / "metrics.csv"
        self.evaluations = path / "evaluations.csv"
        self.curve = path / "curve.png"
        self.checkpoints = path / "checkpoints"

    def __fspath__(self) -> str:
        """Return the path."""
        return str(self.path)

    def read_meta(self) -> dict[str, Any]:
        """Return what `meta.json` holds."""
        return json.loads(self.meta.read_text())

    def write_meta(self, **changes: Any) -> None:
        """Add to `meta.json`, atomically."""
        meta = self.read_meta() if self.meta.exists() else {}
        _write_atomically(self.meta, json.dumps(meta | changes, indent=2) + "\n")


def create(config: RunConfig, out: Path, name: str | None) -> RunDirectory:
    """Make `out/<env>/<algo>/<name>`; without a name, one from date and time.

    Raises:
        AccumbensError: a run of that name exists already.
    """
    parent = out / config.env / config.algo
    stem = name or f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
    if name is not None and (name in ("", ".", "..") or Path(name).name != name):
        raise AccumbensError(f"name={name!r} cannot be used: it must be a single folder name")
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, 1000):
            path = parent / (stem if attempt == 1 else f"{stem}-{attempt}")
            try:
                path.mkdir()
                break
            except FileExistsError:
                if name is not None:
                    raise AccumbensError(
                        f"the run {path} exists already; choose another --name, or continue it with "
                        f"'accumbens resume {path}'"
                    ) from None
    except OSError as error:
        raise AccumbensError(f"cannot make a run directory in {parent}: {error}") from error
    run = RunDirectory(path)
    run.checkpoints.mkdir()
    write_config(config, run.config)
    run.write_meta(**describe_machine(), command=command_line(), sessions=[], wall_seconds=0.0)
    return run


def open_run(path: Path) -> tuple[RunDirectory, RunConfig]:
    """Return an existing run and its configuration.

    Raises:
        AccumbensError: there is no run at `path`.
    """
    if not path.is_dir():
        raise AccumbensError(f"there is no run at {path}")
    run = RunDirectory(path)
    return run, read_config(run.config)


def command_line() -> str:
    """Return the command of this process, as a user would type it."""
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])


def describe_machine() -> dict[str, Any]:
    """Return versions, commit and hardware."""
    import jax

    return {
        "versions": {"python": platform.python_version()} | {package: version(package) for package in PACKAGES},
        "commit": _commit(),
        "hardware": {
            "devices": [device.device_kind for device in jax.devices()],
            "backend": jax.default_backend(),
            "cpu_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "machine": platform.machine(),
            "system": platform.platform(),
        },
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def _commit() -> str | None:
    """The commit of the source this runs from; None if it was installed from a package."""
    folder = Path(__file__).parent
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        # Only a checkout of accumbens itself counts, not a repository it happens to be installed in.
        tracked = subprocess.run([*command[:3], "ls-files", "--error-unmatch", __file__], capture_output=True)
        described = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return None
    return described.stdout.strip() if tracked.returncode == 0 and described.returncode == 0 else None


class Table:
    """A CSV file that rows are appended to; every batch of rows reaches the disk before `append` returns."""

    def __init__(self, path: Path, columns: list[str]):
        """Open or begin the file."""
        self.path, self.columns = path, columns
        if not path.exists():
            _write_atomically(path, ",".join(columns) + "\n")

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows."""
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, self.columns).writerows(rows)

    def forget_after(self, step: int) -> None:
        """Drop rows later than `step` (and a last line cut short): a resumed run writes them again."""
        lines = self.path.read_text().splitlines()
        kept = [lines[0]]
        for line in lines[1:]:
            cells = line.split(",")
            if len(cells) == len(self.columns) and int(cells[0]) <= step:
                kept.append(line)
        _write_atomically(self.path, "\n".join(kept) + "\n")


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _write_atomically(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    os.replace(partial, path)
