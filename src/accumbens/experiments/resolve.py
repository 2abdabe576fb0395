"""Make runs of what an experiment file holds; names are looked up here, and values checked."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.experiments.plan import Experiment, PlannedRun
from accumbens.kinds import all_kinds
from accumbens.runs.experimenting import Experimenting
from accumbens.runs.kind import Kind
from accumbens.runs.settings import every_setting, text_of

FILE_KEYS: Mapping[str, Any] = {
    "title": str,
    "panels": str,
    "variants": dict[str, dict],
    "budgets": dict[str, dict],
    "published": dict,
}
"""What a file says besides its runs, with the types."""
_TYPES = {int: "a whole number", float: "a number", str: "text", list: "a list of texts", dict: "a table"}


def kind_of(document: Mapping[str, Any]) -> Kind[Any]:
    """Return the kind of a file's runs: that whose keys it has, of several the one with the most.

    Raises:
        UnknownNameError: it, and every budget of it, has none of any kind, but one that is unknown.
        AccumbensError: it has none at all.
    """
    budgets = document.get("budgets", {})
    parts = [document, *(budgets.values() if isinstance(budgets, dict) else [])]
    there = {key for part in parts if isinstance(part, dict) for key in part}
    keys = {kind: (kind.experimenting.places, kind.experimenting.methods) for kind in all_kinds()}
    found = max(keys, key=lambda kind: len(there.intersection(keys[kind])))
    if not there.intersection(keys[found]):
        known = list(dict.fromkeys(key for kind in all_kinds() for key in (*run_keys(kind.experimenting), *FILE_KEYS)))
        for key in sorted(there.difference(known)):
            raise UnknownNameError("key", key, known)
        raise AccumbensError(f"nothing to run: a file has {', or '.join(' and '.join(pair) for pair in keys.values())}")
    return found


def run_keys(asked: Experimenting) -> dict[str, Any]:
    """Return what a file says of its runs, and a budget may say anew, with the types."""
    numbers = dict.fromkeys(asked.numbers, int)
    return {asked.places: list, asked.methods: dict[str, list], **numbers, "settings": dict}


def check_keys(name: str, table: Mapping[str, Any], types: Mapping[str, Any], prefix: str = "") -> None:
    """Refuse keys that mean nothing, and values of another type.

    Args:
        name: what a key is called.
        table: the keys and values.
        types: the type of every key's value.
        prefix: of the keys, where people are told of one.

    Raises:
        UnknownNameError: an unknown key.
        AccumbensError: a value of another type.
    """
    for key, value in table.items():
        if key not in types:
            raise UnknownNameError(name, key, list(types))
        check(prefix + key, value, types[key])


def check(key: str, value: Any, expected: Any) -> None:
    """Refuse a value of another type, at any depth; a whole number is a number too.

    Raises:
        AccumbensError: names it.
    """
    outer = get_origin(expected) or expected
    allowed = (int, float) if outer is float else (outer,)
    if type(value) not in allowed or (outer is list and not all(isinstance(item, str) for item in value)):
        raise AccumbensError(f"{key}={value!r} cannot be used: expected {_TYPES[outer]}")
    if get_args(expected):
        for name, item in value.items():
            check(f"{key}.{name}", item, get_args(expected)[1])


def resolve(name: str, document: Mapping[str, Any], budget: str) -> Experiment:
    """Return the experiment of a file whose keys and types were checked.

    Raises:
        UnknownNameError: an unknown variant, environment, algorithm, task, rule, setting or published name.
        AccumbensError: a value that no run could use, or the same run twice.
    """
    kind, own = kind_of(document), document["budgets"][budget]
    form = kind.experimenting
    asked = {key: document[key] for key in run_keys(form) if key in document} | own
    for key in (form.places, form.methods):
        if not asked.get(key):
            raise AccumbensError(f"{key} is missing or empty")
    for variant in (variant for variants in asked[form.methods].values() for variant in variants):
        if variant not in document["variants"]:
            raise UnknownNameError("variant", variant, list(document["variants"]))
    common = dict(document.get("settings", {}))
    usually = common.pop("from", "")
    layers = (common, own.get("settings", {}))
    numbers = {key: asked[key] for key in form.numbers if key in asked}
    parts = (document, *document["budgets"].values())  # what the runs of other budgets are called counts too
    pairs = [
        (method, variant)
        for part in parts
        for method, variants in part.get(form.methods, {}).items()
        for variant in variants
    ]
    methods = list(dict.fromkeys(method for method, _ in pairs))
    runs = []
    for place in asked[form.places]:
        for method, variants in asked[form.methods].items():
            for variant in variants:
                settings = dict(document["variants"][variant])
                only, begins = settings.pop(form.places, None), settings.pop("from", usually)
                try:
                    check("from", begins, str)
                    if only is not None and place not in _known_places(form.places, only, parts):
                        continue
                    changes = _changes(kind, method, (*layers, settings), methods)
                    config = kind.resolve(place, method, numbers, changes)
                    runs.append(PlannedRun(kind, config, variant, _origin(begins, name, budget, place)))
                except AccumbensError as error:
                    raise AccumbensError(f"{place}/{method}/{variant}: {error}") from error
    _refuse_repetitions(runs)
    _require_origins(runs, name, budget)
    _require_used(document["variants"], pairs, kind)
    panels = document.get("panels", "")
    _require_setting(panels, runs)
    places = [place for part in parts for place in part.get(form.places, [])]
    beside = form.beside(document.get("published", {}), list(dict.fromkeys(places)), list(dict.fromkeys(pairs)))
    return Experiment(name, document["title"], budget, kind, tuple(runs), panels, beside)


def _known_places(key: str, only: Any, parts: Sequence[Mapping[str, Any]]) -> list[str]:
    """The places that a variant is for, all of which the file has."""
    check(key, only, list)
    known = list(dict.fromkeys(place for part in parts for place in part.get(key, [])))
    for place in only:
        if place not in known:
            raise UnknownNameError(f"one of the {key}", place, known)
    return only


def _origin(begins: str, name: str, budget: str, place: str) -> str:
    """Where the run lies that another begins from: `label`, of this file, or `experiment:label`.

    A label that begins with `./` is of a run in the same place.
    """
    experiment, colon, label = begins.rpartition(":")
    label = f"{place}/{label.removeprefix('./')}" if label.startswith("./") else label
    return f"{experiment if colon else name}-{budget}/{label}" if begins else ""


def _require_origins(runs: Sequence[PlannedRun], name: str, budget: str) -> None:
    """Refuse a run that would begin from one of this file that is not run before it."""
    before: list[str] = []
    for run in runs:
        here, slash, label = run.origin.partition("/")
        if slash and here == f"{name}-{budget}" and label not in before:
            raise AccumbensError(f"{run.label}: {UnknownNameError('run before it', label, before)}")
        before.append(run.label)


def _changes(
    kind: Kind[Any], method: str, layers: Sequence[Mapping[str, Any]], methods: Sequence[str]
) -> dict[str, str]:
    """The settings of a method as texts: each layer lies over those before, and its own table over the rest of it."""
    changes: dict[str, str] = {}
    for layer in layers:
        for key, value in layer.items():
            if key in methods:
                check(key, value, dict)
            elif isinstance(value, dict):
                raise UnknownNameError(f"{kind.words.method} with settings of its own", key, methods)
        common = {key: value for key, value in layer.items() if key not in methods}
        changes |= {key: text_of(value) for key, value in (common | layer.get(method, {})).items()}
    return changes


def _require_used(variants: Mapping[str, Mapping[str, Any]], pairs: Sequence[tuple[str, str]], kind: Kind[Any]) -> None:
    """Refuse variants, and settings of one method in them, that are of no run of any budget."""
    used, word = dict.fromkeys(variant for _, variant in pairs), kind.words.method
    for name, settings in variants.items():
        if name not in used:
            raise UnknownNameError(f"variant: no {word} has", name, list(used))
        for key in settings:
            if key in (method for method, _ in pairs) and (key, name) not in pairs:
                of_variant = [method for method, variant in pairs if variant == name]
                raise UnknownNameError(f"{word} with settings of its own in variant {name}", key, of_variant)


def _refuse_repetitions(runs: Sequence[PlannedRun]) -> None:
    seen: dict[Any, str] = {}
    for run in runs:
        what = run.config, run.origin
        if what in seen:
            raise AccumbensError(f"{run.label} is the same run as {seen[what]}: leave one out")
        seen[what] = run.label


def _require_setting(name: str, runs: Sequence[PlannedRun]) -> None:
    """Refuse panels by a setting that a run does not have."""
    for settings, run in ((every_setting(run.config), run) for run in runs if name):
        if name not in settings:
            raise AccumbensError(f"panels: {run.label}: {UnknownNameError('setting', name, list(settings))}")
