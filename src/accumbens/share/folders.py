"""Where an export goes."""

from pathlib import Path


def default_folder(run: Path, seed: int, step: int) -> Path:
    """Return where an export of a run goes if nobody says where."""
    return run / "export" / f"seed{seed}_{step}"
