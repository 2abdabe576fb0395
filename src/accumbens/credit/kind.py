"""Fits as a kind of run: what `accumbens fit` makes."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from accumbens.credit import config as configs
from accumbens.credit.config import FitConfig, check_fit, resolve_fit, usual_rule_settings
from accumbens.credit.registry import RULES, all_rules, make_rule, rule_entry
from accumbens.credit.settings import FeedbackLearningSettings
from accumbens.credit.tasks.registry import all_tasks, folder_name, make_task, task_entry
from accumbens.errors import UnknownNameError
from accumbens.runs.directory import RunDirectory
from accumbens.runs.job import Job
from accumbens.runs.kind import Kind
from accumbens.runs.result import Result, mean_and_all, speed_text
from accumbens.runs.settings import every_setting
from accumbens.runs.tables import last_rows
from accumbens.runs.words import Names, Plan, Words
from accumbens.stats import estimate


@dataclass(frozen=True, kw_only=True)
class FitResult(Result):
    """What a fit came to, at the last evaluation.

    Attributes:
        updates: of each seed.
        epochs: the same in passes through the training data.
        valid_accuracy: fraction of the validation examples that are classified correctly; empty in regression.
        test_accuracy: the same of the test examples.
        valid_loss: cross-entropy in nats, or mean squared error.
        test_loss: the same of the test examples.
        updates_per_second: updates of all seeds over `train_seconds`.
    """

    task: str
    rule: str
    updates: int
    epochs: float
    valid_accuracy: list[float]
    test_accuracy: list[float]
    valid_loss: list[float]
    test_loss: list[float]
    updates_per_second: float


class Fits(Kind[FitConfig]):
    """Rules on tasks."""

    words = Words(
        name="fit",
        verb="fit",
        table="fit",
        place="task",
        place_key="task",
        at="on",
        method="rule",
        method_key="rule",
        part="layer",
        step="update",
        length="epochs",
        unit="epochs",
        score="loss",
        score_form=".4g",
    )
    result = FitResult
    curve_column = "test_loss"
    says: ClassVar[Mapping[str, str]] = {
        "comparing": "accumbens.credit.comparing:COMPARING",
        "chapter": "accumbens.credit.chapter:CHAPTER",
        "sharing": "accumbens.credit.sharing:SHARING",
        "experimenting": "accumbens.credit.experimenting:EXPERIMENTING",
        "audit": "accumbens.credit.audit.show:audit",
        "analysis": "accumbens.cli.analyses:of_fit",
        "watching": "accumbens.cli.watch_hand:watch_fit",
    }
    not_compared = ("seed", "seeds", "evaluations", "data")
    options = ("layers", "epochs", "evaluations", "data")
    usual_method = "backprop"
    usual_place = "digits"

    def place_for(self, method: str) -> str:
        """Return a task that the rule is for."""
        entry = RULES.get(method)
        if entry is None or not entry.sequences:
            return self.usual_place
        return "reach-rotated" if isinstance(entry.settings, FeedbackLearningSettings) else "copying"

    def resolve(self, place: str, method: str, numbers: Mapping[str, Any], changes: Mapping[str, str]) -> FitConfig:
        """Return the configuration of a rule on a task, with some settings changed."""
        return resolve_fit(place, method, **numbers, changes=changes)

    def knows(self, place: str) -> bool:
        """Return whether there is such a task."""
        try:
            task_entry(place)
        except UnknownNameError:
            return False
        return True

    def places(self) -> Names:
        """Return the tasks, but for files."""
        return Names(all_tasks(), "accumbens tasks")

    def methods(self) -> Names:
        """Return the rules."""
        return Names(all_rules(), "accumbens rules")

    def to_document(self, config: FitConfig) -> dict[str, Any]:
        """Return the tables of `config.toml`: [fit], [task] and [rule]."""
        return configs.to_document(config)

    def from_document(self, document: Mapping[str, Any], known: bool = True) -> FitConfig:
        """Return the configuration that `to_document` made these tables of."""
        return configs.from_document(document, known)

    def place(self, config: FitConfig) -> str:
        """Return the task; of a file, its name."""
        return folder_name(config.task)

    def lengthened(self, config: FitConfig, length: int, step: int) -> tuple[FitConfig, list[str]]:
        """Return the configuration of a longer fit, evaluated about as often in an epoch as before."""
        evaluations = max(1, round(config.evaluations * length / config.epochs))
        longer = dataclasses.replace(config, epochs=length, evaluations=evaluations)
        check_fit(longer)
        return longer, ["the learning rate has no schedule: it stays as it is"]

    def usual(self, config: FitConfig) -> dict[str, Any]:
        """Return the settings of task and rule, and the task's epochs."""
        entry, rule = task_entry(config.task)[1], rule_entry(config.rule)[1]
        of_rule = usual_rule_settings(entry.settings, rule.settings)
        return {"epochs": entry.epochs} | every_setting(entry.settings) | every_setting(of_rule)

    def make_job(self, config: FitConfig) -> Job[Any]:
        """Return what fits."""
        from accumbens.credit.job import Fitting

        return Fitting(config)

    def programs(self, configs: Sequence[FitConfig]) -> list[list[int]]:
        """Return groups of fits that differ in numbers of the rule's settings."""
        from accumbens.credit.job import Fitting
        from accumbens.runs.side_by_side import Beside, groups

        return groups(Beside("rule_settings", Fitting, Fitting.trace), configs)

    def make_jobs(self, configs: Sequence[FitConfig]) -> Job[Any]:
        """Return what learns fits side by side."""
        from accumbens.credit.job import Fitting

        return Fitting(*configs)

    def plan(self, config: FitConfig) -> Plan:
        """Return updates, and parameters of every layer."""
        import jax

        from accumbens.credit.job import Fitting

        fitting = Fitting(config)
        layers = fitting.like().seeds.network.layers
        sizes = [sum(leaf.size for leaf in jax.tree.leaves(layer)) // config.seeds for layer in layers]
        costs = {
            "updates that will run": f"{fitting.total:,} per seed ({fitting.updates_per_epoch:,} an epoch)",
            **{f"parameters of layer {number}": f"{size:,}" for number, size in enumerate(sizes, start=1)},
        }
        numbers = {"updates": fitting.total, "updates_per_epoch": fitting.updates_per_epoch, "parameters": sizes}
        return Plan(costs, numbers | {"notes": list(fitting.notes)}, fitting.notes)

    def require_usable(self, configs: Sequence[FitConfig]) -> None:
        """Refuse a task without data, and settings that do not fit their task."""
        facts = {}
        for config in configs:
            key = (config.task, config.task_settings)
            if key not in facts:
                folder = Path(config.data) if config.data else None
                facts[key] = make_task(config.task, config.task_settings, config.rule_settings.batch_size, folder).facts
            make_rule(config.rule, config.rule_settings, facts[key], config.task)

    def come_to(self, job: Any, files: RunDirectory, step: int, per_second: float, **common: Any) -> FitResult:
        """Return the scores of the last evaluation."""
        last, config = last_rows(files.metrics), job.config

        def of(column: str) -> list[float]:
            return [float(row[column]) for row in last] if column in last[0] else []

        return FitResult(
            task=config.task,
            rule=config.rule,
            updates=step,
            epochs=step / job.updates_per_epoch,
            valid_accuracy=of("valid_accuracy"),
            test_accuracy=of("test_accuracy"),
            valid_loss=of("valid_loss"),
            test_loss=of("test_loss"),
            updates_per_second=per_second,
            **common,
        )

    def is_score(self, column: str) -> bool:
        """Return whether a column is a loss or an accuracy of a split."""
        return column.partition("_")[0] in ("train", "valid", "test")

    def draw(self, config: FitConfig, metrics: Path, evaluations: Path, picture: Path) -> None:
        """Draw scores, and what every layer's update and units are like."""
        from accumbens.credit.curves import draw_fit

        draw_fit(metrics, picture, f"{self.place(config)}: {config.rule}")

    def heading(self, config: FitConfig) -> list[str]:
        """Return task, rule and layers."""
        return [config.task, config.rule, "-".join(map(str, config.rule_settings.layers)) or "no hidden layer"]

    def position(self, config: FitConfig, step: int, total: int) -> str:
        """Return the epoch."""
        return f"epoch {config.epochs * step / total:.1f}"

    def evaluated(self, rows: Sequence[Mapping[str, Any]]) -> str:
        """Return the score of every split, mean over seeds, and the angle of every layer's update."""
        score = "accuracy" if "test_accuracy" in rows[0] else "loss"
        splits = [split for split in ("train", "valid", "test") if f"{split}_{score}" in rows[0]]
        scores = "  ".join(f"{split} {_mean(rows, f'{split}_{score}'):.3f}" for split in splits)
        angles = [_mean(rows, name) for name in rows[0] if name.startswith("angle_")]
        shown = ", ".join("–" if math.isnan(angle) else f"{angle:.0f}°" for angle in angles)
        return f"epoch {rows[0]['epoch']:.4g}  {score}  {scores}  angles {shown}"

    def summary(self, result: FitResult) -> dict[str, str]:
        """Return the scores, and how long the fit was."""
        rows = {}
        if result.test_accuracy:
            rows["test accuracy"] = mean_and_all(result.test_accuracy, 4)
            rows["validation"] = mean_and_all(result.valid_accuracy, 4)
        rows["test loss"] = mean_and_all(result.test_loss, 4)
        epochs = f"{result.updates:,} ({result.epochs:.4g} epochs)"
        rows["updates"] = f"{epochs} in {result.wall_seconds:,.0f} s, compiling and evaluations included"
        rows["speed"] = speed_text(result, result.updates_per_second, self.words.step)
        return rows

    def line(self, result: FitResult) -> str:
        """Return test accuracy or loss."""
        if result.test_accuracy:
            return f"test accuracy {score_text(result.test_accuracy, 'accuracy')} %"
        return f"test loss {score_text(result.test_loss, 'loss')}"


def score_text(values: Sequence[float], score: str) -> str:
    """Return mean and 95 % t-interval over seeds: of accuracies in %, of losses to three digits."""
    mean, interval = estimate(values)
    if math.isnan(mean):
        return "–"
    if score == "accuracy":
        return f"{100 * mean:.2f}" + ("" if math.isnan(interval) else f" ± {100 * interval:.2f}")
    return f"{mean:.3g}" + ("" if math.isnan(interval) else f" ± {interval:.2g}")


def _mean(rows: Sequence[Mapping[str, Any]], column: str) -> float:
    values = [row[column] for row in rows if math.isfinite(row[column])]
    return float(np.mean(values)) if values else math.nan


FITS = Fits()
