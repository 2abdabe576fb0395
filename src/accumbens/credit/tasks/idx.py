"""Files in the IDX format, in which MNIST and its relatives are published."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from accumbens.errors import AccumbensError

_UNSIGNED_BYTE = 8


def read_idx(path: Path) -> UInt8[np.ndarray, "..."]:
    """Read an array of bytes; a file whose name ends in `.gz` is decompressed.

    The format: two zero bytes, the code of the numbers' type, the number of axes; the length of every axis as a
    big-endian 32-bit number; then the numbers, the last axis fastest.

    Raises:
        AccumbensError: the file cannot be read, is not IDX, does not hold bytes, or is shorter or longer than it says.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise AccumbensError(f"{path} cannot be read: {error}") from error
    axes = content[3] if len(content) >= 4 else 0
    start = 4 + 4 * axes
    if content[:2] != b"\0\0" or len(content) < start or not axes:
        raise AccumbensError(f"{path} is not an IDX file: its first bytes are {content[:4].hex(' ') or 'missing'}")
    if content[2] != _UNSIGNED_BYTE:
        raise AccumbensError(f"{path} holds numbers of type {content[2]:#04x}: expected bytes, type 0x08")
    shape = tuple(np.frombuffer(content[4:start], ">u4").tolist())
    expected, found = math.prod(shape), len(content) - start
    if found != expected:
        raise AccumbensError(f"{path} is damaged: it should hold {expected} bytes for shape {shape}, and holds {found}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
