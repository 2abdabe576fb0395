"""How agents are evaluated: with the full network, and with every prefix of cells, greedily and with noise."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from accumbens.cli.run_view import heading
from accumbens.runs.evaluating import Asked, Evaluated, Evaluating, EvaluationReporter
from accumbens.share.agents import is_export, open_export
from accumbens.training.config import RunConfig
from accumbens.training.episode_files import write_episodes
from accumbens.training.evaluate import LONGEST_EPISODE, Evaluation
from accumbens.training.evaluation import evaluate_networks, evaluate_run, require_evaluation
from accumbens.training.job import evaluation_rows, make_job
from accumbens.training.kind import AGENTS

_EPSILONS = (0.0, 0.05)


class AgentEvaluating(Evaluating):
    """Agents, exported ones as well: beside these nothing is written."""

    noun = "agents"
    options = ("--epsilon",)

    def check(self, path: Path, asked: Asked) -> None:
        """Refuse what cannot be evaluated, before anything is played."""
        require_evaluation(asked.num_episodes, _epsilons(asked))
        exported = open_export(path) if is_export(path) else None
        if exported is None:
            AGENTS.open(path)  # what is none is no agent, whatever options are given
        super().check(path, asked)
        if exported is not None:
            make_job(exported.config).close()  # its environment may not be here

    def evaluate(self, path: Path, asked: Asked, reporter: EvaluationReporter) -> Evaluated:
        """Play with every prefix of cells and every ε."""
        epsilons, exported = _epsilons(asked), is_export(path)
        if exported:
            config, _, networks, step = open_export(path)
            evaluations = evaluate_networks(config, networks, asked.num_episodes, epsilons)
        else:
            config, step, evaluations = evaluate_run(path, asked.num_episodes, epsilons, reporter.message)
        documents: list[dict[str, Any]] = []
        files, seeds = [], config.seed_list()
        for epsilon, evaluation in zip(epsilons, evaluations, strict=True):
            if not exported:  # which stay as they are
                file, differs = write_episodes(AGENTS.open(path)[0], step, epsilon, evaluation, seeds)
                files.append(file)
                if differs:
                    reporter.message(f"{file} is not what an earlier evaluation gave, whose file is kept beside it")
            documents.append(
                {"env": config.env, "algo": config.algo, "step": step, "epsilon": epsilon}
                | {"evaluation": evaluation_rows(evaluation, seeds), "run": str(path)}
                | {"file": str(files[-1]) if files else None}
            )
        _tell(reporter, config, step, epsilons, evaluations)
        return Evaluated(documents, files)


def _epsilons(asked: Asked) -> Sequence[float]:
    given = asked.options["--epsilon"]
    return _EPSILONS if given is None else given


def _tell(
    reporter: EvaluationReporter,
    config: RunConfig,
    step: int,
    epsilons: Sequence[float],
    evaluations: Sequence[Evaluation],
) -> None:
    """One row per ε and prefix of cells, over the episodes of all seeds."""
    num_seeds, _, num_episodes = np.asarray(evaluations[0].returns).shape
    unfinished = sum(int(np.sum(evaluation.cut)) for evaluation in evaluations)
    columns = ["ε", "acting cells", "mean return", "std", "min", "max", "mean length", *(["cut"] * bool(unfinished))]
    rows = []
    for epsilon, evaluation in zip(epsilons, evaluations, strict=True):
        returns, lengths, cut = map(np.asarray, evaluation)
        last = returns.shape[1] - 1
        for cells in range(last + 1):
            name = "full network" if cells == last else f"1 to {cells + 1}" if cells else "1"
            mine = returns[:, cells]
            row = (mine.mean(), mine.std(), mine.min(), mine.max(), lengths[:, cells].mean())
            counted = [str(cut[:, cells].sum())] * bool(unfinished)
            rows.append((f"{epsilon:g}", name, *(f"{value:.1f}" for value in row), *counted))
    above = f"{heading(AGENTS, config)}  step {step:,}, {num_episodes} episodes × {num_seeds} seed(s)"
    reporter.table(above, columns, rows)
    if unfinished:
        reporter.message(
            f"{unfinished} episode(s) had not ended after {LONGEST_EPISODE:,} steps, and {config.env} has no time "
            "limit: they are cut there, and count with what they had by then"
        )


EVALUATING = AgentEvaluating()
