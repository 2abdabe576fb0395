"""The pictures of a network that is told its error: paths, loss per update, and what is measured along the trial."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from accumbens.credit.networks.controlled import DT
from accumbens.representation.reaching import ReachingStudy
from accumbens.runs.find import complete_rows
from accumbens.runs.looks import PALETTES
from accumbens.runs.pictures import save_figure

_LOOKS = {True: (PALETTES["run"][0], "-", "with feedback"), False: (PALETTES["run"][1], "--", "without feedback")}
_PANELS = {
    "error": "error ‖ε‖",
    "gradient": "cosine with\nthe gradient step",
    "second_order": "cosine with the\nGauss-Newton step",
    "jacobian": "Jacobian of one step\n(Frobenius norm)",
}


def draw_reaching(study: ReachingStudy, folder: Path) -> None:
    """Write all figures, as PNG and SVG."""
    for name, figure in {"paths": _paths(study), "along": _along(study), "loss": _loss(study)}.items():
        if figure is not None:
            save_figure(figure, folder / f"{name}.png", folder / f"{name}.svg", dpi=120)


def _title(study: ReachingStudy) -> str:
    config = study.of.config
    units, rotation = config.rule_settings.layers[0], getattr(config.task_settings, "rotation", 0)
    turned = f", rotated by {rotation:g}°" if rotation else ""
    return f"{config.task}{turned}: {config.rule}, {units} units"


def _when(step: int, steps: Sequence[int]) -> str:
    return "before learning" if step == 0 else f"after {step:,} update{'s' if step > 1 else ''}"


def _paths(study: ReachingStudy) -> Figure:
    steps, conditions = study.of.steps, study.of.with_feedback
    figure = Figure(figsize=(2.9 * len(steps) + 0.5, 2.9 * len(conditions) + 0.9), layout="constrained")
    grid = figure.subplots(len(conditions), len(steps), sharex=True, sharey=True, squeeze=False)
    place = study.of.config.seed_list().index(study.of.seed)
    words = (
        ("output 1", "output 2")
        if study.of.facts.direct
        else ("x of the hand (target at 5)", "y of the hand (target at 5)")
    )
    for told, row in zip(conditions, grid, strict=True):
        colour, _, name = _LOOKS[told]
        for step, axes in zip(steps, row, strict=True):
            hands, goals = study.paths[step, told][place], study.of.task.test.y
            for hand, goal in zip(hands, goals, strict=True):
                axes.plot(*goal.T, color="0.6", lw=1, ls=(0, (3, 2)))
                axes.plot(*hand.T, color=colour, lw=1.5)
                axes.plot(*goal[-1], "o", ms=6, mfc="none", mec="0.35", clip_on=False)
                axes.plot(*hand[-1], ".", ms=6, color=colour)
            loss = np.square(hands - goals).mean()
            axes.set_title(f"{_when(step, steps)}, {name}\nmean squared error {loss:.2g}", fontsize=9)
            axes.set_aspect("equal")
            axes.grid(alpha=0.25)
        row[0].set_ylabel(words[1])
    for axes in grid[-1]:
        axes.set_xlabel(words[0])
    keys = [
        Line2D([], [], color="0.6", lw=1, ls=(0, (3, 2)), marker="o", mfc="none", mec="0.35", label="goal, its end"),
        *(Line2D([], [], color=_LOOKS[told][0], lw=1.5, marker=".", label=_LOOKS[told][2]) for told in conditions),
    ]
    figure.legend(handles=keys, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.suptitle(f"{_title(study)}, seed {study.of.seed}", fontsize=11)
    return figure


def _along(study: ReachingStudy) -> Figure:
    steps = study.of.steps
    figure = Figure(figsize=(2.9 * len(steps) + 1.2, 1.75 * len(_PANELS) + 1), layout="constrained")
    grid = figure.subplots(len(_PANELS), len(steps), sharex=True, sharey="row", squeeze=False)
    for (name, label), row in zip(_PANELS.items(), grid, strict=True):
        for step, axes in zip(steps, row, strict=True):
            for told in study.of.with_feedback:
                values = getattr(study.along[step, told], name)
                colour, style, words = _LOOKS[told]
                _draw(axes, values.reshape(-1, values.shape[-1]), colour, style, words)
            axes.grid(alpha=0.25)
            if name in ("gradient", "second_order"):
                axes.axhline(0, color="0.35", lw=0.8)
        row[0].set_ylabel(label, fontsize=9)
        if name == "error":
            row[0].set_yscale("log")
    for step, top, bottom in zip(steps, grid[0], grid[-1], strict=True):
        top.set_title(_when(step, steps), fontsize=10)
        bottom.set_xlabel("time in the trial (s)")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    seeds = len(study.of.config.seed_list())
    trials = len(study.of.task.test.x)
    over = f"{seeds} seed{'s' if seeds > 1 else ''} × {trials} trials: median, 25 to 75 %"
    figure.suptitle(f"RFLO along the trial: {_title(study)}\n{over}", fontsize=11)
    return figure


def _draw(axes: Axes, rows: np.ndarray, colour: str, style: str, label: str) -> None:
    known = ~np.isnan(rows).all(axis=0)
    time = DT * np.arange(rows.shape[1])[known]
    low, middle, high = np.nanpercentile(rows[:, known], (25, 50, 75), axis=0)
    axes.plot(time, middle, color=colour, ls=style, lw=1.4, label=label)
    axes.fill_between(time, low, high, color=colour, alpha=0.18, lw=0)


def _loss(study: ReachingStudy) -> Figure | None:
    rows = complete_rows(study.of.run.metrics)
    columns = {"test_feedback_loss": _LOOKS[True], "test_loss": _LOOKS[False]}
    columns["learning_loss"] = ("0.45", ":", "as it learned, since the last evaluation")
    seeds = sorted({int(row["seed"]) for row in rows})
    steps = sorted({int(row["step"]) for row in rows})
    if len(steps) < 2:
        return None
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for column, (colour, style, label) in columns.items():
        if column == "test_feedback_loss" and True not in study.of.with_feedback:
            continue
        found = {(int(row["seed"]), int(row["step"])): float(row[column]) for row in rows}
        values = np.array([[found[seed, step] for step in steps] for seed in seeds])
        prefix = "" if column == "learning_loss" else "tested "
        axes.plot(steps, values.mean(axis=0), color=colour, ls=style, lw=1.5, label=prefix + label)
        if len(seeds) > 1:
            axes.fill_between(steps, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.18, lw=0)
    axes.set_yscale("log")
    batch = study.of.config.rule_settings.batch_size
    axes.set(xlabel="trials" if batch == 1 else f"updates of {batch} trials", ylabel="mean squared error")
    axes.grid(alpha=0.25, which="both")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    spread = f"{len(seeds)} seeds, mean and range" if len(seeds) > 1 else "1 seed"
    figure.suptitle(f"{_title(study)}, {spread}", fontsize=11)
    return figure
