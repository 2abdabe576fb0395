"""Files that are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def complete(path: Path) -> Iterator[Path]:
    """Yield a file to write, which takes the place of `path` at the end, and is gone if there is no end.

    Of a link, the file that it leads to is replaced. What is no file but a pipe or a device, such as /dev/stdout, is
    yielded itself.
    """
    if path.exists() and not path.is_file():
        yield path
        return
    path = path.resolve()
    unfinished = path.with_name(f".{path.name}.partial")
    try:
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Write a text file, whole or not at all; see `complete`."""
    with complete(path) as file:
        file.write_text(text, newline="", encoding="utf-8")
