"""Arrays in NumPy's files: read, checked, and pictures with their channels first."""

import zipfile
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from accumbens.errors import AccumbensError, require

_COLOURS = (1, 3, 4)


def load(path: Path) -> Any:
    """Return the array of a `.npy` file, or the arrays of a `.npz` file by name.

    Raises:
        AccumbensError: it cannot be read.
    """
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return found
        with found:
            return dict(found)
    except ValueError as error:  # NumPy's message is about pickle, whatever the file is
        raise AccumbensError(f"{path} cannot be read: it is no NumPy file, or holds objects, not numbers") from error
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise AccumbensError(f"{path} cannot be read: {error}") from error


def finite(array: np.ndarray, source: str) -> Float64[np.ndarray, "..."]:
    """Return the array in 64 bits.

    Raises:
        AccumbensError: it is not numeric, or a number is missing or too large for 32 bits.
    """
    if array.dtype.kind not in "buif":
        raise AccumbensError(f"{source} is of type {array.dtype}: expected numbers")
    array = array.astype(np.float64)
    bad = ~(np.abs(array) <= np.finfo(np.float32).max)
    if bad.any():
        place = tuple(int(axis[0]) for axis in bad.nonzero())
        raise AccumbensError(
            f"{source} holds {array[place]} at index {place} (from 0): expected a number that is finite in 32 bits"
        )
    return array


def texts(array: np.ndarray) -> list[str]:
    """Return what classes are called: text as it is, numbers without an exponent and as short as they are exact."""
    if array.dtype.kind == "S":
        return [text.decode(errors="replace") for text in array.tolist()]
    if array.dtype.kind == "f":
        return [np.format_float_positional(number, trim="-") for number in array]
    return [str(number) for number in (array.astype(np.uint8) if array.dtype.kind == "b" else array).tolist()]


def channels_first(
    x: np.ndarray, channels: Literal["auto", "first", "last"]
) -> tuple[np.ndarray, tuple[int, int, int] | None, tuple[str, ...]]:
    """Return pictures with their channels first, the shape of one, and what was assumed; other arrays as they are.

    Args:
        x: [examples, inputs], [examples, height, width], or pictures with channels.
        channels: which axis has them.

    Raises:
        AccumbensError: `channels` says something of an array that has none.
    """
    require("channels", channels, f"auto for x of shape {x.shape}", channels == "auto" or x.ndim == 4)
    if x.ndim == 2:
        return x, None, ()
    if x.ndim == 3:
        _, height, width = x.shape
        note = f"assumed that an example is a picture of one channel, {height} × {width} (height, width)"
        return x[:, None], (1, height, width), (note,)
    last = channels == "last" or (channels == "auto" and x.shape[3] in _COLOURS and x.shape[1] > max(_COLOURS))
    if last:
        x = np.moveaxis(x, 3, 1)
    _, count, height, width = x.shape
    notes = ()
    if channels == "auto":
        notes = (
            f"assumed that pictures have their {count} channels {'last' if last else 'first'}, and {height} × {width} "
            f"pixels (height, width); --set channels={'first' if last else 'last'} changes it",
        )
    if last:
        notes += ("the numbers of a picture are put in the order channels, height, width",)
    return x, (count, height, width), notes
