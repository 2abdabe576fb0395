"""Fits of rules to tasks, as runs of an experiment: `accumbens fit` in a folder of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accumbens.credit.config import FitConfig
from accumbens.credit.fit import fit_or_resume, open_fit, recorded_fit
from accumbens.credit.registry import rule_entry
from accumbens.credit.session import FitResult
from accumbens.credit.tasks.registry import make_task
from accumbens.errors import AccumbensError
from accumbens.experiments.fit_panels import FitCurve, draw_fits, read_fit_curve
from accumbens.experiments.fit_tables import FitRow, Quote, document, fit_row_of, score_text, write_fit_summary
from accumbens.experiments.places import panels_of
from accumbens.experiments.plan import Experiment
from accumbens.experiments.protocol import ExperimentReporter, Words, directory
from accumbens.runs.directory import RunDirectory


class Fits:
    """A `Kind`: rules on tasks."""

    words = Words("epochs", "loss", ".4g", "updates/s", "task", "rule")

    def size(self, config: FitConfig) -> int:
        """Return the epochs of each seed."""
        return config.epochs

    def open(self, path: Path) -> tuple[RunDirectory, FitConfig]:
        """Return the run that is there."""
        return open_fit(path)

    def recorded(self, run: RunDirectory) -> FitResult | None:
        """Return what a run that reached its end came to."""
        return recorded_fit(run)

    def done(self, row: Mapping[str, str]) -> float:
        """Return the epochs of each seed."""
        return float(row["epoch"])

    def require_usable(self, configs: Sequence[FitConfig]) -> None:
        """Refuse a task without data, and settings that do not fit their task."""
        facts = {}
        for config in configs:
            key = (config.task, config.task_settings)
            if key not in facts:
                folder = Path(config.data) if config.data else None
                facts[key] = make_task(config.task, config.task_settings, config.rule_settings.batch_size, folder).facts
            try:
                rule_entry(config.rule)[1].make(config.rule_settings, facts[key])
            except AccumbensError as error:
                raise AccumbensError(f"{config.rule} on {config.task}: {error}") from error

    def train_or_resume(
        self, config: FitConfig, report: ExperimentReporter, *, out: Path, name: str, checkpoint_seconds: float
    ) -> FitResult:
        """Fit in the run of that name, from the start or from where it stands."""
        return fit_or_resume(config, _Report(report), out=out, name=name, checkpoint_seconds=checkpoint_seconds)

    def line(self, result: FitResult) -> str:
        """Return test accuracy or loss."""
        score = "accuracy" if result.test_accuracy else "loss"
        text = score_text(result.test_accuracy or result.test_loss, score)
        return f"test {score} {text} %" if score == "accuracy" else f"test {score} {text}"

    def summarise(self, experiment: Experiment, folder: Path, table: Path, pictures: Sequence[Path]) -> list[FitRow]:
        """Write the table, and curves in the panels that the file asks for, beside what the paper reports."""
        runs = {run.label: run for run in experiment.runs}
        rows: list[FitRow] = []
        curves: list[FitCurve] = []
        for label, (panel, name) in panels_of(experiment).items():
            there, run = directory(folder, runs[label]), runs[label]
            if not isinstance(run.config, FitConfig):
                continue
            error = experiment.test_error.get(label)
            quote = None if error is None else Quote(error, experiment.source)
            row = fit_row_of(there, run.config, run.variant, panel, quote)
            if row is not None:
                rows.append(row)
                curves.append(read_fit_curve(there.metrics, panel, name, quote))
        write_fit_summary(rows, table)
        draw_fits(f"{experiment.name}, {experiment.budget}: {experiment.title}", curves, pictures)
        return rows

    def document(self, row: FitRow) -> dict[str, Any]:
        """Return a row by the names of the table's columns."""
        return document(row)


class _Report:
    """A `FitReporter` of one run, to whoever watches the experiment."""

    def __init__(self, report: ExperimentReporter):
        self._report, self._updates_per_epoch = report, 1

    def preparing(self, config: FitConfig, run: Path) -> None:
        """The experiment has said so."""

    def start(self, update: int, updates: int, updates_per_epoch: int) -> None:
        """Pass it on in epochs."""
        self._updates_per_epoch = updates_per_epoch
        self._report.started(update / updates_per_epoch)

    def progress(self, update: int, loss: float, updates_per_second: float) -> None:
        """Pass it on in epochs."""
        self._report.progress(update / self._updates_per_epoch, loss, updates_per_second)

    def evaluated(self, rows: list[dict[str, Any]]) -> None:
        """The table at the end says it."""

    def message(self, text: str) -> None:
        """Pass it on."""
        self._report.message(text)
