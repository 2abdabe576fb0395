"""The four figures of a study, in colours that the colour-blind can tell apart."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter

from accumbens.representation.alignment import PARAMETERS, REFERENCES
from accumbens.representation.scenarios import by_preference
from accumbens.representation.study import QUANTITIES, Picture, Study, early
from accumbens.representation.vectors import MEANINGS
from accumbens.runs.pictures import save_figure

OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#F0E442")
_MARKERS = "os^Dv<>P"


def draw_all(study: Study, folder: Path) -> list[Path]:
    """Draw every figure as PNG and SVG, and return the files; one that would be empty is not drawn."""
    figures = {"pca": draw_pca(study), "norms": draw_norms(study), "alignment": draw_alignment(study)}
    if study.scenarios:
        figures["scenarios"] = draw_scenarios(study)
    files = []
    for name, figure in figures.items():
        pictures = [folder / f"{name}.{format}" for format in ("png", "svg")]
        save_figure(figure, *pictures, dpi=130)
        files += pictures
    return files


def _title(study: Study, text: str) -> str:
    config = study.trained.config
    return f"{config.env}, {config.algo}, {study.trained.settings.credit} credit: {text}"


def _one_network(study: Study) -> str:
    return f"seed {study.seed}, step {study.trained.step:,}"


def _seeds(study: Study) -> str:
    count = len(study.trained.seeds)
    return "1 seed" if count == 1 else f"{count} seeds"


def draw_pca(study: Study) -> Figure:
    """Draw every cell's two principal components twice, coloured by action and by value."""
    number = len(study.pictures)
    figure = Figure(figsize=(9.6, 3.7 * number + 0.7), layout="constrained")
    panels = figure.subplots(number, 2, squeeze=False)
    for row, picture in zip(panels, study.pictures, strict=True):
        x, y = picture.components.scores.T
        _colour_by_action(row[0], picture, x, y)
        low, high = _range(picture.value)
        extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max"}.get(
            (int(low > picture.value.min()), int(high < picture.value.max())), "both"
        )
        points = row[1].scatter(
            x, y, c=picture.value, cmap="viridis", vmin=low, vmax=high, s=10, alpha=0.75, lw=0, rasterized=True
        )
        label = "value" if picture.shares else "value of the greedy action"
        figure.colorbar(points, ax=row[1], label=label, extend=extend)
        limits = _range(x), _range(y)
        inside = [(low <= scores) & (scores <= high) for scores, (low, high) in zip((x, y), limits, strict=True)]
        outside = int((~(inside[0] & inside[1])).sum())
        name = f"cell {picture.cell}: {MEANINGS[picture.kind]}"
        row[0].set_title(name, fontsize=9, loc="left")
        r = picture.components.correlation
        row[1].set_title(f"correlation with the value: {r[0]:.2f} and {r[1]:.2f}", fontsize=9, loc="left")
        first, second = picture.components.explained
        for axes in row:
            axes.set(xlabel=f"PC 1 ({first:.0%} of variance)", ylabel=f"PC 2 ({second:.0%})")
            axes.set(xlim=limits[0], ylim=limits[1])
            axes.grid(alpha=0.2)
            if outside:
                text = f"{outside} of {len(x)} points lie outside"
                axes.text(0.99, 0.01, text, ha="right", fontsize=7, color="0.35", transform=axes.transAxes)
    what = f"two principal components\n{_one_network(study)}, {study.request.states} states"
    figure.suptitle(_title(study, f"{what} reached with ε = {study.request.epsilon:g}"), fontsize=10)
    return figure


def _range(values: np.ndarray) -> tuple[float, float]:
    """From the least to the largest; without the outermost hundredths, where these would take up most of the room."""
    low, first, last, high = np.quantile(values, [0, 0.01, 0.99, 1])
    if high - low > 2 * (last - first) > 0:
        low, high = max(low, first - 0.1 * (last - first)), min(high, last + 0.1 * (last - first))
    room = 0.04 * (high - low) or 1e-6
    return low - room, high + room


def _colour_by_action(axes: Axes, picture: Picture, x: np.ndarray, y: np.ndarray) -> None:
    actions = np.unique(picture.action)
    if len(actions) > len(OKABE_ITO):
        label = "action" if picture.shares else "greedy action"
        points = axes.scatter(x, y, c=picture.action, cmap="cividis", s=10, alpha=0.75, lw=0, rasterized=True)
        axes.figure.colorbar(points, ax=axes, label=f"number of the {label}")
        return
    for action in actions:
        of_it, style = picture.action == action, int(action) % len(OKABE_ITO)
        name = f"action {action}" if picture.shares else f"would do {action}"
        axes.scatter(
            *(x[of_it], y[of_it]),
            s=12,
            color=OKABE_ITO[style],
            marker=_MARKERS[style],
            label=name,
            alpha=0.65,
            lw=0,
            rasterized=True,
        )
    axes.legend(fontsize=7, framealpha=0.6)


_NAMES = {"hidden_norm": "‖h‖, hidden activity", "vector_norm": "‖vector of the action taken‖", "value": "value"}


def draw_norms(study: Study) -> Figure:
    """Draw boxes of activity, vectors and values at the first step, early and at the last, over states and seeds."""
    steps, cells = early(study.steps), [picture.cell for picture in study.pictures]
    quantities = [name for name in QUANTITIES if any(norms.quantity == name for norms in study.norms)]
    figure = Figure(figsize=(2.9 * len(cells) + 0.8, 2.5 * len(quantities) + 0.8), layout="constrained")
    panels = figure.subplots(len(quantities), len(cells), squeeze=False)
    goodness = any(picture.kind == "goodness" for picture in study.pictures)
    for row, quantity in zip(panels, quantities, strict=True):
        for axes, cell in zip(row, cells, strict=True):
            mine = [norms for norms in study.norms if (norms.cell, norms.quantity) == (cell, quantity)]
            if not mine:
                axes.set_axis_off()
                continue
            boxes = [np.concatenate([norms.values for norms in mine if norms.step == step]) for step in steps]
            drawn = axes.boxplot(
                boxes,
                whis=(5, 95),
                showfliers=False,
                patch_artist=True,
                widths=0.55,
                medianprops={"color": "black"},
                tick_labels=[f"{step:,}" for step in steps],
            )
            for box, shade in zip(drawn["boxes"], (0.2, 0.5, 0.8), strict=False):
                box.set(facecolor=colormaps["cividis"](shade), alpha=0.75)
            below = quantities[quantities.index(quantity) + 1 :]
            last = not any(norms.cell == cell and norms.quantity in below for norms in study.norms)
            axes.tick_params(labelbottom=last)
            axes.grid(axis="y", alpha=0.25)
            if quantity != "value":
                axes.set_ylim(bottom=0)  # where a norm ends
        first = next(axes for axes in row if axes.axison)
        first.set_ylabel("goodness, scaled: the value" if goodness and quantity == "value" else _NAMES[quantity])
    for axes, picture in zip(panels[0], study.pictures, strict=True):
        axes.set_title(f"cell {picture.cell}", fontsize=10)
    kinds = dict.fromkeys(MEANINGS[picture.kind] for picture in study.pictures if picture.kind != "activity")
    figure.supxlabel(f"environment steps{''.join(f'; vector: {kind}' for kind in kinds)}", fontsize=9)
    over = f"{study.request.states} states × {_seeds(study)}"
    what = f"activity over training\n{over}; box: quartiles, whiskers: 5–95 %"
    figure.suptitle(_title(study, what), fontsize=10)
    return figure


def draw_scenarios(study: Study) -> Figure:
    """Draw a heat map of units × scenarios for every cell; silent units are left out, and counted."""
    number, names = len(study.responses), [scenario.name for scenario in study.scenarios]
    figure = Figure(figsize=(2.4 + 2.9 * number, 6.4), layout="constrained")
    panels = figure.subplots(1, number, squeeze=False)[0]
    image = None
    for cell, (axes, responses) in enumerate(zip(panels, study.responses, strict=True), 1):
        score = responses.score[~responses.silent]
        shown = score[by_preference(score)] if len(score) else np.zeros((1, len(names)))
        image = axes.imshow(shown, cmap="PuOr_r", vmin=-1.5, vmax=1.5, aspect="auto", interpolation="nearest")
        axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=8)
        silent = int(responses.silent.sum())
        axes.set_title(f"cell {cell}: {len(score)} units{f', {silent} silent' if silent else ''}", fontsize=9)
        axes.set_yticks([])
    panels[0].set_ylabel("units, by the scenario they prefer")
    if image is not None:
        text = "activity before any norm: scenario − mean, in standard deviations"
        figure.colorbar(image, ax=list(panels), label=text, extend="both", shrink=0.6)
    recorded = study.scenarios[0].member.size
    figure.suptitle(_title(study, f"units by scenario\n{_one_network(study)}, {recorded:,} states"), fontsize=10)
    return figure


_AIR = 0.04  # beyond the bound of an axis, so that a line on it is seen whole
_OF = {"all": "all its parameters", "activity": "parameters that shape its activity"}


def draw_alignment(study: Study) -> Figure:
    """Draw cosines and the agreement of signs over training, per cell: seeds as thin lines, their mean thick."""
    figure = Figure(figsize=(9.6, 9.6), layout="constrained")
    panels = figure.subplots(3, 2, sharex=True, sharey="row")
    rows = [("cosine", parameters) for parameters in PARAMETERS] + [("sign_agreement", "activity")]
    cells = range(1, len(study.pictures) + 1)
    colours = dict(zip(cells, colormaps["viridis"](np.linspace(0.05, 0.85, len(cells))), strict=True))
    for (measure, parameters), row in zip(rows, panels, strict=True):
        for reference, axes in zip(REFERENCES, row, strict=True):
            for cell in cells:
                by_seed = series(study, cell, reference, parameters, measure)
                for values in by_seed:
                    axes.plot(study.steps, values, color=colours[cell], lw=0.7, alpha=0.45)
                axes.plot(study.steps, _mean(by_seed), ".-", color=colours[cell], lw=2)
            axes.axhline(0.0 if measure == "cosine" else 0.5, color="0.4", ls=":", lw=1)
            axes.grid(alpha=0.25)
        name = "cosine" if measure == "cosine" else "fraction of equal signs"
        row[0].set_ylabel(f"{name}\n{_OF[parameters]}", fontsize=9)
        row[0].set_ylim(min(-_AIR, row[0].get_ylim()[0]), 1 + _AIR)
    for reference, axes in zip(REFERENCES, panels[0], strict=True):
        whose = "summed losses of all cells" if reference == "all cells" else "loss of the top cell alone"
        axes.set_title(f"local gradient against backprop of the\n{whose}", fontsize=9)
    for axes in panels[-1]:
        axes.set_xlabel("environment steps")
        axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    handles = [Line2D([], [], color=colours[cell], lw=2, label=f"cell {cell}") for cell in cells]
    handles.append(Line2D([], [], color="0.4", ls=":", lw=1, label="no relation"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9)
    what = "does a local update point where backpropagation would?"
    used = f"mean gradients of {study.request.transitions:,} transitions, {_seeds(study)}"
    figure.suptitle(_title(study, f"{what}\n{used}"), fontsize=10)
    return figure


def series(study: Study, cell: int, reference: str, parameters: str, measure: str) -> np.ndarray:
    """Return a measure of one cell's alignment, [seeds, steps]; NaN where it is not defined."""
    found = {
        (each.seed, each.step): getattr(each.comparison, measure)
        for each in study.aligned
        if (each.comparison.cell, each.comparison.reference, each.comparison.parameters)
        == (cell, reference, parameters)
    }
    return np.array([[found[seed, step] for step in study.steps] for seed in study.trained.seeds])


def _mean(by_seed: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """The mean over seeds; NaN unless it is defined for all."""
    return np.asarray(by_seed).mean(axis=0)
