"""Results that a command writes where it is told to: complete before they get their name, and never over others."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accumbens.errors import AccumbensError


def require_free(path: Path, force: bool = False, mark: str | None = None) -> None:
    """Refuse to overwrite what exists, before minutes of work.

    Args:
        path: a file, or a folder, to be written.
        force: it may be replaced.
        mark: of a folder: the file by which an earlier result is known, as nothing else is replaced; None for a file.

    Raises:
        AccumbensError: it exists and may not be replaced, or is no earlier result.
    """
    if mark is None and path.is_dir():
        raise AccumbensError(f"{path} is a folder: -o takes the file to write")
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not force:
        raise AccumbensError(f"{path} exists already: choose another with -o, or replace it with --force (force=True)")
    if mark is not None and not (path / mark).is_file():
        raise AccumbensError(f"{path} has no {mark}: --force replaces only what the same command wrote")


@contextmanager
def new_folder(out: Path, mark: str, force: bool = False, staging: str | None = None) -> Iterator[Path]:
    """Give a folder to write to, which becomes `out` at the end, or vanishes if that fails.

    Args:
        out: the folder.
        mark: a file that is written to it; see `require_free`.
        force: an earlier result may be replaced.
        staging: name of the folder until then, beside `out`, by which people know what a killed process left; None
            draws one.

    Raises:
        AccumbensError: `out` holds something that may not be replaced, or there is something of the name `staging`.
    """
    require_free(out, force, mark)
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = out.parent / (staging or f".{uuid.uuid4().hex}")
    try:
        folder.mkdir()
    except FileExistsError as error:
        raise AccumbensError(f"{folder} is what a killed process left, or at work on: delete it if none is") from error
    try:
        yield folder
        require_free(out, force, mark)  # again: that took minutes
        if out.is_dir():
            shutil.rmtree(out)
        folder.rename(out)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def write_beside(folder: Path, stem: str, text: str) -> tuple[Path, bool]:
    """Write `stem.csv` in a folder, unless it says the same already; where it says something else, `stem-2.csv`.

    Returns:
        the file, and whether another text was there before, which is kept.
    """
    folder.mkdir(exist_ok=True)
    number = 1
    while True:
        path = folder / f"{stem}{'' if number == 1 else f'-{number}'}.csv"
        try:
            with path.open("x", newline="", encoding="utf-8") as file:
                file.write(text)
            return path, number > 1
        except FileExistsError:
            if path.read_text(encoding="utf-8") == text:
                return path, False
        number += 1
