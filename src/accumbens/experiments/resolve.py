"""Make runs of what an experiment file holds; names are looked up here, and values checked."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from accumbens.credit.config import FitConfig, resolve_fit
from accumbens.credit.tasks.registry import folder_name
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.experiments.plan import Experiment, PlannedRun
from accumbens.runs.settings import every_setting, format_value
from accumbens.training.config import RunConfig, resolve_config
from accumbens.training.published import TABLES

_KINDS = {int: "a whole number", float: "a number", str: "text", list: "a list of texts", dict: "a table"}


class Format(NamedTuple):
    """What the files of one kind of runs hold.

    Attributes:
        places: the key of what is learned: environments or tasks.
        learners: the key of who learns, with their variants: agents or rules.
        numbers: the keys of numbers of a run.
        options: the keys of other words, and their types.
        published: the keys of what the results stand beside, and their types.
        resolve: `resolve(place, learner, numbers, changes) -> config`.
        compare: `compare(document, runs) -> ` the fields of `Experiment` that are of this kind.
    """

    places: str
    learners: str
    numbers: tuple[str, ...]
    options: Mapping[str, type]
    published: Mapping[str, type]
    resolve: Callable[[str, str, Mapping[str, Any], Mapping[str, str]], RunConfig | FitConfig]
    compare: Callable[[Mapping[str, Any], Sequence[PlannedRun]], dict[str, Any]]

    @property
    def run_keys(self) -> dict[str, type]:
        """What a file says of its runs, and a budget may say anew."""
        return {self.places: list, self.learners: dict, **dict.fromkeys(self.numbers, int), "settings": dict}


def format_of(document: Mapping[str, Any]) -> Format:
    """Return the format of a file: that of fits if it, or a budget of it, has tasks or rules."""
    budgets = document.get("budgets", {})
    parts = [document, *(budgets.values() if isinstance(budgets, dict) else [])]
    of_fits = any(key in part for part in parts if isinstance(part, dict) for key in (FITS.places, FITS.learners))
    return FITS if of_fits else AGENTS


def check_keys(kind: str, table: Mapping[str, Any], kinds: Mapping[str, type]) -> None:
    """Refuse keys that mean nothing, and values of another type.

    Raises:
        UnknownNameError: an unknown key.
        AccumbensError: a value of another type.
    """
    for key, value in table.items():
        if key not in kinds:
            raise UnknownNameError(kind, key, list(kinds))
        check(key, value, kinds[key])


def check(key: str, value: Any, kind: type) -> None:
    """Refuse a value of another type; a whole number is a number too.

    Raises:
        AccumbensError: names it.
    """
    allowed = (int, float) if kind is float else (kind,)
    if type(value) not in allowed or (kind is list and not all(isinstance(item, str) for item in value)):
        raise AccumbensError(f"{key}={value!r} cannot be used: expected {_KINDS[kind]}")


def resolve(name: str, document: Mapping[str, Any], budget: str) -> Experiment:
    """Return the experiment of a file whose keys and types were checked.

    Raises:
        UnknownNameError: an unknown variant, environment, algorithm, task, rule, setting or published name.
        AccumbensError: a value that no run could use, or the same run twice.
    """
    form, own = format_of(document), document["budgets"][budget]
    asked = {key: document[key] for key in form.run_keys if key in document} | own
    for key in (form.places, form.learners):
        if not asked.get(key):
            raise AccumbensError(f"{key} is missing or empty")
    for learner, variants in asked[form.learners].items():
        check(f"{form.learners}.{learner}", variants, list)
        for variant in variants:
            if variant not in document["variants"]:
                raise UnknownNameError("variant", variant, list(document["variants"]))
    layers = (document.get("settings", {}), own.get("settings", {}))
    numbers = {key: asked[key] for key in form.numbers if key in asked}
    learners = list(dict.fromkeys(label[0] for label in _pairs(form, document)))
    runs = []
    for place in asked[form.places]:
        for learner, variants in asked[form.learners].items():
            for variant in variants:
                try:
                    changes = _changes(learner, (*layers, document["variants"][variant]), learners)
                    runs.append(PlannedRun(form.resolve(place, learner, numbers, changes), variant))
                except AccumbensError as error:
                    raise AccumbensError(f"{place}/{learner}/{variant}: {error}") from error
    _refuse_repetitions(runs)
    compared = form.compare(document, runs)
    return Experiment(name, document["title"], budget, tuple(runs), **compared)


def _changes(learner: str, layers: Sequence[Mapping[str, Any]], learners: Sequence[str]) -> dict[str, str]:
    """The settings of a learner as texts: each layer lies over those before, and its own table over the rest of it."""
    changes: dict[str, str] = {}
    for layer in layers:
        for key, value in layer.items():
            if key in learners:
                check(key, value, dict)
            elif isinstance(value, dict):
                raise UnknownNameError("agent or rule with settings of its own", key, learners)
        common = {key: value for key, value in layer.items() if key not in learners}
        changes |= {key: _text(value) for key, value in (common | layer.get(learner, {})).items()}
    return changes


def _text(value: Any) -> str:
    return format_value(tuple(value) if isinstance(value, list) else value)


def _refuse_repetitions(runs: Sequence[PlannedRun]) -> None:
    seen: dict[RunConfig | FitConfig, str] = {}
    for run in runs:
        if run.config in seen:
            raise AccumbensError(f"{run.label} is the same run as {seen[run.config]}: leave one out")
        seen[run.config] = run.label


def _pairs(form: Format, document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every learner with every variant of it, those of all budgets."""
    pairs = [
        (learner, variant)
        for part in (document, *document["budgets"].values())
        for learner, variants in part.get(form.learners, {}).items()
        for variant in variants
    ]
    return list(dict.fromkeys(pairs))


def _resolve_agent(env: str, algo: str, numbers: Mapping[str, Any], changes: Mapping[str, str]) -> RunConfig:
    return resolve_config(env, algo, **numbers, changes=changes)


def _compare_agents(document: Mapping[str, Any], runs: Sequence[PlannedRun]) -> dict[str, Any]:
    """The tables to quote, and the published agent of every `algorithm/variant`, those of other budgets included."""
    published = document.get("published", {})
    tables, rows = published.get("tables", []), published.get("rows", {})
    for table in tables:
        if table not in TABLES:
            raise UnknownNameError("published table", table, list(TABLES))
    agents = dict.fromkeys(entry.agent for table in tables for entry in TABLES[table])
    known = ["/".join(pair) for pair in _pairs(AGENTS, document)]
    for agent, labels in rows.items():
        if agent not in agents:
            raise UnknownNameError("published agent", agent, list(agents))
        check(f"published.rows.{agent}", labels, list)
        for label in labels:
            if label not in known:
                raise UnknownNameError("agent and variant", label, known)
    return {"tables": tuple(tables), "rows": {label: agent for agent, labels in rows.items() for label in labels}}


def _resolve_fit(task: str, rule: str, numbers: Mapping[str, Any], changes: Mapping[str, str]) -> FitConfig:
    return resolve_fit(task, rule, **numbers, changes=changes)


def _compare_fits(document: Mapping[str, Any], runs: Sequence[PlannedRun]) -> dict[str, Any]:
    """The setting that makes the panels, and the published test errors, those of other budgets' runs included."""
    panels = document.get("panels", "")
    for run in runs:
        settings = every_setting(run.config)
        if panels and panels not in settings:
            raise AccumbensError(f"panels: {run.label}: {UnknownNameError('setting', panels, list(settings))}")
    published = document.get("published", {})
    errors = published.get("test_error", {})
    parts = (document, *document["budgets"].values())
    tasks = [folder_name(task) for part in parts for task in part.get(FITS.places, [])]
    known = ["/".join((task, *pair)) for task, pair in itertools.product(dict.fromkeys(tasks), _pairs(FITS, document))]
    for label, error in errors.items():
        if label not in known:
            raise UnknownNameError("task, rule and variant", label, known)
        check(f"published.test_error.{label}", error, float)
    if errors and not published.get("source"):
        raise AccumbensError("published.source is missing or empty")
    return {"panels": panels, "test_error": errors, "source": published.get("source", "")}


AGENTS = Format(
    places="environments",
    learners="agents",
    numbers=("seeds", "seed", "total_timesteps", "eval_frequency", "num_eval_episodes"),
    options={},
    published={"tables": list, "rows": dict},
    resolve=_resolve_agent,
    compare=_compare_agents,
)
FITS = Format(
    places="tasks",
    learners="rules",
    numbers=("seeds", "seed", "epochs", "evaluations"),
    options={"panels": str},
    published={"source": str, "test_error": dict},
    resolve=_resolve_fit,
    compare=_compare_fits,
)
