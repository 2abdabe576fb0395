"""Folders that are written whole: complete before they get their name, and never over what is there."""

import csv
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from accumbens.errors import AccumbensError


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Give a folder to write to, which becomes `out` at the end, or vanishes if that fails.

    Raises:
        AccumbensError: `out` holds something.
    """
    require_new(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    staging = out.parent / f".{uuid.uuid4().hex}"
    staging.mkdir()
    try:
        yield staging
        if out.is_dir():
            out.rmdir()  # it was empty
        staging.rename(out)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def default_folder(run: Path, seed: int, step: int) -> Path:
    """Return where an export of a run goes if nobody says where."""
    return run / "export" / f"seed{seed}_{step}"


def require_new(out: Path) -> None:
    """Refuse a folder that holds something.

    Raises:
        AccumbensError: it does, or is a file.
    """
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise AccumbensError(f"{out} exists already: choose another folder with -o")


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Write these columns of rows as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
