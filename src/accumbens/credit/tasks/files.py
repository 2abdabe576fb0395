"""Tasks in files of the user's own: CSV, or NumPy's `.npz` (arrays x and y) and `.npy` (columns like a CSV's)."""

from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Num

from accumbens.credit.tasks import arrays
from accumbens.credit.tasks.classes import are_one_hot, of_columns, of_texts
from accumbens.credit.tasks.csv_files import Table, columns_named, numbers, read_csv
from accumbens.credit.tasks.protocol import Task
from accumbens.credit.tasks.settings import FileSettings
from accumbens.credit.tasks.tabular import make_classification, make_regression
from accumbens.delimited.numbers import Marks
from accumbens.errors import AccumbensError, require

MOST_CLASSES = 20
"""Whole numbers of more different values than this are numbers to predict, unless `kind` says otherwise."""


class _Target(NamedTuple):
    """What is to be predicted.

    Attributes:
        texts: of every example, as the file spells them; numbers too; none if there are several columns.
        numbers: the same as numbers; None if they are text.
        names: of the columns.
        marks: what points and commas in texts of numbers mean.
    """

    texts: list[str]
    numbers: Num[np.ndarray, "examples outputs"] | None
    names: list[str]
    marks: Marks = Marks()


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
    if path.suffix.lower() not in (".npz", ".npy"):
        return _from_table(read_csv(path, settings), settings)
    found = arrays.load(path)
    if isinstance(found, np.ndarray):
        return _from_columns(path, found, settings)
    require("target", settings.target, "last for a .npz file, whose array y is the target", settings.target == "last")
    return _from_arrays(path, found, settings)


def _from_table(table: Table, settings: FileSettings) -> Task:
    """Tell text from numbers in the target column, and make the task."""
    table = _with_one_hot(table, settings)
    x, notes = numbers(table, table.features), table.notes
    names = [table.name(column) for column in table.targets]
    if len(names) > 1:
        target = _Target([], numbers(table, table.targets), names)
    else:
        texts = table.cells(table.targets[0])
        missing = next((number for number, text in enumerate(texts) if not text), None)
        if missing is not None:
            raise AccumbensError(f"{table.where(missing, table.targets[0])} is empty")
        text = settings.kind != "regression" and not _are_numbers(table, texts, settings)
        target = _Target(texts, None if text else numbers(table, table.targets), names, table.marks)
    return _make(x, target, settings, str(table.path), notes)


def _are_numbers(table: Table, texts: list[str], settings: FileSettings) -> bool:
    """Whether the target is numbers; some with text between them are rather damaged numbers than classes."""
    numeric = list(map(table.marks.is_number, texts))
    if settings.kind == "auto" and any(numeric) and not all(numeric):
        row = numeric.index(False)
        raise AccumbensError(
            f"{table.where(row, table.targets[0])} holds {texts[row]!r}, other lines numbers: correct it, or take all "
            "as classes with kind=classification"
        )
    return all(numeric)


def _with_one_hot(table: Table, settings: FileSettings) -> Table:
    """The table with all of the columns as targets that are one target, if the last is one of them."""
    if settings.target != "last" or settings.kind == "regression":
        return table
    columns = list(table.targets)
    while table.features and set(table.cells(columns[0])) <= {"0", "1", "0.0", "1.0"}:
        if len(columns) > 1 and are_one_hot(numbers(table, columns)):
            said = ", ".join(map(table.name, columns))
            note = (
                f"assumed that the last {len(columns)} columns ({said}), of which exactly one is 1 in every row, are "
                f"one target; --set target={table.name(columns[-1])} changes it"
            )
            features = [column for column in table.features if column not in columns]
            return table._replace(targets=columns, features=features, notes=(*table.notes, note)) if features else table
        if columns[0] - 1 not in table.features:
            break
        columns.insert(0, columns[0] - 1)
    return table


def _from_columns(path: Path, array: np.ndarray, settings: FileSettings) -> Task:
    if array.ndim != 2 or array.shape[1] < 2:
        raise AccumbensError(f"{path} holds an array of shape {array.shape}: expected rows of features and a target")
    table = arrays.finite(array, str(path))
    targets = columns_named(settings.target, None, array.shape[1], path)
    if len(targets) == array.shape[1]:
        raise AccumbensError(f"{path} has no column to predict from")
    texts = arrays.texts(array[:, targets[0]]) if len(targets) == 1 else []
    target = _Target(texts, table[:, targets], list(map(str, targets)))
    return _make(np.delete(table, targets, axis=1), target, settings, str(path))


def _from_arrays(path: Path, found: dict[str, np.ndarray], settings: FileSettings) -> Task:
    if not {"x", "y"} <= found.keys():
        raise AccumbensError(f"{path} holds arrays {', '.join(found) or 'of no name'}: expected x and y")
    x, y = found["x"], found["y"]
    if x.ndim not in (2, 3, 4) or y.ndim not in (1, 2) or len(x) != len(y) or not x.size or not y.size:
        raise AccumbensError(
            f"{path} holds x of shape {x.shape} and y of shape {y.shape}: expected x [examples, inputs], [examples, "
            "height, width] or [examples, channels, height, width] and y [examples] or [examples, outputs]"
        )
    x, image_shape, notes = arrays.channels_first(x, settings.channels)
    x = arrays.finite(x.reshape(len(x), -1), f"x in {path}")
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    values = None if y.dtype.kind in "US" else arrays.finite(y, f"y in {path}").reshape(len(y), -1)
    require("y", f"text of shape {y.shape}", "a text for every example", values is not None or y.ndim == 1)
    columns = 1 if y.ndim == 1 else y.shape[1]
    target = _Target(arrays.texts(y) if columns == 1 else [], values, list(map(str, range(columns))))
    return _make(x, target, settings, str(path), notes, image_shape)


def _make(
    x: Float64[np.ndarray, "examples inputs"],
    target: _Target,
    settings: FileSettings,
    source: str,
    notes: tuple[str, ...] = (),
    image_shape: tuple[int, int, int] | None = None,
) -> Task:
    """Decide whether the target is classes or numbers, and make the task."""
    values, several, kind = target.numbers, len(target.names) > 1, settings.kind
    hot = several and values is not None and are_one_hot(values)
    if kind == "auto":
        few = values is not None and not several and _are_few(values)
        kind = "classification" if values is None or hot or few else "regression"
        if hot and settings.target != "last":
            notes += (
                "assumed that the target's columns, of which exactly one is 1 in every row, are classes; --set "
                "kind=regression changes it",
            )
    try:
        if kind == "regression":
            if values is None:
                require("kind", kind, f"classification for the text in {source}", False)
            else:
                return make_regression(x, values, settings, notes, image_shape)
        allowed = f"regression for {source}, whose target has several columns, not exactly one of them 1 in every row"
        require("kind", kind, allowed, hot or not several)
        if several and values is not None:
            classes = of_columns(values, target.names)
        elif values is None:
            classes = of_texts(target.texts)
        else:
            classes = of_texts(target.texts, lambda text: Decimal(target.marks.plain(text)))
        return make_classification(x, classes, settings, notes, image_shape)
    except AccumbensError as error:
        raise AccumbensError(f"{source}: {error}") from error


def _are_few(values: Num[np.ndarray, "examples outputs"]) -> bool:
    found = np.unique(values)
    return len(found) <= MOST_CLASSES and bool((found == np.round(found)).all())
