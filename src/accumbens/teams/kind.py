"""Teams as a kind of run: what `accumbens train` makes in an environment of several agents."""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from accumbens.envs.teams.registry import is_team, team_environments
from accumbens.runs.directory import RunDirectory
from accumbens.runs.job import Job
from accumbens.runs.kind import Kind
from accumbens.runs.result import Result, mean_and_all, speed_text
from accumbens.runs.settings import every_setting
from accumbens.runs.tables import last_rows
from accumbens.runs.words import Names, Plan, Words
from accumbens.stats import estimate
from accumbens.teams import config as configs
from accumbens.teams.config import TeamConfig, check, resolve_team_config
from accumbens.teams.methods import METHODS, method_entry
from accumbens.teams.settings import PlayingSettings


@dataclass(frozen=True, kw_only=True)
class TeamResult(Result):
    """What a run of a team came to, at the last evaluation.

    Attributes:
        updates: of each seed, a teacher's included, whether they were done here or in the run that it is from.
        mean_return: return of an agent, mean over agents and episodes, of each seed.
        won: share of the episodes that were won; NaN where nothing is won.
        updates_per_second: updates of all seeds over `train_seconds`.
        teacher_updates: those of a teacher.
    """

    env: str
    algo: str
    updates: int
    mean_return: list[float]
    won: list[float]
    updates_per_second: float
    teacher_updates: int = 0


class Teams(Kind[TeamConfig]):
    """Methods in environments of several agents."""

    words = Words(
        name="team",
        verb="train",
        table="team",
        place="team environment",
        place_key="env",
        at="in",
        method="method",
        method_key="algo",
        part="agent",
        step="update",
        length="updates",
        unit="updates",
        score="return",
        score_form=".2f",
    )
    result = TeamResult
    curve_column = "mean_return"
    says: ClassVar[Mapping[str, str]] = {
        "comparing": "accumbens.teams.comparing:COMPARING",
        "chapter": "accumbens.teams.chapter:CHAPTER",
        "experimenting": "accumbens.teams.experimenting:EXPERIMENTING",
        "evaluating": "accumbens.cli.evaluate_teams:EVALUATING",
        "watching": "accumbens.cli.watch_team:watch_team",
        "sharing": "accumbens.teams.sharing:SHARING",
        "audit": "accumbens.teams.audit_words:audit",
    }
    not_compared = ("seed", "seeds", "evaluations", "num_eval_episodes")
    options = ("updates", "evaluations", "num_eval_episodes", "data")
    usual_method = "idt"
    usual_place = "team/fill-in-2"

    def resolve(self, place: str, method: str, numbers: Mapping[str, Any], changes: Mapping[str, str]) -> TeamConfig:
        """Return the configuration of a method in an environment, with some settings changed."""
        return resolve_team_config(place, method, **numbers, changes=changes)

    def knows(self, place: str) -> bool:
        """Return whether there is such an environment of several agents."""
        return is_team(place)

    def places(self) -> Names:
        """Return the environments of several agents."""
        return Names(team_environments(), "accumbens envs")

    def methods(self) -> Names:
        """Return the methods."""
        return Names(list(METHODS), "accumbens algos")

    def to_document(self, config: TeamConfig) -> dict[str, Any]:
        """Return the tables of `config.toml`: [team] and [method]."""
        return configs.to_document(config)

    def from_document(self, document: Mapping[str, Any], known: bool = True) -> TeamConfig:
        """Return the configuration that `to_document` made these tables of."""
        return configs.from_document(document, known)

    def lengthened(self, config: TeamConfig, length: int, step: int) -> tuple[TeamConfig, list[str]]:
        """Return the configuration of a longer run, evaluated about as often as before."""
        evaluations = max(1, round(config.evaluations * length / config.updates))
        longer = dataclasses.replace(config, updates=length, evaluations=evaluations)
        check(longer)
        if isinstance(config.settings, PlayingSettings):
            return longer, ["exploration and step size are spread over the new length: they rise again"]
        return longer, ["the learning rate has no schedule: it stays as it is"]

    def usual(self, config: TeamConfig) -> dict[str, Any]:
        """Return the method's settings, and its updates."""
        entry = method_entry(config.algo)
        return {"updates": entry.updates} | every_setting(entry.settings)

    def make_job(self, config: TeamConfig) -> Job[Any]:
        """Return what trains a team."""
        from accumbens.teams.job import Teaming

        return Teaming(config)

    def programs(self, configs: Sequence[TeamConfig]) -> list[list[int]]:
        """Return groups of runs that differ in numbers of the method's settings."""
        from accumbens.envs.teams.protocol import release
        from accumbens.envs.teams.registry import make_team
        from accumbens.runs.side_by_side import Beside, groups
        from accumbens.teams.job import Teaming
        from accumbens.teams.sources import data_of

        first = configs[0]
        environment = make_team(first.env)  # one, and its data, for all that is traced
        try:
            plays = isinstance(first.settings, PlayingSettings)
            data = None if plays else data_of(first.data, environment)
            make = functools.partial(Teaming, environment=environment, data=data)
            return groups(Beside("settings", make, Teaming.trace), configs)
        finally:
            release(environment)

    def make_jobs(self, configs: Sequence[TeamConfig]) -> Job[Any]:
        """Return what trains teams side by side."""
        from accumbens.teams.job import Teaming

        return Teaming(*configs)

    def plan(self, config: TeamConfig) -> Plan:
        """Return updates, windows of the data, and parameters."""
        import jax

        from accumbens.teams.job import Teaming

        with closing(Teaming(config)) as job:
            networks = jax.eval_shape(job.networks, job.like())
        sizes = {
            name: sum(leaf.size for leaf in jax.tree.leaves(part)) // config.seeds
            for name, part in (networks._asdict() if hasattr(networks, "_asdict") else {"team": networks}).items()
        }
        sizes = {name: size for name, size in sizes.items() if size}
        before = f" after {job.learner.before:,} of a teacher, unless --from gives one" if job.learner.before else ""
        costs = {
            "updates that will run": f"{config.updates:,} per seed{before}",
            **{f"parameters of the {name.replace('_', ' ')}": f"{size:,}" for name, size in sizes.items()},
        }
        return Plan(costs, {"updates": job.total, "parameters": sizes, "notes": list(job.notes)}, job.notes)

    def require_usable(self, configs: Sequence[TeamConfig]) -> None:
        """Refuse an environment of an extra that is not installed, and data that are not there or of another one."""
        from accumbens.teams.job import Teaming

        for config in {(config.env, config.data, config.algo): config for config in configs}.values():
            Teaming(config).close()

    def come_to(self, job: Any, files: RunDirectory, step: int, per_second: float, **common: Any) -> TeamResult:
        """Return the returns of the last evaluation."""
        last, config = last_rows(files.metrics), job.config
        return TeamResult(
            env=config.env,
            algo=config.algo,
            updates=step,
            mean_return=[float(row["mean_return"]) for row in last],
            won=[float(row["won"]) for row in last],
            updates_per_second=per_second,
            teacher_updates=config.teacher_updates,
            **common,
        )

    def is_score(self, column: str) -> bool:
        """Return whether a column says how well the team plays."""
        return column in ("mean_return", "won")

    def draw(self, config: TeamConfig, metrics: Path, evaluations: Path, picture: Path) -> None:
        """Draw returns and losses."""
        from accumbens.teams.curves import draw_team

        draw_team(metrics, picture, f"{config.env}: {config.algo}", config.teacher_updates)

    def evaluated(self, rows: Sequence[Mapping[str, Any]]) -> str:
        """Return the return and, where something is won, how often; mean over seeds."""
        text = f"update {rows[0]['step']:,}  return {_mean(rows, 'mean_return'):.3g}"
        won = _mean(rows, "won")
        text += "" if math.isnan(won) else f"  won {100 * won:.0f} %"
        accuracy = _mean(rows, "valid_accuracy") if "valid_accuracy" in rows[0] else math.nan
        return text + ("" if math.isnan(accuracy) else f"  actions of the data {100 * accuracy:.0f} %")

    def summary(self, result: TeamResult) -> dict[str, str]:
        """Return how the team played, and how long the run was."""
        rows = {"return": f"{mean_and_all(result.mean_return, 3)}  of an agent, last evaluation, greedy"}
        if not all(map(math.isnan, result.won)):
            rows["won"] = f"{mean_and_all([100 * share for share in result.won])}  % of the episodes"
        counted = f", {result.teacher_updates:,} of them a teacher's," if result.teacher_updates else ""
        rows["updates"] = (
            f"{result.updates:,}{counted} in {result.wall_seconds:,.0f} s, compiling and evaluations included"
        )
        rows["speed"] = speed_text(result, result.updates_per_second, self.words.step)
        return rows

    def line(self, result: TeamResult) -> str:
        """Return how the team played."""
        won = [100 * share for share in result.won if not math.isnan(share)]
        return f"return {estimate(result.mean_return)}" + (f"  won {estimate(won)} %" if won else "")


def _mean(rows: Sequence[Mapping[str, Any]], column: str) -> float:
    values = [row[column] for row in rows if math.isfinite(row[column])]
    return float(np.mean(values)) if values else math.nan


TEAMS = Teams()
