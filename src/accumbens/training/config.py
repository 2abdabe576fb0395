"""What a run of an agent is asked to do: resolved and checked."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accumbens.agents.checks import check_sac_settings, check_settings, check_token_settings
from accumbens.agents.settings import SACSettings, Settings
from accumbens.agents.token_settings import TokenSettings
from accumbens.envs import registry
from accumbens.errors import AccumbensError, require
from accumbens.presets import resolve_preset
from accumbens.runs.names import unknown_setting
from accumbens.runs.settings import hints_of, parse_value, plain, read_fields


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """A resolved run.

    Attributes:
        env: registered name of the environment.
        algo: row of the preset table.
        total_timesteps: environment steps of each seed.
        seed: the first seed; seeds are `seed … seed + seeds - 1`.
        seeds: independent seeds, trained side by side.
        eval_frequency: environment steps between evaluations; 0 evaluates at the end only.
        num_eval_episodes: episodes of each evaluation, per seed and per prefix of cells.
        settings: every setting of the agent.
    """

    env: str
    algo: str
    total_timesteps: int
    seed: int
    seeds: int
    eval_frequency: int
    num_eval_episodes: int
    settings: Settings

    def seed_list(self) -> list[int]:
        """Return the seeds of the run."""
        return list(range(self.seed, self.seed + self.seeds))


def resolve_config(
    env: str,
    algo: str = "ad_pqn",
    *,
    total_timesteps: int | None = None,
    seed: int = 0,
    seeds: int = 1,
    net_arch: Sequence[int] | None = None,
    credit: str | None = None,
    eval_frequency: int | None = None,
    num_eval_episodes: int = 10,
    changes: Mapping[str, str] | None = None,
) -> RunConfig:
    """Return the run that these choices stand for: the preset, then `changes` (texts), then the other arguments.

    Raises:
        UnknownNameError: no such environment, algorithm, setting or value.
        AccumbensError: a value that cannot be used.
    """
    env = registry.resolve(env)
    preset = resolve_preset(algo, env, registry.benchmark_of(env))
    settings = apply_changes(preset.settings, changes or {})
    if net_arch is not None:
        if isinstance(settings, TokenSettings):
            raise AccumbensError(f"net_arch cannot be used with {algo}: {settings.noun} has --set width and blocks")
        settings = dataclasses.replace(settings, net_arch=tuple(net_arch))
    if credit is not None:
        settings = dataclasses.replace(settings, credit=parse_value("credit", hints_of(settings)["credit"], credit))
    total = preset.total_timesteps if total_timesteps is None else total_timesteps
    config = RunConfig(
        env=env,
        algo=algo,
        total_timesteps=total,
        seed=seed,
        seeds=seeds,
        eval_frequency=max(1, total // 10) if eval_frequency is None else eval_frequency,
        num_eval_episodes=num_eval_episodes,
        settings=settings,
    )
    check(config)
    return config


def apply_changes(settings: Settings, changes: Mapping[str, str]) -> Settings:
    """Return the settings with some fields replaced by the values that texts stand for.

    Raises:
        UnknownNameError: no such setting, or not one of its words.
        AccumbensError: a value of another type, or a number of the run and not of the agent.
    """
    numbers_of_the_run = [field.name for field in dataclasses.fields(RunConfig) if field.type is int]
    hints = hints_of(settings)
    for key in changes:
        if key not in hints:
            raise unknown_setting(key, list(hints), numbers_of_the_run)
    return dataclasses.replace(settings, **{key: parse_value(key, hints[key], text) for key, text in changes.items()})


def check(config: RunConfig, with_env: bool = True) -> None:
    """Refuse values that no run could use.

    Args:
        config: what to check.
        with_env: the environment can be asked; otherwise what depends on it is not checked.

    Raises:
        AccumbensError: names the value and what is allowed.
    """
    # Environment steps are counted in 32 bits, and the last block may overshoot.
    require("total_timesteps", config.total_timesteps, "from 1 to 2000000000", 1 <= config.total_timesteps <= 2 * 10**9)
    for name in ("seeds", "num_eval_episodes"):
        require(name, getattr(config, name), ">= 1", getattr(config, name) >= 1)
    last = 2**32 - config.seeds
    require("seed", config.seed, f"from 0 to {last}", 0 <= config.seed <= last)
    require("eval_frequency", config.eval_frequency, ">= 0", config.eval_frequency >= 0)
    if isinstance(config.settings, SACSettings):
        check_sac_settings(config.settings)
    elif isinstance(config.settings, TokenSettings):
        check_token_settings(config.settings)
    else:
        check_settings(config.settings)
        allowed = f"off with env={config.env}, whose steps are part of one program with the learning"
        fits = not (with_env and config.settings.overlap and registry.is_on_device(config.env))
        require("overlap", config.settings.overlap, allowed, fits)


def to_document(config: RunConfig) -> dict[str, Any]:
    """Return the tables of the run's `config.toml`."""
    run = {field.name: getattr(config, field.name) for field in dataclasses.fields(config) if field.name != "settings"}
    return {"run": run, "agent": plain(config.settings)}


def from_document(document: Mapping[str, Any], with_env: bool = True) -> RunConfig:
    """Return the configuration that `to_document` made these tables of.

    Args:
        document: the tables.
        with_env: the environment must be known here; otherwise its name is taken as it is.

    Raises:
        AccumbensError: they hold what no run could use.
    """
    run = read_fields(document, "run", RunConfig, left_out=["settings"])
    benchmark = registry.benchmark_of(run["env"]) if with_env else "all"
    learner = type(resolve_preset(run["algo"], run["env"], benchmark).settings)
    # A setting that is younger than the file has its default.
    config = RunConfig(settings=learner(**read_fields(document, "agent", learner)), **run)
    check(config, with_env)
    return config
