"""The run directory: `config.toml`, `meta.json`, `metrics.csv`, `evaluations.csv`, `curve.png`, and two folders.

`checkpoints/` holds what the run needs to go on, `snapshots/` its networks along training.

A run is never overwritten: a directory that exists is only ever continued, and by one process at a time.
"""

import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from accumbens.errors import AccumbensError
from accumbens.generator import GENERATOR
from accumbens.runs.lock import at_work, locked
from accumbens.runs.names import require_folder_name
from accumbens.runs.settings import write_document
from accumbens.runs.tables import read_table, to_json
from accumbens.writing import write_atomically

PACKAGES = ("accumbens", "jax", "jaxlib", "equinox", "optax", "gymnasium", "gymnax", "numpy")


class RunDirectory:
    """The files of one run."""

    def __init__(self, path: Path):
        """Point at a directory; `make_directory` makes a new one."""
        self.path = path
        self.config = path / "config.toml"
        self.meta = path / "meta.json"
        self.metrics = path / "metrics.csv"
        self.evaluations = path / "evaluations.csv"
        self.curve = path / "curve.png"
        self.checkpoints = path / "checkpoints"
        self.snapshots = path / "snapshots"

    def __fspath__(self) -> str:
        """Return the path."""
        return str(self.path)

    def read_meta(self) -> dict[str, Any]:
        """Return what `meta.json` holds.

        Raises:
            AccumbensError: the file is missing or is not JSON.
        """
        try:
            return json.loads(self.meta.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise AccumbensError(f"{self.meta} cannot be read: {error}") from error

    def write_meta(self, **changes: Any) -> None:
        """Add to `meta.json`, atomically."""
        meta = self.read_meta() if self.meta.exists() else {}
        write_atomically(self.meta, to_json(meta | changes, indent=2) + "\n")

    def lock(self) -> AbstractContextManager[None]:
        """Keep other processes from continuing the run.

        Raises:
            AccumbensError: another process is at it.
        """
        return locked(self.path, "run")

    def at_work(self) -> str | None:
        """Return which process is at work on the run, as it said itself; None if none is, or on Windows."""
        return at_work(self.path)

    def has_learned(self) -> bool:
        """Return whether anything was learned that is worth keeping: a row of a later step, or a checkpoint."""
        rows = read_table(self.metrics) if self.metrics.exists() else []
        return has_checkpoint(self) or any(int(row["step"]) > 0 for row in rows)

    def remove(self) -> None:
        """Remove the run, and the folders of its place and method if nothing else is in them."""
        shutil.rmtree(self.path)
        for folder in list(self.path.parents)[:2]:
            with suppress(OSError):  # not empty
                folder.rmdir()


def make_directory(
    parent: Path, name: str | None, document: Mapping[str, Any], meta: Mapping[str, Any]
) -> RunDirectory:
    """Make `parent/<name>`; without a name, one from date and time.

    Args:
        parent: such as `runs/CartPole-v1/ad_pqn`.
        name: of the run.
        document: the tables of its configuration.
        meta: what `meta.json` holds from the start, beside the command and the machine.

    Raises:
        AccumbensError: a run of that name exists already.
    """
    if name is not None:
        require_free_name(parent, name)
    stem = f"{datetime.now():%Y-%m-%d_%H-%M-%S}" if name is None else name
    try:
        parent.mkdir(parents=True, exist_ok=True)
        staging = parent / f".{uuid.uuid4().hex}"  # complete before it gets its name
        staging.mkdir()
        try:
            run = RunDirectory(staging)
            run.checkpoints.mkdir()
            run.snapshots.mkdir()
            write_document(document, run.config)
            begun = {"command": command_line(), "generator": GENERATOR, "sessions": [], "wall_seconds": 0.0}
            run.write_meta(**describe_machine(), **begun, **meta)
            return RunDirectory(_move(staging, parent / stem, numbered=name is None))
        except BaseException:
            shutil.rmtree(staging)
            raise
    except OSError as error:
        raise AccumbensError(f"cannot make a run directory in {parent}: {error}") from error


def require_free_name(parent: Path, name: str) -> None:
    """Refuse a name that a new run cannot have.

    Args:
        parent: such as `runs/CartPole-v1/ad_pqn`.
        name: of the run.

    Raises:
        AccumbensError: it is no folder's name, or a run of that name exists already.
    """
    require_folder_name(f"name={name!r}", name)
    if (parent / name).exists():
        raise _exists(parent / name)


def _exists(path: Path) -> AccumbensError:
    text = f"the run {path} exists already; choose another --name, or continue it with 'accumbens resume {path}'"
    return AccumbensError(text)


def _move(staging: Path, path: Path, numbered: bool) -> Path:
    """Give the directory its name; of two processes that want the same one, one gets it."""
    attempt = 1
    while True:
        target = path if attempt == 1 else path.with_name(f"{path.name}-{attempt}")
        try:
            return staging.rename(target)
        except OSError:
            if not target.exists():
                raise
            if not numbered:
                raise _exists(path) from None
        attempt += 1


def existing_run(path: Path) -> RunDirectory:
    """Return the files of an existing run.

    Raises:
        AccumbensError: there is no directory at `path`.
    """
    if not path.is_dir():
        raise AccumbensError(f"there is no run at {path}")
    return RunDirectory(path)


def has_checkpoint(run: RunDirectory) -> bool:
    """Return whether a run has a checkpoint, good or damaged."""
    return any(run.checkpoints.glob("*.ckpt"))


def command_line() -> str:
    """Return the command of this process, as a user would type it."""
    program = Path(sys.argv[0])
    name = "accumbens" if program.parts[-3:] == ("accumbens", "cli", "main.py") else program.name  # python -m
    return shlex.join([name, *sys.argv[1:]])


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
