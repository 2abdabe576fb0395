"""What a fit is asked to do: resolved and checked."""

import dataclasses
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from accumbens.credit.registry import rule_entry
from accumbens.credit.settings import FeedbackLearningSettings, PenalisedSettings, RuleSettings
from accumbens.credit.tasks.registry import TASKS, is_file, task_entry
from accumbens.credit.tasks.settings import ControlledSettings, TaskSettings
from accumbens.errors import AccumbensError, UnknownNameError, require
from accumbens.runs.names import unknown_setting
from accumbens.runs.settings import format_value, hints_of, parse_value, plain, read_fields, text_of

MOST_EVALUATIONS = 200
"""Evaluations of a fit if nothing is asked for, unless it has fewer epochs."""


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """A resolved fit.

    Attributes:
        task: registered name of the task, or the path of a file.
        rule: registered name of the rule.
        epochs: passes through the training data.
        seed: the first seed; seeds are `seed … seed + seeds - 1`.
        seeds: independent seeds, trained side by side.
        evaluations: how many, evenly spread over the updates, after the one before the first update; never more than
            one after an update.
        data: folder with the task's files; empty where the task brings its own or was downloaded.
        task_settings: every setting of the task.
        rule_settings: every setting of the rule.
    """

    task: str
    rule: str
    epochs: int
    seed: int
    seeds: int
    evaluations: int
    data: str
    task_settings: TaskSettings
    rule_settings: RuleSettings

    def seed_list(self) -> list[int]:
        """Return the seeds of the fit."""
        return list(range(self.seed, self.seed + self.seeds))


def resolve_fit(
    task: str,
    rule: str = "backprop",
    *,
    layers: Sequence[int] | None = None,
    epochs: int | None = None,
    seed: int = 0,
    seeds: int = 1,
    evaluations: int | None = None,
    data: str = "",
    changes: Mapping[str, str] | None = None,
) -> FitConfig:
    """Return the fit that these choices stand for: the defaults, then `changes` (texts), then the other arguments.

    Args:
        task: registered name, or the path of a file.
        rule: registered name.
        layers: units of every hidden layer; None takes the rule's.
        epochs: passes through the training data; None takes the task's.
        seed: the first seed.
        seeds: how many.
        evaluations: how many; None takes one per epoch, at most 200, and 200 of a task that is passed through once.
        data: folder with the task's files.
        changes: settings of the task or the rule.

    Raises:
        UnknownNameError: no such task, rule, setting or value.
        AccumbensError: a value that cannot be used.
    """
    task, home = task_entry(task)
    epochs = home.epochs if epochs is None else epochs
    if evaluations is None:
        evaluations = MOST_EVALUATIONS if epochs == 1 else min(epochs, MOST_EVALUATIONS)
    return _resolved(
        home.settings,
        changes or {},
        layers,
        task=task,
        rule=rule,
        epochs=epochs,
        seed=seed,
        seeds=seeds,
        evaluations=evaluations,
        data=str(Path(data).expanduser().absolute()) if data else "",
    )


def _resolved(
    task_settings: TaskSettings, changes: Mapping[str, str], layers: Sequence[int] | None, *, rule: str, **numbers: Any
) -> FitConfig:
    rule, home = rule_entry(rule)
    parts = {"task": task_settings, "rule": usual_rule_settings(task_settings, home.settings)}
    both = [key for key in hints_of(parts["task"]) if key in hints_of(parts["rule"])]
    if both:
        raise AccumbensError(f"the task {numbers['task']} and the rule {rule} both have a setting {both[0]}")
    for key, text in changes.items():
        owner = next((name for name, part in parts.items() if key in hints_of(part)), None)
        if owner is None:
            known = [name for part in parts.values() for name in hints_of(part)]
            raise unknown_setting(key, known, ("epochs", "seed", "seeds", "evaluations", "data"))
        value = parse_value(key, hints_of(parts[owner])[key], text)
        parts[owner] = dataclasses.replace(parts[owner], **{key: value})
    if layers is not None:
        parts["rule"] = dataclasses.replace(parts["rule"], layers=tuple(layers))
    config = FitConfig(rule=rule, task_settings=parts["task"], rule_settings=parts["rule"], **numbers)
    check_fit(config)
    return config


def usual_rule_settings(task: TaskSettings, rule: RuleSettings) -> RuleSettings:
    """Return the settings that a rule has on a task if nothing is asked for."""
    if isinstance(task, ControlledSettings) and isinstance(rule, PenalisedSettings):
        return dataclasses.replace(rule, units=None)
    return rule


def check_fit(config: FitConfig) -> None:
    """Refuse values that no fit could use.

    Raises:
        AccumbensError: names the value and what is allowed.
    """
    for name in ("epochs", "seeds", "evaluations"):
        require(name, getattr(config, name), ">= 1", getattr(config, name) >= 1)
    last = 2**32 - config.seeds
    require("seed", config.seed, f"from 0 to {last}", 0 <= config.seed <= last)
    rule = config.rule_settings
    require(
        "layers", format_value(rule.layers), "numbers >= 1, such as 64,64", all(units >= 1 for units in rule.layers)
    )
    require("learning_rate", rule.learning_rate, "> 0 and finite", 0 < rule.learning_rate < math.inf)
    require("batch_size", rule.batch_size, ">= 1", rule.batch_size >= 1)


def to_document(config: FitConfig) -> dict[str, Any]:
    """Return the tables of the fit's `config.toml`."""
    fit = {name: value for name, value in vars(config).items() if not dataclasses.is_dataclass(value)}
    return {"fit": fit, "task": plain(config.task_settings), "rule": plain(config.rule_settings)}


def from_document(document: Mapping[str, Any], with_task: bool = True) -> FitConfig:
    """Return the configuration that `to_document` made these tables of.

    Args:
        document: the tables.
        with_task: the task must be known here, and its module is imported; otherwise its settings may be taken as they
            are.

    Raises:
        AccumbensError: they hold what no fit could use.
    """
    fit = read_fields(document, "fit", FitConfig, left_out=["task_settings", "rule_settings"])
    of_task, of_rule = (_texts(document, name) for name in ("task", "rule"))
    if _has_own_network(fit["task"], fit["rule"]):
        of_rule.pop("units", None)  # an earlier release wrote units there that no network had
    layers = parse_value("layers", tuple[int, ...], of_rule.pop("layers"))
    if not with_task and not _is_known(fit["task"]):
        return _resolved(_unknown_settings(document["task"]), of_rule, layers, **fit)
    return resolve_fit(**fit, layers=layers, changes=of_task | of_rule)


def _texts(document: Mapping[str, Any], name: str) -> dict[str, str]:
    """The settings in a table, as they would be typed."""
    if not isinstance(document.get(name), dict):
        raise AccumbensError(f"the table [{name}] is missing")
    return {key: text_of(value) for key, value in document[name].items()}


def _has_own_network(task: str, rule: str) -> bool:
    """Whether the units of a fit's network are the task's own, if it is ours, and not a setting."""
    settings = rule_entry(rule)[1].settings
    if isinstance(settings, PenalisedSettings):
        return task in TASKS and isinstance(TASKS[task].settings, ControlledSettings)
    return isinstance(settings, FeedbackLearningSettings)


def _is_known(task: str) -> bool:
    """Whether a task is known here without importing a module of the user's."""
    module, colon, _ = task.rpartition(":")
    if colon and not is_file(task) and module not in sys.modules:
        return False
    try:
        task_entry(task)
    except UnknownNameError:
        return False
    return True


def _unknown_settings(table: Mapping[str, Any]) -> TaskSettings:
    """Settings of a task that is not known here, as a file has them; equal if all of their names and values are."""
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    return _settings_of_type(tuple((key, type(value)) for key, value in values.items()))(**values)


@cache
def _settings_of_type(fields: tuple[tuple[str, type], ...]) -> type[TaskSettings]:
    return dataclasses.make_dataclass("UnknownTaskSettings", fields, bases=(TaskSettings,), frozen=True, kw_only=True)
