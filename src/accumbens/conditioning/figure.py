"""The figure of a probe: TD errors around cue and reward as bars, the way the firing of dopamine neurons is drawn."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from accumbens.conditioning.study import Study
from accumbens.conditioning.trials import PAIRED, TIMES, Trial
from accumbens.envs.conditioning import DELAY
from accumbens.runs.pictures import save_figure
from accumbens.stats import estimate

RISE, DIP, INK, SOFT = "#D55E00", "#0072B2", "#222222", "#8a8f99"
_LINES = ("#009E73", "#D55E00", "#E69F00", "#0072B2", "#CC79A7", "#56B4E9")
_STAGES = {"before": "before learning", "early": "early", "late": "after learning"}
_HEADROOM = 0.35
_VISIBLE = 0.05


def draw_study(study: Study, path: Path) -> None:
    """Draw a row of panels per cell and trial, a column per stage of training, and how the responses came about.

    Args:
        study: what was found.
        path: file to write; its ending says the format.
    """
    cells, trials = study.td_error.shape[-1], study.probe.trials
    figure = Figure(figsize=(12.2, 0.82 * cells * len(trials) + 2.5))
    height = figure.get_figheight()
    cell_rows = GridSpec(
        *(cells, 2),
        figure=figure,
        **{"left": 0.135, "right": 0.985, "top": 1 - 1.2 / height, "bottom": 1.05 / height},
        **{"hspace": 0.24, "wspace": 0.13, "width_ratios": (3, 1.05)},
    )
    limits = _limits(study)
    for cell in range(cells):
        inner = cell_rows[cell, 0].subgridspec(len(trials), len(_STAGES), hspace=0.0, wspace=0.04)
        for column, (stage, snapshot) in enumerate(study.stages().items()):
            for row, trial in enumerate(trials):
                axes = figure.add_subplot(inner[row, column])
                _draw_trial(axes, study, trial, snapshot, cell, exact=stage == "late")
                axes.set(xlim=(TIMES[0] - 0.6, TIMES[-1] + 0.6), ylim=limits)
                _tidy(axes, left=column == 0, bottom=row == len(trials) - 1)
                if column == 0:
                    axes.set_ylabel(trial.name, rotation=0, ha="right", va="center", fontsize=8, labelpad=16)
                if column == 0 and row == 0:
                    axes.text(
                        *(-0.475, 1.0),
                        f"cell {cell + 1}",
                        weight="bold",
                        fontsize=10,
                        transform=axes.transAxes,
                        va="top",
                    )
                if cell == 0 and row == 0:
                    axes.set_title(f"{_STAGES[stage]}\nstep {study.steps[snapshot]:,}", fontsize=9, pad=10)
                if cell == cells - 1 and row == len(trials) - 1:
                    axes.set_xlabel("steps from the cue's onset", fontsize=8)
        course = figure.add_subplot(cell_rows[cell, 1])
        _draw_course(course, study, cell)
        course.set_ylim(limits)
        course.set_ylabel("TD error δ (rewards)", fontsize=8)
        if cell == 0:
            course.set_title("along training", fontsize=9, pad=10)
        if cell == cells - 1:
            course.set_xlabel("environment steps", fontsize=8)
            lines = course.get_legend_handles_labels()
            where = {"loc": "lower right", "bbox_to_anchor": (0.99, 0.04 / height)}
            figure.legend(*lines, fontsize=7, frameon=False, ncols=2, **where)
        else:
            course.tick_params(labelbottom=False)
    _write_around(figure, study)
    save_figure(figure, path, dpi=130)


def _limits(study: Study) -> tuple[float, float]:
    """Room for the means of all panels and the marks above them, the same everywhere."""
    means = study.td_error[list(study.stages().values())].mean(axis=1)
    return min(-1.15, 1.1 * float(means.min())), max(1.1, float(means.max())) + _HEADROOM


def _draw_trial(axes: Axes, study: Study, trial: Trial, snapshot: int, cell: int, *, exact: bool) -> None:
    number = study.probe.trials.index(trial)
    mean, interval = np.array(
        [estimate(values.tolist()) for values in study.td_error[snapshot, :, number, :, cell].T]
    ).T
    colours = [RISE if value > 0 else DIP for value in mean]
    axes.bar(TIMES, mean, width=0.8, color=colours, lw=0)
    axes.errorbar(TIMES, mean, np.nan_to_num(interval), fmt="none", ecolor=INK, elinewidth=0.7)
    if exact:
        shown = np.abs(study.exact[number]) > _VISIBLE
        axes.plot(TIMES[shown], study.exact[number][shown], "_", color=INK, ms=9, mew=1.3)
    if trial.cue:
        _mark(axes, 0, "cue", filled=True)
    if trial.reward is not None:
        _mark(axes, trial.reward, "reward", filled=True)
    if trial.reward != DELAY:
        _mark(axes, DELAY, "none", filled=False)


def _mark(axes: Axes, time: int, name: str, *, filled: bool) -> None:
    """A line through the panel at an event, and its name above."""
    axes.axvline(time, color=SOFT, lw=0.7, ls="-" if filled else (0, (2, 2)), zorder=0)
    axes.text(
        *(time + 0.35, 0.97),
        name,
        fontsize=6.5,
        color=INK if filled else SOFT,
        ha="left",
        va="top",
        transform=axes.get_xaxis_transform(),
    )


def _tidy(axes: Axes, *, left: bool, bottom: bool) -> None:
    axes.axhline(0, color=INK, lw=0.6)
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(side == "left" and left)
    axes.tick_params(labelsize=7, length=2, labelleft=left, left=left, labelbottom=bottom, bottom=bottom)
    axes.set_yticks([-1, 0, 1])
    axes.set_xticks(np.arange(0, TIMES[-1] + 1, 4))


def _draw_course(axes: Axes, study: Study, cell: int) -> None:
    """The responses the probe asks about, over all snapshots."""
    # The cue first, then what comes on time, so that colours mean the same in every probe.
    asked = sorted(study.probe.responses, key=lambda response: (response.time > 0, response.trial is not PAIRED))
    kinds = {(response.trial, response.time): response.name for response in asked}
    for colour, ((trial, time), name) in zip(_LINES, kinds.items(), strict=False):
        values = study.at(trial, time)[:, :, cell]
        mean, interval = np.array([estimate(row.tolist()) for row in values]).T
        axes.plot(study.steps, mean, ".-", color=colour, lw=1.3, ms=3.5, label=name)
        axes.fill_between(study.steps, mean - interval, mean + interval, color=colour, alpha=0.2, lw=0)
        axes.axhline(study.exact_at(trial, time), color=colour, lw=0.7, ls=":")
    axes.axhline(0, color=INK, lw=0.6)
    axes.set_yticks([-1, 0, 1])
    axes.tick_params(labelsize=7, length=2)
    axes.xaxis.set_major_formatter(lambda step, _: f"{step / 1000:g} k" if step else "0")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _write_around(figure: Figure, study: Study) -> None:
    config, seeds = study.config, study.td_error.shape[1]
    height = figure.get_figheight()
    what = study.probe.name.replace("-", " ")
    figure.text(
        *(0.015, 1 - 0.25 / height),
        f"TD error of every cell around cue and reward: {what}",
        fontsize=13,
        weight="bold",
        va="center",
    )
    spread = f"mean over {seeds} seeds and 95 % interval" if seeds > 1 else "1 seed"
    figure.text(
        *(0.015, 1 - 0.5 / height),
        f"{config.algo}, {config.settings.credit} credit, learning off; {spread}; in units of the reward",
        fontsize=9,
        color="#444444",
        va="center",
    )
    handles = [
        Patch(color=RISE, label="δ > 0"),
        Patch(color=DIP, label="δ < 0"),
        Line2D(
            [],
            [],
            color=INK,
            marker="_",
            ls="",
            label="exact δ, with every state's true value (where it is not about zero)",
        ),
    ]
    figure.legend(
        handles=handles, fontsize=8, frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0.13, 0.12 / height)
    )
