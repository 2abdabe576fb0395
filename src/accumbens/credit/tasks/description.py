"""What a run keeps of its task, so that its networks can be used where the data are not at hand."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from accumbens.credit.protocol import TaskFacts
from accumbens.credit.tasks.protocol import Scale, Task
from accumbens.errors import AccumbensError

_SCALES = ("input_scale", "target_scale")
_LISTS = ("labels", "order")


class Description(NamedTuple):
    """A task without its examples; the attributes are those of `Task`."""

    facts: TaskFacts
    notes: tuple[str, ...]
    input_scale: Scale | None
    target_scale: Scale | None
    labels: tuple[str, ...] = ()
    order: tuple[int, ...] = ()


def describe(task: Task) -> Description:
    """Return what is to be kept of a task."""
    return Description(task.facts, task.notes, task.input_scale, task.target_scale, task.labels, task.order)


def to_table(description: Description) -> dict[str, Any]:
    """Return a description as plain values, for JSON and TOML; what is usual is left out."""
    usual = TaskFacts._field_defaults
    facts = {name: value for name, value in description.facts._asdict().items() if value != usual.get(name)}
    scales = {name: getattr(description, name) for name in _SCALES if getattr(description, name) is not None}
    table = facts | {"notes": list(description.notes)}
    table |= {name: list(getattr(description, name)) for name in _LISTS if getattr(description, name)}
    return table | {
        name: {part: value.tolist() for part, value in scale._asdict().items()} for name, scale in scales.items()
    }


def from_table(table: Mapping[str, Any]) -> Description:
    """Return the description that `to_table` wrote.

    Raises:
        AccumbensError: something is missing, unknown, or not of its kind.
    """
    try:
        values = dict(table)
        scales = {name: _scale(values.pop(name, None)) for name in _SCALES}
        notes = tuple(map(str, values.pop("notes")))
        labels = tuple(map(str, values.pop("labels", ())))
        order = tuple(map(int, values.pop("order", ())))
        image_shape: Any = values.pop("image_shape", None)
        image_shape = None if image_shape is None else tuple(map(int, image_shape))
        facts = TaskFacts(**values, image_shape=image_shape)
        fits = facts.kind in ("classification", "regression") and facts.inputs >= 1 and facts.outputs >= 1
        fits &= not labels or (facts.kind == "classification" and len(labels) == facts.outputs)
        fits &= image_shape is None or (len(image_shape) == 3 and int(np.prod(image_shape)) == facts.inputs)
        fits &= not order or sorted(order) == list(range(facts.steps or 0))
        for name, columns in (("input_scale", facts.inputs), ("target_scale", facts.outputs)):
            for numbers in scales[name] or ():
                np.broadcast_to(numbers, (columns,))
    except (KeyError, TypeError, ValueError) as error:
        raise AccumbensError(f"the description of the task is damaged: {error!r}") from error
    if not fits:
        raise AccumbensError("the description of the task is damaged: its numbers do not fit one another")
    return Description(facts, notes, **scales, labels=labels, order=order)


def _scale(table: Mapping[str, Any] | None) -> Scale | None:
    return None if table is None else Scale(_numbers(table["shift"]), _numbers(table["deviation"]))


def _numbers(values: Any) -> Float64[np.ndarray, "..."]:
    return np.asarray(values, np.float64)
