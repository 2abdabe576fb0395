"""From the columns of a table to a task: classes, the split, and the scale of features and targets."""

from typing import Any

import numpy as np
from jaxtyping import Float, Float64, Num

from accumbens.credit.protocol import TaskFacts
from accumbens.credit.tasks.classes import Classes
from accumbens.credit.tasks.protocol import Examples, Scale, Task, task_of_examples
from accumbens.credit.tasks.settings import TabularSettings
from accumbens.credit.tasks.splits import split
from accumbens.errors import AccumbensError


def make_regression(
    x: Float64[np.ndarray, "examples inputs"],
    y: Float64[np.ndarray, "examples outputs"],
    settings: TabularSettings,
    notes: tuple[str, ...] = (),
    image_shape: tuple[int, int, int] | None = None,
) -> Task:
    """Return the task of predicting numbers.

    Args:
        x: features, all finite.
        y: numbers to predict, all finite.
        settings: how it is split, and what is standardised, by the training examples alone.
        notes: what a user must know.
        image_shape: of an example, if it is an image.

    Raises:
        AccumbensError: a setting cannot be used, there are too few examples, or all have the same target.
    """
    if (y == y[0]).all():
        raise AccumbensError(f"the target is {', '.join(f'{value:g}' for value in y[0])} in every example")
    parts = split(len(x), settings)
    scales: dict[str, Scale] = {}
    if settings.standardise:
        x, scales["input_scale"] = standardised(x, parts.train)
    if settings.standardise_target:
        y, scales["target_scale"] = standardised(y, parts.train)
        squares = ", ".join(f"{square:.6g}" for square in scales["target_scale"].deviation ** 2)
        notes += (
            f"targets are standardised: for squared errors in their own units, multiply by {squares}, or set "
            "standardise_target=false",
        )
    facts = TaskFacts("regression", x.shape[1], y.shape[1], image_shape)
    return _task(facts, x, y.astype(np.float32), parts, notes, scales)


def make_classification(
    x: Float64[np.ndarray, "examples inputs"],
    classes: Classes,
    settings: TabularSettings,
    notes: tuple[str, ...] = (),
    image_shape: tuple[int, int, int] | None = None,
) -> Task:
    """Return the task of telling classes apart; every class is split in proportion.

    Args:
        x: features, all finite.
        classes: their labels, and that of every example.
        settings: how it is split, and whether features are standardised, by the training examples alone.
        notes: what a user must know besides.
        image_shape: of an example, if it is an image.

    Raises:
        AccumbensError: a setting cannot be used, there is a single class, or there are too few examples of one.
    """
    if len(classes.labels) < 2:
        raise AccumbensError("the target has a single class: at least 2 are needed")
    parts = split(len(x), settings, classes.y)
    scales: dict[str, Scale] = {}
    if settings.standardise:
        x, scales["input_scale"] = standardised(x, parts.train)
    facts = TaskFacts("classification", x.shape[1], len(classes.labels), image_shape)
    return _task(facts, x, classes.y, parts, classes.notes + notes, scales, classes.labels)


def standardised(
    columns: Float64[np.ndarray, "examples columns"], train: Any
) -> tuple[Float64[np.ndarray, "examples columns"], Scale]:
    """Return columns whose mean is 0 and whose deviation is 1 over the training examples, and their scale.

    A column that is the same in all of them is only shifted.
    """
    mean, deviation = columns[train].mean(axis=0), columns[train].std(axis=0)
    # The mean of equal numbers may be off by rounding, and so their deviation above 0.
    constant = deviation <= 1e-12 * np.abs(mean)
    scale = Scale(mean, np.where(constant, 1.0, deviation))
    return (columns - scale.shift) / scale.deviation, scale


def _task(
    facts: TaskFacts,
    x: Float[np.ndarray, "..."],
    y: Num[np.ndarray, "..."],
    parts: Any,
    notes: tuple[str, ...],
    scales: dict[str, Scale],
    labels: tuple[str, ...] = (),
) -> Task:
    x = x.astype(np.float32)
    examples = (Examples(x[part], y[part]) for part in parts)
    return task_of_examples(facts, *examples, notes=notes, labels=labels, **scales)
