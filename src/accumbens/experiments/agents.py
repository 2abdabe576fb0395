"""Agents that act, as runs of an experiment: `accumbens train` in a folder of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from accumbens.agents.settings import SACSettings
from accumbens.experiments.panels import draw_experiment, read_curve
from accumbens.experiments.plan import Experiment
from accumbens.experiments.protocol import ExperimentReporter, Words, directory
from accumbens.experiments.tables import Row, document, quoted, row_of, write_summary
from accumbens.runs.directory import RunDirectory, open_run
from accumbens.stats import estimate
from accumbens.training.config import RunConfig
from accumbens.training.evaluate import Evaluation
from accumbens.training.plan import make_plan
from accumbens.training.published import Published, find
from accumbens.training.sac_learner import require_sac
from accumbens.training.session import Result
from accumbens.training.train import recorded_result, train_or_resume


class Agents:
    """A `Kind`: agents in environments."""

    words = Words("steps", "return", ".1f", "steps/s", "environment", "agent")

    def size(self, config: RunConfig) -> int:
        """Return the environment steps of each seed."""
        return config.total_timesteps

    def open(self, path: Path) -> tuple[RunDirectory, RunConfig]:
        """Return the run that is there."""
        return open_run(path)

    def recorded(self, run: RunDirectory) -> Result | None:
        """Return what a run that reached its end came to."""
        return recorded_result(run)

    def done(self, row: Mapping[str, str]) -> float:
        """Return the environment steps of each seed."""
        return float(row["step"])

    def require_usable(self, configs: Sequence[RunConfig]) -> None:
        """Refuse an environment, or an agent, of an extra that is not installed."""
        for config in {config.env: config for config in reversed(configs)}.values():  # the first of every environment
            make_plan(config)
        if any(isinstance(config.settings, SACSettings) for config in configs):
            require_sac()

    def train_or_resume(
        self, config: RunConfig, report: ExperimentReporter, *, out: Path, name: str, checkpoint_seconds: float
    ) -> Result:
        """Train the run of that name, from the start or from where it stands."""
        return train_or_resume(config, _Report(report), out=out, name=name, checkpoint_seconds=checkpoint_seconds)

    def line(self, result: Result) -> str:
        """Return training and greedy return."""
        return f"return {estimate(result.final_return)}  greedy {estimate(result.eval_return)}"

    def summarise(self, experiment: Experiment, folder: Path, table: Path, pictures: Sequence[Path]) -> list[Row]:
        """Write the table, and curves of all environments, beside what the papers report."""
        rows = rows_of(experiment, folder)
        write_summary(rows, table)
        begun = {f"{row.env}/{row.algo}/{row.variant}" for row in rows}
        curves = [
            read_curve(directory(folder, run).metrics, run.place, run.row)
            for run in experiment.runs
            if run.label in begun
        ]
        envs = dict.fromkeys(curve.env for curve in curves)
        quotes = [entry for env in envs for entry in find(experiment.tables, env)]
        draw_experiment(f"{experiment.name}, {experiment.budget}: {experiment.title}", curves, quotes, pictures)
        return rows

    def document(self, row: Row) -> dict[str, Any]:
        """Return a row by the names of the table's columns."""
        return document(row)


def rows_of(experiment: Experiment, folder: Path) -> list[Row]:
    """Return a row for every run that has begun and, after those of its environment, for every number only quoted.

    Raises:
        AccumbensError: a run's files cannot be read, or its environment cannot be made.
    """
    rows: list[Row] = []
    for env in dict.fromkeys(run.place for run in experiment.runs):
        published = find(experiment.tables, env)
        beside: list[Published] = []
        steps = 0
        for run in experiment.runs:
            if run.place != env or not isinstance(run.config, RunConfig):
                continue
            number = next((entry for entry in published if entry.agent == experiment.rows.get(run.row)), None)
            row = row_of(directory(folder, run), run.config, run.variant, number)
            if row is not None:
                rows.append(row)
                beside += [number] if number else []
                steps = max(steps, row.steps)
        rows += [quoted(entry, steps) for entry in published if entry not in beside]
    return rows


class _Report:
    """A `Reporter` of one run, to whoever watches the experiment."""

    def __init__(self, report: ExperimentReporter):
        self._report = report

    def preparing(self, config: RunConfig, run: Path) -> None:
        """The experiment has said so."""

    def projected(self, seconds: float, steps_per_second: float) -> None:
        """The experiment projects all of its runs."""

    def start(self, step: int) -> None:
        """Pass it on."""
        self._report.started(float(step))

    def progress(self, step: int, mean_return: np.ndarray, steps_per_second: float) -> None:
        """Pass on the mean over the seeds that have ended an episode."""
        score = float(np.nanmean(mean_return)) if np.isfinite(mean_return).any() else float("nan")
        self._report.progress(float(step), score, steps_per_second)

    def evaluated(self, step: int, evaluation: Evaluation) -> None:
        """The table at the end says it."""

    def message(self, text: str) -> None:
        """Pass it on."""
        self._report.message(text)
