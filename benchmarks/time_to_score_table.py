"""Table and figure of `time_to_score.py`."""

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from time_to_score_rows import Row, Task

from accumbens.runs.looks import look
from accumbens.runs.pictures import save_figure

MEASURES = {"cpu_seconds": "CPU s", "wall_seconds": "wall s", "steps": "steps"}
GREY = "0.35"
Key = tuple[str, str, str, str]
"""Environment, algorithm, settings, and build."""


def amounts(rows: Sequence[Row], measure: str) -> list[float]:
    """Return what every run needed; a run that did not reach the target needs more than any: infinity."""
    return [float(getattr(row, measure)) if row.reached else math.inf for row in rows]


def grouped(rows: Sequence[Row]) -> dict[Key, list[Row]]:
    """Return the runs of every environment, algorithm, settings, and build, in their order."""
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        groups.setdefault((row.env, row.algo, row.settings, row.build), []).append(row)
    return groups


def baseline(groups: Mapping[Key, Sequence[Row]], key: Key, first: tuple[str, str, str]) -> Key | None:
    """Return what a group is compared with: the first build's same variant; if it has none, its preset of the same
    algorithm; if it lacks that too, its preset of the first algorithm.

    Args:
        groups: all there are.
        key: of the group.
        first: algorithm, settings of a preset, and build.
    """
    env, algo, settings, _ = key
    other, preset, build = first
    candidates = ((env, algo, settings, build), (env, algo, preset, build), (env, other, preset, build))
    return next((candidate for candidate in candidates if candidate in groups and candidate != key), None)


def ratio(rows: Sequence[Row], others: Sequence[Row], measure: str) -> float:
    """Return how many times less `rows` need than `others`, by the medians; NaN if either median was not reached."""
    here, there = (statistics.median(amounts(group, measure)) for group in (rows, others))
    return there / here if math.isfinite(here) and math.isfinite(there) else math.nan


def markdown(rows: Sequence[Row], first: tuple[str, str, str]) -> str:
    """Return a table: medians (best) over seeds, and how many times less by the medians.

    Args:
        rows: the runs.
        first: algorithm, settings of a preset, and build that others are compared with, see `baseline`.
    """
    header = ["environment", "agent", "build", "reached", *MEASURES.values(), "compiling, CPU s", "compared with"]
    header += [f"{name}: times less" for name in MEASURES.values()]
    lines = [header, ["---"] * len(header)]
    groups = grouped(rows)
    for key, group in groups.items():
        cells = [group[0].env, f"`{group[0].task.variant}`", f"{group[0].build} ({_commits(group)})"]
        cells.append(f"{group[0].target:g} in {sum(row.reached for row in group)} of {len(group)}")
        cells += [_median_and_best(amounts(group, measure)) for measure in MEASURES]
        cells.append(f"{statistics.median(row.compile_cpu_seconds for row in group):.1f}")
        against = groups.get(baseline(groups, key, first) or key, [])
        if against is group:
            cells += ["–"] * (1 + len(MEASURES))
        else:
            ratios = [ratio(group, against, measure) for measure in MEASURES]
            cells.append(f"`{against[0].task.variant}` {against[0].build}, n = {len(against)}, {len(group)}")
            cells += ["–" if math.isnan(value) else f"{value:.2f}" for value in ratios]
        lines.append(cells)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _commits(rows: Sequence[Row]) -> str:
    return ", ".join(dict.fromkeys(row.commit for row in rows))


def _median_and_best(values: Sequence[float]) -> str:
    def text(value: float) -> str:
        if math.isinf(value):
            return "not reached"
        return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"

    median, best = text(statistics.median(values)), text(min(values))
    return median if median == best else f"{median} ({best})"


def draw(rows: Sequence[Row], curves: Mapping[Task, Sequence[Mapping[str, float]]], picture: Path) -> None:
    """Draw a line per run, over CPU seconds on the left and over steps on the right, a row per environment.

    A dot is where the target was reached, a cross where a run was given up.
    """
    envs = list(dict.fromkeys(row.env for row in rows))
    names = list(dict.fromkeys((row.task.variant, row.build) for row in rows))
    looks = {name: look(number, None) for number, name in enumerate(names)}
    figure = Figure(figsize=(7.4, 2.5 * len(envs) + 1.2), layout="constrained")
    grid = figure.subplots(len(envs), 2, squeeze=False, sharey="row")
    for place, env in enumerate(envs):
        here = [row for row in rows if row.env == env]
        for axes, over in zip(grid[place], ("cpu_seconds", "steps"), strict=True):
            for row in here:
                _line(axes, curves[row.task], row, over, looks[row.task.variant, row.build].line())
            axes.axhline(here[0].target, color=GREY, ls=(0, (1, 2)), lw=1.2, label="AD paper, end value")
            axes.set_xlim(left=0)
            axes.grid(alpha=0.25)
            axes.set_title(f"{env} (AD paper: {here[0].target:g})", fontsize=10)
        grid[place, 0].set(xlabel="CPU seconds of training", ylabel="mean return")
        grid[place, 1].set_xlabel("environment steps")
        grid[place, 1].xaxis.set_major_formatter(EngFormatter(sep=" "))
    for name in names:
        grid[0, 0].plot([], [], label=" · ".join(name), lw=1.5, **looks[name].line())
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    figure.suptitle(
        "Training until the last 100 episodes are as good as the AD paper's end value\n"
        "a line per seed; dot: reached, cross: given up",
        fontsize=10,
    )
    save_figure(figure, picture, dpi=150)


def _line(axes: Axes, points: Sequence[Mapping[str, float]], row: Row, over: str, style: dict) -> None:
    shown = [point for point in points if not math.isnan(point["mean_return"])]
    if not shown:
        return
    x, y = [point[over] for point in shown], [point["mean_return"] for point in shown]
    axes.plot(x, y, lw=1.1, alpha=0.85, **style)
    axes.plot(x[-1], y[-1], marker="o" if row.reached else "x", ms=4, color=style["color"], ls="")
