"""Main effects: by how much the scores of one value of a setting differ from those of another, all else alike or mixed.

Of a grid, or a fraction of one, every value of a setting meets the same values of all others. Then the effect of a seed
is the difference between two means over points, and the interval is that of the mean over seeds: it says what other
seeds would give at these very points. Where points of a grid are missing, only those are taken that differ in nothing
else. Points at random differ in everything: there the interval is Welch's of two means over points, of which each
counts as one number, and says what other points would give.

Reference: Welch (1947), "The generalization of 'Student's' problem when several different population variances are
involved", Biometrika 34.
"""

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from accumbens.experiments.plan import PlannedRun
from accumbens.runs.experimenting import significant
from accumbens.stats import Estimate, estimate
from accumbens.sweeps.plan import Sweep
from accumbens.sweeps.result import Score, Standing
from accumbens.sweeps.values import Range, Values

OVER_SEEDS = "95 % t-interval over seeds of the difference of two means over points"
OF_PAIRS = f"{OVER_SEEDS} that differ in nothing else, as some points have no number"
OF_PART = f"{OVER_SEEDS}; other settings are mixed in, as some points have no number"
OVER_POINTS = "95 % interval of Welch, over points, of the difference of two means"


class Effect(NamedTuple):
    """The effect of a value of a setting.

    Attributes:
        setting: its name.
        value: of the points on one side.
        base: of those that they are compared with.
        points: on the first side.
        base_points: on the other.
        difference: of their means, and half the interval.
        how: the interval is computed.
    """

    setting: str
    value: str
    base: str
    points: int
    base_points: int
    difference: Estimate
    how: str


def effects_of(sweep: Sweep, standing: Standing) -> list[Effect]:
    """Return the effects of every setting, of each value against the first that was measured, where all points were.

    Of a range that points were drawn from, the upper half of the points is compared with the lower.
    """
    found, scores = [], standing.first
    whole = len(scores) == len(sweep.runs)
    differs = _over_points if sweep.drawn else _over_seeds
    how = OVER_POINTS if sweep.drawn else OVER_SEEDS if whole else OF_PART if _is_fraction(sweep) else OF_PAIRS
    for setting in sweep.over:
        sides = (
            _halves(sweep, setting, scores) if sweep.drawn and isinstance(setting, Range) else _values(sweep, setting)
        )
        groups = {name: [run for run in scores if belongs(run)] for name, belongs in sides.items()}
        (base, below), *others = [(name, group) for name, group in groups.items() if group] or [("", [])]
        for value, group in others:
            pair = [group, below] if sweep.drawn else met_alike(sweep, standing, setting, [group, below])
            if all(pair):
                above, under = ([scores[run] for run in side] for side in pair)
                found.append(Effect(setting.name, value, base, len(above), len(under), differs(above, under), how))
    return found


def met_alike(
    sweep: Sweep, standing: Standing, setting: Values, groups: Sequence[Sequence[PlannedRun]]
) -> list[list[PlannedRun]]:
    """Return of the points of every value those whose other settings all of these values have met.

    Of a grid that was measured at every point that is all of them, and of a fraction, where no two points differ in one
    setting alone.
    """
    if len(standing.first) == len(sweep.runs) or _is_fraction(sweep):
        return [list(group) for group in groups]

    def others(run: PlannedRun) -> tuple[tuple[str, str], ...]:
        return tuple((name, text) for name, text in sweep.point_of(run).items() if name != setting.name)

    common = set.intersection(*({others(run) for run in group} for group in groups)) if groups else set()
    return [[run for run in group if others(run) in common] for group in groups]


def _is_fraction(sweep: Sweep) -> bool:
    return "fraction" in sweep.document


def idle(sweep: Sweep, standing: Standing) -> list[str]:
    """Return the settings that did nothing: points that differ in nothing else have the same score, seed by seed."""
    found = []
    for setting in sweep.over:
        alike: dict[tuple[str, ...], list[tuple[float, ...]]] = {}
        for run, score in standing.first.items():
            others = tuple(text for name, text in sweep.point_of(run).items() if name != setting.name)
            alike.setdefault(others, []).append(score.seeds)
        compared = [scores for scores in alike.values() if len(scores) > 1]
        if compared and all(len(set(scores)) == 1 for scores in compared):
            found.append(setting.name)
    return found


def marginal(scores: Sequence[Score], drawn: bool) -> Estimate:
    """Return the mean of some points and half its 95 % t-interval: over seeds, or over points that were drawn."""
    if drawn:
        return estimate([score.estimate.mean for score in scores])
    return estimate(np.mean([score.seeds for score in scores], axis=0).tolist())


Sides = dict[str, Callable[[PlannedRun], bool]]


def _values(sweep: Sweep, setting: Values) -> Sides:
    """Which points have which value."""

    def has(text: str) -> Callable[[PlannedRun], bool]:
        return lambda run: sweep.point_of(run)[setting.name] == text

    return {text: has(text) for text in setting.grid()}


def _halves(sweep: Sweep, setting: Values, scores: Mapping[PlannedRun, Score]) -> Sides:
    """Which points are below the median of those that were measured, and which are not."""

    def number(run: PlannedRun) -> float:
        return float(sweep.point_of(run)[setting.name])

    middle = float(np.median([number(run) for run in scores])) if scores else math.nan
    lower: Sides = {f"< {middle:.6g}": lambda run: number(run) < middle}
    return lower | {f">= {middle:.6g}": lambda run: number(run) >= middle}


def _over_seeds(group: Sequence[Score], below: Sequence[Score]) -> Estimate:
    means = [np.mean([score.seeds for score in side], axis=0) for side in (group, below)]
    return estimate((means[0] - means[1]).tolist())


def _over_points(group: Sequence[Score], below: Sequence[Score]) -> Estimate:
    """Welch's interval, with the degrees of freedom of Welch and Satterthwaite."""
    sides = [np.array([score.estimate.mean for score in side]) for side in (group, below)]
    difference = float(sides[0].mean() - sides[1].mean())
    if min(map(len, sides)) < 2:
        return Estimate(difference, math.nan)
    from scipy.special import stdtrit

    squares = [float(side.var(ddof=1)) / len(side) for side in sides]
    total = sum(squares)
    if total == 0.0:
        return Estimate(difference, 0.0)
    freedom = total**2 / sum(square**2 / (len(side) - 1) for square, side in zip(squares, sides, strict=True))
    return Estimate(difference, float(stdtrit(freedom, 0.975)) * math.sqrt(total))


def write_effects(effects: Sequence[Effect], path: Path) -> None:
    """Write the effects as CSV, with how each interval is computed."""
    columns = ["setting", "value", "compared_with", "points", "points_compared_with", "difference", "interval", "how"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for effect in effects:
            numbers = [significant(number) for number in effect.difference]
            writer.writerow([*effect[:5], *("" if number is None else number for number in numbers), effect.how])
