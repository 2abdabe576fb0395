"""What `accumbens export` and `accumbens.load` ask of fits."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax

from accumbens.credit.columns import called, other_tests
from accumbens.credit.config import FitConfig
from accumbens.credit.fitted import FittedNetwork
from accumbens.credit.kind import FITS
from accumbens.credit.protocol import Network, TaskFacts
from accumbens.credit.registry import make_rule, rule_entry
from accumbens.credit.tasks.description import Description, from_table, to_table
from accumbens.credit.tasks.settings import PixelSettings, TextSettings
from accumbens.errors import AccumbensError
from accumbens.generator import make_key
from accumbens.runs.directory import RunDirectory
from accumbens.runs.sharing import Card, Learned, Scores, Sharing
from accumbens.runs.tables import Rows


class FitSharing(Sharing):
    """Networks that predict; the data need not be at hand."""

    use = "predict(x)"
    to_table = staticmethod(to_table)
    from_table = staticmethod(from_table)

    def ready(self, learned: Learned, exploration_seed: int = 0) -> FittedNetwork:
        """Return a network that predicts, without random numbers."""
        return FittedNetwork(*learned)

    def like(self, config: FitConfig, about: Description) -> Network:
        """Return the shapes of the layers."""
        rule = make_rule(config.rule, config.rule_settings, about.facts, config.task)
        return jax.eval_shape(lambda: rule.init(make_key(0))[0])

    def about(self, run: RunDirectory, config: FitConfig) -> Description:
        """Return the description of the task that the run keeps."""
        recorded = run.read_meta().get("task")
        if recorded is None:
            raise AccumbensError(f"{run.meta} does not describe the task")
        return from_table(recorded)

    def names(self, document: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """Return the rule; the task need not be there."""
        fit = document.get("fit")
        return [("rule", fit.get("rule"))] if isinstance(fit, dict) else []

    def card(self, run: RunDirectory, learned: Learned, rows: Rows, evaluations: Rows, where: str) -> Card:
        """Return what the card says."""
        if not rows:
            raise AccumbensError(
                f"{run.path} has not been evaluated yet: continue it with 'accumbens resume {run.path}'"
            )
        config, facts, rule = learned.config, learned.about.facts, learned.config.rule_settings
        last = {int(row["seed"]): row for row in rows if row["step"] == rows[-1]["step"]}
        size = sum(leaf.size for leaf in jax.tree.leaves(learned.network))
        units = " → ".join(map(str, [facts.inputs, *rule.layers, facts.outputs]))
        name, task_type = FITS.place(config), _task_type(config, facts)
        metric, column = ("accuracy", "test_accuracy") if facts.kind == "classification" else ("mse", "test_loss")
        return Card(
            "A supervised network, trained with accumbens, where a rule says what every layer is told about the error.",
            {
                "task": f"`{name}`, {facts.kind}",
                "rule": f"`{config.rule}`",
                "what every layer was told": rule_entry(config.rule)[1].summary or "see the rule's code",
                **({"classes": _code(learned.about.labels)} if learned.about.labels else {}),
                **({} if facts.steps is None else {"steps": f"{facts.steps} of a sequence in training"}),
                "units": f"{units}, {size:,} parameters",
                "updates": f"{learned.step:,} of this seed, of at most {rule.batch_size} examples each",
            },
            _scores(facts, last),
            _example(config, facts, where),
            inputs=_inputs(learned.about),
            data=[f"{note[:1].upper()}{note[1:]}." for note in learned.about.notes],
            limits=["It knows examples like those of this task and no others, and says nothing of how sure it is."],
            licence="The data have a licence of their own.",
            picture="Scores and diagnostics over epochs",
            tags=["local-learning", task_type, config.rule, name],
            task_type=task_type,
            metrics=[(metric, float(last[learned.seed][column]))],
        )


def _task_type(config: FitConfig, facts: TaskFacts) -> str:
    """Return what the Hub calls such a task."""
    if facts.controlled:
        return "robotics"
    if isinstance(config.task_settings, TextSettings):
        return "text-generation"
    if isinstance(config.task_settings, PixelSettings) or (facts.image_shape and facts.kind == "classification"):
        return "image-classification"
    if facts.steps is not None and facts.kind == "classification":
        return "token-classification"  # a class at every step
    return f"tabular-{facts.kind}"


def _when(facts: TaskFacts, row: Mapping[str, str]) -> str:
    """Return when and how the scores were measured; of single examples in a network without the noise of its units."""
    if facts.steps is None:
        return f"After {float(row['epoch']):.4g} epochs, greedy"
    updates = f"After {int(row['step']):,} updates"
    return f"{updates}, without feedback if nothing else is said" if facts.controlled else updates


def _scores(facts: TaskFacts, last: Mapping[int, Mapping[str, str]]) -> Scores:
    """Scores of every split, of the last evaluation."""
    names = {"test_accuracy": "test accuracy", "valid_accuracy": "validation accuracy", "train_accuracy": "training"}
    if facts.kind == "regression":
        names = {"test_loss": "test error", "valid_loss": "validation error", "train_loss": "training error"}
    row = next(iter(last.values()))
    what = "accuracy" if facts.kind == "classification" else "loss"
    names |= {column: f"{names[f'test_{what}']}, {called(name)}" for name, column in other_tests(row, what).items()}
    names = {column: text for column, text in names.items() if column in row}
    error = "" if facts.kind == "classification" else ", mean squared errors of the targets as the task has them"
    return Scores(
        f"{_when(facts, row)}{error}.",
        list(names.values()),
        {seed: [float(scores[column]) for column in names] for seed, scores in last.items()},
        ".4f",
    )


def _example(config: FitConfig, facts: TaskFacts, where: str) -> list[str]:
    """Few lines that predict."""
    module, colon, _ = config.rule.rpartition(":")
    answer = "[network.classes()[number] for number in network.classes(x)]"
    if facts.kind == "regression":
        answer = "network.restore(network.predict(x))"
    elif facts.steps is not None:
        answer = "[[network.classes()[number] for number in steps] for steps in network.classes(x)]"
    shape = tuple(size for size in (5, facts.steps, facts.inputs) if size is not None)
    return [
        *("import accumbens", "import numpy as np", *([f"import {module}"] if colon else []), ""),
        f'network = accumbens.load("{where}")',
        f"examples = np.zeros({shape})  # yours",
        "x = network.prepare(examples)",
        f"print({answer})",
    ]


def _code(labels: Sequence[str]) -> str:
    """Labels as code in a cell of a table, whatever characters are in them."""
    words = (" ".join(label.split()).replace("`", "'").replace("|", r"\|") for label in labels)
    return ", ".join(f"`{word}`" for word in words)


def _inputs(task: Description) -> str:
    """Say what the network expects."""
    facts = task.facts
    text = f"An example is a row of {facts.inputs} numbers as the data have them"
    if facts.steps is not None:
        many = f"{facts.steps} steps" if task.order else "as many steps as you like"
        text = f"An example is a sequence, [steps, {facts.inputs}], of {many}, as the data have them"
    if facts.image_shape:
        text += " (an image, {} × {} × {}: channels, height, width)".format(*facts.image_shape)
    does = ["puts the steps into the order of the task"] if task.order else []
    does += [] if task.input_scale is None else ["shifts and scales them to what the network met in training"]
    text += f"; `prepare` {' and '.join(does) or 'changes nothing about them'}."
    if facts.kind == "classification":
        where = "" if facts.steps is None else ", at every step"
        return (
            f"{text} `network.predict(x)` are the logits of {facts.outputs} classes{where}, `network.classes()` their "
            "labels."
        )
    scaled = "shifted and scaled as in training" if task.target_scale is not None else "as they are"
    return f"{text} `network.predict(x)` are numbers {scaled}; `restore` gives them in the data's own units."


SHARING = FitSharing(FITS, "network")
