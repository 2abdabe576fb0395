"""A fitted network that predicts: examples in, logits or numbers out."""

from typing import Any, overload

import jax
import numpy as np
from jaxtyping import Float, Float32, Int

from accumbens.credit.config import FitConfig
from accumbens.credit.protocol import Network, TaskFacts
from accumbens.credit.tasks.description import Description
from accumbens.credit.tasks.protocol import Scale
from accumbens.errors import AccumbensError

_PIECE = 1000  # examples that are predicted at once


class FittedNetwork:
    """Predicts, without noise. Inputs are as the task makes them; `prepare` makes them of the data's own numbers:

        network.classes(network.prepare(pixels))  # numbers of classes; network.classes() are their labels
        network.restore(network.predict(network.prepare(features)))

    Inputs are single examples, [inputs], or batches of them, [examples, inputs]; an image is one row of its numbers,
    channel by channel, row by row. A sequence is [steps, inputs], with as many steps as you like.

    Attributes:
        config: what the fit was asked to do.
        facts: of its task: kind, inputs, outputs, shape of the images.
        notes: what its task says of the data.
        network: the parameters of one seed.
        seed: the seed whose network this is.
        step: updates of that seed by then.
    """

    def __init__(self, config: FitConfig, task: Description, network: Network, seed: int, step: int):
        """Prepare; every number of examples is compiled once.

        Args:
            config: of the fit.
            task: what is kept of it.
            network: of one seed.
            seed: its seed.
            step: its updates.
        """
        self.config, self.network, self.seed, self.step = config, network, seed, step
        self.facts: TaskFacts = task.facts
        self.notes = task.notes
        self._task = task
        self._predict = jax.jit(lambda network, x: network.predict(x))

    def predict(self, x: Any) -> Float32[np.ndarray, "..."]:
        """Return logits of the classes, or predicted numbers, on the scale of the task's targets.

        Args:
            x: inputs as the task makes them.

        Returns:
            [outputs], or [examples, outputs] of a batch; of sequences with an axis of steps before the outputs.

        Raises:
            AccumbensError: the inputs are not the task's, or not finite.
        """
        rows = self._rows(x, self.facts.inputs, "inputs")
        if not (np.abs(rows) <= np.finfo(np.float32).max).all():
            raise AccumbensError("the inputs cannot be used: a number is not finite in 32 bits")
        single = rows.ndim == self._axes
        rows = (rows[None] if single else rows).astype(np.float32)
        pieces = [rows[start : start + _PIECE] for start in range(0, len(rows), _PIECE)]
        outputs = np.concatenate([np.asarray(self._predict(self.network, piece)) for piece in pieces])
        return outputs[0] if single else outputs

    @overload
    def classes(self) -> list[str]: ...

    @overload
    def classes(self, x: Any) -> Int[np.ndarray, "..."] | int: ...

    def classes(self, x: Any = None) -> list[str] | Int[np.ndarray, "..."] | int:
        """Return the class with the largest logit, from 0; without inputs, what the classes are called:

            labels = network.classes()
            print([labels[number] for number in network.classes(x)])

        Args:
            x: inputs as the task makes them.

        Returns:
            a number, or an array [examples] of a batch, of sequences [steps] and [examples, steps]; or the labels as
            the data spell them, in the order of the outputs.

        Raises:
            AccumbensError: the task is no classification, or the inputs are not the task's.
        """
        if self.facts.kind != "classification":
            raise AccumbensError(f"{self.config.task} has no classes: it is a regression, so use predict")
        if x is None:
            return list(self._task.labels) or [str(number) for number in range(self.facts.outputs)]
        found = self.predict(x).argmax(axis=-1)
        return found if found.ndim else int(found)

    def prepare(self, x: Any) -> Float32[np.ndarray, "..."]:
        """Return inputs as the task makes them of the data's own numbers: pixels or features as they were published.

        Where the task puts the steps of the data into another order, as that of permuted pixels does, so does this.

        Raises:
            AccumbensError: there are more or fewer numbers than inputs, or steps than the task has an order of; or the
                fit has another order of steps than the data, and is older than the record of it.
        """
        rows, scale = self._rows(x, self.facts.inputs, "inputs"), self._scale(self._task.input_scale)
        if order := list(self._task.order):
            if rows.shape[-2] != len(order):
                ordered = f"{self.config.task} is of {len(order)} steps, in an order of its own"
                raise AccumbensError(f"inputs of {rows.shape[-2]} steps cannot be used: {ordered}")
            rows = rows[..., order, :]
        elif getattr(self.config.task_settings, "permuted", False):
            raise AccumbensError(
                f"prepare cannot be used: the steps of {self.config.task} are in an order of their own, of which this "
                "fit has no record, as it was made by an earlier version"
            )
        return ((rows - scale.shift) / scale.deviation).astype(np.float32)

    def restore(self, outputs: Any) -> Float[np.ndarray, "..."]:
        """Return predicted numbers in the data's own units, of those that `predict` returned.

        Raises:
            AccumbensError: the task is no regression, or there are more or fewer numbers than outputs.
        """
        if self.facts.kind != "regression":
            raise AccumbensError(f"{self.config.task} has no units: it is a classification, so use classes")
        rows, scale = self._rows(outputs, self.facts.outputs, "outputs"), self._scale(self._task.target_scale)
        return rows * scale.deviation + scale.shift

    @staticmethod
    def _scale(scale: Scale | None) -> Scale:
        return Scale(np.array(0.0), np.array(1.0)) if scale is None else scale

    def _rows(self, values: Any, columns: int, what: str) -> Float[np.ndarray, "..."]:
        try:
            rows = np.asarray(values).astype(np.float64)
        except (TypeError, ValueError) as error:
            raise AccumbensError(f"the {what} cannot be used: {error}") from error
        if rows.ndim not in (self._axes, self._axes + 1) or rows.shape[-1] != columns or not rows.size:
            shape = f"({columns},)" if self.facts.steps is None else f"(steps, {columns})"
            raise AccumbensError(
                f"{what} of the shape {rows.shape} cannot be used: those of {self.config.task} have {shape}, and "
                "a batch has one axis in front"
            )
        return rows

    @property
    def _axes(self) -> int:
        """Axes of one example: a sequence has one for its steps."""
        return 1 if self.facts.steps is None else 2

    def __repr__(self) -> str:
        """Say what it is."""
        config = self.config
        return f"<accumbens network: {config.rule} on {config.task}, seed {self.seed}, {self.step:,} updates>"
