"""The figure of an experiment: a panel per environment, a curve per agent and variant, and what the papers report."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from accumbens.analysis.published import Published
from accumbens.analysis.tables import estimate
from accumbens.training.runs import read_table

FEW_SEEDS = 5
_COLUMNS = 3
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
    labels = list(dict.fromkeys(curve.label for curve in curves))
    palette = colormaps["tab10" if len(labels) <= 10 else "tab20"]
    colours = {label: palette(index % palette.N) for index, label in enumerate(labels)}
    agents = list(dict.fromkeys(quote.agent for quote in quotes))
    styles = {agent: _QUOTE_STYLES[index % len(_QUOTE_STYLES)] for index, agent in enumerate(agents)}
    columns = max(1, min(_COLUMNS, len(envs)))
    rows = max(1, -(-len(envs) // columns))
    # Not pyplot, which would choose a window system for the whole process.
    figure = Figure(figsize=(4.4 * columns, 3.4 * rows + 1.2), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for env, axes in zip(envs, panels, strict=False):
        _draw_panel(
            axes,
            env,
            [curve for curve in curves if curve.env == env],
            [quote for quote in quotes if quote.env == env],
            colours,
            styles,
        )
    for axes in list(panels):  # of the panels, those left over
        axes.set_axis_off()
    handles = {
        label: handle for axes in figure.axes for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if handles:
        figure.legend(
            handles.values(), handles.keys(), loc="outside lower center", ncols=columns, frameon=False, fontsize=8
        )
    figure.suptitle(f"{title}\n{caption([len(curve.returns) for curve in curves])}", fontsize=9)
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
