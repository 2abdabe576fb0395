"""How fits are compared: by accuracy or loss, seed by seed where they had the same data, batches and first network."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from accumbens.credit.config import FitConfig
from accumbens.runs.comparing import Comparing, Metric, RunScores
from accumbens.runs.directory import RunDirectory
from accumbens.runs.find import Files, complete_rows
from accumbens.runs.settings import every_setting


class Beginning(NamedTuple):
    """What the seeds of a fit began with.

    Attributes:
        digest: of the data; empty if it is not known.
        losses: of every split before the first update, by seed: the same only if data and initial network were.
    """

    digest: str
    losses: Mapping[int, tuple[float, ...]]


def _beginning(files: Files) -> Beginning:
    rows = [row for row in complete_rows(files.metrics) if int(row["step"]) == 0]
    columns = [f"{split}_loss" for split in ("train", "valid", "test")]
    losses = {int(row["seed"]): tuple(float(row[column]) for column in columns if column in row) for row in rows}
    meta = RunDirectory(files.path).read_meta() if files.is_directory else {}
    return Beginning(meta.get("data_sha256", ""), losses)


def _is_paired(one: RunScores, other: RunScores, seed: int) -> bool:
    losses = one.beginning.losses.get(seed)
    return (
        losses is not None
        and losses == other.beginning.losses.get(seed)
        and one.beginning.digest == other.beginning.digest
        and _batches(one.config) == _batches(other.config)
    )


def _batches(config: FitConfig) -> tuple[object, ...]:
    """What the mini-batches of a fit depend on besides its seed and its data."""
    return config.task_settings, config.rule_settings.batch_size


def _notes(task: str, runs: Sequence[RunScores]) -> list[str]:
    """Say if fits of one task did not have the same data."""
    settings = [every_setting(run.config.task_settings) for run in runs]
    keys = dict.fromkeys(key for one in settings for key in one)
    differing = [key for key in keys if len({repr(one.get(key)) for one in settings}) > 1]
    if differing:
        return [f"fits of {task} did not have the same data: they differ in {', '.join(differing)}"]
    if len({run.beginning.digest for run in runs if run.beginning.digest}) > 1:
        return [f"fits of {task} did not have the same data: their SHA-256 differs"]
    return []


def _of_split(split: str, examples: str) -> tuple[Metric, Metric]:
    accuracy = f"{examples} that are classified correctly"
    loss = f"mean loss of {examples}: cross-entropy in nats, or squared error"
    return (
        Metric(f"{split}_accuracy", accuracy, ".2f", percent=True),
        Metric(f"{split}_loss", loss, ".3f", less_is_better=True),
    )


COMPARING = Comparing(
    (
        *_of_split("test", "test examples"),
        *_of_split("valid", "validation examples"),
        *_of_split("train", "training examples (10,000 at most)"),
    ),
    by=("rule",),
    clocks=("epoch",),
    selection={"test_accuracy": "valid_accuracy", "test_loss": "valid_loss"},
    paired="seed by seed the same data, the same batches and the same initial network; they were resampled together",
    beginning=_beginning,
    is_paired=_is_paired,
    notes=_notes,
)
