"""What a report says about fits: their scores beside one another, and what every layer's update and units are like."""

import math
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import numpy as np

from accumbens.credit.columns import called, other_tests
from accumbens.credit.config import FitConfig
from accumbens.credit.kind import FITS
from accumbens.credit.tasks.classes import MOST_SHOWN, listed
from accumbens.credit.tasks.description import from_table
from accumbens.credit.tasks.registry import task_entry
from accumbens.errors import AccumbensError
from accumbens.runs.chapter import SHADED, Along, Chapter, Line, Logged, Plot, Score, Sizes, column
from accumbens.runs.settings import every_setting

UPDATES = Along("updates", "update", "step")
EPOCHS = Along("epochs", "epoch", "epoch", whole=False)

SPLITS = {"test": "Test", "valid": "Validation", "train": "Training"}

OVERVIEW = {
    "test_accuracy": "Test accuracy",
    "train_accuracy": "Training accuracy",
    "test_loss": "Test loss",
    "learning_loss": "Loss while learning",
}
"""Columns of `metrics.csv` that fits are laid over one another by, and the titles of their charts."""

MEASURES = {"feedback_cosine": ("Feedback weights", "cosine of W_fb with the transpose of W_out W_rec")}
"""The same of what only some networks have, with the axis."""

PER_LAYER = {
    "angle": ("Angle", "angle with the exact gradient, in degrees", (0.0, 90.0)),
    "sign_agreement": ("Sign agreement", "part of the signs that are those of the exact gradient", (0.0, 1.0)),
    "update_norm": ("Update norm", "norm of the step that the optimiser takes", None),
    "entropy": ("Entropy", "entropy of a unit's choice, in nats", (0.0, math.log(2))),
    "sparsity": ("Sparsity", "fraction of active units", (0.0, 1.0)),
}
"""Of what every layer has: title, axis, and what the axis shows at least; a logarithm makes sense of the others."""


def score_line(run: Logged, name: str) -> Line:
    """Return a column of the fit's table, accuracies in percent."""
    return column(run.training, name, factor=100.0 if name.endswith("_accuracy") else 1.0)


def of_layers(run: Logged, name: str) -> list[Line]:
    """Return what layers have, such as `angle`, of every layer from the first on; without rows where one has none."""
    there = run.training[0] if run.training else {}
    count = sum(bool(re.fullmatch(r"angle_\d+", one)) for one in there)
    labels = [*(f"layer {number}" for number in range(1, count)), "output layer"][:count]
    return [column(run.training, f"{name}_{number}", label) for number, label in enumerate(labels, start=1)]


def _classify(runs: Sequence[Logged]) -> bool:
    """Whether the task is one of classification, as far as the tables say."""
    return any(run.has("test_accuracy") for run in runs)


READING = {
    "Epoch": "one pass through the training data; an update is one step of the optimiser, of one mini-batch.",
    "Shaded": SHADED,
    "Scores": "of the network when it predicts, greedily: test examples are only reported, validation examples "
    "choose between settings, and of the training examples at most 10,000 are looked at. The loss while learning "
    "is that which the rule meets, noise included.",
    "At 40, with feedback": "the same of other test examples: sequences of the lengths (or delays) that the setting "
    "`longer` names, or trials in which the network is told its error.",
    "Feedback weights": "of a network that moves a hand: how near they are to the way that the error of the hand would "
    "be sent back, through readout and recurrent weights.",
    "Layer": "counted from the input.",
    "Angle": "between what the rule makes of a batch and the exact gradient of the same batch: 0° is the gradient, "
    "below 90° the loss falls to first order, 90° is what chance has in many dimensions.",
    "Sign agreement": "of the parameters whose exact derivative is not zero, the part whose sign the rule gets right.",
    "Update norm": "of the step that the optimiser would take, all parameters of the layer together.",
    "Entropy": "of what a unit draws when it learns, in nats; ln 2 = 0.693 of a unit that is on every other time.",
    "Sparsity": "the fraction of units that emit something other than zero.",
}


class FitChapter(Chapter):
    """Fits, judged by accuracy or loss."""

    intro = "Accuracy: correctly classified, in %. Loss: cross-entropy in nats, or squared error; less is better."
    numbers = f"{Chapter.numbers}, at the last evaluation"
    no_curve = "nothing was evaluated"
    parts_intro = (
        "What the rule tells every layer, measured on one batch at every evaluation: how far its update points away "
        "from the exact gradient, and how large it is; and what the layer's units do."
    )
    parts_caption = (
        "Angle of every layer's update with the exact gradient at the last evaluation, in degrees, ± 95 % t-interval"
    )
    reading = READING

    def along(self, runs: Sequence[Logged]) -> Along:
        """Return epochs, or updates where no fit passes through its data twice."""
        return UPDATES if all(run.config.epochs == 1 for run in runs) else EPOCHS

    def sizes(self, run: Logged) -> Sizes:
        """Return parameters of every layer, which an exported fit does not tell, and the epochs."""
        parameters: dict[str, int] = {}
        if "task" in run.meta:
            try:
                layers = FITS.sharing.like(run.config, from_table(run.meta["task"])).layers
            except AccumbensError:
                layers = ()  # a task or a rule that has changed since: the report does without its sizes
            sizes = (sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(layer)) for layer in layers)
            parameters = {f"layer {number}": size for number, size in enumerate(sizes, start=1)}
        return Sizes(parameters, run.config.epochs)

    def place_settings(self, config: FitConfig) -> dict[str, Any]:
        """Return the settings of the task."""
        return every_setting(config.task_settings)

    def summary(self, config: FitConfig) -> str:
        """Return what the task is."""
        try:
            return task_entry(config.task)[1].summary
        except AccumbensError:  # a script's task, which is not registered here
            return ""

    def place_notes(self, run: Logged) -> list[str]:
        """Return what is to be known of the data, all labels of classes included."""
        task = run.meta.get("task", {})
        labels, notes = task.get("labels", []), task.get("notes", [])
        if len(labels) > MOST_SHOWN:
            notes = [*notes, f"all classes, from 0: {listed(labels)}"]
        return notes

    def score(self, runs: Sequence[Logged]) -> Score:
        """Return test accuracy, or in regression test loss."""
        if _classify(runs):
            return Score("test accuracy (%)", lambda run: score_line(run, "test_accuracy"), ".2f")
        return Score("test loss", lambda run: score_line(run, "test_loss"), ".3f", less_is_better=True)

    def better(self, score: Score) -> str:
        """Return what the better one of two fits has, on whatever task."""
        return "a higher test accuracy, in regression a lower test loss,"

    def results(self, runs: Sequence[Logged]) -> list[Score]:
        """Return accuracies of all splits and the test loss, or in regression losses of all splits; other tests."""
        names = [f"{split}_loss" for split in SPLITS]
        if _classify(runs):
            names = [*(f"{split}_accuracy" for split in SPLITS), "test_loss"]
        there = [_result(name) for name in names if any(run.has(name) for run in runs)]
        score = "accuracy" if _classify(runs) else "loss"
        more = [
            Score(f"test {score} {called(name)}", partial(score_line, name=column), _FORMS[score])
            for name, column in _other_tests(runs, score).items()
        ]
        return there + more

    def overview(self, runs: Sequence[Logged]) -> list[Plot]:
        """Return accuracies and losses."""
        loss, plots = "cross-entropy in nats" if _classify(runs) else "mean squared error", []
        for name, title in OVERVIEW.items():
            accuracy, lines = name.endswith("_accuracy"), [score_line(run, name) for run in runs]
            axis, digits = ("correctly classified, in %", ".2f") if accuracy else (loss, ".4g")
            plots.append(Plot(name, title, axis, lines, not accuracy, digits))
            if name == ("test_accuracy" if _classify(runs) else "test_loss"):
                for other, column in _other_tests(runs, name.removeprefix("test_")).items():
                    lines = [score_line(run, column) for run in runs]
                    plots.append(Plot(column, f"{title} {called(other)}", axis, lines, not accuracy, digits))
        for name, (title, axis) in MEASURES.items():
            plots.append(Plot(name, title, axis, [score_line(run, name) for run in runs], digits=".3g"))
        return plots

    def details(self, run: Logged) -> list[Plot]:
        """Return every layer's update beside the exact gradient, and what its units do.

        Entropies are left out where no unit draws.
        """
        plots = []
        for name, (title, axis, span) in PER_LAYER.items():
            lines = of_layers(run, name)
            if name != "entropy" or any(abs(line.value(row)) > 0 for line in lines for row in line.rows):
                plots.append(Plot(name, title, axis, lines, span is None, ".3g", span))
        return plots

    def part_numbers(self, run: Logged) -> list[Line]:
        """Return the angle of every layer."""
        return of_layers(run, "angle")


def _result(name: str) -> Score:
    split, _, score = name.partition("_")
    return Score(f"{SPLITS[split].lower()} {score}", partial(score_line, name=name), _FORMS[score])


_FORMS = {"accuracy": ".2f", "loss": ".3g"}


def _other_tests(runs: Sequence[Logged], score: str) -> dict[str, str]:
    """The columns of further test examples that some of the runs have."""
    return other_tests(dict.fromkeys(name for run in runs if run.training for name in run.training[0]), score)


CHAPTER = FitChapter(FITS, EPOCHS)
