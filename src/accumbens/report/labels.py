"""What a report calls a run: as short as it can be told from the others."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from accumbens.report.data import Run, grouped
from accumbens.runs.settings import format_value

_MOST_SETTINGS = 3


def with_names(runs: Sequence[Run]) -> list[Run]:
    """Return runs of one kind in the order of the report, with the names of their places, labels and families."""
    runs = _in_order([replace(run, place=name) for run, name in zip(runs, _places(runs), strict=True)])
    together = runs and runs[0].chapter.same_names_everywhere
    labels = [label for members in ([runs] if together else grouped(runs, "place")) for label in _labels(members)]
    return _with_families([replace(run, label=label) for run, label in zip(runs, labels, strict=True)])


def _places(runs: Sequence[Run]) -> list[str]:
    """The names of places, with the settings in which runs in one place differ."""
    settings: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for run in runs:
        settings[run.place].append(run.chapter.place_settings(run.config))

    def differ(place: str, name: str) -> bool:
        return len({format_value(one.get(name)) for one in settings[place]}) > 1

    names = []
    for run in runs:
        own = run.chapter.place_settings(run.config).items()
        names.append(_listed(run.place, [(name, value) for name, value in own if differ(run.place, name)]))
    return names


def _in_order(runs: Sequence[Run]) -> list[Run]:
    """Places together, methods within them, in the order in which they were met; every run before its twin."""
    places, methods = list(dict.fromkeys(run.place for run in runs)), list(dict.fromkeys(map(_method, runs)))
    return sorted(runs, key=lambda run: (places.index(run.place), methods.index(_method(run)), run.is_twin))


def _labels(runs: Sequence[Run]) -> list[str]:
    """The first scheme that tells the runs of every place apart.

    It is one for all that are given, so that a label means the same in all of their places.
    """
    places = [run.place for run in runs]
    schemes = [[run.chapter.name(run.config) for run in runs], *_by_settings(runs), *_by_folder(runs)]
    telling = (found for found in schemes if len(set(zip(places, found, strict=True))) == len(runs))
    return next(telling, schemes[-1])


def _by_settings(runs: Sequence[Run]) -> list[list[str]]:
    """Labels by name and the settings in which runs of one method differ, if they are few."""
    differing: dict[str, dict[str, None]] = defaultdict(dict)
    for one, other in combinations(runs, 2):
        if _method(one) == _method(other):
            differing[_method(one)] |= dict.fromkeys(one.kind.differences(one.config, other.config))
    if runs[0].chapter.same_names_everywhere or any(len(names) > _MOST_SETTINGS for names in differing.values()):
        return []

    def label(run: Run) -> str:
        settings = run.kind.compared_settings(run.config)
        own = [(name, settings[name]) for name in differing[_method(run)] if name in settings]
        return _listed(run.chapter.name(run.config), own)

    return [[label(run) for run in runs]]


def _by_folder(runs: Sequence[Run]) -> list[list[str]]:
    """Labels by method and folder, by method and folders below the shared one, and by the path."""
    shared = os.path.commonpath([run.path.parent.resolve() for run in runs])

    def folders(run: Run) -> str:
        """The folders below the shared one, without those that say place and method."""
        known = {*run.kind.place(run.config).split("/"), _method(run)}
        return "/".join(part for part in run.path.resolve().relative_to(shared).parts if part not in known)

    schemes: list[Callable[[Run], str]] = [
        lambda run: f"{_method(run)}/{run.variant}",
        lambda run: f"{_method(run)}/{folders(run)}",
        lambda run: str(run.path),
    ]
    return [[scheme(run) for run in runs] for scheme in schemes]


def _with_families(runs: Sequence[Run]) -> list[Run]:
    first: dict[tuple[Any, int], str] = {}
    repeats: Counter[Any] = Counter()
    families: list[str] = []
    for run in runs:
        # The second run with the very same configuration is no twin of the first.
        families.append(first.setdefault((run.chapter.untwinned(run.config), repeats[run.config]), run.label))
        repeats[run.config] += 1
    return [replace(run, family=family) for run, family in zip(runs, families, strict=True)]


def _method(run: Run) -> str:
    return run.kind.method(run.config)


def _listed(name: str, settings: Iterable[tuple[str, Any]]) -> str:
    return ", ".join([name, *(f"{key}={shown(value)}" for key, value in settings)])


def shown(value: Any) -> str:
    """Return a setting's value as text that can be seen: that of an empty text too."""
    return format_value(value) or '""'
