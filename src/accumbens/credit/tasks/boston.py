"""Boston housing, split as in the released code of Gupta et al., 2021: raw features, raw targets."""

from pathlib import Path

import numpy as np
from jaxtyping import Float64

from accumbens.credit.tasks.protocol import Task
from accumbens.credit.tasks.settings import BostonSettings
from accumbens.credit.tasks.sources import data_folder, fetch, find_file
from accumbens.credit.tasks.tabular import make_regression
from accumbens.errors import AccumbensError

COLUMNS = ("CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE", "DIS", "RAD", "TAX", "PTRATIO", "B", "LSTAT", "MEDV")
"""The last is to be predicted: the median value of homes in $1000s."""
FILES = ("housing.csv", "boston.csv", "housing.data")

NOTE_ON_B = (
    "column B encodes the share of Black residents, on the assumption that segregation raises house prices; "
    "scikit-learn removed the data set for this. drop_b=true leaves the column out"
)
NOTE_ON_BATCHES = "Gupta et al., 2021, took one step per epoch, on all training examples: batch_size=404, 10,000 epochs"


def make_boston(settings: BostonSettings, batch_size: int, data: Path | None = None) -> Task:
    """Return the task: of 506 districts, 404 to learn from, 51 that validate and 51 that test.

    Args:
        settings: how it is split, and what is standardised or left out.
        batch_size: not needed.
        data: folder with `housing.csv`, `boston.csv` or UCI's `housing.data`, itself or in `boston/`; None takes the
            one that the environment names, or else OpenML.

    Raises:
        AccumbensError: a setting cannot be used, or the data are missing or damaged.
    """
    folder = data_folder(data)
    table = _downloaded() if folder is None else read_table(find_file(folder, "boston", FILES))
    x, y = table[:, :-1], table[:, -1:]
    if settings.drop_b:
        return make_regression(np.delete(x, COLUMNS.index("B"), axis=1), y, settings, (NOTE_ON_BATCHES,))
    return make_regression(x, y, settings, (NOTE_ON_B, NOTE_ON_BATCHES))


def read_table(path: Path) -> Float64[np.ndarray, "rows 14"]:
    """Read the table from a file with commas, with or without a header, or from UCI's, with blanks.

    Raises:
        AccumbensError: the file does not hold 14 columns of numbers.
    """
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        rows = [line.replace(",", " ").split() for line in lines]
        if rows and [name.strip('"').upper() for name in rows[0]] == list(COLUMNS):
            rows = rows[1:]
        table = np.array(rows, dtype=np.float64)
    except (OSError, ValueError) as error:
        raise AccumbensError(f"{path} cannot be read as Boston housing: {error}") from error
    return _checked(table, str(path))


def _checked(table: np.ndarray, source: str) -> Float64[np.ndarray, "rows 14"]:
    if table.ndim != 2 or table.shape[1] != len(COLUMNS) or not np.isfinite(table).all():
        raise AccumbensError(f"{source} is not Boston housing: expected rows of 14 numbers, {' '.join(COLUMNS)}")
    return table


def _downloaded() -> Float64[np.ndarray, "rows 14"]:
    found = fetch("boston", 1, f"{' or '.join(FILES)} (14 columns, {COLUMNS[-1]} last)")
    if tuple(found.feature_names) != COLUMNS[:-1]:
        raise AccumbensError(f"OpenML sent other columns as boston: {', '.join(found.feature_names)}")
    x = np.array(found.data, dtype=np.float64)
    for name, values in (found.categories or {}).items():  # columns that are stored as numbers of categories
        column = COLUMNS.index(name)
        x[:, column] = np.array(values, dtype=np.float64)[x[:, column].astype(int)]
    return _checked(np.column_stack([x, found.target.astype(np.float64)]), "OpenML's boston")
