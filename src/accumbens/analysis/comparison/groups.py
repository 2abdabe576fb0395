"""Runs in groups, and what the statistics say of each group and of each pair."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from accumbens.analysis import stats
from accumbens.analysis.comparison.scale import Scale, scales_for
from accumbens.analysis.comparison.scores import RunScores, same_step
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.training.config import RunConfig, format_value

BY = ("algo", "credit")
"""What runs are grouped by when nothing is asked for."""

_BARE = ("env", "algo", "credit", "run")  # their values say what they are


class Group(NamedTuple):
    """Runs that count as one agent.

    Attributes:
        name: what they have in common.
        runs: of all environments.
        scores: of each seed, by environment; the environments that are compared, in the order in which seeds are
            paired.
        summary: their statistics.
    """

    name: str
    runs: list[RunScores]
    scores: dict[str, list[float]]
    summary: stats.Summary


class Pair(NamedTuple):
    """Two groups in the environments that both have.

    Attributes:
        x: name of the one.
        y: name of the other.
        improvement: probability that a run of `x` beats one of `y`.
        difference: interquartile mean of `x` minus that of `y`.
        paired: they are twins with the same seeds, which were resampled in pairs.
    """

    x: str
    y: str
    improvement: stats.Interval
    difference: stats.Interval
    paired: bool


class Comparison(NamedTuple):
    """Everything that is to be shown.

    Attributes:
        groups: in the order in which their runs were met.
        pairs: of all groups that share environments.
        scales: by environment; empty for returns as they are.
        notes: what a reader must know.
    """

    groups: list[Group]
    pairs: list[Pair]
    scales: dict[str, Scale]
    notes: list[str]


def compare(runs: Sequence[RunScores], by: Sequence[str] = BY, given: Mapping[str, Scale] | None = None) -> Comparison:
    """Group runs and compare the groups.

    Args:
        runs: with their scores.
        by: `algo`, `env`, `credit`, `run`, or any other setting.
        given: scales that the user chose.

    Raises:
        UnknownNameError: `by` names no setting.
        AccumbensError: a seed would count twice in a group, or an environment has no scale.
    """
    members = _grouped(runs, by)
    notes = [note for name, group in members.items() for note in _mixed(name, group)]
    envs = {name: list(dict.fromkeys(run.config.env for run in group)) for name, group in members.items()}
    shared = [env for env in next(iter(envs.values())) if all(env in others for others in envs.values())]
    used = {name: shared or envs[name] for name in members}
    for name in members:
        left_out = [env for env in envs[name] if env not in used[name]]
        if left_out:
            notes.append(f"{name} is compared without {', '.join(left_out)}, which not all groups were run on")
    if not shared:
        notes.append("no environment is common to all groups: their statistics are of different tasks")
    scales = scales_for(list(dict.fromkeys(env for names in used.values() for env in names)), given or {})
    notes += _steps(runs, used)
    groups = []
    for name, group in members.items():
        scores = {env: _scores(group, env, scales.get(env)) for env in used[name]}
        summary = stats.summarise(scores, target=1.0 if scales else None)
        groups.append(Group(name, group, scores, summary))
    notes += _few(groups)
    pairs = [_pair(x, y) for x, y in itertools.combinations(groups, 2) if set(x.scores) == set(y.scores)]
    return Comparison(groups, pairs, scales, notes)


def value_of(run: RunScores, key: str) -> Any:
    """Return what a run has for a key of `by`; None for a setting that its agent does not have.

    Raises:
        UnknownNameError: no agent has it.
    """
    if key == "run":
        return str(run.path)
    for source in (run.config, run.config.settings):
        if key in _fields(source) and key != "settings":
            return getattr(source, key)
    return None


def _fields(source: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(source)]


def _grouped(runs: Sequence[RunScores], by: Sequence[str]) -> dict[str, list[RunScores]]:
    known = {"run": None} | {
        name: None for run in runs for part in (run.config, run.config.settings) for name in _fields(part)
    }
    known.pop("settings")
    for key in by:
        if key not in known:
            raise UnknownNameError("setting to group by", key, list(known))
    if not by or len(set(by)) < len(by):
        raise AccumbensError(f"by={','.join(by)!r} cannot be used: expected different settings")
    members: dict[str, list[RunScores]] = {}
    for run in runs:
        values = {key: value_of(run, key) for key in by}
        parts = [
            format_value(value) if key in _BARE else f"{key}={format_value(value)}" for key, value in values.items()
        ]
        members.setdefault("/".join(parts), []).append(run)
    for name, group in members.items():
        _require_once(name, group, by)
    return members


def _require_once(name: str, group: Sequence[RunScores], by: Sequence[str]) -> None:
    for one, other in itertools.combinations(group, 2):
        twice = sorted(set(one.scores) & set(other.scores)) if one.config.env == other.config.env else []
        if twice:
            differs = [key for key in _differences(one.config, other.config) if key not in by] or ["run"]
            raise AccumbensError(
                f"seed {twice[0]} of {one.config.env} would count twice in the group {name}: in {one.path} and in "
                f"{other.path}; tell them apart, such as by --by {','.join([*by, differs[0]])}"
            )


def _differences(one: RunConfig, other: RunConfig) -> list[str]:
    """The settings in which two runs differ; those that a run of another seed differs in do not count."""
    names = [*_fields(one), *(name for name in _fields(one.settings) if name in _fields(other.settings))]
    values = [
        (
            name,
            getattr(one, name, getattr(one.settings, name, None)),
            getattr(other, name, getattr(other.settings, name, None)),
        )
        for name in names
        if name not in ("settings", "seed", "seeds", "eval_frequency", "num_eval_episodes")
    ]
    return [name for name, mine, others in values if mine != others]


def _mixed(name: str, group: Sequence[RunScores]) -> list[str]:
    """Say where runs that count as one agent in one environment are not the same."""
    mixed: dict[str, None] = {}
    for one, other in itertools.combinations(group, 2):
        if one.config.env == other.config.env:
            mixed |= dict.fromkeys(_differences(one.config, other.config))
    return [f"the group {name} mixes runs that differ in {', '.join(mixed)}"] if mixed else []


def _steps(runs: Sequence[RunScores], used: Mapping[str, Sequence[str]]) -> list[str]:
    """Say where runs in one environment are at different steps, or rest on different numbers of episodes."""
    notes = []
    for env in dict.fromkeys(env for names in used.values() for env in names):
        here = [run for run in runs if run.config.env == env]
        steps = sorted({run.step for run in here})
        if not same_step(steps[0], steps[-1]):
            notes.append(
                f"runs in {env} are at different steps, from {steps[0]:,} to {steps[-1]:,}: --step {steps[0]} compares "
                "them at the same"
            )
        rest = sorted({run.note for run in here})
        if len(rest) > 1:
            notes.append(f"scores in {env} rest on different numbers of episodes: {', '.join(rest)}")
    return notes


def _few(groups: Sequence[Group]) -> list[str]:
    few = [f"{group.name} ({group.summary.seeds})" for group in groups if group.summary.seeds < stats.FEW_SEEDS]
    uneven = [group.name for group in groups if len({len(values) for values in group.scores.values()}) > 1]
    notes = []
    if few:
        notes.append(
            f"fewer than {stats.FEW_SEEDS} seeds: {', '.join(few)}; too few for a claim, and their intervals are too "
            "narrow"
        )
    if uneven:
        notes.append(
            f"not the same number of seeds in every environment: {', '.join(uneven)}; the interquartile mean weighs "
            "each seed, the others each environment"
        )
    return notes


def _by_seed(group: Sequence[RunScores], env: str) -> dict[int, tuple[RunScores, float]]:
    found = {seed: (run, score) for run in group if run.config.env == env for seed, score in run.scores.items()}
    return dict(sorted(found.items()))


def _scores(group: Sequence[RunScores], env: str, scale: Scale | None) -> list[float]:
    values = [score for _, score in _by_seed(group, env).values()]
    return values if scale is None else [scale.normalise(value) for value in values]


def _pair(x: Group, y: Group) -> Pair:
    paired = all(_are_twins(_by_seed(x.runs, env), _by_seed(y.runs, env)) for env in x.scores)
    improvement = stats.probability_of_improvement(x.scores, y.scores, paired=paired)
    return Pair(x.name, y.name, improvement, stats.difference(x.scores, y.scores, paired=paired), paired)


def _are_twins(x: Mapping[int, tuple[RunScores, float]], y: Mapping[int, tuple[RunScores, float]]) -> bool:
    """Whether they have the same seeds, each with the same configuration but for the credit."""
    return x.keys() == y.keys() and all(
        x[seed][0].config.algo == y[seed][0].config.algo
        and _differences(x[seed][0].config, y[seed][0].config) == ["credit"]
        for seed in x
    )
