"""Handwritten digits of 8 × 8 pixels: a task that comes with scikit-learn and is learned in seconds."""

from pathlib import Path
from typing import Any

import numpy as np

from accumbens.credit.protocol import TaskFacts
from accumbens.credit.tasks.protocol import Examples, Scale, Task, task_of_examples
from accumbens.credit.tasks.settings import SplitSettings
from accumbens.credit.tasks.splits import split


def make_digits(settings: SplitSettings, batch_size: int, data: Path | None = None) -> Task:
    """Return the task; pixels, whole numbers from 0 to 16, become numbers from -1 to 1.

    Args:
        settings: how it is split; every digit is split in proportion.
        batch_size: not needed.
        data: not needed.

    Raises:
        AccumbensError: a setting cannot be used.
    """
    from sklearn.datasets import load_digits

    found: Any = load_digits()
    x, y = ((found.data / 16 - 0.5) / 0.5).astype(np.float32), found.target.astype(np.int32)
    parts = split(len(x), settings, y)
    facts = TaskFacts("classification", x.shape[1], 10, image_shape=(1, 8, 8))
    pixels = Scale(np.array(8.0), np.array(8.0))
    examples = (Examples(x[part], y[part]) for part in parts)
    return task_of_examples(facts, *examples, input_scale=pixels, labels=tuple("0123456789"))
