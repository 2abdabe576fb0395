"""What a report says of agents, as HTML: their results, and every environment."""

import dataclasses
from collections.abc import Sequence

from accumbens.envs import registry
from accumbens.presets import resolve_preset
from accumbens.report import figures, series
from accumbens.report.charts import Chart
from accumbens.report.data import Run, agent_of
from accumbens.report.markup import Markup, join, table, tag
from accumbens.report.panels import (
    EVERY_SEED,
    SHADED,
    charts_with_legend,
    clock,
    differing_settings,
    one_at_a_time,
)
from accumbens.report.statistics import Score, across_tasks, against_twin, statistics_table
from accumbens.runs.settings import format_value
from accumbens.stats import estimate
from accumbens.training.published import Published

SCORE = Score("final return", series.training_return)

READING = {
    "Return": "undiscounted sum of the rewards of one episode.",
    "Step": "one environment step; every seed makes as many as the axis says.",
    "Shaded": SHADED,
    "Cell": "one layer. With local credit it learns from its own TD error and from nothing else; the prefix of "
    "cells 1 to l acts on the mean of their values.",
    "Twin": "the same preset, initial weights and data with the other credit: the same colour, a dashed line.",
    "Published": "numbers of the papers, end values and points read off figures; a grey line is drawn where the "
    "training was about as long as here.",
}
"""How to read it."""


def results(runs: Sequence[Run]) -> Markup:
    """Return what every run came to, beside what a paper reports of the same method."""
    sources: list[str] = []
    parts: list[Markup] = []
    for env in dict.fromkeys(run.task for run in runs):
        rows = []
        for run in (run for run in runs if run.task == env):
            final, greedy = series.training_return(run), series.greedy_return(run)
            quotes = [quote for quote in figures.published(env) if figures.comparable(run, quote)]
            sources += [quote.source for quote in quotes if quote.source not in sources]
            rows.append(
                [
                    run.label,
                    run.config.seeds,
                    _steps(run),
                    _estimate(final),
                    _estimate(greedy),
                    f"{sum(run.parameters):,}" if run.parameters else "–",
                    clock(run.seconds),
                    "; ".join(_quote(quote, run.steps, sources) for quote in quotes) or "–",
                ]
            )
        heads = ["run", "seeds", "steps", "final return", "greedy return", "parameters", "wall time"]
        caption = f"{env}: mean ± 95 % t-interval over seeds"
        parts.append(table(caption, [*heads, "published"], rows, texts=(7,)))
    text = (
        "Final return: mean undiscounted return of the last 100 training episodes. Greedy return: of the full network "
        "in the last evaluation. Published: the same method in its paper, not always with the same learner, size or "
        "number of steps."
    )
    numbered = [f"[{place}] {source}" for place, source in enumerate(sources, start=1)]
    listed = join([tag("p", line, class_="quiet") for line in numbered])
    return join([tag("p", text), *parts, listed])


def notes(runs: Sequence[Run]) -> list[str]:
    """Return what a reader must know before believing a number."""
    lines = []
    for run in runs:
        if not run.training:
            lines.append(f"{run.name}: nothing was trained yet.")
            continue
        if run.steps < run.asked:
            lines.append(f"{run.name}: stopped at step {run.steps:,} of {run.asked:,}.")
        if not run.evaluations:
            lines.append(f"{run.name}: no evaluation yet.")
    return lines


def environment(runs: Sequence[Run], prefix: str, families: Sequence[str]) -> tuple[Markup, list[Chart]]:
    """Return everything about one environment, and its charts.

    Args:
        runs: of this environment.
        prefix: of the names of its elements.
        families: of all runs of the report; see `figures.overview`.
    """
    charts = figures.overview(runs, prefix, families)
    parts: list[Markup] = []
    if charts:
        options = [EVERY_SEED] if any(run.config.seeds > 1 for run in runs) else []
        parts.append(charts_with_legend(charts, options, quotes=charts[0]))
    else:
        parts.append(tag("p", "There is no curve yet: no training episode has ended."))
    parts.append(statistics_table(runs, SCORE, against_twin))
    panels, per_cell = _cell_by_cell(runs, prefix)
    parts += [panels, _published(runs), differing_settings(runs, _preset_of(runs[0]), "the preset")]
    return join([part for part in parts if part]), charts + per_cell


def _cell_by_cell(runs: Sequence[Run], prefix: str) -> tuple[Markup, list[Chart]]:
    panels: dict[str, tuple[str, list[Chart]]] = {}
    for place, run in enumerate(runs):
        name = f"{prefix}-cells-{place}"
        own = figures.cell_by_cell(run, name)
        if own:
            panels[name] = (run.label, own)
    if not panels:
        return Markup(""), []
    text = (
        "With local credit every cell learns from its own error alone. The table and the first chart are of plays with "
        "the first cells only: what does each one add?"
    )
    intro = join([tag("h3", "Cell by cell"), tag("p", text), _prefixes(runs)])
    if not any(series.cell_columns(run) for run in runs):
        intro = tag("h3", "Learning")
    charts = [chart for _, own in panels.values() for chart in own]
    return join([intro, one_at_a_time(panels, prefix)]), charts


def _prefixes(runs: Sequence[Run]) -> Markup:
    """The last greedy evaluation of every prefix of cells."""
    most = max((max(series.prefixes(run), default=0) for run in runs), default=0)
    if most < 2:
        return Markup("")
    rows = []
    for run in runs:
        found = series.prefixes(run)
        cells = [_estimate(series.greedy_return(run, cells)) if cells in found else "–" for cells in range(1, most + 1)]
        if found:
            rows.append([run.label, *cells])
    heads = ["run", "cell 1", *(f"cells 1 to {cells}" for cells in range(2, most + 1))]
    return table("Greedy return of every prefix of cells in the last evaluation, ± 95 % t-interval", heads, rows)


def _published(runs: Sequence[Run]) -> Markup:
    quotes = figures.published(runs[0].task)
    if not quotes:
        return Markup("")
    steps = max(run.steps for run in runs)
    rows = []
    for quote in quotes:
        here, interval = quote.at(steps), "" if quote.interval is None else f" ± {quote.interval:g}"
        beside = ", ".join(run.label for run in runs if figures.comparable(run, quote))
        rows.append(
            [
                quote.agent,
                f"{quote.value:g}{interval}",
                f"{quote.steps:,}",
                "–" if here is None else f"{here:.1f}",
                beside or "–",
                quote.source,
            ]
        )
    heads = ["method", "return", "at step", f"at step {steps:,}", "stands beside", "source"]
    caption = "What the papers report; accumbens measured none of it. Points on the way are read off figures."
    return Markup(tag("h3", "Published numbers") + table(caption, heads, rows, texts=(4, 5)))


def _preset_of(run: Run) -> dict[str, str]:
    config = agent_of(run)
    preset = resolve_preset(config.algo, config.env, registry.benchmark_of(config.env))
    agent = {field.name: getattr(preset.settings, field.name) for field in dataclasses.fields(preset.settings)}
    values = {"total_timesteps": preset.total_timesteps} | agent
    return {key: format_value(value) for key, value in values.items()}


def _estimate(values: series.Series) -> str:
    return str(estimate(values.values[:, -1].tolist())) if values.steps else "–"


def _steps(run: Run) -> str:
    return f"{run.steps:,}" if run.steps >= run.asked else f"{run.steps:,} of {run.asked:,}"


def _quote(quote: Published, steps: int, sources: list[str]) -> str:
    interval = "" if quote.interval is None else f" ± {quote.interval:g}"
    here = quote.at(steps)
    text = f"{quote.agent}: {quote.value:g}{interval} at {quote.steps / 1e6:g} M"
    if here is not None and steps < quote.steps:
        text += f", {here:.1f} at this step"
    return f"{text} [{sources.index(quote.source) + 1}]"


def across(runs: Sequence[Run]) -> Markup:
    """Return the probability that one agent beats another over all environments; empty if none was run in several."""
    return across_tasks(runs, lambda run: SCORE, "a higher final return", "environments")
