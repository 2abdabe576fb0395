"""The figure of a comparison: intervals of every statistic, probabilities of improvement, and performance profiles."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from accumbens import stats
from accumbens.comparison.comparison import Comparison
from accumbens.comparison.groups import Group
from accumbens.comparison.pairs import Pair
from accumbens.comparison.table import intervals

THRESHOLDS = 101
_TITLES = {
    "iqm": "interquartile mean",
    "median": "median",
    "mean": "mean",
    "optimality_gap": "optimality gap (less is better)",
}


def draw_comparison(comparison: Comparison, picture: Path) -> None:
    """Draw a comparison.

    Args:
        comparison: what is drawn.
        picture: the file to write; its ending says the format.
    """
    groups, pairs = comparison.groups, comparison.pairs
    unit, factor = _unit(comparison), comparison.factor
    unit += " (less is better)" if comparison.less_is_better else ""
    colours = [colormaps["tab10" if len(groups) <= 10 else "tab20"](index) for index in range(len(groups))]
    names = _statistics(groups)
    height = 0.32 * len(groups)
    heights = [height + 0.6, 0.3 * len(pairs) + 0.6 if pairs else 0.0, 3.2]
    # Not pyplot, which would choose a window system for the whole process.
    figure = Figure(figsize=(9, sum(heights) + 1), layout="constrained")
    rows = [row for row in heights if row]
    parts = figure.subfigures(len(rows), 1, height_ratios=rows, squeeze=False)[:, 0]
    panels = parts[0].subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        found = [_times(intervals(group.summary)[name], factor) for group in groups]
        _draw_intervals(axes, found, colours)
        axes.set(title=_TITLES[name], xlabel=unit)
    panels[0].set_yticks(range(len(groups)), [f"{group.name} ({group.summary.seeds})" for group in groups])
    panels[0].set_ylim(len(groups) - 0.5, -0.5)
    if pairs:
        _draw_pairs(parts[1].subplots(), pairs)
    _draw_profiles(parts[-1].subplots(), comparison, colours)
    few = min(group.summary.seeds for group in groups)
    caption = "95 % stratified bootstrap intervals; in brackets: seeds"
    figure.suptitle(caption + (f" (fewer than {stats.FEW_SEEDS}: rough)" if few < stats.FEW_SEEDS else ""), fontsize=9)
    figure.savefig(picture, dpi=120)


def _statistics(groups: Sequence[Group]) -> list[str]:
    """The statistics that all groups have and that differ: in one environment the median is the mean."""
    several = any(len(group.scores) > 1 for group in groups)
    return [name for name in intervals(groups[0].summary) if several or name != "median"]


def _draw_intervals(axes: Axes, found: Sequence[stats.Interval], colours: Sequence) -> None:
    for row, (interval, colour) in enumerate(zip(found, colours, strict=True)):
        if np.isfinite(interval.low):
            axes.barh(row, interval.high - interval.low, 0.6, left=interval.low, color=colour, alpha=0.45)
        axes.plot([interval.point] * 2, [row - 0.3, row + 0.3], color="black", lw=1.5)
    axes.use_sticky_edges = False
    axes.margins(x=0.05)
    axes.grid(axis="x", alpha=0.25)


def _draw_pairs(axes: Axes, pairs: Sequence[Pair]) -> None:
    _draw_intervals(axes, [pair.improvement for pair in pairs], ["0.4"] * len(pairs))
    axes.axvline(0.5, color="0.3", ls="--", lw=1)
    axes.set_yticks(range(len(pairs)), [f"{pair.x} > {pair.y}" + " (by seed)" * pair.paired for pair in pairs])
    axes.set(
        xlim=(-0.03, 1.03),
        ylim=(len(pairs) - 0.5, -0.5),
        xlabel="probability that a run of the first beats one of the other",
    )


def _draw_profiles(axes: Axes, comparison: Comparison, colours: Sequence) -> None:
    """The share of runs on the good side of every threshold."""
    groups, factor = comparison.groups, comparison.factor
    sign = -1.0 if comparison.less_is_better else 1.0
    values = np.concatenate([scores for group in groups for scores in group.scores.values()])
    margin = 0.02 * (np.ptp(values) or 1.0)
    thresholds = np.linspace(values.min() - margin, values.max() + margin, THRESHOLDS)
    for group, colour in zip(groups, colours, strict=True):
        scores = {place: sign * np.asarray(values) for place, values in group.scores.items()}
        profile = stats.performance_profile(scores, sign * thresholds, repetitions=2_000)
        at = factor * thresholds
        axes.step(at, profile.point, where="post", color=colour, label=group.name)
        axes.fill_between(at, profile.low, profile.high, step="post", color=colour, alpha=0.15, lw=0)
    side = "below" if comparison.less_is_better else "above"
    axes.set(xlabel=f"{_unit(comparison)} τ", ylabel=f"share of runs {side} τ", ylim=(-0.02, 1.02))
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=8)


def _unit(comparison: Comparison) -> str:
    name = comparison.metric.name
    if comparison.scales:
        return f"normalised {name}"
    return f"{name} (%)" if comparison.metric.percent else name


def _times(interval: stats.Interval, factor: float) -> stats.Interval:
    return stats.Interval(*(factor * value for value in interval))
