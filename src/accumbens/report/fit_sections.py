"""What a report says of fits, as HTML: their results, and every task."""

from collections.abc import Sequence

from accumbens.credit.registry import rule_entry
from accumbens.credit.tasks.registry import task_entry
from accumbens.report import fit_figures
from accumbens.report.charts import Chart, number
from accumbens.report.data import Run, fit_of
from accumbens.report.labels import shown
from accumbens.report.markup import Markup, join, table, tag
from accumbens.report.panels import (
    EVERY_SEED,
    LOGARITHMIC,
    SHADED,
    charts_with_legend,
    clock,
    differing_settings,
    one_at_a_time,
)
from accumbens.report.statistics import Score, across_tasks, against_first, statistics_table
from accumbens.runs.settings import every_setting

READING = {
    "Epoch": "one pass through the training data; an update is one step of the optimiser, of one mini-batch.",
    "Shaded": SHADED,
    "Scores": "of the network when it predicts, greedily: test examples are only reported, validation examples choose "
    "between settings, and of the training examples at most 10,000 are looked at. The loss while learning is that "
    "which the rule meets, noise included.",
    "Layer": "counted from the input.",
    "Angle": "between what the rule makes of a batch and the exact gradient of the same batch: 0° is the gradient, "
    "below 90° the loss falls to first order, 90° is what chance has in many dimensions.",
    "Sign agreement": "of the parameters whose exact derivative is not zero, the part whose sign the rule gets right.",
    "Update norm": "of the step that the optimiser would take, all parameters of the layer together.",
    "Entropy": "of what a unit draws when it learns, in nats; ln 2 = 0.693 of a unit that is on every other time.",
    "Sparsity": "the part of the units that emit something other than zero.",
}
"""How to read it."""

_ACCURACY = Score("test accuracy (%)", lambda run: fit_figures.column(run, "test_accuracy"), ".2f")
_LOSS = Score("test loss", lambda run: fit_figures.column(run, "test_loss"), ".3f", less_is_better=True)


def score_of(run: Run) -> Score:
    """Return what a fit is judged by."""
    return _ACCURACY if fit_figures.classifies(run) else _LOSS


def results(runs: Sequence[Run]) -> Markup:
    """Return what every fit came to."""
    parts = []
    for task in dict.fromkeys(run.task for run in runs):
        here = [run for run in runs if run.task == task]
        columns = [f"{split}_loss" for split in fit_figures.SPLITS]
        if any(fit_figures.classifies(run) for run in here):
            columns = [*(f"{split}_accuracy" for split in fit_figures.SPLITS), "test_loss"]
        columns = [name for name in columns if any(run.training and name in run.training[0] for run in here)]
        rows = [
            [
                run.label,
                fit_of(run).seeds,
                _epochs(run),
                *(_score(run, name) for name in columns),
                f"{sum(run.parameters):,}" if run.parameters else "–",
                clock(run.seconds),
            ]
            for run in here
        ]
        heads = ["run", "seeds", "epochs", *map(_head, columns), "parameters", "wall time"]
        parts.append(table(f"{task}: mean ± 95 % t-interval over seeds, at the last evaluation", heads, rows))
    text = "Accuracy: correctly classified, in %. Loss: cross-entropy in nats, or squared error; less is better."
    return join([tag("p", text), *parts])


def _head(column: str) -> str:
    split, _, score = column.partition("_")
    return f"{fit_figures.SPLITS[split].lower()} {score}"


def _score(run: Run, column: str) -> str:
    return number(fit_figures.column(run, column), -1, ".2f" if column.endswith("_accuracy") else ".3g")


def _epochs(run: Run) -> str:
    done, asked = _epoch(run), fit_of(run).epochs
    return f"{done:,.4g}" if run.steps >= run.asked > 0 else f"{done:,.4g} of {asked:,}"


def _epoch(run: Run) -> float:
    return float(run.training[-1]["epoch"]) if run.training else 0.0


def notes(runs: Sequence[Run]) -> list[str]:
    """Return what a reader must know before believing a number, of the data too."""
    lines = []
    for run in runs:
        if run.steps == 0:
            lines.append(f"{run.name}: nothing was learned yet.")
        elif run.steps < run.asked:
            lines.append(f"{run.name}: stopped at epoch {_epoch(run):,.4g} of {fit_of(run).epochs:,}.")
    own = [(run.task, note) for run in runs for note in run.meta.get("task", {}).get("notes", [])]
    return [*lines, *(f"{task}: {note}." for task, note in dict.fromkeys(own))]


def task(runs: Sequence[Run], prefix: str, families: Sequence[str]) -> tuple[Markup, list[Chart]]:
    """Return everything about one task, and its charts.

    Args:
        runs: of this task.
        prefix: of the names of its elements.
        families: of all fits of the report; see `fit_figures.overview`.
    """
    summary = task_entry(fit_of(runs[0]).task)[1].summary
    parts = [tag("p", f"Task: {summary}.")] if summary else []
    charts = fit_figures.overview(runs, prefix, families)
    if charts:
        options = [EVERY_SEED] if any(fit_of(run).seeds > 1 for run in runs) else []
        parts.append(charts_with_legend(charts, [*options, LOGARITHMIC]))
    else:
        parts.append(tag("p", "There is no curve yet: nothing was evaluated."))
    parts.append(statistics_table(runs, score_of(runs[0]), against_first if len(runs) > 1 else None))
    panels, per_layer = _layer_by_layer(runs, prefix)
    parts += [panels, differing_settings(runs, usual_settings(runs[0]), "the defaults")]
    return join([part for part in parts if part]), charts + per_layer


def _layer_by_layer(runs: Sequence[Run], prefix: str) -> tuple[Markup, list[Chart]]:
    panels: dict[str, tuple[str, list[Chart]]] = {}
    for place, run in enumerate(runs):
        name = f"{prefix}-layers-{place}"
        own = fit_figures.layer_by_layer(run, name)
        if own:
            panels[name] = (run.label, own)
    if not panels:
        return Markup(""), []
    text = (
        "What the rule tells every layer, measured on one batch at every evaluation: how far its update points away "
        "from the exact gradient, and how large it is; and what the layer's units do."
    )
    intro = join([tag("h3", "Layer by layer"), tag("p", text), _angles(runs)])
    charts = [chart for _, own in panels.values() for chart in own]
    return join([intro, one_at_a_time(panels, prefix)]), charts


def _angles(runs: Sequence[Run]) -> Markup:
    """The last angle of every layer; networks that are less deep have dashes between their layers and the output."""
    most = max(len(fit_figures.layers(run, "angle")) for run in runs)
    rows = []
    for run in runs:
        found = [number(fit_figures.column(run, name), -1, ".1f") for name in fit_figures.layers(run, "angle")]
        if found:
            rows.append([run.label, *found[:-1], *["–"] * (most - len(found)), found[-1]])
    caption = (
        "Angle of every layer's update with the exact gradient at the last evaluation, in degrees, ± 95 % t-interval"
    )
    return table(caption, ["run", *fit_figures.layer_names(most)], rows)


def usual_settings(run: Run) -> dict[str, str]:
    """Return the settings of task and rule if nothing is asked for, and the task's epochs."""
    config = fit_of(run)
    entry, rule = task_entry(config.task)[1], rule_entry(config.rule)[1]
    values = {"epochs": entry.epochs} | every_setting(entry.settings) | every_setting(rule.settings)
    return {key: shown(value) for key, value in values.items()}


def across(runs: Sequence[Run]) -> Markup:
    """Return the probability that one rule beats another over all tasks; empty if none was run on several."""
    return across_tasks(runs, score_of, "a higher test accuracy, in regression a lower test loss,", "tasks")
