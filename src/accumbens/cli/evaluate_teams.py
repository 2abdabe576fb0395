"""How teams are evaluated: greedily, by what each agent sees itself, and asked for one return or several."""

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from accumbens.cli.run_view import heading
from accumbens.errors import AccumbensError
from accumbens.runs.evaluating import Asked, Evaluated, Evaluating, EvaluationReporter
from accumbens.runs.snapshots import snapshot_path
from accumbens.stats import estimate
from accumbens.teams.evaluation import TeamEvaluation, evaluate_team, require_targets, write_team_episodes
from accumbens.teams.kind import TEAMS
from accumbens.teams.settings import PolicySettings
from accumbens.teams.trained import TrainedTeam, open_run_of_team, open_trained_team


class TeamEvaluating(Evaluating):
    """Teams."""

    noun = "teams"
    options = ("--target-return",)

    def check(self, path: Path, asked: Asked) -> None:
        """Refuse what cannot be evaluated, before anything is played."""
        super().check(path, asked)
        run, config = open_run_of_team(path)
        targets = asked.options["--target-return"]
        if targets is not None:
            require_targets(targets)
            if not isinstance(config.settings, PolicySettings) or not config.settings.returns:
                raise AccumbensError(f"--target-return cannot be used: {config.algo} in {path} is told no return")
        snapshot_path(run, None)

    def evaluate(self, path: Path, asked: Asked, reporter: EvaluationReporter) -> Evaluated:
        """Play, once for each target."""
        with closing(open_trained_team(path)) as trained:
            evaluations = evaluate_team(trained, asked.num_episodes, asked.options["--target-return"])
            documents: list[dict[str, Any]] = []
            files, seeds = [], trained.config.seed_list()
            for evaluation in evaluations:
                file, differs = write_team_episodes(trained.run, trained.step, evaluation, seeds)
                files.append(file)
                if differs:
                    reporter.message(f"{file} is not what an earlier evaluation gave, whose file is kept beside it")
                documents.append(_document(trained, evaluation) | {"run": str(path), "file": str(file)})
            _tell(reporter, trained, evaluations)
            return Evaluated(documents, files)


def _document(trained: TrainedTeam, evaluation: TeamEvaluation) -> dict[str, Any]:
    config, scale, target = trained.config, trained.scale, evaluation.target
    told = {
        "target_return": target,
        "best_of_data": None if scale is None else scale.best,
        "beyond_data": None if scale is None or target is None else target > scale.best,
    }
    found: dict[str, Any] = {"env": config.env, "algo": config.algo, "step": trained.step} | told
    for name, values in _by_seed(evaluation).items():
        mean, interval = estimate(values)
        found |= {name: mean, f"{name}_interval": interval}
    rows = []
    for index, seed in enumerate(config.seed_list()):
        returns = evaluation.returns[index]
        row: dict[str, Any] = {"seed": seed, "episodes": len(returns), "mean_return": float(returns.mean())}
        row |= {"std_return": float(returns.mean(axis=1).std()), "agents": returns.mean(axis=0).tolist()}
        won = None if evaluation.won is None else float(evaluation.won[index].mean())
        rows.append(row | {"won": won, "mean_length": float(evaluation.lengths[index].mean())})
    return found | {"evaluation": rows}


def _by_seed(evaluation: TeamEvaluation) -> dict[str, list[float]]:
    """A number of every seed, by name."""
    won = evaluation.won
    shares = [math.nan] * len(evaluation.lengths) if won is None else won.mean(axis=1).tolist()
    return {
        "mean_return": evaluation.returns.mean(axis=(1, 2)).tolist(),
        "won": shares,
        "mean_length": evaluation.lengths.mean(axis=1).tolist(),
    }


def _tell(reporter: EvaluationReporter, trained: TrainedTeam, evaluations: Sequence[TeamEvaluation]) -> None:
    """One row per target; where there is but one, a row per seed as well."""
    seeds, first, scale = trained.config.seed_list(), evaluations[0], trained.scale
    told, wins = first.target is not None, first.won is not None
    columns = [*(["asked for"] * told), "seed", "return", *(["won (%)"] * wins), "length", "of each agent"]
    rows = []
    for evaluation in evaluations:
        target = [] if evaluation.target is None else [_target(evaluation.target, trained)]
        if len(evaluations) == 1 and len(seeds) > 1:
            rows += [
                [*target, str(seed), *_numbers(evaluation, lambda values, at=index: values[at : at + 1])]
                for index, seed in enumerate(seeds)
            ]
        rows.append([*target, "all" if len(seeds) > 1 else str(seeds[0]), *_numbers(evaluation, lambda values: values)])
    num_episodes = first.lengths.shape[1]
    spread = ", ± 95 % t-interval over seeds" if len(seeds) > 1 else ""
    above = f"{heading(TEAMS, trained.config)}  update {trained.step:,}, {num_episodes} episodes × {len(seeds)} seed(s)"
    best = ""
    if told and scale is not None:
        best = f"\n* is the best return of an episode of the data, mean over agents: {scale.best:.4g}"
    reporter.table(above + spread + best, columns, rows)
    if scale is None or not told:
        return
    beyond = [f"{each.target:g}" for each in evaluations if each.target is not None and each.target > scale.best]
    if beyond:
        reporter.message(
            f"target_return={','.join(beyond)} is more than any episode of the data has ({scale.best:.4g}): what "
            "follows such a number the team was never shown"
        )


def _target(target: float, trained: TrainedTeam) -> str:
    best = trained.scale is not None and target == trained.scale.best
    return f"{target:.4g}{' *' if best else '  '}"


def _numbers(evaluation: TeamEvaluation, chosen: Callable[[list[float]], list[float]]) -> list[str]:
    """Return, share won, length, and the return of each agent, made of the numbers of some seeds."""
    by_seed = {name: chosen(values) for name, values in _by_seed(evaluation).items()}
    won = [] if evaluation.won is None else [f"{estimate([100 * share for share in by_seed['won']]):.1f}"]
    each = [float(np.mean(chosen(values))) for values in evaluation.returns.mean(axis=1).T.tolist()]
    agents = "  ".join(f"{value:.2f}" for value in each)
    return [f"{estimate(by_seed['mean_return']):.2f}", *won, f"{estimate(by_seed['mean_length']):.1f}", agents]


EVALUATING = TeamEvaluating()
