"""The sensitivity figure of a sweep: a panel for every setting, the score against its value."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from accumbens.experiments.plan import PlannedRun
from accumbens.runs.looks import PALETTES
from accumbens.runs.pictures import save_figure
from accumbens.stats import Estimate
from accumbens.sweeps.effects import Effect, marginal, met_alike
from accumbens.sweeps.plan import Sweep
from accumbens.sweeps.result import Score, Standing
from accumbens.sweeps.tables import shown
from accumbens.sweeps.values import LOG_FROM, Range, Values

_COLUMNS = 3
_WIDTHS = (5.2, 7.8, 9.6)  # of a figure of one, two and three columns, in inches
_HEIGHT = 2.7  # of a panel
_LETTERS = 12  # of the title, in an inch
_MOST_BINS = 5
_PER_BIN = 4  # points that a bin of drawn values has at least
_POINTS, _BEST, _FAILED = PALETTES["first"][0], PALETTES["twin"][0], "#b00020"


def draw_sensitivity(sweep: Sweep, standing: Standing, effects: Sequence[Effect], picture: Path) -> None:
    """Draw every point's mean over seeds as a dot, and the mean of all points with the same, or a similar, value.

    Bars are 95 % intervals, see `marginal`; a setting of two values has its main effect in the title of its panel.
    What diverged is marked at the lower edge.
    """
    columns = min(_COLUMNS, len(sweep.over))
    rows = -(-len(sweep.over) // columns)
    width = _WIDTHS[columns - 1]
    figure = Figure(figsize=(width, _HEIGHT * rows + 0.9), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for setting, axes in zip(sweep.over, grid.flat, strict=False):
        _draw_panel(axes, sweep, standing, setting, [effect for effect in effects if effect.setting == setting.name])
    for axes in grid.flat[len(sweep.over) :]:
        axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_ylabel(_named(standing))
    handles = {
        label: handle for axes in figure.axes for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if handles:
        where = {"loc": "outside lower center", "ncols": len(handles), "frameon": False, "fontsize": 9}
        figure.legend(handles.values(), handles.keys(), **where)
    lines = [f"{sweep.name}: {sweep.title}", _caption(sweep, standing)]
    figure.suptitle("\n".join(textwrap.fill(line, round(_LETTERS * width)) for line in lines), fontsize=10)
    save_figure(figure, picture, dpi=150)


def _named(standing: Standing) -> str:
    metric = standing.metric
    return "" if metric is None else metric.name.replace("_", " ") + (" (%)" if metric.percent else "")


def _caption(sweep: Sweep, standing: Standing) -> str:
    if not standing.first:
        return "nothing was run yet"
    until = sweep.ladder[0].until
    where = f"at {until:.3g} of the run, as far as all points go; " if until < 1.0 else ""
    over = "points" if sweep.drawn else "seeds"
    seeds = f"{sweep.seeds} seed{'s' if sweep.seeds > 1 else ''} each"
    bars = f"; bars: 95 % intervals over {over}" if sweep.drawn or sweep.seeds > 1 else ""
    return f"{where}{len(standing.first)} points, {seeds}{bars}"


def _draw_panel(axes: Axes, sweep: Sweep, standing: Standing, setting: Values, effects: Sequence[Effect]) -> None:
    factor = standing.metric.factor if standing.metric else 1.0
    place = _places(setting, sweep)
    scores = {run: factor * score.estimate.mean for run, score in standing.first.items()}
    x = {run: place[sweep.point_of(run)[setting.name]] for run in sweep.runs}
    axes.plot([x[run] for run in scores], list(scores.values()), "o", ms=4, alpha=0.45, color=_POINTS, label="a point")
    middles = _marginals(sweep, standing, setting, x)
    if middles:
        at, values = zip(*middles, strict=True)
        means, bars = (np.array([factor * number for number in part]) for part in zip(*values, strict=True))
        shown_bars = np.nan_to_num(bars) if np.isfinite(bars).any() else None  # one seed has no interval
        axes.errorbar(at, means, shown_bars, color="black", lw=1.3, capsize=3, label="mean of points")
    if standing.best is not None and standing.best.run in scores:
        run = standing.best.run
        axes.plot(x[run], scores[run], "*", ms=11, color=_BEST, label="the best point")
    failed = [tried.run for tried in standing.tried if tried.state == "diverged"]
    if failed:
        below = {"color": _FAILED, "transform": axes.get_xaxis_transform(), "label": "diverged"}
        axes.plot([x[run] for run in failed], [0.03] * len(failed), "x", **below)
    _scale(axes, setting, place)
    axes.set_xlabel(setting.name)
    axes.grid(alpha=0.25)
    if len(effects) == 1 and standing.metric is not None:
        (effect,) = effects
        sign = "+" if effect.difference.mean > 0 else ""
        difference = f"{sign}{shown(standing.metric, effect.difference)}"
        axes.set_title(f"{effect.value} against {effect.base}: {difference}", fontsize=9)


def _is_numeric(setting: Values) -> bool:
    """Whether its values are numbers, and more than the two levels of a design."""
    if isinstance(setting, Range):
        return True
    try:
        return len([float(text) for text in setting.texts]) > 2
    except ValueError:
        return False


def _places(setting: Values, sweep: Sweep) -> Mapping[str, float]:
    """Where every value is on the axis: at its number, or one beside the other."""
    texts = list(dict.fromkeys(point[setting.name] for point in sweep.points))
    if _is_numeric(setting):
        return {text: float(text) for text in texts}
    return {text: float(index) for index, text in enumerate(setting.grid())}


def _is_log(setting: Values, numbers: Sequence[float]) -> bool:
    if isinstance(setting, Range):
        return setting.log
    return min(numbers) > 0 and max(numbers) / min(numbers) >= LOG_FROM


def _scale(axes: Axes, setting: Values, place: Mapping[str, float]) -> None:
    if not _is_numeric(setting):
        axes.set_xticks(list(place.values()), [textwrap.fill(text, 14) for text in place])
        axes.set_xlim(-0.5, len(place) - 0.5)
        return
    numbers = list(place.values())
    if _is_log(setting, numbers):
        axes.set_xscale("log")
        if max(numbers) / min(numbers) > LOG_FROM**2:
            axes.xaxis.set_minor_formatter(NullFormatter())


def _marginals(
    sweep: Sweep, standing: Standing, setting: Values, x: Mapping[PlannedRun, float]
) -> list[tuple[float, Estimate]]:
    """Where means are, and what they are: of equal values, or of drawn ones as many in a bin as in another."""
    scores: Mapping[PlannedRun, Score] = standing.first
    runs = sorted(scores, key=lambda run: x[run])
    if sweep.drawn and isinstance(setting, Range):
        bins = max(1, min(_MOST_BINS, len(runs) // _PER_BIN))
        parts = np.array_split(np.arange(len(runs)), bins)
        groups = [[runs[index] for index in part] for part in parts if part.size]
    else:
        groups = [[run for run in runs if x[run] == at] for at in sorted({x[run] for run in runs})]
        if not sweep.drawn:
            groups = [group for group in met_alike(sweep, standing, setting, groups) if group]
    log = _is_numeric(setting) and bool(runs) and _is_log(setting, [x[run] for run in runs])
    found = []
    for group in groups:
        positions = [x[run] for run in group]
        at = math.exp(float(np.mean(np.log(positions)))) if log else float(np.mean(positions))
        found.append((at, marginal([scores[run] for run in group], sweep.drawn)))
    return found
