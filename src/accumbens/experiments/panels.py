"""The figure of an experiment: a panel per place or setting, a curve per run, and what the papers report."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from accumbens.runs.experimenting import Curve, Experimenting
from accumbens.runs.looks import Look
from accumbens.runs.pictures import save_figure
from accumbens.stats import FEW_SEEDS, estimate

_COLUMNS = 3
_WIDTHS = (7.4, 8.6, 9.6)  # of a figure of one, two and three columns, in inches; pages show it about 830 pixels wide
_HEIGHT = 2.8  # of a panel
_LETTERS = 12  # of the title, in an inch
_PANEL_LETTERS = 30  # of a panel's title, in a line
_LEGEND = 3.1  # inches that a column of the legend needs
_QUOTE_STYLES = (":", "--", "-.", (0, (1, 4)), (0, (6, 3, 1, 3, 1, 3)))
_MARKERS = "os^Dv"
_QUOTED = (0, (1, 2))  # a published number of the run itself
_GREY = "0.35"


def draw_figure(
    asked: Experimenting, title: str, curves: Sequence[Curve], looks: Mapping[str, Look], pictures: Sequence[Path]
) -> None:
    """Draw mean and 95 % t-interval over seeds along training, and published end values as lines.

    Args:
        asked: what the kind of the runs says.
        title: of the figure.
        curves: of all panels, in their order.
        looks: of every label.
        pictures: files to write; their endings say the format.
    """
    others = list(dict.fromkeys(quote.who for curve in curves for quote in curve.quotes if quote.who))

    def draw(axes: Axes, panel: str) -> None:
        here = [curve for curve in curves if curve.panel == panel]
        for curve in here:
            axes.plot(curve.x, curve.values.mean(axis=0), lw=1.5, label=curve.label, **looks[curve.label].line())
        _draw_quotes(axes, here, looks, others)
        asked.scale(axes, here)
        limits = axes.get_ylim()  # of lines alone: the interval of two or three seeds can dwarf them
        for curve in here:
            if len(curve.values) > 1 and curve.x.size:
                mean, interval = np.array([estimate(column) for column in curve.values.T.tolist()]).T
                colour = looks[curve.label].colour
                axes.fill_between(curve.x, mean - interval, mean + interval, color=colour, alpha=0.15, lw=0)
        axes.set(xlabel=here[0].over, ylabel=here[0].of, ylim=limits)
        axes.set_title("\n".join(textwrap.wrap(panel, _PANEL_LETTERS)), fontsize=10)
        axes.grid(alpha=0.25)

    panels = {panel: partial(draw, panel=panel) for panel in dict.fromkeys(curve.panel for curve in curves)}
    _draw_grid(f"{title}\n{caption(asked.caption, [len(curve.values) for curve in curves])}", panels, pictures)


def caption(what: str, seeds: Sequence[int]) -> str:
    """Say what the curves are means of."""
    if not seeds:
        return "nothing was run yet"
    fewest, most = min(seeds), max(seeds)
    count = f"{most} seed{'s' if most > 1 else ''}" if fewest == most else f"{fewest} to {most} seeds"
    text = f"{what}; {count}" + (", mean and 95 % t-interval" if most > 1 else "")
    return text + (f" (fewer than {FEW_SEEDS}: rough)" if fewest < FEW_SEEDS else "")


def _draw_quotes(axes: Axes, curves: Sequence[Curve], looks: Mapping[str, Look], others: Sequence[str]) -> None:
    """Draw what papers report: of a curve's own run in its colour, of others in grey, once in a panel."""
    for curve in curves:
        for quote in (quote for quote in curve.quotes if not quote.who):
            axes.axhline(quote.value, color=looks[curve.label].colour, ls=_QUOTED, lw=1.2)
            axes.plot([], [], color=_GREY, ls=_QUOTED, lw=1.2, label=quote.label)
    end = max((curve.x[-1] for curve in curves if curve.x.size), default=0)
    for quote in dict.fromkeys(quote for curve in curves for quote in curve.quotes if quote.who):
        number = others.index(quote.who)
        style = _QUOTE_STYLES[number % len(_QUOTE_STYLES)]
        axes.axhline(quote.value, color=_GREY, ls=style, lw=1.1, label=quote.label)
        points = [point for point in quote.points if point[0] <= 1.02 * end]
        if points:
            look = {"marker": _MARKERS[number % len(_MARKERS)], "ls": "", "ms": 4, "mfc": "none", "color": _GREY}
            axes.plot(*zip(*points, strict=True), **look, label=f"{quote.who}, published on the way")


def _draw_grid(title: str, panels: Mapping[str, Callable[[Axes], None]], pictures: Sequence[Path]) -> None:
    """Draw panels side by side, above one legend of all that they show."""
    columns = max(1, min(_COLUMNS, len(panels)))
    rows = max(1, -(-len(panels) // columns))
    width = _WIDTHS[columns - 1]
    figure = Figure(figsize=(width, _HEIGHT * rows + 0.8), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for draw, axes in zip(panels.values(), grid, strict=False):
        draw(axes)
    for axes in list(grid):  # of the panels, those left over
        axes.set_axis_off()
    handles = {
        label: handle for axes in figure.axes for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if handles:
        ncols = min(round(width / _LEGEND), len(handles))
        figure.legend(
            handles.values(), handles.keys(), loc="outside lower center", ncols=ncols, frameon=False, fontsize=9
        )
        figure.set_figheight(figure.get_figheight() + 0.19 * -(-len(handles) // ncols))
    lines = [textwrap.fill(line, round(_LETTERS * width)) for line in title.splitlines()]
    figure.suptitle("\n".join(lines), fontsize=10)
    save_figure(figure, *pictures, dpi=150)
