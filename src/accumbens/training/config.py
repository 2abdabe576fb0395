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

from accumbens.agents.presets import PRESETS, resolve_preset
from accumbens.agents.settings import AgentSettings, ParallelSettings, ReplaySettings
from accumbens.envs import registry
from accumbens.errors import AccumbensError, UnknownNameError

FORMAT_VERSION = 1


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
    settings: AgentSettings

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


def apply_changes(settings: AgentSettings, changes: Mapping[str, str]) -> AgentSettings:
    """Return the settings with some fields replaced by the values that texts stand for."""
    hints = _hints(settings)
    values = {}
    for key, text in changes.items():
        if key not in hints:
            raise UnknownNameError("setting", key, list(hints))
        values[key] = parse_value(key, hints[key], text)
    return dataclasses.replace(settings, **values)


def parse_value(key: str, kind: Any, text: str) -> Any:
    """Return the value of type `kind` that `text` stands for.

    Raises:
        UnknownNameError: not one of a setting's words.
        AccumbensError: not of that type.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        if text not in arguments:
            raise UnknownNameError(f"value of {key}", text, arguments)
        return text
    if origin in (types.UnionType, typing.Union):  # a number or none
        if text.lower() in ("none", "off"):
            return None
        return parse_value(key, next(argument for argument in arguments if argument is not type(None)), text)
    try:
        if origin is tuple:
            return tuple(_whole_number(part) for part in text.strip("()[] ").rstrip(",").split(","))
        if kind is bool:
            return {"true": True, "on": True, "false": False, "off": False}[text.lower()]
        return _whole_number(text) if kind is int else float(text)
    except (ValueError, KeyError, OverflowError):
        expected = {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, "numbers such as 128,96")
        raise AccumbensError(f"{key}={text!r} cannot be used: expected {expected}") from None


def _whole_number(text: str) -> int:
    number = float(text)
    if number != int(number):
        raise ValueError(text)
    return int(number)


def _hints(settings: AgentSettings) -> dict[str, Any]:
    return typing.get_type_hints(type(settings))


def check(config: RunConfig) -> None:
    """Refuse values that no run could use.

    Raises:
        AccumbensError: names the value and what is allowed.
    """
    settings = config.settings
    positive = ["total_timesteps", "seeds", "num_eval_episodes"]
    for name in positive:
        _require(name, getattr(config, name), ">= 1", getattr(config, name) >= 1)
    _require("seed", config.seed, "from 0 to 4294967295", config.seed >= 0 and config.seed + config.seeds <= 2**32)
    _require("eval_frequency", config.eval_frequency, ">= 0", config.eval_frequency >= 0)
    _require("net_arch", settings.net_arch, "at least one number >= 1", all(size >= 1 for size in settings.net_arch))
    at_least_one = ["rank", "num_envs"]
    at_least_one += (
        ["rollout_length", "epochs", "num_minibatches"]
        if isinstance(settings, ParallelSettings)
        else ["replay_capacity", "batch_size", "train_every", "updates_per_phase", "target_every"]
    )
    for name in at_least_one:
        _require(name, getattr(settings, name), ">= 1", getattr(settings, name) >= 1)
    fractions = ["discount", "epsilon_start", "epsilon_end", "epsilon_fraction", "warmup_fraction"]
    fractions += ["trace_decay"] if isinstance(settings, ParallelSettings) else []
    for name in fractions:
        _require(name, getattr(settings, name), "from 0 to 1", 0 <= getattr(settings, name) <= 1)
    for name in ("adam_b1", "adam_b2"):
        _require(name, getattr(settings, name), "from 0 to below 1", 0 <= getattr(settings, name) < 1)
    for name in ("learning_rate", "max_gradient_norm", "reward_scale", "value_scale"):
        _require(name, getattr(settings, name), "> 0", getattr(settings, name) > 0)
    _require("learning_rate_end", settings.learning_rate_end, ">= 0", settings.learning_rate_end >= 0)
    exponent = settings.duration_exponent
    _require("duration_exponent", exponent, "> 1 or none", exponent is None or exponent > 1)
    if isinstance(settings, ParallelSettings):
        rows = settings.num_envs * settings.rollout_length
        allowed = f"a divisor of num_envs * rollout_length = {rows}"
        _require("num_minibatches", settings.num_minibatches, allowed, rows % settings.num_minibatches == 0)
    if isinstance(settings, ReplaySettings):
        for name in ("learning_starts", "context_length"):
            _require(name, getattr(settings, name), ">= 0", getattr(settings, name) >= 0)


def _require(name: str, value: Any, allowed: str, holds: bool) -> None:
    if not holds:
        raise AccumbensError(f"{name}={value} cannot be used: it must be {allowed}")


_NONE = "none"


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


def read_config(path: Path) -> RunConfig:
    """Read what `write_config` wrote.

    Raises:
        AccumbensError: the file is missing, is not TOML, or is of another format version.
    """
    try:
        document = tomllib.loads(path.read_text())
        if document.get("format_version") != FORMAT_VERSION:
            found = document.get("format_version")
            raise AccumbensError(f"{path} has format version {found}; this accumbens reads {FORMAT_VERSION}")
        learner = PRESETS[document["run"]["algo"]].learner
        agent = {key: None if value == _NONE else value for key, value in document["agent"].items()}
        agent["net_arch"] = tuple(agent["net_arch"])
        config = RunConfig(settings=learner(**agent), **document["run"])
    except FileNotFoundError:
        raise AccumbensError(f"{path} does not exist: not a run directory") from None
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise AccumbensError(f"{path} cannot be read as a run's configuration: {error}") from error
    check(config)
    return config
