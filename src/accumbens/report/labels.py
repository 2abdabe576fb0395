"""What a report calls a run: as short as it can be told from the others."""

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from accumbens.credit.config import FitConfig
from accumbens.runs.find import AnyConfig, compared_settings, differences, method_of, task_of
from accumbens.runs.settings import every_setting, format_value
from accumbens.training.config import RunConfig

_MOST_SETTINGS = 3


def labels(runs: Sequence[tuple[RunConfig, Path, str]]) -> list[str]:
    """Label agents by preset and credit; where that is ambiguous, by preset and folder, then by their paths.

    Args:
        runs: configuration, path and name of the folder.
    """
    schemes = [[f"{config.algo}, {config.settings.credit}" for config, _, _ in runs], *_by_place(runs)]
    return _first_that_tells([config.env for config, _, _ in runs], schemes)


def fit_labels(runs: Sequence[tuple[FitConfig, Path, str]]) -> list[str]:
    """Label the fits of one task by rule; where that is ambiguous, by rule and few settings, or by folders as agents.

    Args:
        runs: configuration, path and name of the folder.
    """
    configs = [config for config, _, _ in runs]
    schemes = [[config.rule for config in configs]]
    differing: dict[str, dict[str, None]] = defaultdict(dict)
    for one, other in combinations(configs, 2):
        if one.rule == other.rule:
            differing[one.rule] |= dict.fromkeys(differences(one, other))
    if all(len(names) <= _MOST_SETTINGS for names in differing.values()):
        schemes.append([", ".join([config.rule, *_chosen(config, differing[config.rule])]) for config in configs])
    return _first_that_tells([task_of(config) for config in configs], [*schemes, *_by_place(runs)])


def _chosen(config: FitConfig, names: dict[str, None]) -> list[str]:
    settings = compared_settings(config)
    return [f"{name}={shown(settings[name])}" for name in names if name in settings]


def task_names(configs: Sequence[FitConfig]) -> list[str]:
    """Return the names of fits' tasks, with the settings in which fits of one task differ."""
    settings: dict[str, list[dict[str, object]]] = defaultdict(list)
    for config in configs:
        settings[task_of(config)].append(every_setting(config.task_settings))

    def differ(task: str, name: str) -> bool:
        return len({format_value(one.get(name)) for one in settings[task]}) > 1

    names = []
    for config in configs:
        task = task_of(config)
        own = [(name, value) for name, value in every_setting(config.task_settings).items() if differ(task, name)]
        names.append(", ".join([task, *(f"{name}={shown(value)}" for name, value in own)]))
    return names


def _by_place(runs: Sequence[tuple[AnyConfig, Path, str]]) -> list[list[str]]:
    """Labels by method and folder, by method and folders below the shared one, and by the path."""
    shared = os.path.commonpath([path.parent.resolve() for _, path, _ in runs]) if runs else ""

    def place(config: AnyConfig, path: Path) -> str:
        """The folders below the shared one, without those that say task and method."""
        known = {*task_of(config).split("/"), method_of(config)}
        return "/".join(part for part in path.resolve().relative_to(shared).parts if part not in known)

    schemes: list[Callable[[AnyConfig, Path, str], str]] = [
        lambda config, path, variant: f"{method_of(config)}/{variant}",
        lambda config, path, variant: f"{method_of(config)}/{place(config, path)}",
        lambda config, path, variant: str(path),
    ]
    return [[scheme(*run) for run in runs] for scheme in schemes]


def _first_that_tells(tasks: Sequence[str], schemes: Sequence[list[str]]) -> list[str]:
    """The first scheme that tells the runs of every task apart.

    It is one for all tasks, so that a name means the same in all of them.
    """
    telling = (found for found in schemes if len(set(zip(tasks, found, strict=True))) == len(tasks))
    return next(telling, schemes[-1])


def shown(value: Any) -> str:
    """Return a setting's value as text that can be seen: that of an empty text too."""
    return format_value(value) or '""'
