"""Progression of diabetes after one year, from ten measurements: a small regression that comes with scikit-learn."""

from pathlib import Path
from typing import Any

from accumbens.credit.tasks.protocol import Task
from accumbens.credit.tasks.settings import TabularSettings
from accumbens.credit.tasks.tabular import make_regression


def make_diabetes(settings: TabularSettings, batch_size: int, data: Path | None = None) -> Task:
    """Return the task; its targets go from 25 to 346 unless they are standardised, as they are by default.

    Args:
        settings: how it is split, and what is standardised.
        batch_size: not needed.
        data: not needed.

    Raises:
        AccumbensError: a setting cannot be used.
    """
    from sklearn.datasets import load_diabetes

    # As measured: scikit-learn's own scale would be that of the test examples, too.
    found: Any = load_diabetes(scaled=False)
    return make_regression(found.data, found.target[:, None], settings)
