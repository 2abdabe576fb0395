"""Which runs of a sweep stopped being finite: one file for each, so that workers can note them at the same time."""

from collections.abc import Mapping
from pathlib import Path

from accumbens.writing import write_atomically

FOLDER = "diverged"
_ENDING = ".txt"


def read_diverged(folder: Path) -> dict[str, str]:
    """Return the runs that stopped being finite, by label, and what they said. They are not tried again.

    Args:
        folder: of the sweep.
    """
    top = folder / FOLDER
    files = {str(path.relative_to(top)).removesuffix(_ENDING): path for path in sorted(top.rglob(f"*{_ENDING}"))}
    return {label: path.read_text(encoding="utf-8").strip() for label, path in files.items()}


def write_diverged(folder: Path, diverged: Mapping[str, str]) -> None:
    """Remember runs that stopped being finite, besides those that did before."""
    for label, why in diverged.items():
        path = folder / FOLDER / f"{label}{_ENDING}"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, f"{why}\n")
