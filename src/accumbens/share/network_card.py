"""The card of an exported network: a README that says what it is, how well it predicts, and how to use it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accumbens.credit.registry import rule_entry
from accumbens.credit.tasks.description import Description
from accumbens.credit.tasks.registry import folder_name
from accumbens.credit.trained import Fitted
from accumbens.share.markdown import header, how_it_was_made, mean_line, seeds_line, table
from accumbens.share.weights import named_arrays


def write_card(
    folder: Path,
    fitted: Fitted,
    rows: list[dict[str, str]],
    seed: int,
    meta: Mapping[str, Any],
    repo: str | None,
    licence: str,
) -> None:
    """Write `README.md`, whose header is the Hugging Face Hub's.

    Args:
        folder: the export, whose other files are there.
        fitted: what the fit had learned.
        rows: evaluations until then, of all seeds each: rows of `metrics.csv`.
        seed: whose network it is.
        meta: of the run.
        repo: `user/repo` on the Hub, if it goes there.
        licence: of the weights.
    """
    config, task, rule = fitted.config, fitted.task, fitted.config.rule_settings
    last = {int(row["seed"]): row for row in rows if row["step"] == rows[-1]["step"]}
    numbers = sum(leaf.size for leaf in named_arrays(fitted.network(seed)).values())
    units = " → ".join(map(str, [task.facts.inputs, *rule.layers, task.facts.outputs]))
    name = folder_name(config.task)
    sections = [
        _header(fitted, last, seed, name, licence),
        f"# {config.rule} on {name}",
        "A supervised network, trained with accumbens, where a rule says what every layer is told about the error.",
        table(
            {
                "task": f"`{name}`, {task.facts.kind}",
                "rule": f"`{config.rule}`",
                "what every layer was told": rule_entry(config.rule)[1].summary or "see the rule's code",
                "units": f"{units}, {numbers:,} parameters",
                "seed": f"{seed}, of the seeds {', '.join(map(str, fitted.seeds))} that learned side by side",
                "updates": f"{fitted.step:,} of this seed, of at most {rule.batch_size} examples each",
            }
        ),
        "## Scores",
        _scores(task, last, seed),
        "![Scores and diagnostics over epochs](curve.png)",
        "## Use it",
        _example(fitted, repo),
        _inputs(task),
        "It needs `pip install accumbens`" + (" with the extra `hub`" if repo else "") + ", and runs on a CPU or a "
        "GPU. Nothing in this folder is code: the weights are safetensors, the rest is TOML, CSV and a picture.",
        "## How it was made",
        how_it_was_made(meta),
        "## The data" if task.notes else "",
        "\n".join(f"- {note[:1].upper()}{note[1:]}." for note in task.notes),
        "## Limits",
        "- It knows examples like those of this task and no others, and says nothing of how sure it is.\n"
        + seeds_line("scores", fitted.seeds),
        f"Licence of the weights: {licence}. The data have a licence of their own.",
    ]
    (folder / "README.md").write_text("\n\n".join(part for part in sections if part) + "\n", encoding="utf-8")


def _header(fitted: Fitted, last: Mapping[int, Mapping[str, str]], seed: int, name: str, licence: str) -> str:
    facts = fitted.task.facts
    kind = "image-classification" if facts.image_shape and facts.kind == "classification" else f"tabular-{facts.kind}"
    metric, column = ("accuracy", "test_accuracy") if facts.kind == "classification" else ("mse", "test_loss")
    tags = ["local-learning", kind, fitted.config.rule, name]
    return header(tags, licence, fitted.config.rule, kind, name, [(metric, float(last[seed][column]))])


def _scores(task: Description, last: Mapping[int, Mapping[str, str]], seed: int) -> str:
    """Return a table with a row for every seed, of the last evaluation."""
    names = {"test_accuracy": "test accuracy", "valid_accuracy": "validation accuracy", "train_accuracy": "training"}
    if task.facts.kind == "regression":
        names = {"test_loss": "test error", "valid_loss": "validation error", "train_loss": "training error"}
    row = last[seed]
    names = {column: text for column, text in names.items() if column in row}
    error = "" if task.facts.kind == "classification" else ", mean squared errors of the targets as the task has them"
    lines = [f"After {float(row['epoch']):.4g} epochs, greedy{error}.", ""]
    lines += [f"| seed | {' | '.join(names.values())} |", "|---" * (1 + len(names)) + "|"]
    for number, scores in last.items():
        values = " | ".join(f"{float(scores[column]):.4f}" for column in names)
        lines.append(f"| {number}{' (this one)' if number == seed else ''} | {values} |")
    first, text = next(iter(names.items()))
    mean = mean_line([float(scores[first]) for scores in last.values()], 4).replace("Mean", f"Mean {text}")
    return "\n".join(lines) + mean


def _example(fitted: Fitted, repo: str | None) -> str:
    """Few lines that predict."""
    facts = fitted.task.facts
    module, colon, _ = fitted.config.rule.rpartition(":")
    answer = "network.classes(x)"
    if facts.kind == "regression":
        answer = "network.restore(network.predict(x))"
    lines = ["import accumbens", "import numpy as np", *([f"import {module}"] if colon else []), ""]
    lines += [
        f'network = accumbens.load("{f"hf://{repo}" if repo else "."}")',
        f"examples = np.zeros((5, {facts.inputs}))  # yours",
        "x = network.prepare(examples)",
        f"print({answer})",
    ]
    return "\n".join(["```python", *lines, "```"])


def _inputs(task: Description) -> str:
    """Say what the network expects."""
    facts = task.facts
    text = f"An example is a row of {facts.inputs} numbers as the data have them"
    if facts.image_shape:
        text += " (an image, {} × {} × {}: channels, height, width)".format(*facts.image_shape)
    text += "; `prepare` " + (
        "changes nothing about them."
        if task.input_scale is None
        else "shifts and scales them to what the network met in training."
    )
    if facts.kind == "classification":
        return f"{text} `network.predict(x)` are the logits of {facts.outputs} classes."
    scaled = "shifted and scaled as in training" if task.target_scale is not None else "as they are"
    return f"{text} `network.predict(x)` are numbers {scaled}; `restore` gives them in the data's own units."
