"""Runs in groups: what counts as one method, and the scores of its seeds."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from accumbens import stats
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.runs.comparing import RunScores, Scale
from accumbens.runs.settings import every_setting, format_value


class Group(NamedTuple):
    """Runs that count as one method.

    Attributes:
        name: what they have in common.
        runs: of all places.
        scores: of each seed, by place; the places that are compared, in the order in which seeds are paired.
        summary: their statistics.
    """

    name: str
    runs: list[RunScores]
    scores: dict[str, list[float]]
    summary: stats.Summary


def value_of(run: RunScores, key: str) -> Any:
    """Return what a run has for a key to group by; a dash for a setting that its method does not have."""
    if key == "run":
        return str(run.path)
    return run.place if key == run.kind.words.place_key else every_setting(run.config).get(key, "–")


def grouped(runs: Sequence[RunScores], by: Sequence[str]) -> dict[str, list[RunScores]]:
    """Return the runs of every group, by its name.

    Args:
        runs: all.
        by: `run`, or settings.

    Raises:
        UnknownNameError: `by` names no setting.
        AccumbensError: a seed would count twice in a group.
    """
    known = {"run": None} | {name: None for run in runs for name in every_setting(run.config)}
    for key in by:
        if key not in known:
            raise UnknownNameError("setting to group by", key, list(known))
    if not by or len(set(by)) < len(by):
        raise AccumbensError(f"by={','.join(by)!r} cannot be used: expected different settings")
    members = _members(runs, by)
    clash = _clash(members)
    if clash is not None:
        name, seed, one, other = clash
        raise AccumbensError(
            f"seed {seed} of {one.place} would count twice in the group {name}: in {one.path} and in {other.path}; "
            f"tell them apart, such as with --by {','.join(_telling(runs, by))} (in Python by=[…])"
        )
    return members


def _members(runs: Sequence[RunScores], by: Sequence[str]) -> dict[str, list[RunScores]]:
    kind, members = runs[0].kind, {}
    bare = ("run", kind.words.place_key, kind.words.method_key, *kind.comparing.by)  # their values say what they are
    for run in runs:
        values = {key: format_value(value_of(run, key)) for key in by}
        parts = [value if key in bare else f"{key}={value}" for key, value in values.items()]
        members.setdefault("/".join(parts), []).append(run)
    return members


def _clash(members: Mapping[str, Sequence[RunScores]]) -> tuple[str, int, RunScores, RunScores] | None:
    """The first group with a seed that would count twice, the seed, and the runs that both have it."""
    for name, group in members.items():
        for one, other in itertools.combinations(group, 2):
            twice = sorted(set(one.scores) & set(other.scores)) if one.place == other.place else []
            if twice:
                return name, twice[0], one, other
    return None


def _telling(runs: Sequence[RunScores], by: Sequence[str]) -> list[str]:
    """Settings to group by, so that no seed counts twice."""
    keys = list(by)
    while (clash := _clash(_members(runs, keys))) is not None:
        _, _, one, other = clash
        keys.append(next((key for key in one.kind.differences(one.config, other.config) if key not in keys), "run"))
    return keys


def by_seed(group: Sequence[RunScores], place: str) -> dict[int, tuple[RunScores, float]]:
    """Return the run and the score of every seed of a group in a place, in the order of the seeds."""
    found = {seed: (run, score) for run in group if run.place == place for seed, score in run.scores.items()}
    return dict(sorted(found.items()))


def scores_of(group: Sequence[RunScores], place: str, scale: Scale | None) -> list[float]:
    """Return the scores of a group in a place, in the order of the seeds, on a scale if there is one."""
    values = [score for _, score in by_seed(group, place).values()]
    return values if scale is None else [scale.normalise(value) for value in values]
