"""The text of a file: unpacked, decoded, and without what stands before a table."""

import codecs
import gzip
import io
import re
import zlib
from pathlib import Path
from typing import NamedTuple

from accumbens.errors import AccumbensError

COMMENTS = ("#", "%")
"""What a line begins with that is no part of the table."""


class Text(NamedTuple):
    """The lines of a file.

    Attributes:
        lines: with their ends.
        skipped: how many were left out before them.
        delimiter: what a line `sep=;`, as Excel writes it, says; empty without one.
        comment: the last comment before the table, without its mark; empty without one.
        notes: what was assumed.
    """

    lines: list[str]
    skipped: int
    delimiter: str
    comment: str
    notes: list[str]


def read_text(path: Path, encoding: str = "auto") -> Text:
    """Return the lines of a text file, which may be packed by gzip.

    Args:
        path: of the file.
        encoding: as Python calls it; auto takes UTF-8, UTF-16 with a byte order mark, or else Windows-1252.

    Raises:
        AccumbensError: it cannot be read, or is no text.
    """
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise AccumbensError(f"{path} cannot be read: {error}") from error
    text, notes = _decoded(path, content, encoding)
    lines, skipped = list(io.StringIO(text.removeprefix("\ufeff"), newline="")), 0
    said = re.fullmatch(r'"?sep=(.)"?\s*', lines[0], re.IGNORECASE) if lines else None
    if said:
        skipped = 1
    comments = 0
    while skipped + comments < len(lines) and lines[skipped + comments].startswith(COMMENTS):
        comments += 1
    comment = ""
    if comments and any(line.strip() for line in lines[skipped + comments :]):
        skipped += comments
        comment = lines[skipped - 1].lstrip("".join(COMMENTS)).strip()
        many = "the first line is a comment" if comments == 1 else f"the first {comments} lines are comments"
        notes.append(f"assumed that {many}, by the mark {lines[skipped - 1][0]}")
    return Text(lines[skipped:], skipped, said[1] if said else "", comment, notes)


def _decoded(path: Path, content: bytes, encoding: str) -> tuple[str, list[str]]:
    """The text, and what was assumed of its encoding."""
    notes: list[str] = []
    try:
        if encoding != "auto":
            text = content.decode(encoding)
        elif content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            text = content.decode("utf-16")
        else:
            try:
                text = content.decode("utf-8")
            except UnicodeDecodeError:
                text = content.decode("windows-1252")
                notes.append(
                    "assumed that the text is in Windows-1252, as it is not in UTF-8; --set encoding=NAME changes it"
                )
    except UnicodeDecodeError as error:
        raise AccumbensError(
            f"{path} cannot be read: expected text in {'UTF-8' if encoding == 'auto' else encoding} ({error})"
        ) from error
    except LookupError as error:
        raise AccumbensError(
            f"encoding={encoding} cannot be used: expected one that Python knows, such as utf-8"
        ) from error
    if "\0" in text:
        raise AccumbensError(f"{path} cannot be read: it is no text")
    return text, notes
