"""What a reader of a comparison must know: what was mixed, left out, unequal, or rests on little."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from accumbens import stats
from accumbens.comparison.groups import Group
from accumbens.comparison.scores import same_step
from accumbens.runs.comparing import RunScores
from accumbens.runs.kind import Kind


def mixed(name: str, group: Sequence[RunScores]) -> list[str]:
    """Say where runs that count as one method in one place are not the same."""
    found: dict[str, None] = {}
    for one, other in itertools.combinations(group, 2):
        if one.place == other.place:
            found |= dict.fromkeys(one.kind.differences(one.config, other.config))
    return [f"the group {name} mixes runs that differ in {', '.join(found)}"] if found else []


def chosen_by(name: str, group: Sequence[RunScores]) -> list[str]:
    """Say if a group has seeds of a sweep by which its best point was chosen, beside those that report of it."""
    labels = {run.path: run.path.name.partition(",seeds=") for run in group if "sweeps" in run.path.absolute().parts}
    reporting = {path.with_name(point) for path, (point, mark, _) in labels.items() if mark}
    if not reporting & labels.keys():
        return []
    return [
        f"the group {name} has the seeds by which a sweep chose its best point, and the reporting seeds that chose "
        "nothing: only the latter's scores, in the folder whose name ends in seeds=FIRST-LAST, are without that bias"
    ]


def left_out(places: Mapping[str, Sequence[str]], used: Mapping[str, Sequence[str]]) -> list[str]:
    """Say which places of a group are not compared.

    Args:
        places: of every group.
        used: those that are compared.
    """
    without = {name: [place for place in places[name] if place not in used[name]] for name in places}
    return [
        f"{name} is compared without {', '.join(names)}, which not all groups were run on"
        for name, names in without.items()
        if names
    ]


def in_place(place: str, here: Sequence[RunScores]) -> list[str]:
    """Say if the runs in one place are at different steps, rest on different numbers of episodes, or had other data."""
    kind, at, things = here[0].kind, here[0].kind.words.at, here[0].metric.rests_on
    clock = ("step", *kind.comparing.clocks)[-1]
    reached = sorted({run.reached[clock] for run in here})
    rest = sorted({run.note for run in here})
    notes = []
    if not same_step(reached[0], reached[-1]):
        notes.append(
            f"runs {at} {place} are at different {clock}s, from {reached[0]:,.10g} to {reached[-1]:,.10g}: "
            f"--{clock} {reached[0]:.10g} compares them at the same"
        )
    if len(rest) > 1:
        notes.append(f"scores {at} {place} rest on different numbers of {things}: {', '.join(rest)}")
    return notes + kind.comparing.notes(place, here)


def few(groups: Sequence[Group], kind: Kind[Any]) -> list[str]:
    """Say which groups have too few seeds, or more of them in one place than in another."""
    notes, place = [], kind.words.place
    too_few = [f"{group.name} ({group.summary.seeds})" for group in groups if group.summary.seeds < stats.FEW_SEEDS]
    uneven = [group.name for group in groups if len({len(values) for values in group.scores.values()}) > 1]
    if too_few:
        notes.append(
            f"fewer than {stats.FEW_SEEDS} seeds: {', '.join(too_few)}; too few for a claim, and their intervals are "
            "too narrow"
        )
    if uneven:
        notes.append(
            f"not the same number of seeds in every {place}: {', '.join(uneven)}; the interquartile mean weighs each "
            f"seed, the others each {place}"
        )
    return notes
