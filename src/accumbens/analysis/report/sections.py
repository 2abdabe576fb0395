"""The sections of a report as HTML: results, every environment, every run, and how to read it."""

import dataclasses
import math
from collections.abc import Sequence

from accumbens.analysis.report import figures, series
from accumbens.analysis.report.data import Run
from accumbens.analysis.report.figures import Chart
from accumbens.analysis.report.markup import Markup, details, join, table, tag
from accumbens.analysis.report.statistics import statistics_table
from accumbens.analysis.stats import FEW_SEEDS
from accumbens.analysis.tables import estimate
from accumbens.envs import registry
from accumbens.presets import resolve_preset
from accumbens.training.config import format_value

_DASHES = ("dot", "dashdot", "longdash", "longdashdot", "5 2")  # of published numbers, as in `page.js`
_SYMBOLS = {
    "circle": '<circle cx="13" cy="5" r="4.2"/>',
    "square": '<rect x="9" y="1" width="8" height="8"/>',
    "diamond": '<path d="M13 0l5 5-5 5-5-5z"/>',
    "triangle": '<path d="M13 .8l4.8 8.4H8.2z"/>',
    "cross": '<path d="M9 1l8 8M17 1l-8 8"/>',
}


def results(runs: Sequence[Run]) -> Markup:
    """Return what every run came to, beside what a paper reports of the same method."""
    sources: list[str] = []
    parts: list[Markup] = []
    for env in dict.fromkeys(run.config.env for run in runs):
        rows = []
        for run in (run for run in runs if run.config.env == env):
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
                    _clock(run.seconds),
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


def notes(runs: Sequence[Run]) -> Markup:
    """Return what a reader must know before believing a number; empty if there is nothing."""
    lines = []
    fewest = min(run.config.seeds for run in runs)
    if fewest < FEW_SEEDS:
        seeds = "one seed" if fewest == 1 else f"{fewest} seeds"
        lines.append(f"Fewer than {FEW_SEEDS} seeds (here as few as {seeds}): differences between runs are rough.")
    for run in runs:
        name = f"{run.config.env}, {run.label}"
        if not run.training:
            lines.append(f"{name}: nothing was trained yet.")
            continue
        if run.steps < run.asked:
            lines.append(f"{name}: stopped at step {run.steps:,} of {run.asked:,}.")
        if not run.evaluations:
            lines.append(f"{name}: no evaluation yet.")
    return tag("div", join([tag("p", line) for line in lines]), class_="note", role="note") if lines else Markup("")


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
        options = [("seeds", "Every seed")] if any(run.config.seeds > 1 for run in runs) else []
        parts.append(_group(charts, options, quotes=charts[0]))
    else:
        parts.append(tag("p", "There is no curve yet: no training episode has ended."))
    parts.append(statistics_table(runs))
    panels, per_cell = _cell_by_cell(runs, prefix)
    parts += [panels, _published(runs), _differences(runs)]
    return join([part for part in parts if part]), charts + per_cell


def _group(charts: Sequence[Chart], options: Sequence[tuple[str, str]], quotes: Chart | None = None) -> Markup:
    """Charts that share a legend."""
    curves = {curve.key: curve for chart in charts for curve in chart.curves}
    keys = [_key(curve.key, curve.name, list(curve.colour), curve.dash, True) for curve in curves.values()]
    if len(keys) == 1:
        keys = []
    name = quotes.name if quotes else ""
    for quote in quotes.document()["quotes"] if quotes else []:
        text = f"{quote['name']}: {quote['value']:g} at {quote['steps'] / 1e6:g} M"
        look = _DASHES[quote["place"] % len(_DASHES)]
        if quote["points"] and not quote["line"]:
            look = list(_SYMBOLS)[quote["place"] % len(_SYMBOLS)]
        shown = bool(quote["line"] or quote["points"])
        keys.append(_key(f"{name}-quote-{quote['place']}", text, ["quote", 0], look, shown, quote["source"]))
    keys += [
        tag("button", text, type="button", class_="toggle", aria_pressed="false", data_option=name)
        for name, text in options
    ]
    legend = tag("div", join(keys), class_="controls", role="group", aria_label="Curves shown") if keys else ""
    drawn = tag("div", join([_figure(chart) for chart in charts]), class_="charts")
    return tag("div", Markup(legend + drawn), class_="group")


def _key(key: str, name: str, colour: list, look: str, shown: bool, title: str | None = None) -> Markup:
    """A button of the legend; `look` is a dash or a symbol."""
    mark = '<line x1="1" y1="5" x2="25" y2="5" stroke-width="3"/>'
    if look in _SYMBOLS:
        mark = f'<g fill="none" stroke-width="1.6">{_SYMBOLS[look]}</g>'
    swatch = Markup(f'<svg viewBox="0 0 26 10" aria-hidden="true">{mark}</svg>')
    return tag(
        "button",
        Markup(swatch + tag("span", name)),
        type="button",
        class_="key",
        aria_pressed="true" if shown else "false",
        data_key=key,
        data_colour=f'["{colour[0]}",{colour[1]}]',
        data_dash=look,
        title=title,
    )


def _figure(chart: Chart) -> Markup:
    save = tag(
        "button", "Save", type="button", class_="save", data_saves=chart.name, aria_label=f"Save: {chart.title}, as SVG"
    )
    caption = tag("figcaption", Markup(tag("h4", chart.title) + save))
    axis = tag("p", chart.axis, class_="axis quiet")
    plot = tag(
        "div",
        class_="plot",
        id=chart.name,
        tabindex="0",
        role="group",
        aria_roledescription="chart",
        aria_label=f"{chart.alternative()} Arrow keys read the values.",
    )
    return tag("figure", Markup(caption + axis + plot + details("Numbers", chart.table())), class_="chart")


def _cell_by_cell(runs: Sequence[Run], prefix: str) -> tuple[Markup, list[Chart]]:
    panels: list[Markup] = []
    choices: list[Markup] = []
    charts: list[Chart] = []
    for place, run in enumerate(runs):
        name = f"{prefix}-cells-{place}"
        own = figures.cell_by_cell(run, name)
        if not own:
            continue
        charts += own
        options = [("logarithmic", "Logarithmic")] if any(chart.logarithmic for chart in own) else []
        panels.append(tag("div", _group(own, options), id=name))
        choices.append(tag("option", run.label, value=name))
    if not panels:
        return Markup(""), []
    text = (
        "With local credit every cell learns from its own error alone. The table and the first chart are of plays with "
        "the first cells only: what does each one add?"
    )
    select = tag("select", join(choices), data_shows=True, id=f"{prefix}-choice")
    label = tag("label", "Run", for_=f"{prefix}-choice")
    chooser = tag("div", Markup(label + select), class_="controls", hidden=len(panels) == 1)
    intro = join([tag("h3", "Cell by cell"), tag("p", text), _prefixes(runs)])
    if not any(series.cell_columns(run) for run in runs):
        intro = tag("h3", "Learning")
    return join([intro, chooser, *panels]), charts


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
    quotes = figures.published(runs[0].config.env)
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


def settings_of(run: Run) -> dict[str, str]:
    """Return every setting of a run as text, those of the run before those of the agent."""
    values = {field.name: getattr(run.config, field.name) for field in dataclasses.fields(run.config)}
    agent = values.pop("settings")
    values |= {field.name: getattr(agent, field.name) for field in dataclasses.fields(agent)}
    return {key: format_value(value) for key, value in values.items()}


def _differences(runs: Sequence[Run]) -> Markup:
    """Settings that differ between the runs; of a single one, those that differ from its preset."""
    if len(runs) == 1:
        here, preset = settings_of(runs[0]), _preset_of(runs[0])
        rows = [[key, value, here[key]] for key, value in preset.items() if here.get(key) != value]
        heading, heads = "Settings that differ from the preset", ["setting", "preset", "here"]
        nothing = "All settings are those of the preset."
    else:
        columns = [settings_of(run) for run in runs]
        keys = dict.fromkeys(key for column in columns for key in column)
        found = {key: [column.get(key, "–") for column in columns] for key in keys}
        rows = [[key, *values] for key, values in found.items() if len(set(values)) > 1]
        heading, heads = "Settings that differ", ["setting", *(run.label for run in runs)]
        nothing = "All settings are the same."
    caption = f"{heading}; every run's settings are listed with it below"
    return Markup(tag("h3", heading) + (table(caption, heads, rows) if rows else tag("p", nothing)))


def _preset_of(run: Run) -> dict[str, str]:
    preset = resolve_preset(run.config.algo, run.config.env, registry.benchmark_of(run.config.env))
    agent = {field.name: getattr(preset.settings, field.name) for field in dataclasses.fields(preset.settings)}
    values = {"total_timesteps": preset.total_timesteps} | agent
    return {key: format_value(value) for key, value in values.items()}


def _estimate(values: series.Series) -> str:
    return str(estimate(values.values[:, -1].tolist())) if values.steps else "–"


def _steps(run: Run) -> str:
    return f"{run.steps:,}" if run.steps >= run.asked else f"{run.steps:,} of {run.asked:,}"


def _quote(quote: figures.Published, steps: int, sources: list[str]) -> str:
    interval = "" if quote.interval is None else f" ± {quote.interval:g}"
    here = quote.at(steps)
    text = f"{quote.agent}: {quote.value:g}{interval} at {quote.steps / 1e6:g} M"
    if here is not None and steps < quote.steps:
        text += f", {here:.1f} at this step"
    return f"{text} [{sources.index(quote.source) + 1}]"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
