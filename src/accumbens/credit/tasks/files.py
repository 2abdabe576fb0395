"""Tasks in files of the user's own: CSV, or NumPy's `.npz` (arrays x and y) and `.npy` (columns like a CSV's)."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from accumbens.credit.tasks.csv_files import Table, column_number, is_number, numbers, read_csv
from accumbens.credit.tasks.protocol import Task
from accumbens.credit.tasks.settings import FileSettings
from accumbens.credit.tasks.splits import Split
from accumbens.credit.tasks.tabular import make_classification, make_regression
from accumbens.errors import AccumbensError, require

MOST_CLASSES = 20
"""Whole numbers of more different values than this are numbers to predict, unless `kind` says otherwise."""


def make_from_file(path: Path, settings: FileSettings) -> Task:
    """Return the task that a file holds.

    Args:
        path: of the file.
        settings: which column is predicted, as what, and how the examples are split and standardised.

    Raises:
        AccumbensError: a setting cannot be used, or the file is missing, damaged, or holds what cannot be learned.
    """
    if not path.is_file():
        raise AccumbensError(f"{path} does not exist, or is not a file")
    if path.suffix.lower() == ".csv":
        return _from_table(read_csv(path, settings.target), settings)
    arrays = _load(path)
    if isinstance(arrays, np.ndarray):
        return _from_columns(path, arrays, settings)
    require("target", settings.target, "last for a .npz file, whose array y is the target", settings.target == "last")
    return _from_arrays(path, arrays, settings)


def _from_table(table: Table, settings: FileSettings) -> Task:
    """Tell text from numbers in the target column, and make the task."""
    cells = [row[table.target] for row in table.rows]
    missing = next((number for number, cell in enumerate(cells) if not cell), None)
    if missing is not None:
        raise AccumbensError(f"{table.where(missing, table.target)} is empty")
    numeric = [is_number(cell) for cell in cells]
    # Numbers with some text between them are rather damaged numbers than classes.
    if settings.kind == "auto" and any(numeric) and not all(numeric):
        row = numeric.index(False)
        raise AccumbensError(
            f"{table.where(row, table.target)} holds {cells[row]!r}, other lines numbers: correct it, or take all as "
            "classes with kind=classification"
        )
    text = settings.kind != "regression" and not all(numeric)
    target = np.array(cells) if text else numbers(table, [table.target])[:, 0]
    features = [column for column in range(table.columns) if column != table.target]
    return _make(numbers(table, features), target, settings, str(table.path))


def _from_columns(path: Path, array: np.ndarray, settings: FileSettings) -> Task:
    if array.ndim != 2 or array.shape[1] < 2:
        raise AccumbensError(f"{path} holds an array of shape {array.shape}: expected rows of features and a target")
    table = _finite(array, str(path))
    target = column_number(settings.target, None, array.shape[1], path)
    return _make(np.delete(table, target, axis=1), table[:, target], settings, str(path))


def _from_arrays(path: Path, arrays: dict[str, np.ndarray], settings: FileSettings) -> Task:
    if not {"x", "y"} <= arrays.keys():
        raise AccumbensError(f"{path} holds arrays {', '.join(arrays) or 'of no name'}: expected x and y")
    x, y = arrays["x"], arrays["y"]
    if x.ndim not in (2, 4) or y.ndim not in (1, 2) or len(x) != len(y) or not x.size or not y.size:
        raise AccumbensError(
            f"{path} holds x of shape {x.shape} and y of shape {y.shape}: expected x [examples, inputs] or "
            "[examples, channels, height, width] and y [examples] or [examples, outputs]"
        )
    image_shape = None
    if x.ndim == 4:
        _, channels, height, width = x.shape
        image_shape = (channels, height, width)
    x = _finite(x.reshape(len(x), -1), f"x in {path}")
    target = y if y.dtype.kind == "U" else _finite(y, f"y in {path}")
    if target.ndim == 2 and target.shape[1] == 1:
        target = target[:, 0]
    return _make(x, target, settings, str(path), image_shape)


def _load(path: Path) -> Any:
    """Return the array of a `.npy` file, or the arrays of a `.npz` file by name."""
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


def _finite(array: np.ndarray, source: str) -> Float64[np.ndarray, "..."]:
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


def _make(
    x: Float64[np.ndarray, "examples inputs"],
    target: np.ndarray,
    settings: FileSettings,
    source: str,
    image_shape: tuple[int, int, int] | None = None,
) -> Task:
    """Decide whether the target is classes or numbers, and make the task."""
    text = target.dtype.kind == "U"
    values = np.unique(target)
    few = not text and target.ndim == 1 and len(values) <= MOST_CLASSES and bool(np.all(values == np.round(values)))
    kind = settings.kind if settings.kind != "auto" else "classification" if text or few else "regression"
    try:
        if kind == "regression":
            require("kind", kind, f"classification for the text in {source}", not text)
            return make_regression(x, target.reshape(len(x), -1), settings, (), image_shape)
        allowed = f"regression for {source}, whose target has several columns"
        require("kind", kind, allowed, target.ndim == 1)
        classes, y, counts = np.unique(target, return_inverse=True, return_counts=True)
        names = ", ".join(value if text else f"{value:g}" for value in classes[:MOST_CLASSES].tolist())
        rarest = int(counts.argmin())
        if len(classes) > 1 and counts[rarest] < len(Split._fields):
            value = classes[rarest] if text else f"{classes[rarest]:g}"
            raise AccumbensError(
                f"the class {value} has {counts[rarest]} of the {len(y)} examples: at least 3 are needed, one to learn "
                "from, one that validates and one that tests"
            )
        more = ", …" if len(classes) > MOST_CLASSES else ""
        notes = (f"the target's {len(classes)} classes, from 0: {names}{more}",)
        return make_classification(x, y.astype(np.int32), len(classes), settings, notes, image_shape)
    except AccumbensError as error:
        raise AccumbensError(f"{source}: {error}") from error
