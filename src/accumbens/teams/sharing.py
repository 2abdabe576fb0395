"""What `accumbens export` and `accumbens.load` ask of teams."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from accumbens.envs.teams.protocol import TeamFacts
from accumbens.errors import AccumbensError
from accumbens.runs.directory import RunDirectory
from accumbens.runs.sharing import Card, Learned, Scores, Sharing
from accumbens.runs.tables import Rows
from accumbens.teams.acting_team import About, ActingTeam, acting_of
from accumbens.teams.config import TeamConfig
from accumbens.teams.job import target_of
from accumbens.teams.kind import TEAMS
from accumbens.teams.methods import method_entry
from accumbens.teams.settings import DistilledSettings, PlayingSettings, PolicySettings
from accumbens.teams.windows import Scale, scale_from


class TeamSharing(Sharing):
    """Teams that act."""

    use = "act(observations)"

    def ready(self, learned: Learned, exploration_seed: int = 0) -> ActingTeam:
        """Return a team that acts, without random numbers."""
        return ActingTeam(*learned)

    def like(self, config: TeamConfig, about: About) -> Any:
        """Return the shapes of all networks of a seed."""
        return acting_of(config, about).shapes

    def about(self, run: RunDirectory, config: TeamConfig) -> About:
        """Return what the run keeps of environment and data."""
        meta = run.read_meta()
        if "team" not in meta:
            raise AccumbensError(f"{run.meta} does not describe the team: the run has not begun")
        return self.from_table({name: meta[name] for name in ("team", "scale") if name in meta})

    @staticmethod
    def to_table(about: About) -> dict[str, Any]:
        """Return what is kept as a table of TOML; what is None is left out."""
        table = {"team": {name: value for name, value in about.facts._asdict().items() if value is not None}}
        return table if about.scale is None else table | {"scale": about.scale._asdict()}

    @staticmethod
    def from_table(table: Mapping[str, Any]) -> About:
        """Return what `to_table` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is damaged.
        """
        scale = table.get("scale")
        team: dict[str, Any] = {**table["team"], "agents": tuple(map(str, table["team"]["agents"]))}
        facts = TeamFacts(**team)
        numbers = (facts.observation_size, facts.num_actions, facts.max_episode_steps)
        if not facts.agents or not all(isinstance(number, int) and number >= 1 for number in numbers):
            raise ValueError(f"agents, numbers or actions are missing: {team}")
        if scale is None:
            return About(facts, None)
        return About(facts, scale_from(scale))

    def names(self, document: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """Return nothing: the environment need not be there."""
        return []

    def card(self, run: RunDirectory, learned: Learned, rows: Rows, evaluations: Rows, where: str) -> Card:
        """Return what the card says."""
        if not rows:
            raise AccumbensError(
                f"{run.path} has not been evaluated yet: continue it with 'accumbens resume {run.path}'"
            )
        config, facts, settings = learned.config, learned.about.facts, learned.config.settings
        team = getattr(learned.network, "team", learned.network)
        size = sum(leaf.size for leaf in jax.tree.leaves(team))
        last = {int(row["seed"]): row for row in rows if row["step"] == rows[-1]["step"]}
        return Card(
            "A team of agents, trained with accumbens; each acts on what it sees itself."
            if not getattr(settings, "centralised", False)
            else "A central policy of a team of agents, trained with accumbens; it acts on what all of them see.",
            {
                "environment": f"`{config.env}`, {len(facts.agents)} agents",
                "method": f"`{config.algo}`: {method_entry(config.algo).summary}",
                **_learned_from(config, settings),
                "parameters": f"{size:,}, {_whose(settings)}",
                "updates": f"{learned.step:,} of this seed",
                **_asked(config, learned.about),
            },
            _scores(rows, last, facts, learned.about.scale, config),
            _example(facts, settings, where),
            inputs=_inputs(facts, settings),
            data=_data(config, learned.about),
            limits=["It knows this environment and no other, and as many agents as it was trained with."],
            licence="The data have a licence of their own." if config.data else "",
            picture="Returns and losses over updates",
            tags=["reinforcement-learning", "multi-agent", "local-learning", config.env],
            task_type="reinforcement-learning",
            metrics=[("mean_reward", f"{float(last[learned.seed]['mean_return']):.2f}")],
        )


def _called(data: str) -> str:
    """What data are called elsewhere: of a folder here, its name."""
    return Path(data).name if Path(data).is_absolute() else data


def _learned_from(config: TeamConfig, settings: Any) -> dict[str, str]:
    if isinstance(settings, PlayingSettings):
        return {"learned by": "playing"}
    taught = "; and from a teacher that saw the whole team" if isinstance(settings, DistilledSettings) else ""
    return {"learned from": f"data, `{_called(config.data)}`{taught}"}


def _whose(settings: Any) -> str:
    if getattr(settings, "centralised", False):
        return "of one network that sees all"
    shared = isinstance(settings, PlayingSettings) or settings.shared
    return "of one network that all agents share" if shared else "of all agents' networks, one for each"


def _asked(config: TeamConfig, about: About) -> dict[str, str]:
    if not (isinstance(config.settings, PolicySettings) and config.settings.returns):
        return {}
    return {"return that is asked for": f"{target_of(config, about.scale):.4g} of each agent"}


def _scores(
    rows: Rows, last: Mapping[int, Mapping[str, str]], facts: TeamFacts, scale: Scale | None, config: TeamConfig
) -> Scores:
    """Of the last evaluation."""
    columns = {"mean_return": "return of an agent"}
    if facts.won is not None:
        columns["won"] = "share of episodes won"
    best = "" if scale is None else f" The best episode of the data has {scale.best:.4g}."
    return Scores(
        f"After {int(rows[-1]['step']):,} updates, greedy, mean over agents and {config.num_eval_episodes} "
        f"episodes.{best}",
        list(columns.values()),
        {seed: [float(row[column]) for column in columns] for seed, row in last.items()},
        ".3f",
        "Returns",
    )


def _example(facts: TeamFacts, settings: Any, where: str) -> Sequence[str]:
    """Few lines that act."""
    shape = (len(facts.agents), facts.observation_size)
    lines = [
        *("import accumbens", "import numpy as np", ""),
        f'team = accumbens.load("{where}")',
        f"observations = np.zeros({shape})  # yours, in the order of team.facts.agents",
    ]
    options = ""
    if facts.masks:
        lines.append(f"legal = np.ones(({shape[0]}, {facts.num_actions}), bool)  # what each may do")
        options = ", legal"
    lines += ["team.reset()", f"print(team.act(observations{options}))"]
    return lines


def _inputs(facts: TeamFacts, settings: Any) -> str:
    """Say what the team expects."""
    told = ""
    if isinstance(settings, PolicySettings) and settings.returns:
        told = (
            " From the second step on it is given the rewards of the step before, `team.act(observations, rewards=…)`; "
            "`team.reset(target_return=…)` asks for another return."
        )
    masks = f", and `legal`, {len(facts.agents)} × {facts.num_actions}" if facts.masks else ""
    return (
        f"A step is {len(facts.agents)} × {facts.observation_size} numbers{masks}; or by name, "
        f"`{{agent: observation}}`.{told} `team.reset()` begins an episode."
    )


def _data(config: TeamConfig, about: About) -> list[str]:
    if about.scale is None:
        return []
    return [
        f"It learned from `{_called(config.data)}`: the best episode has a return of {about.scale.best:.4g}, mean over "
        f"agents, and the longest {about.scale.steps:,} steps."
    ]


SHARING = TeamSharing(TEAMS)
