"""What a reader of a comparison must know: what was mixed, left out, unequal, or rests on little."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

from accumbens import stats
from accumbens.comparison.groups import Group
from accumbens.comparison.scores import RunScores, same_step
from accumbens.credit.config import FitConfig
from accumbens.runs.find import Kind, differences
from accumbens.runs.settings import every_setting


def mixed(name: str, group: Sequence[RunScores]) -> list[str]:
    """Say where runs that count as one method in one task are not the same."""
    found: dict[str, None] = {}
    for one, other in itertools.combinations(group, 2):
        if one.task == other.task:
            found |= dict.fromkeys(differences(one.config, other.config))
    return [f"the group {name} mixes runs that differ in {', '.join(found)}"] if found else []


def left_out(tasks: Mapping[str, Sequence[str]], used: Mapping[str, Sequence[str]]) -> list[str]:
    """Say which tasks of a group are not compared.

    Args:
        tasks: of every group.
        used: those that are compared.
    """
    without = {name: [task for task in tasks[name] if task not in used[name]] for name in tasks}
    return [
        f"{name} is compared without {', '.join(names)}, which not all groups were run on"
        for name, names in without.items()
        if names
    ]


def steps(runs: Sequence[RunScores], tasks: Iterable[str], kind: Kind) -> list[str]:
    """Say where runs in one task are at different steps, or rest on different numbers of episodes."""
    notes = []
    for task in tasks:
        here = [run for run in runs if run.task == task]
        clock = "step" if any(run.epoch is None for run in here) else "epoch"
        reached = sorted({run.step if run.epoch is None else run.epoch for run in here})
        if not same_step(reached[0], reached[-1]):
            notes.append(
                f"runs {kind.at} {task} are at different {clock}s, from {reached[0]:,.10g} to {reached[-1]:,.10g}: "
                f"--{clock} {reached[0]:.10g} compares them at the same"
            )
        rest = sorted({run.note for run in here})
        if len(rest) > 1:
            notes.append(f"scores in {task} rest on different numbers of episodes: {', '.join(rest)}")
    return notes


def data(runs: Sequence[RunScores], tasks: Iterable[str]) -> list[str]:
    """Say where fits of one task did not have the same data."""
    notes = []
    for task in tasks:
        here = [run for run in runs if run.task == task]
        settings = [every_setting(run.config.task_settings) for run in here if isinstance(run.config, FitConfig)]
        keys = dict.fromkeys(key for one in settings for key in one)
        differing = [key for key in keys if len({repr(one.get(key)) for one in settings}) > 1]
        digests = {run.beginning.digest for run in here if run.beginning is not None and run.beginning.digest}
        if differing:
            notes.append(f"fits of {task} did not have the same data: they differ in {', '.join(differing)}")
        elif len(digests) > 1:
            notes.append(f"fits of {task} did not have the same data: their SHA-256 differs")
    return notes


def few(groups: Sequence[Group], kind: Kind) -> list[str]:
    """Say which groups have too few seeds, or more of them in one task than in another."""
    notes = []
    too_few = [f"{group.name} ({group.summary.seeds})" for group in groups if group.summary.seeds < stats.FEW_SEEDS]
    uneven = [group.name for group in groups if len({len(values) for values in group.scores.values()}) > 1]
    if too_few:
        notes.append(
            f"fewer than {stats.FEW_SEEDS} seeds: {', '.join(too_few)}; too few for a claim, and their intervals are "
            "too narrow"
        )
    if uneven:
        notes.append(
            f"not the same number of seeds in every {kind.task}: {', '.join(uneven)}; the interquartile mean weighs "
            f"each seed, the others each {kind.task}"
        )
    return notes
