"""The table of an experiment of fits: what each came to, over its seeds, beside what the paper reports."""

import csv
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from accumbens.credit.config import FitConfig
from accumbens.credit.tasks.registry import folder_name
from accumbens.runs.directory import RunDirectory
from accumbens.runs.tables import read_table
from accumbens.stats import estimate

SPLITS = ("test", "valid", "train")
LAYERWISE = ("angle", "sign_agreement", "update_norm", "entropy", "sparsity")


class Quote(NamedTuple):
    """What a paper reports of a fit: test error in %, and where."""

    test_error: float
    source: str


class FitRow(NamedTuple):
    """One run of an experiment of fits.

    Attributes:
        panel: of the figure, and of the table.
        updates: of each seed so far.
        epochs: the same in passes through the data; `asked` is where the run ends.
        last: the last evaluation: every column of `metrics.csv`, with a value per seed.
        over_training: mean test accuracy, or loss in regression, over all updates so far, of each seed.
        seconds: wall time over all sessions, all seeds together.
        published: what it stands beside.
        commit: of accumbens, at the start of the run.
    """

    task: str
    rule: str
    variant: str
    panel: str
    updates: int
    epochs: float
    asked: int
    last: Mapping[str, tuple[float, ...]]
    over_training: tuple[float, ...]
    seconds: float
    published: Quote | None
    commit: str | None

    @property
    def score(self) -> str:
        """What the task is scored by: accuracy, or loss in regression."""
        return "accuracy" if "test_accuracy" in self.last else "loss"


def fit_row_of(
    run: RunDirectory, config: FitConfig, variant: str, panel: str, published: Quote | None
) -> FitRow | None:
    """Return what a fit came to so far; None before its first evaluation while it learns.

    Raises:
        AccumbensError: the run's files cannot be read.
    """
    rows = read_evaluations(run.metrics) if run.metrics.exists() else []
    if not rows or int(rows[-1]["step"]) == 0:
        return None
    last = [row for row in rows if row["step"] == rows[-1]["step"]]
    column = "test_accuracy" if "test_accuracy" in last[0] else "test_loss"
    return FitRow(
        task=folder_name(config.task),
        rule=config.rule,
        variant=variant,
        panel=panel,
        updates=int(last[0]["step"]),
        epochs=float(last[0]["epoch"]),
        asked=config.epochs,
        last={name: tuple(float(row[name]) for row in last) for name in last[0]},
        over_training=tuple(
            _over_training([row for row in rows if row["seed"] == seed], column) for seed in _seeds(last)
        ),
        seconds=float(last[0]["wall_seconds"]),
        published=published,
        commit=run.read_meta().get("commit"),
    )


def read_evaluations(metrics: Path) -> list[dict[str, str]]:
    """Return the rows of a fit's `metrics.csv`, without an evaluation that is not there for all seeds yet."""
    rows = read_table(metrics)
    counts = Counter(row["step"] for row in rows)
    return [row for row in rows if counts[row["step"]] == max(counts.values())]


def _seeds(rows: Sequence[Mapping[str, str]]) -> list[str]:
    return [row["seed"] for row in rows]


def _over_training(rows: Sequence[Mapping[str, str]], column: str) -> float:
    """The mean over all updates of a curve that is straight between evaluations."""
    steps, values = [[float(row[name]) for row in rows] for name in ("step", column)]
    return float(np.trapezoid(values, steps)) / (steps[-1] - steps[0])


def score_text(values: Sequence[float], score: str) -> str:
    """Return mean and 95 % t-interval over seeds: of accuracies in %, of losses to three digits."""
    mean, interval = estimate(values)
    if math.isnan(mean):
        return "–"
    if score == "accuracy":
        return f"{100 * mean:.2f}" + ("" if math.isnan(interval) else f" ± {100 * interval:.2f}")
    return f"{mean:.3g}" + ("" if math.isnan(interval) else f" ± {interval:.2g}")


COLUMNS = (
    *("task", "rule", "variant", "seeds", "updates", "epochs"),
    *(f"{split}_{score}{what}" for score in ("accuracy", "loss") for split in SPLITS for what in ("", "_interval")),
    *("test_accuracy_per_seed", "test_loss_per_seed", "over_training", "over_training_interval"),
    *(f"{name}_per_layer" for name in LAYERWISE),
    *("seconds", "published_test_error", "published_source", "commit"),
)


def write_fit_summary(rows: Sequence[FitRow], path: Path) -> None:
    """Write the table as CSV; what is not known is empty. Intervals are half of a 95 % t-interval over seeds."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(document(row) for row in rows)


def document(row: FitRow) -> dict[str, Any]:
    """Return a row by the names of the CSV's columns, with None for what is not known.

    Layers are listed from the first, means over seeds.
    """
    values: dict[str, Any] = dict.fromkeys(COLUMNS)
    values |= {"task": row.task, "rule": row.rule, "variant": row.variant, "seeds": len(row.over_training)}
    values |= {"updates": row.updates, "epochs": _number(row.epochs), "seconds": row.seconds, "commit": row.commit}
    scores = {name: row.last[name] for name in COLUMNS if name in row.last and name.endswith(("_accuracy", "_loss"))}
    for name, seeds in (scores | {"over_training": row.over_training}).items():
        mean, interval = estimate(seeds)
        values |= {name: _number(mean), f"{name}_interval": _number(interval)}
    for name in ("test_accuracy", "test_loss"):
        if name in row.last:
            values[f"{name}_per_seed"] = _list(row.last[name])
    for name in LAYERWISE:
        layers = [float(np.mean(seeds)) for column, seeds in row.last.items() if column.startswith(f"{name}_")]
        values[f"{name}_per_layer"] = _list(layers) if layers else None
    if row.published is not None:
        values |= {"published_test_error": row.published.test_error, "published_source": row.published.source}
    return values


def _list(values: Sequence[float]) -> str:
    return " ".join(f"{value:.5g}" for value in values)


def _number(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
