"""What the tests of the fit core share: small tasks, and a reporter that remembers."""

import numpy as np
import pytest

from accumbens.credit.protocol import TaskFacts
from accumbens.credit.tasks.protocol import Examples, task_of_examples


@pytest.fixture(scope="session")
def make_examples():
    """`make_examples(kind, train, valid, test)`: a task whose parts have these sizes; the first input is a number."""

    def make(kind, *sizes, inputs=3, outputs=2):
        rng, parts = np.random.default_rng(0), []
        for size in sizes:
            x = rng.normal(size=(size, inputs)).astype(np.float32)
            x[:, 0] = np.arange(size)
            if kind == "classification":
                y = rng.integers(0, outputs, size).astype(np.int32)
            else:
                y = rng.normal(size=(size, outputs)).astype(np.float32)
            parts.append(Examples(x, y))
        return task_of_examples(TaskFacts(kind, inputs, outputs), *parts)

    return make


class Remembering:
    """A reporter that remembers what it is told."""

    def __init__(self):
        self.notes, self.rows = [], []

    def preparing(self, kind, config, run): ...

    def projected(self, seconds, per_second):
        assert seconds >= 0
        assert per_second > 0

    def start(self, step, total): ...

    def progress(self, update, loss, updates_per_second):
        assert np.isfinite(loss)
        assert updates_per_second > 0

    def evaluated(self, step, rows):
        self.rows.append(rows)

    def message(self, text):
        self.notes.append(text)


@pytest.fixture
def reporter():
    return Remembering()
