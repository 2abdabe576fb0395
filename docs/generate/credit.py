"""Tables of the pages on other error signals: tasks, rules, their settings, what they read, and the committed fits."""

import ast
import dataclasses
import inspect
import textwrap
from functools import cache
from typing import Any

from tables import RESULTS, markdown_table, read

from accumbens.credit.registry import RULES
from accumbens.credit.tasks.registry import TASKS, task_entry
from accumbens.training.config import format_value


def tasks() -> str:
    """All tasks: name, what it is, how often its data are passed through."""
    rows = [(f"`{name}`", entry.summary, f"{entry.epochs:,}") for name, entry in TASKS.items()]
    return markdown_table(("task", "what it is", "epochs, unless asked"), rows)


def rules() -> str:
    """All rules: name, and what every layer is told."""
    return markdown_table(
        ("rule", "what every layer is told"), [(f"`{name}`", entry.summary) for name, entry in RULES.items()]
    )


def rule_settings(*names: str) -> str:
    """Every setting of rules: defaults, and what it is."""
    return _settings({name: RULES[name].settings for name in names})


def task_settings() -> str:
    """Every setting of every task, and of a file as a task."""
    files = {"a file": task_entry("your.csv")[1]}
    return _settings({name: entry.settings for name, entry in (TASKS | files).items()})


def _settings(parts: dict[str, Any]) -> str:
    fields = dict.fromkeys(field.name for part in parts.values() for field in dataclasses.fields(part))
    rows = []
    for field in fields:
        values: dict[str, list[str]] = {}
        for name, part in parts.items():
            if hasattr(part, field):
                values.setdefault(format_value(getattr(part, field)) or "empty", []).append(name)
        owner = next(part for part in parts.values() if hasattr(part, field))
        rows.append((f"`{field}`", _defaults(values, len(parts)), " ".join(meanings(type(owner))[field].split())))
    return markdown_table(("setting", "default", "what it is"), rows)


def _defaults(values: dict[str, list[str]], parts: int) -> str:
    """The value that all have; or every value with those who have it."""
    if sum(map(len, values.values())) == parts and len(values) == 1:
        return f"`{next(iter(values))}`"
    return "; ".join(f"`{value}` ({', '.join(names)})" for value, names in values.items())


@cache
def meanings(settings: type) -> dict[str, str]:
    """What is written below every field of a class of settings, and of those that it is made from."""
    found: dict[str, str] = {}
    for cls in reversed(settings.__mro__[:-1]):
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, below in zip(body.body, body.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
                found[ast.unparse(field.target)] = ast.literal_eval(below.value)
    return found


def fits(experiment: str, *wanted: str) -> str:
    """The committed results of an experiment of fits, beside what its paper reports, and the command.

    Args:
        experiment: its name.
        wanted: columns of layers to show too: `angle`, `entropy`, `sparsity`, …
    """
    rows = summary(experiment)
    classifies = bool(rows[0]["test_accuracy"])
    published = any(row["published_test_error"] for row in rows)
    several = len({row["task"] for row in rows}) > 1
    header = [*(["task"] if several else []), "rule", "variant", "seeds", "epochs"]
    header += ["test accuracy, %", "training accuracy, %"] if classifies else ["test loss", "mean over training"]
    header += [f"{what}, layer by layer" for what in wanted] + (["test accuracy, paper"] if published else [])
    found = []
    for row in rows:
        cells = [f"`{row['rule']}`", f"`{row['variant']}`", row["seeds"], f"{float(row['epochs']):,g}"]
        shown = ("test_accuracy", "train_accuracy") if classifies else ("test_loss", "over_training")
        cells += [_score(row, column) for column in shown]
        cells += [_layers(row[f"{what}_per_layer"]) for what in wanted]
        if published:
            error = row["published_test_error"]
            cells.append(f"{100 - float(error):.2f}" if error else "–")
        found.append(tuple(([f"`{row['task']}`"] if several else []) + cells))
    command = (RESULTS / experiment / "command.txt").read_text(encoding="utf-8").strip()
    return f"{markdown_table(tuple(header), found)}\n\nMade by\n\n```text\n{command}\n```\n"


def score(experiment: str, fit: str, column: str = "") -> str:
    """One number of a committed result, for a sentence: mean over seeds and half of the 95 % t-interval.

    Args:
        experiment: its name.
        fit: `rule/variant`.
        column: of the summary; empty takes test accuracy, or test loss in regression.
    """
    row = find(experiment, fit)
    unit = " %" if (column or "test_accuracy").endswith("accuracy") and row["test_accuracy"] else ""
    return _score(row, column or ("test_accuracy" if row["test_accuracy"] else "test_loss")) + unit


def layers(experiment: str, fit: str, what: str) -> str:
    """What the layers of a committed fit came to, for a sentence: means over seeds, from the first layer.

    Args:
        experiment: its name.
        fit: `rule/variant`.
        what: `angle`, `sign_agreement`, `update_norm`, `entropy` or `sparsity`.
    """
    return _layers(find(experiment, fit)[f"{what}_per_layer"])


def summary(experiment: str) -> list[dict[str, str]]:
    """The rows of a committed experiment's summary."""
    return read(RESULTS / experiment / "summary.csv")


def find(experiment: str, fit: str) -> dict[str, str]:
    """The row of `rule/variant` in a committed experiment.

    Raises:
        ValueError: it is not there exactly once.
    """
    found = [row for row in summary(experiment) if f"{row['rule']}/{row['variant']}" == fit]
    if len(found) != 1:
        raise ValueError(f"{experiment} has {len(found)} rows {fit}")
    return found[0]


def _score(row: dict[str, str], column: str) -> str:
    if not row[column]:
        return "–"
    percent = column.endswith("accuracy") or (column.startswith("over_training") and bool(row["test_accuracy"]))
    factor, digits = (100, ".1f") if percent else (1, ".3f")
    interval = f" ± {factor * float(row[f'{column}_interval']):{digits}}" if row[f"{column}_interval"] else ""
    return f"{factor * float(row[column]):{digits}}{interval}"


def _layers(values: str) -> str:
    numbers = [float(value) for value in values.split()]
    digits = 0 if any(abs(number) >= 10 for number in numbers) else 2
    return ", ".join(f"{number:.{digits}f}" for number in numbers) or "–"
