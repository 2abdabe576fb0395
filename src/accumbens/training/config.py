"""What a run is asked to do: resolved, checked, and written to and read from `config.toml`."""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tomli_w

from accumbens.agents.checks import check_sac_settings, check_settings
from accumbens.agents.settings import SACSettings, Settings
from accumbens.envs import registry
from accumbens.errors import AccumbensError, UnknownNameError, require
from accumbens.presets import resolve_preset
from accumbens.registration import resolve_choice

FORMAT_VERSION = 1
_NONE = "none"


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
        settings = dataclasses.replace(settings, net_arch=tuple(net_arch))
    if credit is not None:
        settings = dataclasses.replace(settings, credit=parse_value("credit", _hints(settings)["credit"], credit))
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
    for key in changes:
        if key in numbers_of_the_run:
            raise AccumbensError(f"{key} is not a setting of the agent: give it as --{key.replace('_', '-')}")
    hints = _hints(settings)
    return dataclasses.replace(settings, **{key: _parse_field(hints, key, text) for key, text in changes.items()})


def _hints(settings: Settings) -> dict[str, Any]:
    return typing.get_type_hints(type(settings))


def _parse_field(hints: Mapping[str, Any], key: str, text: str) -> Any:
    if key not in hints:
        raise UnknownNameError("setting", key, list(hints))
    return parse_value(key, hints[key], text)


def parse_value(key: str, kind: Any, text: str) -> Any:
    """Return the value of type `kind` that `text` stands for.

    Raises:
        UnknownNameError: not one of a setting's words.
        AccumbensError: not of that type.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is str:
        return text
    if origin is Literal:
        if text not in arguments:
            raise UnknownNameError(f"value of {key}", text, arguments)
        return text
    if arguments and typing.get_origin(arguments[0]) is Literal and str in arguments:  # our words, or a registered name
        return resolve_choice(key, text, typing.get_args(arguments[0]))
    if origin in (types.UnionType, typing.Union):  # a number or none
        if text.lower() in (_NONE, "off"):
            return None
        return parse_value(key, next(argument for argument in arguments if argument is not type(None)), text)
    try:
        if origin is tuple:
            if text in ("", _NONE):
                return ()
            return tuple(_whole_number(part) for part in text.strip("()[] ").rstrip(",").split(","))
        if kind is bool:
            return {"true": True, "on": True, "false": False, "off": False}[text.lower()]
        return _whole_number(text) if kind is int else float(text)
    except (ValueError, KeyError, OverflowError):
        expected = {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, "numbers such as 128,96")
        raise AccumbensError(f"{key}={text!r} cannot be used: expected {expected}") from None


def format_value(value: Any) -> str:
    """Return a text that `parse_value` takes for this value."""
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or _NONE
    return _NONE if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        number = float(text)  # 3e5
    if number != int(number):
        raise ValueError(text)
    return int(number)


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
    else:
        check_settings(config.settings)
        allowed = f"off with env={config.env}, whose steps are part of one program with the learning"
        fits = not (with_env and config.settings.overlap and registry.is_on_device(config.env))
        require("overlap", config.settings.overlap, allowed, fits)


def every_setting(config: Any) -> dict[str, Any]:
    """Return all fields of a configuration, and of the settings in it, as one table."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        values |= every_setting(value) if dataclasses.is_dataclass(value) else {field.name: value}
    return values


def to_document(config: RunConfig) -> dict[str, Any]:
    """Return the configuration as tables of plain values; TOML has no null, so none is written as text."""
    values = dataclasses.asdict(config)
    settings = values.pop("settings")
    agent = {key: _NONE if value is None else value for key, value in settings.items()}
    agent["net_arch"] = list(agent["net_arch"])
    return {"format_version": FORMAT_VERSION, "run": values, "agent": agent}


def write_config(config: RunConfig, path: Path) -> None:
    """Write the resolved configuration."""
    path.write_bytes(tomli_w.dumps(to_document(config)).encode())


def read_config(path: Path, with_env: bool = True) -> RunConfig:
    """Read what `write_config` wrote.

    Args:
        path: the file.
        with_env: the environment must be known here; otherwise its name is taken as it is.

    Raises:
        AccumbensError: the file is missing, is not TOML, is of another format version, or holds what no run could use.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise AccumbensError(f"{path} does not exist: not a run directory") from None
    except ValueError as error:
        raise AccumbensError(f"{path} cannot be read as a run's configuration: {error}") from None
    if "fit" in document:
        raise AccumbensError(f"{path} is of a fit, 'accumbens fit', and this is for agents that act")
    found = document.get("format_version")
    if found != FORMAT_VERSION:
        raise AccumbensError(f"{path} has format version {found}; this accumbens reads {FORMAT_VERSION}")
    try:
        run = _read_table(document, "run", RunConfig)
        missing = [field.name for field in dataclasses.fields(RunConfig) if field.name not in (*run, "settings")]
        if missing:
            raise AccumbensError(f"{missing[0]} is missing")
        benchmark = registry.benchmark_of(run["env"]) if with_env else "all"
        learner = type(resolve_preset(run["algo"], run["env"], benchmark).settings)
        # A setting that is younger than the file has its default.
        config = RunConfig(settings=learner(**_read_table(document, "agent", learner)), **run)
        check(config, with_env)
    except AccumbensError as error:
        raise AccumbensError(f"{path} cannot be read as a run's configuration: {error}") from error
    return config


def _read_table(document: Mapping[str, Any], name: str, kind: type) -> dict[str, Any]:
    """The fields of a dataclass that a table holds, checked as if they had been given as texts."""
    table = document.get(name)
    if not isinstance(table, dict):
        raise AccumbensError(f"the table [{name}] is missing")
    hints = {key: hint for key, hint in typing.get_type_hints(kind).items() if key != "settings"}
    return {key: _parse_field(hints, key, str(value)) for key, value in table.items()}
