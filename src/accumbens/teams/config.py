"""What a run of a team is asked to do: resolved and checked."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accumbens.envs.teams.registry import resolve_team
from accumbens.errors import AccumbensError, require
from accumbens.runs.names import unknown_setting
from accumbens.runs.settings import format_value, hints_of, parse_value, plain, read_fields, text_of
from accumbens.teams.methods import method_entry
from accumbens.teams.settings import (
    ConservativeSettings,
    DistilledSettings,
    PlayingSettings,
    PolicySettings,
    TeamSettings,
)


@dataclass(frozen=True, kw_only=True)
class TeamConfig:
    """A resolved run of a team.

    Attributes:
        env: registered name of the environment that they play in.
        algo: how they learn.
        data: what they learn from: a Minari id, or the folder of a data set; empty if they learn by playing.
        updates: of each seed; a teacher's come before them.
        seed: the first seed; seeds are `seed … seed + seeds - 1`.
        seeds: independent seeds, trained side by side in one program.
        evaluations: how many, evenly spread over the updates, after the one before the first.
        num_eval_episodes: episodes of each evaluation, per seed.
        settings: every setting of the method.
    """

    env: str
    algo: str
    data: str
    updates: int
    seed: int
    seeds: int
    evaluations: int
    num_eval_episodes: int
    settings: TeamSettings

    def seed_list(self) -> list[int]:
        """Return the seeds of the run."""
        return list(range(self.seed, self.seed + self.seeds))

    @property
    def teacher_updates(self) -> int:
        """Updates of a teacher before the team begins."""
        return self.settings.teacher_updates if isinstance(self.settings, DistilledSettings) else 0


def resolve_team_config(
    env: str,
    algo: str,
    *,
    data: str = "",
    updates: int | None = None,
    seed: int = 0,
    seeds: int = 1,
    evaluations: int | None = None,
    num_eval_episodes: int = 100,
    changes: Mapping[str, str] | None = None,
) -> TeamConfig:
    """Return the run that these choices stand for: the method's settings, then the others, then `changes` (texts).

    Data and updates are among what can be changed, so that an experiment can say them for each of its methods.

    Raises:
        UnknownNameError: no such environment, method, setting or value.
        AccumbensError: a value that cannot be used.
    """
    env, method, changes = resolve_team(env), method_entry(algo), dict(changes or {})
    data = changes.pop("data", data)
    updates = parse_value("updates", int, changes.pop("updates")) if "updates" in changes else updates
    hints = hints_of(method.settings)
    for key in changes:
        if key not in hints:
            raise unknown_setting(key, list(hints), [f.name for f in dataclasses.fields(TeamConfig) if f.type is int])
    parsed = {key: parse_value(key, hints[key], text) for key, text in changes.items()}
    config = TeamConfig(
        env=env,
        algo=algo,
        data=named_source(data),
        updates=method.updates if updates is None else updates,
        seed=seed,
        seeds=seeds,
        evaluations=10 if evaluations is None else evaluations,
        num_eval_episodes=num_eval_episodes,
        settings=dataclasses.replace(method.settings, **parsed),
    )
    check(config)
    return config


def check(config: TeamConfig) -> None:
    """Refuse a run that could not be done, whatever the data; see `require_data`.

    Raises:
        AccumbensError: names the value and what is allowed.
    """
    if config.data and not method_entry(config.algo).learns_from_data:
        raise AccumbensError(f"{config.algo} learns by playing: --data {config.data} would not be read")
    for name in ("updates", "seeds", "evaluations", "num_eval_episodes"):
        require(name, getattr(config, name), ">= 1", getattr(config, name) >= 1)
    last = 2**32 - config.seeds
    require("seed", config.seed, f"from 0 to {last}", 0 <= config.seed <= last)
    settings = config.settings
    require(
        "learning_rate", settings.learning_rate, "> 0 and finite", math.isfinite(settings.learning_rate) and
        settings.learning_rate > 0,
    )  # fmt: skip
    require("max_grad_norm", settings.max_grad_norm, "> 0", settings.max_grad_norm > 0)
    if isinstance(settings, PlayingSettings):
        _check_playing(settings)
    elif isinstance(settings, ConservativeSettings):
        _check_conservative(settings)
    else:
        _check_policy(settings)
    if isinstance(settings, DistilledSettings):
        _check_distilled(settings)


def require_data(config: TeamConfig) -> None:
    """Refuse to learn from data if there are none.

    Raises:
        AccumbensError: says how data are made.
    """
    if method_entry(config.algo).learns_from_data and not config.data:
        made = f"accumbens record {config.env} --episodes 1000 --policy random -o DATA"
        raise AccumbensError(f"{config.algo} learns from data: give --data, such as what {made!r} makes")


def _check_policy(settings: PolicySettings) -> None:
    for name in ("context", "width", "blocks", "heads", "batch_size"):
        require(name, getattr(settings, name), ">= 1", getattr(settings, name) >= 1)
    require("held_out", settings.held_out, "from 0 to below 1", 0 <= settings.held_out < 1)
    target = settings.target_return
    require("target_return", target, "finite, or none", target is None or math.isfinite(target))
    require("ambition", settings.ambition, "finite", math.isfinite(settings.ambition))
    if not settings.returns:
        _require_default(settings, ["ambition"], "returns=false: nothing is asked for")
    if settings.network == "mlp":
        _require_default(settings, ["heads"], "network=mlp")
    if target is not None and not settings.returns:
        raise AccumbensError(f"target_return={target} cannot be used: policies with returns=false are told no return")
    if settings.shared and settings.centralised:
        raise AccumbensError("shared=true cannot be used with centralised=true: there is one network for all already")
    if settings.network == "transformer":
        size, odd = divmod(settings.width, settings.heads)
        allowed = f"a divisor of width={settings.width} that leaves an even size of each head"
        require("heads", settings.heads, allowed, not odd and size % 2 == 0)
    if settings.credit == "local":
        require("readouts", settings.readouts, "every, with credit=local: no layer is told anything else",
                settings.readouts == "every")  # fmt: skip


def _check_distilled(settings: DistilledSettings) -> None:
    for name in ("alpha", "beta", "feature"):
        value = getattr(settings, name)
        require(name, value, ">= 0 and finite", math.isfinite(value) and value >= 0)
    for name in ("mapping_period", "mapping_width", "teacher_updates"):
        require(name, getattr(settings, name), ">= 1", getattr(settings, name) >= 1)
    if settings.mapping != "separate":
        _require_default(settings, ["mapping_period"], f"mapping={settings.mapping}: there is no M of its own")
    if settings.mapping == "none":
        _require_default(settings, ["mapping_width"], "mapping=none")
    if not settings.alpha:
        _require_default(settings, ["relation_gradient"], "alpha=0")
    if settings.centralised:
        raise AccumbensError("centralised=true cannot be used with distilled: students see what they see themselves")


def _require_default(settings: PolicySettings, names: Sequence[str], why: str) -> None:
    """Refuse settings that have no effect.

    Raises:
        AccumbensError: names the first that is not as usual.
    """
    usual = {field.name: field.default for field in dataclasses.fields(settings)}
    for name in names:
        if getattr(settings, name) != usual[name]:
            value = format_value(getattr(settings, name))
            raise AccumbensError(f"{name}={value} cannot be used with {why}: it would have no effect")


def _check_conservative(settings: ConservativeSettings) -> None:
    _check_layers(settings.layers)
    require("batch_size", settings.batch_size, ">= 1", settings.batch_size >= 1)
    require("conservative", settings.conservative, ">= 0 and finite", 0 <= settings.conservative < math.inf)
    require("discount", settings.discount, "from 0 to 1", 0 <= settings.discount <= 1)
    require("target_rate", settings.target_rate, "above 0, and 1 at most", 0 < settings.target_rate <= 1)
    require("held_out", settings.held_out, "from 0 to below 1", 0 <= settings.held_out < 1)


def _check_playing(settings: PlayingSettings) -> None:
    _check_layers(settings.layers)
    for name in ("num_envs", "rollout_length", "epochs", "num_minibatches"):
        require(name, getattr(settings, name), ">= 1", getattr(settings, name) >= 1)
    for name in ("discount", "trace_decay", "start_e", "end_e", "exploration_fraction"):
        require(name, getattr(settings, name), "from 0 to 1", 0 <= getattr(settings, name) <= 1)
    steps = settings.num_envs * settings.rollout_length
    allowed = f"a divisor of num_envs x rollout_length = {steps}"
    require("num_minibatches", settings.num_minibatches, allowed, steps % settings.num_minibatches == 0)


def _check_layers(layers: tuple[int, ...]) -> None:
    require("layers", format_value(layers), "numbers >= 1, such as 64,64", layers and all(size >= 1 for size in layers))


def to_document(config: TeamConfig) -> dict[str, Any]:
    """Return the tables of `config.toml`: [team] and [method]."""
    team = {name: value for name, value in vars(config).items() if not dataclasses.is_dataclass(value)}
    return {"team": team, "method": plain(config.settings)}


def from_document(document: Mapping[str, Any], known: bool = True) -> TeamConfig:
    """Return the configuration that `to_document` made these tables of.

    Args:
        document: the tables.
        known: the environment must be known here.

    Raises:
        AccumbensError: they hold what no run could use.
    """
    team = read_fields(document, "team", TeamConfig, left_out=["settings"])
    settings = document.get("method")
    if not isinstance(settings, dict):
        raise AccumbensError("the table [method] is missing")
    hints = hints_of(method_entry(team["algo"]).settings)
    for key in settings:
        if key not in hints:
            raise unknown_setting(key, list(hints))
    values = {key: parse_value(key, hints[key], text_of(value)) for key, value in settings.items()}
    if known:
        team["env"] = resolve_team(team["env"])
    config = TeamConfig(**team, settings=dataclasses.replace(method_entry(team["algo"]).settings, **values))
    check(config)
    return config


def named_source(data: str) -> str:
    """Return where data are as configurations keep it: of a folder the whole path."""
    try:
        folder = Path(data).expanduser()
    except RuntimeError as error:
        raise AccumbensError(f"data={data} cannot be used: {error}") from error
    return str(folder.absolute()) if data and folder.is_dir() else data
