"""The figure of a comparison: intervals of every statistic, probabilities of improvement, and performance profiles."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from accumbens import stats
from accumbens.comparison.comparison import Comparison
from accumbens.comparison.groups import Group
from accumbens.comparison.pairs import Pair
from accumbens.comparison.table import intervals
from accumbens.runs.looks import Look, looks_of
from accumbens.runs.pictures import save_figure

THRESHOLDS = 101
_TITLES = {
    "iqm": "interquartile mean",
    "median": "median",
    "mean": "mean",
    "optimality_gap": "optimality gap\n(less is better)",
}
_ABREAST = 3  # panels of places


def draw_comparison(comparison: Comparison, picture: Path) -> None:
    """Draw a comparison: of several places the interquartile means of each, then what is of all of them.

    Args:
        comparison: what is drawn.
        picture: the file to write; its ending says the format.
    """
    groups, pairs, names = comparison.groups, comparison.pairs, _names(comparison)
    looks = looks_of(comparison.kind, [(group.name, group.runs[0].config) for group in groups])
    row, places = 0.3 * len(groups), -(-len(comparison.alone) // _ABREAST)
    heights = {"places": places * (row + 0.9), "all": row + 1.2, "pairs": 0.3 * len(pairs) + 1.1, "profiles": 3.4}
    heights = {part: height for part, height in heights.items() if getattr(comparison, _NEEDS.get(part, ""), True)}
    figure = Figure(figsize=(9, sum(heights.values()) + 0.6), layout="constrained")
    found = figure.subfigures(len(heights), 1, height_ratios=list(heights.values()), squeeze=False)[:, 0]
    parts = dict(zip(heights, found, strict=True))
    if comparison.alone:
        _draw_places(parts["places"], comparison, looks, names)
    _draw_statistics(parts["all"], comparison, looks, names)
    if pairs:
        parts["pairs"].suptitle("Probability of improvement", fontsize=11)
        _draw_pairs(parts["pairs"].subplots(), pairs, names)
    parts["profiles"].suptitle("Performance profiles", fontsize=11)
    _draw_profiles(parts["profiles"].subplots(), comparison, looks, names)
    few = min(group.summary.seeds for group in groups)
    caption = "95 % stratified bootstrap intervals; in brackets: seeds"
    figure.suptitle(caption + (f" (fewer than {stats.FEW_SEEDS}: rough)" if few < stats.FEW_SEEDS else ""), fontsize=10)
    save_figure(figure, picture, dpi=120)


_NEEDS = {"places": "alone", "pairs": "pairs"}
"""What a comparison must have for a part of the figure to be there."""


def _names(comparison: Comparison) -> dict[str, str]:
    """What groups are called: those that are paths, without the folders that all of them are in."""
    names = [group.name for group in comparison.groups]
    if list(comparison.by) != ["run"]:
        return {name: name for name in names}
    paths = {name: Path(name).absolute() for name in names}
    shared = os.path.commonpath([path.parent for path in paths.values()])
    return {name: os.path.relpath(path, shared) for name, path in paths.items()}


def _label_rows(axes: Axes, groups: Sequence[Group], names: Mapping[str, str]) -> None:
    axes.set_yticks(range(len(groups)), [f"{names[group.name]} ({group.summary.seeds})" for group in groups])
    axes.set_ylim(len(groups) - 0.5, -0.5)


def _draw_places(part: SubFigure, comparison: Comparison, looks: Mapping[str, Look], names: Mapping[str, str]) -> None:
    metric, alone = comparison.metric, comparison.alone
    part.suptitle(f"Interquartile mean in each {comparison.kind.words.place}", fontsize=11)
    columns = min(_ABREAST, len(alone))
    grid = part.subplots(-(-len(alone) // columns), columns, squeeze=False).flat
    for axes, (place, groups) in zip(grid, alone.items(), strict=False):
        found = {group.name: _times(group.summary.iqm, metric.factor) for group in groups}
        missing = stats.Interval(np.nan, np.nan, np.nan)
        _draw_intervals(
            axes,
            [found.get(group.name, missing) for group in comparison.groups],
            [looks[group.name].colour for group in comparison.groups],
        )
        _label_rows(axes, comparison.groups, names)
        axes.tick_params(labelleft=axes.get_subplotspec().is_first_col())  # type: ignore[union-attr]
        less = " (less is better)" * metric.less_is_better
        axes.set_title(place, fontsize=10)
        axes.set_xlabel(f"{_words(metric.name)}{' (%)' * metric.percent}{less}", fontsize=9)
    for axes in list(grid):  # those left over
        axes.set_axis_off()


def _draw_statistics(
    part: SubFigure, comparison: Comparison, looks: Mapping[str, Look], names: Mapping[str, str]
) -> None:
    groups, less = comparison.groups, " (less is better)" * comparison.less_is_better
    shown = _statistics(groups)
    places = list(dict.fromkeys(place for group in groups for place in group.scores))
    where = places[0] if len(places) == 1 else f"{len(places)} {comparison.kind.words.place}s together"
    part.suptitle(where, fontsize=11)
    panels = part.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, shown, strict=True):
        found = [_times(intervals(group.summary)[name], comparison.factor) for group in groups]
        _draw_intervals(axes, found, [looks[group.name].colour for group in groups])
        axes.set_title(_TITLES[name], fontsize=10)
    part.supxlabel(_unit(comparison) + less, fontsize=9)
    _label_rows(panels[0], groups, names)


def _statistics(groups: Sequence[Group]) -> list[str]:
    """The statistics that all groups have and that differ: in one environment the median is the mean."""
    several = any(len(group.scores) > 1 for group in groups)
    return [name for name in intervals(groups[0].summary) if several or name != "median"]


def _draw_intervals(axes: Axes, found: Sequence[stats.Interval], colours: Sequence[str]) -> None:
    for row, (interval, colour) in enumerate(zip(found, colours, strict=True)):
        if np.isfinite(interval.low):
            axes.barh(row, interval.high - interval.low, 0.6, left=interval.low, color=colour, alpha=0.45)
        axes.plot([interval.point] * 2, [row - 0.3, row + 0.3], color="black", lw=1.5)
    axes.use_sticky_edges = False
    axes.margins(x=0.05)
    axes.tick_params(labelsize=9)
    axes.locator_params(axis="x", nbins=4)
    axes.grid(axis="x", alpha=0.25)


def _draw_pairs(axes: Axes, pairs: Sequence[Pair], names: Mapping[str, str]) -> None:
    _draw_intervals(axes, [pair.improvement for pair in pairs], ["0.4"] * len(pairs))
    axes.axvline(0.5, color="0.3", ls="--", lw=1)
    called = [f"{names[pair.x]} > {names[pair.y]}" + " (by seed)" * pair.paired for pair in pairs]
    axes.set_yticks(range(len(pairs)), called)
    axes.set_xlabel("probability that a run of the first beats one of the other", fontsize=9)
    axes.set(xlim=(-0.03, 1.03), ylim=(len(pairs) - 0.5, -0.5))


def _draw_profiles(axes: Axes, comparison: Comparison, looks: Mapping[str, Look], names: Mapping[str, str]) -> None:
    """The share of runs on the good side of every threshold."""
    groups, factor = comparison.groups, comparison.factor
    sign = -1.0 if comparison.less_is_better else 1.0
    values = np.concatenate([scores for group in groups for scores in group.scores.values()])
    margin = 0.02 * (np.ptp(values) or 1.0)
    thresholds = np.linspace(values.min() - margin, values.max() + margin, THRESHOLDS)
    for group in groups:
        scores = {place: sign * np.asarray(values) for place, values in group.scores.items()}
        profile = stats.performance_profile(scores, sign * thresholds, repetitions=2_000)
        at, look = factor * thresholds, looks[group.name]
        axes.step(at, profile.point, where="post", label=names[group.name], **look.line())
        axes.fill_between(at, profile.low, profile.high, step="post", color=look.colour, alpha=0.15, lw=0)
    side = "below" if comparison.less_is_better else "above"
    axes.set_xlabel(f"{_unit(comparison)} τ", fontsize=9)
    axes.set_ylabel(f"share of runs {side} τ", fontsize=9)
    axes.set(ylim=(-0.02, 1.02))
    axes.tick_params(labelsize=9)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=9)


def _unit(comparison: Comparison) -> str:
    name = _words(comparison.metric.name)
    if comparison.scales:
        return f"normalised {name}"
    return f"{name} (%)" if comparison.metric.percent else name


def _words(name: str) -> str:
    return name.replace("_", " ")


def _times(interval: stats.Interval, factor: float) -> stats.Interval:
    return stats.Interval(*(factor * value for value in interval))
