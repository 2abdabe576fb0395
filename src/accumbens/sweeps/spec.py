"""Sweep files, and the short form on the command line.

A file in TOML, with the words of the kind of its runs:

    title = "one line"
    environment = "CartPole-v1"                     or task, team …: where
    agent = "ad_pqn"                                or rule, method …: who, or how
    total_timesteps = 100_000                       numbers of every run, as an experiment file has them: epochs …
    settings = { num_envs = 16 }                    of all points
    seeds = 5                                       to choose by: 0, 1, 2 … (5)
    report_seeds = 5                                others, with which the best point is run again (as many; 0: none)
    search = "grid"                                 grid, random or halving (grid)
    points = 20                                     to draw: of a random search, and of a halving one that is not a grid
    search_seed = 0                                 of the draw (0)
    eta = 3                                         of a halving search: one of how many goes on at every rung (3)
    fraction = "1/4"                                of a grid of two values each: see `points.fraction`
    metric = "eval_return"                          of `accumbens compare`, to choose by (the kind's first; of fits, of
                                                    the validation data)

    [over]                                          what is varied
    learning_rate = [1e-4, 3e-4, 1e-3]              a list
    trace_decay = "0.3..0.95"                       a range; "0.3..0.95:4" has 4 values in a grid (5)
    discount = "0.9..0.99:log"                      log or linear; log by itself from a tenfold range on
    net_arch = [[64, 64], [128, 96]]                or "64,64/128,96"
"""

import dataclasses
import hashlib
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from accumbens import kinds
from accumbens.errors import AccumbensError, UnknownNameError, require
from accumbens.experiments.plan import PlannedRun
from accumbens.experiments.resolve import check_keys
from accumbens.kinds import all_kinds
from accumbens.runs.kind import Kind
from accumbens.runs.names import option_of, require_folder_name
from accumbens.runs.settings import hints_of, text_of
from accumbens.sweeps.plan import Sweep
from accumbens.sweeps.points import Point, fraction, grid, random
from accumbens.sweeps.values import Range, Values, parse_values

SEARCHES = ("grid", "random", "halving")
SEEDS = 5
"""To choose by, if nothing is asked for."""

_KEYS: Mapping[str, Any] = {
    "title": str,
    "settings": dict,
    "seeds": int,
    "report_seeds": int,
    "search": str,
    "points": int,
    "search_seed": int,
    "eta": int,
    "fraction": str,
    "metric": str,
    "over": dict,
}
_MOST_LETTERS = 200  # of a folder's name: file systems take 255 bytes


def committed() -> dict[str, Path]:
    """Return the sweeps that come with accumbens, by name."""
    folder = Path(str(resources.files("accumbens.sweeps")))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load(name: str, folder: str | None = None) -> Sweep:
    """Read a sweep and resolve its points.

    Args:
        name: of a committed sweep, or the path of a file that ends in `.toml`.
        folder: name of the folder of its runs; None takes the file's.

    Raises:
        UnknownNameError: no such sweep, or a file with an unknown key, environment, agent, setting or value.
        AccumbensError: the file cannot be read, or holds what no run could use.
    """
    if name.endswith(".toml"):
        path = Path(name)
    elif name in committed():
        path = committed()[name]
    else:
        raise UnknownNameError("sweep", name, list(committed()), command="accumbens sweeps")
    try:
        return resolve(path.stem if folder is None else folder, read(path))
    except AccumbensError as error:
        raise AccumbensError(f"{path}: {error}") from error


def read(path: Path) -> dict[str, Any]:
    """Return what a sweep file holds.

    Raises:
        AccumbensError: the file is missing, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AccumbensError(f"the sweep file {path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # the same key twice is none either
        raise AccumbensError(f"{path} is not a TOML file: {error}") from None


def short(
    place: str,
    method: str | None,
    over: Mapping[str, str],
    settings: Mapping[str, str],
    others: Mapping[str, Any],
    folder: str | None = None,
) -> Sweep:
    """Return the sweep that the short form on the command line stands for.

    Args:
        place: environment or task.
        method: preset, method of a team, or rule; None takes the usual one.
        over: what is varied, as texts.
        settings: of all points, as texts.
        others: what else a file can say.
        folder: name of the folder of its runs; None makes one of place, method and what is varied.

    Raises:
        UnknownNameError: no such environment, agent, setting, value or metric.
        AccumbensError: a value that cannot be used, or what is not for such a place.
    """
    kind = kinds.kind_of_place(place)
    if kind is None:
        raise kinds.unknown_place(place)
    method = method or kind.usual_method
    for key in others:
        if key not in keys_of(kind):
            noun = kind.words.place
            article = "an" if noun[0] in "aeiou" else "a"
            raise AccumbensError(f"{option_of(key)} is not for {place}, {article} {noun}")
    document = dict(zip(words_of(kind), (place, method), strict=True)) | dict(others)
    base = kinds.resolve(kind, place, method, _numbers(kind, document), settings)
    usual = "-".join([kind.place(base), method, *over])
    name = usual.replace("/", "-").replace(":", "-") if folder is None else folder
    return resolve(name, document | {"settings": dict(settings), "over": dict(over)})


def is_place(name: str) -> bool:
    """Return whether there is an environment or a task of that name."""
    return kinds.kind_of_place(name) is not None


def words_of(kind: Kind[Any]) -> tuple[str, str]:
    """Return the keys of a file for where, and for who or how: those of an experiment file, in the singular."""
    form = kind.experimenting
    return form.places.removesuffix("s"), form.methods.removesuffix("s")


def keys_of(kind: Kind[Any]) -> dict[str, Any]:
    """Return every key of a file of such runs, with its type."""
    numbers = [name for name in kind.experimenting.numbers if name not in ("seed", "seeds")]
    data = {"data": str} if "data" in kind.options else {}
    return {**dict.fromkeys(words_of(kind), str), **dict.fromkeys(numbers, int), **data, **_KEYS}


def _numbers(kind: Kind[Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """What `Kind.resolve` is told of the numbers of a run."""
    names = [*(name for name in kind.experimenting.numbers if name not in ("seed", "seeds")), "data"]
    return {"seed": 0, "seeds": document.get("seeds", SEEDS)} | {key: document[key] for key in names if key in document}


def kind_of(document: Mapping[str, Any]) -> Kind[Any]:
    """Return the kind of a file's runs: the one whose words it has.

    Raises:
        UnknownNameError: it has none, but a key that is unknown.
        AccumbensError: it has none at all, or those of two kinds.
    """
    both = [kind for kind in all_kinds() if all(word in document for word in words_of(kind))]
    if len(both) == 1:
        return both[0]
    known = list(dict.fromkeys(key for kind in all_kinds() for key in keys_of(kind)))
    for key in document:
        if key not in known:
            raise UnknownNameError("key", key, known)
    pairs = ", ".join(" and ".join(words_of(kind)) for kind in all_kinds())
    raise AccumbensError(f"a sweep has one place and one method: {pairs}")


def resolve(name: str, document: Mapping[str, Any]) -> Sweep:
    """Return the sweep that a file, or a command, stands for.

    Args:
        name: of its folder.
        document: see above.

    Raises:
        UnknownNameError: an unknown key, environment, agent, setting, value or metric.
        AccumbensError: a value that cannot be used, a setting that is given twice, or a point that no run could use.
    """
    require_folder_name(f"name={name!r}", name)
    kind = kind_of(document)
    check_keys("key", document, keys_of(kind))
    place, method = (document[word] for word in words_of(kind))
    seeds = document.get("seeds", SEEDS)
    again = document.get("report_seeds", seeds)
    require("seeds", seeds, ">= 1", seeds >= 1)
    require("report_seeds", again, ">= 0", again >= 0)
    numbers = _numbers(kind, document)
    settings = {key: text_of(value) for key, value in document.get("settings", {}).items()}
    base = kinds.resolve(kind, place, method, numbers, settings)
    over = _over(kind, base, document, settings)
    points = _search(document, over)
    runs, seen = [], dict[Any, str]()
    for number, point in enumerate(points, start=1):
        label = ", ".join(f"{key}={text}" for key, text in point.items())
        try:
            config = kinds.resolve(kind, place, method, numbers, settings | point)
        except AccumbensError as error:
            raise AccumbensError(f"point {number} ({label}): {error}") from error
        if config in seen:
            raise AccumbensError(f"point {number} ({label}) is the same run as {seen[config]}")
        seen[config] = f"point {number} ({label})"
        runs.append(PlannedRun(kind, config, variant_of(point)))
    metric, metrics = document.get("metric"), {metric.name: metric.trained for metric in kind.comparing.metrics}
    left = [name for name, trained in metrics.items() if trained]
    if metric is not None and metric not in metrics:
        raise UnknownNameError("metric", metric, left)
    if metric is not None and metric not in left:
        expected = f"expected one of: {', '.join(left)}"
        raise AccumbensError(f"metric={metric} cannot be used: training alone leaves no such numbers; {expected}")
    search, eta = document.get("search", "grid"), document.get("eta", 3)
    title = document.get("title", f"{', '.join(setting.name for setting in over)} of {method} {kind.words.at} {place}")
    return Sweep(
        *(name, title, kind, place, method, over, tuple(points), tuple(runs)),
        *(search, eta, again, metric, dict(document)),
    )


def variant_of(point: Point) -> str:
    """Return the name of a point's folder, such as `learning_rate=0.001,net_arch=64x64`."""
    parts = (f"{key}={text.replace(',', 'x').replace('/', '-').replace(':', '-')}" for key, text in point.items())
    name = ",".join(parts)
    if len(name) <= _MOST_LETTERS:
        return name
    digest = hashlib.sha256(repr(sorted(point.items())).encode()).hexdigest()[:12]
    return f"{name[: _MOST_LETTERS - 13]}-{digest}"


def _over(kind: Kind[Any], base: Any, document: Mapping[str, Any], settings: Mapping[str, str]) -> tuple[Values, ...]:
    """The settings that are varied, with their values."""
    given, words = document.get("over", {}), kind.words
    if not given:
        raise AccumbensError("nothing is varied: [over], or --over, is missing or empty")
    fixed = ("seed", "seeds", words.length, words.place_key, words.method_key)
    over = []
    for name, values in given.items():
        if name in fixed:
            raise AccumbensError(f"{name} cannot be varied: all points of a sweep have the same")
        if name in settings:
            raise AccumbensError(f"{name} is given twice: among the settings, and among what is varied")
        hint = _hint(base, name)
        if hint is None:
            place, method = (document[word] for word in words_of(kind))
            kinds.resolve(kind, place, method, {}, {name: "0"})  # says what is meant
            raise AccumbensError(f"{name} cannot be varied: it is not one of the settings")
        over.append(parse_values(name, values, hint))
    return tuple(over)


def _hint(config: Any, name: str) -> Any:
    """The type of a setting, wherever in a configuration it is; None if there is none of that name."""
    hints = hints_of(config)
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            if (found := _hint(value, name)) is not None:
                return found
        elif field.name == name:
            return hints[name]
    return None


def _search(document: Mapping[str, Any], over: tuple[Values, ...]) -> list[Point]:
    """The points that are asked for."""
    search, part, count = (document.get(key) for key in ("search", "fraction", "points"))
    if search not in (None, *SEARCHES):
        raise UnknownNameError("search", search, SEARCHES)
    require("eta", document.get("eta", 3), ">= 2", document.get("eta", 3) >= 2)
    if "eta" in document and search != "halving":
        raise AccumbensError("eta is of a halving search: search = 'halving'")
    drawn = search == "random" or (search == "halving" and count is not None)
    if "search_seed" in document and not drawn:
        raise AccumbensError("search_seed cannot be used: nothing is drawn at random")
    if part is not None:
        if drawn or count is not None:
            raise AccumbensError(f"fraction={part} cannot be used: it is of a grid, and not of points at random")
        return fraction(over, part)
    if drawn:
        if count is None:
            raise AccumbensError("points is missing: a random search must say how many")
        return random(over, count, document.get("search_seed", 0))
    if count is not None:
        raise AccumbensError(f"points={count} cannot be used: a grid has all of its points; search = 'random' draws")
    if search == "halving" and any(isinstance(setting, Range) and setting.count is None for setting in over):
        raise AccumbensError("points is missing: a halving search over a range says how many to draw, or a..b:n")
    return grid(over)
