"""Agents as a kind of run: what `accumbens train` makes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from accumbens.agents.settings import SACSettings, SettingsWithoutCells
from accumbens.agents.token_settings import TokenSettings
from accumbens.envs import registry
from accumbens.errors import UnknownNameError
from accumbens.presets import PRESETS, resolve_preset
from accumbens.runs.directory import RunDirectory
from accumbens.runs.job import Job
from accumbens.runs.kind import Kind
from accumbens.runs.result import Result, mean_and_all, speed_text
from accumbens.runs.settings import every_setting
from accumbens.runs.tables import last_rows
from accumbens.runs.words import Names, Plan, Words
from accumbens.stats import estimate
from accumbens.training import config as configs
from accumbens.training.config import RunConfig, resolve_config

FASTER = {
    "ad_dqn": "ad_pqn",
    "ad_dqn_released": "ad_pqn",
    "ad_qrdqn": "ad_qr_pqn",
    "ad_qrdqn_released": "ad_qr_pqn",
    "arq": "arq_pqn",
    "arq_released": "arq_pqn",
    "dqn": "pqn",
    "dqn_conv": "pqn_conv",
    "qrdqn": "pqn",
}


@dataclass(frozen=True, kw_only=True)
class AgentResult(Result):
    """What a run of an agent came to.

    Attributes:
        steps: environment steps of each seed.
        final_return: mean return of the last 100 training episodes; NaN before the first has ended.
        eval_return: mean return of the full network in the last evaluation; empty before the first.
        steps_per_second: environment steps of all seeds over `train_seconds`.
    """

    env: str
    algo: str
    credit: str
    steps: int
    final_return: list[float]
    eval_return: list[float]
    steps_per_second: float


class Agents(Kind[RunConfig]):
    """Agents in environments."""

    words = Words(
        name="agent",
        verb="train",
        table="run",
        place="environment",
        place_key="env",
        at="in",
        method="agent",
        method_key="algo",
        part="cell",
        step="step",
        length="total_timesteps",
        unit="steps",
        score="return",
        score_form=".1f",
    )
    result = AgentResult
    curve_column = "mean_return"
    says: ClassVar[Mapping[str, str]] = {
        "comparing": "accumbens.training.comparing:COMPARING",
        "chapter": "accumbens.training.chapter:CHAPTER",
        "sharing": "accumbens.training.sharing:SHARING",
        "experimenting": "accumbens.training.experimenting:EXPERIMENTING",
        "audit": "accumbens.training.audit.show:audit",
        "evaluating": "accumbens.cli.evaluate_agents:EVALUATING",
        "analysis": "accumbens.cli.analyses:of_agent",
        "watching": "accumbens.cli.watch_view:watch_agent",
    }
    not_compared = ("seed", "seeds", "eval_frequency", "num_eval_episodes")
    options = ("total_timesteps", "net_arch", "credit", "eval_frequency", "num_eval_episodes")
    usual_method = "ad_pqn"
    usual_place = "CartPole-v1"

    def place_for(self, method: str) -> str:
        """Return an environment that an agent can be in: one of texts for those that act in words."""
        learner = PRESETS[method].learner if method in PRESETS else None
        return "text/food-preparation" if learner is TokenSettings else self.usual_place

    def resolve(self, place: str, method: str, numbers: Mapping[str, Any], changes: Mapping[str, str]) -> RunConfig:
        """Return the configuration of a preset in an environment, with some settings changed."""
        return resolve_config(place, method, **numbers, changes=changes)

    def knows(self, place: str) -> bool:
        """Return whether there is such an environment."""
        try:
            registry.resolve(place)
        except UnknownNameError:
            return False
        return True

    def places(self) -> Names:
        """Return all environments."""
        return Names(registry.all_environments(), "accumbens envs")

    def methods(self) -> Names:
        """Return the presets."""
        return Names(list(PRESETS), "accumbens algos")

    def to_document(self, config: RunConfig) -> dict[str, Any]:
        """Return the tables of `config.toml`: [run] and [agent]."""
        return configs.to_document(config)

    def from_document(self, document: Mapping[str, Any], known: bool = True) -> RunConfig:
        """Return the configuration that `to_document` made these tables of."""
        return configs.from_document(document, known)

    def lengthened(self, config: RunConfig, length: int, step: int) -> tuple[RunConfig, list[str]]:
        """Return the configuration of a longer run; its schedules are spread over the new length."""
        from accumbens.training.lengthen import lengthened

        return lengthened(config, length, step)

    def usual(self, config: RunConfig) -> dict[str, Any]:
        """Return the preset's settings, and its environment steps."""
        preset = resolve_preset(config.algo, config.env, registry.benchmark_of(config.env))
        return {"total_timesteps": preset.total_timesteps} | every_setting(preset.settings)

    def sources(self, config: RunConfig) -> dict[str, str]:
        """Return where the preset's settings are from."""
        return dict(resolve_preset(config.algo, config.env, registry.benchmark_of(config.env)).sources)

    def make_job(self, config: RunConfig) -> Job[Any]:
        """Return what trains a run."""
        from accumbens.training.job import make_job

        return make_job(config)

    def programs(self, configs: Sequence[RunConfig]) -> list[list[int]]:
        """Return groups of runs that differ in numbers, where agents of cells and the environment are on the device."""
        from accumbens.runs.side_by_side import Beside, groups
        from accumbens.training.plan import GAINS
        from accumbens.training.trainer import Trainer

        first = configs[0]
        if isinstance(first.settings, SettingsWithoutCells) or not registry.is_on_device(first.env):
            return super().programs(configs)
        return groups(Beside("settings", Trainer, Trainer.trace, GAINS), configs)

    def make_jobs(self, configs: Sequence[RunConfig]) -> Job[Any]:
        """Return what trains runs side by side."""
        if len(configs) == 1:
            return self.make_job(configs[0])
        from accumbens.training.trainer import Trainer

        return Trainer(*configs)

    def plan(self, config: RunConfig) -> Plan:
        """Return steps, updates, parameters of every cell, and memory of the replay."""
        from accumbens.training.plan import make_plan

        plan = make_plan(config)
        if isinstance(config.settings, SACSettings):
            from accumbens.training.sac_learner import require_sac

            require_sac()
        steps, mebibytes = plan.blocks * plan.steps_per_block, plan.replay_bytes * config.seeds / 2**20
        replay = f"{mebibytes:,.1f} MiB for {plan.replay_rows:,} steps of {config.seeds} seed(s)"
        parts = part_names(config, len(plan.cell_parameters))
        costs = {
            "steps that will run": f"{steps:,} per seed ({plan.blocks:,} blocks of {plan.steps_per_block:,})",
            "updates that will run": f"{plan.updates:,} per seed",
            **{f"parameters of {part}": f"{count:,}" for part, count in zip(parts, plan.cell_parameters, strict=True)},
            "memory of the replay": replay if plan.replay_bytes else "none: no replay buffer",
        }
        return Plan(costs, plan._asdict(), plan.notes)

    def require_usable(self, configs: Sequence[RunConfig]) -> None:
        """Refuse an environment, or an agent, of an extra that is not installed."""
        from accumbens.training.plan import make_plan
        from accumbens.training.sac_learner import require_sac

        for config in {config.env: config for config in reversed(configs)}.values():  # the first of every environment
            make_plan(config)
        if any(isinstance(config.settings, SACSettings) for config in configs):
            require_sac()

    def come_to(self, job: Any, files: RunDirectory, step: int, per_second: float, **common: Any) -> AgentResult:
        """Return the returns of the last training episodes and of the last evaluation."""
        config = job.config
        training = [row for row in last_rows(files.metrics) if int(row["step"]) == step]
        full = [row for row in last_rows(files.evaluations) if int(row["cells"]) == job.num_cells]
        return AgentResult(
            env=config.env,
            algo=config.algo,
            credit=config.settings.credit,
            steps=step,
            final_return=[float(row["mean_return"]) for row in training],
            eval_return=[float(row["mean_return"]) for row in full],
            steps_per_second=per_second,
            **common,
        )

    def draw(self, config: RunConfig, metrics: Path, evaluations: Path, picture: Path) -> None:
        """Draw training returns and greedy evaluations."""
        from accumbens.runs.looks import looks_of
        from accumbens.training.curves import draw_curve

        title = f"{config.env}: {config.algo}, {config.settings.credit} credit"
        draw_curve(metrics, evaluations, picture, title, looks_of(self, [(title, config)])[title])

    def tracked(self, row: Mapping[str, Any]) -> dict[str, float]:
        """Return the numbers of a chunk, or the greedy return of a prefix of cells."""
        if "cells" in row:
            return {f"seed{row['seed']}/greedy_return_cells_{row['cells']}": row["mean_return"]}
        return super().tracked(row)

    def heading(self, config: RunConfig) -> list[str]:
        """Return environment, preset and credit."""
        return [config.env, config.algo, f"{config.settings.credit} credit"]

    def evaluated(self, rows: Sequence[Mapping[str, Any]]) -> str:
        """Return the greedy return of every prefix of cells, mean over seeds."""
        returns: dict[int, list[float]] = {}
        for row in rows:
            returns.setdefault(row["cells"], []).append(row["mean_return"])
        cells = "  ".join(
            f"cells 1–{cell}: {np.mean(values):.1f}" if cell > 1 else f"cell 1: {np.mean(values):.1f}"
            for cell, values in returns.items()
        )
        cut = sum(row["cut"] for row in rows)
        cut_short = f"  ({cut} episodes without an end were cut)" if cut else ""
        return f"step {rows[0]['step']:,}  greedy return  {cells}{cut_short}"

    def faster(self, config: RunConfig) -> str:
        """Name a faster preset, if there is one."""
        if config.algo in FASTER:
            return f"a faster preset: accumbens train {config.env} {FASTER[config.algo]}"
        return "fewer steps: --total-timesteps N"

    def summary(self, result: AgentResult) -> dict[str, str]:
        """Return training and greedy return, and how long the run was."""
        return {
            "final return": f"{mean_and_all(result.final_return)}  mean of the last 100 training episodes",
            "greedy return": f"{mean_and_all(result.eval_return)}  full network, last evaluation",
            "steps": f"{result.steps:,} in {result.wall_seconds:,.0f} s, compiling and evaluations included",
            "speed": speed_text(result, result.steps_per_second, self.words.step),
        }

    def line(self, result: AgentResult) -> str:
        """Return training and greedy return."""
        return f"return {estimate(result.final_return)}  greedy {estimate(result.eval_return)}"

    def look_again(self, run: str) -> str:
        """Return the command that plays with what was learned."""
        return f"accumbens evaluate {run}"


def part_names(config: RunConfig, count: int) -> list[str]:
    """Return the names of the parts of a network: its cells, or what learns without any."""
    if isinstance(config.settings, SACSettings):
        return ["the actor", "critic 1", "critic 2"]
    if isinstance(config.settings, TokenSettings):
        return ["the policy", "the critic"]
    return [f"cell {number}" for number in range(1, count + 1)]


AGENTS = Agents()
