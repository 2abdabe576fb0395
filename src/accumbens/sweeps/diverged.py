"""Which runs of a sweep stopped being finite: one file for each, so that workers can note them at the same time."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from accumbens.errors import AccumbensError
from accumbens.experiments.plan import PlannedRun
from accumbens.writing import write_atomically

FOLDER = "diverged"
_ENDING = ".txt"
_SETTINGS = "settings: "


def read_diverged(folder: Path) -> dict[str, str]:
    """Return the runs that stopped being finite, by label, and what they said. They are not tried again.

    Args:
        folder: of the sweep.
    """
    top = folder / FOLDER
    files = {str(path.relative_to(top)).removesuffix(_ENDING): path for path in sorted(top.rglob(f"*{_ENDING}"))}
    return {label: _read(path)[0] for label, path in files.items()}


def write_diverged(folder: Path, diverged: Mapping[PlannedRun, str]) -> None:
    """Remember runs that stopped being finite, besides those that did before."""
    for run, why in diverged.items():
        path = _file(folder, run)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, f"{why}\n{_SETTINGS}{_digest(run)}\n")


def require_same_diverged(folder: Path, run: PlannedRun) -> None:
    """Refuse a run if one of its name diverged with other settings; its folder may be gone, which would tell.

    Raises:
        AccumbensError: says so.
    """
    path = _file(folder, run)
    digest = _read(path)[1] if path.exists() else None
    if digest is not None and digest != _digest(run):
        raise AccumbensError(f"{path} is of a run that diverged with other settings")


def _file(folder: Path, run: PlannedRun) -> Path:
    return folder / FOLDER / f"{run.label}{_ENDING}"


def _read(path: Path) -> tuple[str, str | None]:
    """What a run said, and the digest of its settings; earlier versions wrote none."""
    text, _, digest = path.read_text(encoding="utf-8").strip().partition(f"\n{_SETTINGS}")
    return text, digest or None


def _digest(run: PlannedRun) -> str:
    document = json.dumps(run.kind.to_document(run.config), sort_keys=True, default=str)
    return hashlib.sha256(document.encode()).hexdigest()
