"""Experiment files: what is compared with what, in TOML. Those of the papers lie beside this module.

    title = "One line: what is compared"
    environments = ["minatar/breakout"]             registered names
    agents = { ad_pqn = ["local", "backprop"] }     algorithm = its variants: a run for each, in every environment
    seeds = 3                                       independent seeds of each run (1)
    seed = 0                                        the first of them (0)
    total_timesteps = 1_000_000                     environment steps of each seed (the preset's)
    eval_frequency = 100_000                        as in `accumbens train` (a tenth of the run)
    num_eval_episodes = 10                          as in `accumbens train` (10)
    settings = { num_envs = 64 }                    settings that differ from the preset, in every run

    [variants]                                      what a variant changes: settings of the agent
    local = { credit = "local" }
    backprop = { credit = "backprop" }

    [budgets.desk]                                  at least one; any of the keys above the variants, which it replaces
    seeds = 1                                       (its `settings` are laid over the file's)

    [published]                                     optional: what the results stand beside
    tables = ["arq-minatar"]                        of `accumbens.analysis.published`
    rows = { AD = ["ad_pqn/local"] }                the paper's name of the agent = the runs it is comparable with

A preset is changed by the file's settings, then the budget's, then the variant's; TOML has no null, so "none" is
written as text. Two runs of one file may not come to the same thing: a variant that changes nothing is a mistake.
"""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from accumbens.analysis.published import TABLES
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.training.config import RunConfig, format_value, resolve_config

_RUN_KEYS = {
    "environments": list,
    "agents": dict,
    "seeds": int,
    "seed": int,
    "total_timesteps": int,
    "eval_frequency": int,
    "num_eval_episodes": int,
    "settings": dict,
}
_FILE_KEYS = {"title": str, **_RUN_KEYS, "variants": dict, "budgets": dict, "published": dict}
_KINDS = {int: "a whole number", str: "text", list: "a list of texts", dict: "a table"}


class PlannedRun(NamedTuple):
    """One run of an experiment: every seed of one variant of one agent in one environment."""

    config: RunConfig
    variant: str

    @property
    def row(self) -> str:
        """The agent and its variant, such as `ad_pqn/local`."""
        return f"{self.config.algo}/{self.variant}"

    @property
    def label(self) -> str:
        """The folder of the run within the experiment's."""
        return f"{self.config.env}/{self.row}"


@dataclass(frozen=True)
class Experiment:
    """An experiment at one budget.

    Attributes:
        name: of the file.
        title: one line.
        budget: which of the file's budgets.
        runs: in the order of the file: environments, then agents, then variants.
        tables: names of published tables to quote.
        rows: the published name of an agent, for each `algorithm/variant` it is comparable with.
    """

    name: str
    title: str
    budget: str
    runs: tuple[PlannedRun, ...]
    tables: tuple[str, ...]
    rows: Mapping[str, str]

    def folder(self, out: Path) -> Path:
        """Return where its runs are kept."""
        return out / "experiments" / f"{self.name}-{self.budget}"


def committed() -> dict[str, Path]:
    """Return the experiment files that come with accumbens, by name."""
    folder = Path(str(resources.files("accumbens.experiments")))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load(name: str, budget: str) -> Experiment:
    """Read an experiment and resolve its runs.

    Args:
        name: of a committed experiment, or the path of a file that ends in `.toml`.
        budget: one of the file's budgets.

    Raises:
        UnknownNameError: no such experiment or budget, or a file with an unknown key, variant, environment, algorithm,
            setting or published table.
        AccumbensError: the file cannot be read, or holds what no run could use.
    """
    if name.endswith(".toml"):
        path = Path(name)
    elif name in committed():
        path = committed()[name]
    else:
        raise UnknownNameError("experiment", name, list(committed()), command="accumbens experiments")
    document = read(path)
    if budget not in document["budgets"]:
        raise UnknownNameError(f"budget of {path.stem}", budget, list(document["budgets"]))
    try:
        return _resolve(path.stem, document, budget)
    except AccumbensError as error:
        raise AccumbensError(f"{path}: {error}") from error


def read(path: Path) -> dict[str, Any]:
    """Return what an experiment file holds, with every key and type checked, names not yet looked up.

    Raises:
        AccumbensError: the file is missing, is not TOML, or has an unknown, missing or ill-typed key.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AccumbensError(f"the experiment file {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise AccumbensError(f"{path} is not a TOML file: {error}") from None
    try:
        _check_keys("key", document, _FILE_KEYS)
        for key in ("title", "variants", "budgets"):
            if not document.get(key):
                raise AccumbensError(f"{key} is missing or empty")
        for name, budget in document["budgets"].items():
            _check(f"budgets.{name}", budget, dict)
            _check_keys(f"key of budget {name}", budget, _RUN_KEYS)
        for name, changes in document["variants"].items():
            _check(f"variants.{name}", changes, dict)
            if name in ("", ".", "..") or Path(name).name != name:
                raise AccumbensError(f"variant {name!r} cannot be used: it must be a single folder name")
        _check_keys("key of published", document.get("published", {}), {"tables": list, "rows": dict})
    except AccumbensError as error:
        raise AccumbensError(f"{path}: {error}") from error
    return document


def _check_keys(kind: str, table: Mapping[str, Any], kinds: Mapping[str, type]) -> None:
    for key, value in table.items():
        if key not in kinds:
            raise UnknownNameError(kind, key, list(kinds))
        _check(key, value, kinds[key])


def _check(key: str, value: Any, kind: type) -> None:
    if type(value) is not kind or (kind is list and not all(isinstance(item, str) for item in value)):
        raise AccumbensError(f"{key}={value!r} cannot be used: expected {_KINDS[kind]}")


def _resolve(name: str, document: Mapping[str, Any], budget: str) -> Experiment:
    own = document["budgets"][budget]
    asked = {key: document[key] for key in _RUN_KEYS if key in document} | own
    asked["settings"] = document.get("settings", {}) | own.get("settings", {})
    for key in ("environments", "agents"):
        if not asked.get(key):
            raise AccumbensError(f"{key} is missing or empty")
    for algo, variants in asked["agents"].items():
        _check(f"agents.{algo}", variants, list)
        for variant in variants:
            if variant not in document["variants"]:
                raise UnknownNameError("variant", variant, list(document["variants"]))
    runs = tuple(
        PlannedRun(_config(env, algo, asked, document["variants"][variant], variant), variant)
        for env in asked["environments"]
        for algo, variants in asked["agents"].items()
        for variant in variants
    )
    _refuse_repetitions(runs)
    published = document.get("published", {})
    for table in published.get("tables", []):
        if table not in TABLES:
            raise UnknownNameError("published table", table, list(TABLES))
    rows = _comparable(document, published.get("rows", {}), published.get("tables", []))
    return Experiment(name, document["title"], budget, runs, tuple(published.get("tables", [])), rows)


def _config(env: str, algo: str, asked: Mapping[str, Any], changes: Mapping[str, Any], variant: str) -> RunConfig:
    numbers = {
        key: asked[key]
        for key in ("total_timesteps", "seed", "seeds", "eval_frequency", "num_eval_episodes")
        if key in asked
    }
    settings = {key: _text(value) for key, value in (asked["settings"] | changes).items()}
    try:
        return resolve_config(env, algo, **numbers, changes=settings)
    except AccumbensError as error:
        raise AccumbensError(f"{env}/{algo}/{variant}: {error}") from error


def _text(value: Any) -> str:
    return format_value(tuple(value) if isinstance(value, list) else value)


def _refuse_repetitions(runs: tuple[PlannedRun, ...]) -> None:
    seen: dict[RunConfig, str] = {}
    for run in runs:
        if run.config in seen:
            raise AccumbensError(f"{run.label} is the same run as {seen[run.config]}: leave one out")
        seen[run.config] = run.label


def _comparable(document: Mapping[str, Any], rows: Mapping[str, Any], tables: list[str]) -> dict[str, str]:
    """The published agent of every `algorithm/variant`, those of other budgets included."""
    agents = dict.fromkeys(entry.agent for table in tables for entry in TABLES[table])
    runs = dict.fromkeys(
        f"{algo}/{variant}"
        for part in (document, *document["budgets"].values())
        for algo, variants in part.get("agents", {}).items()
        for variant in variants
    )
    for agent, labels in rows.items():
        if agent not in agents:
            raise UnknownNameError("published agent", agent, list(agents))
        _check(f"published.rows.{agent}", labels, list)
        for label in labels:
            if label not in runs:
                raise UnknownNameError("agent and variant", label, list(runs))
    return {label: agent for agent, labels in rows.items() for label in labels}


def describe(experiment: Experiment) -> dict[str, Any]:
    """Return an experiment as plain values."""
    return {
        "experiment": experiment.name,
        "title": experiment.title,
        "budget": experiment.budget,
        "runs": [{"run": run.label} | dataclasses.asdict(run.config) for run in experiment.runs],
    }
