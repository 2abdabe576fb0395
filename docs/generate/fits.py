"""Tables of the pages on other error signals: tasks, rules, their settings, what they read, and the committed fits."""

import dataclasses
import math
import re
from typing import Any

from tables import RESULTS, markdown_table

from accumbens.credit.audit.audit import audit_named
from accumbens.credit.audit.verdict import Audit
from accumbens.credit.audit.words import fate, told
from accumbens.credit.protocol import TaskFacts
from accumbens.credit.registry import RULES
from accumbens.credit.settings import FeedbackLearningSettings
from accumbens.credit.tasks.registry import TASKS, task_entry
from accumbens.runs.meanings import meanings
from accumbens.runs.settings import format_value
from accumbens.runs.tables import read_table
from accumbens.stats import estimate


def tasks() -> str:
    """All tasks: name, what it is, how often its data are passed through."""
    rows = [(f"`{name}`", entry.summary, f"{entry.epochs:,}") for name, entry in TASKS.items()]
    return markdown_table(("task", "what it is", "default epochs"), rows)


def rules() -> str:
    """All rules: name, and what every layer receives."""
    return markdown_table(
        ("rule", "what every layer receives"), [(f"`{name}`", entry.summary) for name, entry in RULES.items()]
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
        rows.append((f"`{field}`", _defaults(values, len(parts)), meanings(type(owner))[field]))
    return markdown_table(("setting", "default", "what it is"), rows)


def _defaults(values: dict[str, list[str]], parts: int) -> str:
    """The value that all have; or every value with those who have it."""
    if sum(map(len, values.values())) == parts and len(values) == 1:
        return f"`{next(iter(values))}`"
    return "; ".join(f"`{value}` ({', '.join(names)})" for value, names in values.items())


def results(experiment: str, *wanted: str) -> str:
    """The committed results of an experiment of fits, beside what its paper reports, and the command.

    Args:
        experiment: its name.
        wanted: columns of layers to show too: `angle`, `entropy`, `sparsity`, …
    """
    rows = summary(experiment)
    classifies = bool(rows[0]["test_accuracy"])
    published = any(row["published_test_error"] for row in rows)
    several = len({row["task"] for row in rows}) > 1
    shown = ("test_accuracy", "train_accuracy") if classifies else ("test_loss", "over_training")
    named = ("test accuracy, %", "training accuracy, %") if classifies else ("test loss", "mean over training")
    if published:
        shown, named = ("test_error", "train_error"), ("test error, %", "training error, %")
    header = [*(["task"] if several else []), "rule", "variant", "seeds", "epochs", *named]
    header += [f"{what}, layer by layer" for what in wanted] + (["test error in the paper, %"] if published else [])
    found = []
    for row in rows:
        cells = [f"`{row['task']}`"] if several else []
        cells += [f"`{row['rule']}`", f"`{row['variant']}`", row["seeds"], f"{float(row['epochs']):,g}"]
        cells += [_score(row, column) for column in shown]
        cells += [_layers(row, what) for what in wanted]
        if published:
            cells.append(row["published_test_error"] or "–")
        found.append(tuple(cells))
    command = (RESULTS / experiment / "command.txt").read_text(encoding="utf-8").strip()
    return f"{markdown_table(tuple(header), found)}\n\nMade by\n\n```text\n{command}\n```\n"


def feedback_rates(experiment: str) -> str:
    """Error after adapting, at every learning rate and turn; the best rate of each rule and control is marked.

    Args:
        experiment: its name; its variants are `control-rate` or, with several turns, `control-degrees-rate`.
    """
    words = {"control": "with", "open": "without", "none": "never had it"}
    found: dict[tuple[str, str], dict[tuple[str, str], tuple[float, str]]] = {}
    for row in summary(experiment):
        how, *rest = row["variant"].split("-", 1)
        if how in words:
            turn, rate = rest[0].split("-", 1) if re.match(r"\d+-", rest[0]) else ("", rest[0])
            error = (float(row["test_loss"]), _score(row, "test_loss"))
            diverged = float(row["epochs"]) < 1  # it ends where it stops being finite
            found.setdefault((row["rule"], how), {})[rate, turn] = (math.inf, "diverges") if diverged else error
    table, turns = [], sorted({turn for cells in found.values() for _, turn in cells})
    for (rule, how), cells in found.items():
        best = [min(error for (_, there), error in cells.items() if there == turn) for turn in turns]
        for rate in sorted({rate for rate, _ in cells}, key=float):
            errors = [cells.get((rate, turn), (math.inf, "diverges")) for turn in turns]
            texts = [f"**{text}**" if (error, text) in best else text for error, text in errors]
            table.append((f"`{rule}`", words[how], rate, *texts))
    return markdown_table(("rule", "control", "rate", *(f"{turn}°" if turn else "error" for turn in turns)), table)


def transfer(experiment: str) -> str:
    """Test accuracy of the networks of every committed fit as long as they learned, and on longer sequences."""
    table: list[tuple[str, ...]] = []
    for row in summary(experiment):
        rows = read_table(RESULTS / experiment / f"{row['task']}-{row['rule']}-{row['variant']}.csv")
        last = [found for found in rows if found["step"] == row["updates"]]
        longer = [int(match[1]) for column in last[0] if (match := re.fullmatch(r"test_(\d+)_accuracy", column))]
        estimates = [
            estimate([100 * float(found[f"test_{part}accuracy"]) for found in last])
            for part in ("", *(f"{steps}_" for steps in sorted(longer)))
        ]
        table.append((f"`{row['rule']}`", f"`{row['variant']}`", *(f"{found:.1f}" for found in estimates)))
    return markdown_table(("rule", "variant", "T", "2 T", "5 T", "10 T"), table)


def bits(experiment: str) -> str:
    """Bits per character of the committed fits of a text: the test's mean loss, which is in nats, divided by ln 2."""
    rows = []
    for row in summary(experiment):
        found = estimate([float(loss) / math.log(2) for loss in row["test_loss_per_seed"].split()])
        cells = (
            row["seeds"],
            row["updates"],
            f"{found:.3f}",
            _score(row, "test_accuracy"),
            f"{float(row['seconds']):.0f}",
        )
        rows.append((f"`{row['rule']}`", *cells))
    return markdown_table(("rule", "seeds", "updates", "bits per character", "characters right, %", "seconds"), rows)


def score(experiment: str, fit: str, column: str = "") -> str:
    """One number of a committed result, for a sentence: mean over seeds and half of the 95 % t-interval.

    Args:
        experiment: its name.
        fit: `rule/variant`.
        column: of the summary, or `test_error`; empty takes test accuracy, or test loss in regression.
    """
    row = find(experiment, fit)
    column = column or ("test_accuracy" if row["test_accuracy"] else "test_loss")
    return _score(row, column) + (" %" if column.endswith(("_accuracy", "_error")) else "")


def layers(experiment: str, fit: str, what: str, when: str = "last") -> str:
    """What the layers of a committed fit came to, for a sentence: means over seeds, from the first layer.

    Args:
        experiment: its name.
        fit: `rule/variant`.
        what: `angle`, `sign_agreement`, `update_norm`, `entropy` or `sparsity`.
        when: `last`, or `first`: the evaluation before the first update.
    """
    row = find(experiment, fit)
    if when == "last":
        return _layers(row, what)
    rows = read_table(RESULTS / experiment / f"{row['task']}-{row['rule']}-{row['variant']}.csv")
    before = [found for found in rows if found["step"] == "0"]
    columns = [column for column in before[0] if column.startswith(f"{what}_")]
    means = [sum(float(found[column]) for found in before) / len(before) for column in columns]
    return _layers({f"{what}_per_layer": " ".join(map(str, means))}, what)


def costs() -> str:
    """Time of an update under every rule, beside backpropagation in a network of the same widths."""
    rows = []
    for row in read_table(RESULTS / "rule_speed.csv"):
        sizes = (row["layers"], row["batch_size"], f"{int(row['parameters']):,}")
        rows.append((f"`{row['rule']}`", *sizes, f"{float(row['ratio']):.1f}"))
    return markdown_table(("rule", "hidden layers", "examples", "parameters", "time of an update, × backprop"), rows)


def summary(experiment: str) -> list[dict[str, str]]:
    """The rows of a committed experiment's summary."""
    return read_table(RESULTS / experiment / "summary.csv")


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
    """Mean and interval: accuracies and errors in %, losses as they are."""
    wrong = column.endswith("_error")
    source = column.replace("_error", "_accuracy")
    if not row[source]:
        return "–"
    percent = source.endswith("accuracy") or (source == "over_training" and bool(row["test_accuracy"]))
    value = float(row[source]) * (100 if percent else 1)
    digits = (2 if wrong else 1) if percent or value >= 10 else 3
    interval = row[f"{source}_interval"]
    shown = f" ± {float(interval) * (100 if percent else 1):.{digits}f}" if interval else ""
    return f"{100 - value if wrong else value:.{digits}f}{shown}"


def _layers(row: dict[str, str], what: str) -> str:
    numbers = [float(value) for value in row[f"{what}_per_layer"].split()]
    digits = 0 if what == "angle" else 2
    return ", ".join("none" if math.isnan(number) else f"{number:.{digits}f}" for number in numbers) or "–"


AUDITED = TaskFacts("classification", inputs=64, outputs=10, image_shape=(1, 8, 8))
SEQUENCES = TaskFacts("classification", inputs=10, outputs=10, steps=40)
REACHES = TaskFacts("regression", inputs=8, outputs=2, steps=125, controlled=True)
_BACK = {
    "forward": "never",
    "window": "over a window",
    "selected": "over a window, and to states that were selected",
    "whole": "over the whole sequence",
}


def audited(name: str) -> Audit:
    """The audit of a rule on what it is for; it is not measured."""
    facts = SEQUENCES if RULES[name].sequences else AUDITED
    if isinstance(RULES[name].settings, FeedbackLearningSettings):
        facts = REACHES
    return audit_named(name, RULES[name].settings, facts, measured=False)


def reads() -> str:
    """What `accumbens audit` finds of every rule: what the updates of hidden layers read beside their own."""
    rows = []
    for name in RULES:
        audit = audited(name)
        hidden = audit.rows[:-1]
        active = [layer for row in hidden for layer in row.activity if layer > row.layer]
        weights = "yes" if audit.transport else "no"
        read_by_hidden = [memory for memory in audit.memories if min(memory.read_by) < audit.num_layers]
        memory = "; ".join(dict.fromkeys(fate(audit, found) for found in read_by_hidden)) or "–"
        told_all = " or ".join(dict.fromkeys(told(row) for row in hidden))
        back = "–" if audit.time is None else _BACK[audit.time.direction]
        rows.append((f"`{name}`", told_all, weights, "yes" if active else "no", memory, back))
    header = (
        *("rule", "signal about the outcome", "weights of other layers", "activity of layers above", "memory"),
        "looks back in time",
    )
    return markdown_table(header, rows)
