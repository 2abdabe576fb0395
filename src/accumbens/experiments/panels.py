"""The figure of an experiment: a panel per environment, a curve per agent and variant, and what the papers report."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from accumbens.runs.tables import read_table
from accumbens.stats import estimate
from accumbens.training.published import Published

FEW_SEEDS = 5
_COLUMNS = 3
_WIDTH = 4.4  # of a panel, in inches
_LETTERS = 14  # of the title, in an inch
_STYLES = ("-", "--", ":")
_QUOTE_STYLES = (":", "--", "-.", (0, (1, 4)), (0, (6, 3, 1, 3, 1, 3)))


class Curve(NamedTuple):
    """Training returns of one run.

    Attributes:
        env: name of the panel.
        label: of the run within it, such as `ad_pqn/local`; it has one colour in all panels.
        steps: environment steps, where every seed has ended an episode.
        returns: mean of the last 100 training episodes.
    """

    env: str
    label: str
    steps: list[int]
    returns: Float[np.ndarray, "seeds steps"]


def read_curve(metrics: Path, env: str, label: str) -> Curve:
    """Read the curve of a run from its `metrics.csv`."""
    rows = read_table(metrics)
    seeds = sorted({int(row["seed"]) for row in rows})
    at: dict[int, dict[int, float]] = {}
    for row in rows:
        if row["mean_return"] != "nan":
            at.setdefault(int(row["step"]), {})[int(row["seed"])] = float(row["mean_return"])
    # A mean over fewer seeds would not be one of the same thing.
    steps = sorted(step for step, values in at.items() if len(values) == len(seeds))
    returns = np.array([[at[step][seed] for step in steps] for seed in seeds])
    return Curve(env, label, steps, returns.reshape(len(seeds), len(steps)))


def draw_experiment(title: str, curves: Sequence[Curve], quotes: Sequence[Published], pictures: Sequence[Path]) -> None:
    """Draw mean and 95 % t-interval over seeds over environment steps, and published end values as lines.

    Args:
        title: of the figure.
        curves: of all environments, in the order of the panels.
        quotes: of the same environments; what they report on the way is drawn as points.
        pictures: files to write; their endings say the format.
    """
    envs = list(dict.fromkeys(curve.env for curve in curves))
    colours = {label: look["color"] for label, look in looks([curve.label for curve in curves]).items()}
    agents = list(dict.fromkeys(quote.agent for quote in quotes))
    styles = {agent: _QUOTE_STYLES[index % len(_QUOTE_STYLES)] for index, agent in enumerate(agents)}

    def draw(axes: Axes, env: str) -> None:
        here = [quote for quote in quotes if quote.env == env]
        _draw_panel(axes, env, [curve for curve in curves if curve.env == env], here, colours, styles)

    whole = f"{title}\n{caption([len(curve.returns) for curve in curves])}"
    draw_grid(whole, {env: partial(draw, env=env) for env in envs}, pictures)


def looks(labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the colour of the curves of each label, and a line style where there are more of them than colours."""
    labels = list(dict.fromkeys(labels))
    palette = colormaps["tab10" if len(labels) <= 10 else "tab20"]
    return {
        label: {"color": palette(index % palette.N), "ls": _STYLES[index // palette.N % len(_STYLES)]}
        for index, label in enumerate(labels)
    }


def draw_grid(
    title: str, panels: Mapping[str, Callable[[Axes], None]], pictures: Sequence[Path], least_width: float = 0.0
) -> None:
    """Draw panels side by side, above one legend of all that they show.

    Args:
        title: of the figure.
        panels: what draws each.
        pictures: files to write; their endings say the format.
        least_width: of the figure, in inches.
    """
    columns = max(1, min(_COLUMNS, len(panels)))
    rows = max(1, -(-len(panels) // columns))
    width = max(_WIDTH * columns, least_width)
    # Not pyplot, which would choose a window system for the whole process.
    figure = Figure(figsize=(width, 3.4 * rows + 1.2), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for draw, axes in zip(panels.values(), grid, strict=False):
        draw(axes)
    for axes in list(grid):  # of the panels, those left over
        axes.set_axis_off()
    handles = {
        label: handle for axes in figure.axes for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if handles:
        ncols = max(columns, round(width / _WIDTH))
        figure.legend(
            handles.values(), handles.keys(), loc="outside lower center", ncols=ncols, frameon=False, fontsize=8
        )
    lines = [textwrap.fill(line, round(_LETTERS * width)) for line in title.splitlines()]
    figure.suptitle("\n".join(lines), fontsize=9)
    for picture in pictures:
        figure.savefig(picture, dpi=120)


def caption(seeds: Sequence[int]) -> str:
    """Say what the curves are means of."""
    if not seeds:
        return "nothing was run yet"
    fewest, most = min(seeds), max(seeds)
    count = f"{most} seed{'s' if most > 1 else ''}" if fewest == most else f"{fewest} to {most} seeds"
    text = f"training return, last 100 episodes; {count}"
    if most > 1:
        text += ", mean and 95 % t-interval"
    return text + (f" (fewer than {FEW_SEEDS}: rough)" if fewest < FEW_SEEDS else "")


def _draw_panel(
    axes: Axes, env: str, curves: Sequence[Curve], quotes: Sequence[Published], colours: dict, styles: dict
) -> None:
    for curve in curves:
        axes.plot(curve.steps, curve.returns.mean(axis=0), color=colours[curve.label], lw=1.5, label=curve.label)
    end = max((curve.steps[-1] for curve in curves if curve.steps), default=0)
    for quote in quotes:
        label = f"{quote.agent}, published, at {quote.steps / 1e6:g} M steps"
        axes.axhline(quote.value, color="0.35", ls=styles[quote.agent], lw=1.1, label=label)
        points = [point for point in quote.curve if point[0] <= 1.02 * end]
        if points:
            label = f"{quote.agent}, published on the way"
            marker = "os^Dv"[list(styles).index(quote.agent) % 5]
            axes.plot(*zip(*points, strict=True), marker, color="0.35", ms=4, mfc="none", label=label)
    limits = axes.get_ylim()  # of lines alone: the interval of two or three seeds can dwarf them
    for curve in curves:
        if len(curve.returns) > 1 and curve.steps:
            mean, interval = np.array([estimate(column) for column in curve.returns.T.tolist()]).T
            axes.fill_between(
                curve.steps, mean - interval, mean + interval, color=colours[curve.label], alpha=0.18, lw=0
            )
    axes.set(title=env, xlabel="environment steps", ylabel="return", ylim=limits)
    axes.grid(alpha=0.25)
