"""Pieces that the sections of a report are made of: charts with a legend, a choice of runs, settings."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from accumbens.errors import AccumbensError
from accumbens.markup import Markup, details, join, table, tag
from accumbens.report.charts import Chart
from accumbens.report.data import Run
from accumbens.report.labels import shown
from accumbens.runs.settings import every_setting

_DASHES = ("dot", "dashdot", "longdash", "longdashdot", "5 2")  # of published numbers, as in `page.js`
_SYMBOLS = {
    "circle": '<circle cx="13" cy="5" r="4.2"/>',
    "square": '<rect x="9" y="1" width="8" height="8"/>',
    "diamond": '<path d="M13 0l5 5-5 5-5-5z"/>',
    "triangle": '<path d="M13 .8l4.8 8.4H8.2z"/>',
    "cross": '<path d="M9 1l8 8M17 1l-8 8"/>',
}

EVERY_SEED = ("seeds", "Every seed")
LOGARITHMIC = ("logarithmic", "Logarithmic")
"""Buttons that change all charts beside them: key, and text."""


def charts_with_legend(charts: Sequence[Chart], options: Sequence[tuple[str, str]] = ()) -> Markup:
    """Return charts that share a legend, in which the published numbers beside them have buttons too.

    Args:
        charts: at least one.
        options: buttons beside those of the curves; `LOGARITHMIC` is among them where it makes sense.
    """
    curves = {curve.key: curve for chart in charts for curve in chart.curves}
    keys = [_key(curve.key, curve.name, list(curve.colour), curve.dash, True) for curve in curves.values()]
    if len(keys) == 1:
        keys = []
    keys += [_quote_key(chart.name, quote) for chart in charts for quote in chart.document()["quotes"]]
    if any(chart.plot.logarithmic for chart in charts):
        options = [*options, LOGARITHMIC]
    keys += [
        tag("button", text, type="button", class_="toggle", aria_pressed="false", data_option=name)
        for name, text in options
    ]
    legend = tag("div", join(keys), class_="controls", role="group", aria_label="Curves shown") if keys else ""
    drawn = tag("div", join([_figure(chart) for chart in charts]), class_="charts")
    return tag("div", Markup(legend + drawn), class_="group")


def _quote_key(chart: str, quote: Mapping[str, Any]) -> Markup:
    text = f"{quote['name']}: {quote['value']:g} at {quote['steps'] / 1e6:g} M"
    look = _DASHES[quote["place"] % len(_DASHES)]
    if quote["points"] and not quote["line"]:
        look = list(_SYMBOLS)[quote["place"] % len(_SYMBOLS)]
    shown = bool(quote["line"] or quote["points"])
    return _key(f"{chart}-quote-{quote['place']}", text, ["quote", 0], look, shown, quote["source"])


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
        "button",
        "Save",
        type="button",
        class_="save",
        data_saves=chart.name,
        aria_label=f"Save: {chart.plot.title}, as SVG",
    )
    caption = tag("figcaption", Markup(tag("h4", chart.plot.title) + save))
    axis = tag("p", chart.plot.axis, class_="axis quiet")
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


def one_at_a_time(panels: Mapping[str, tuple[str, Sequence[Chart]]], prefix: str) -> Markup:
    """Return the charts of several runs, of which those of one are shown.

    Args:
        panels: by the name of the element: the run's label and its charts.
        prefix: of the name of the choice.
    """
    shown: list[Markup] = []
    choices: list[Markup] = []
    for name, (label, charts) in panels.items():
        shown.append(tag("div", charts_with_legend(charts), id=name))
        choices.append(tag("option", label, value=name))
    select = tag("select", join(choices), data_shows=True, id=f"{prefix}-choice")
    label = tag("label", "Run", for_=f"{prefix}-choice")
    chooser = tag("div", Markup(label + select), class_="controls", hidden=len(shown) == 1)
    return join([chooser, *shown])


def settings_of(run: Run) -> dict[str, str]:
    """Return every setting of a run as text, those of the run before those of its method."""
    return {key: shown(value) for key, value in every_setting(run.config).items()}


def usual_settings(run: Run) -> dict[str, str]:
    """Return, as text, the settings that a run would have if nothing had been asked for; none of an unknown place."""
    try:
        usual = run.kind.usual(run.config)
    except AccumbensError:  # a script's environment, which is not registered here
        return {}
    return {key: shown(value) for key, value in usual.items()}


def differing_settings(runs: Sequence[Run]) -> Markup:
    """Return the settings that differ between runs in a place; of a single one, those that differ from the usual ones.

    Empty of a single one of a kind that has no usual settings.
    """
    if len(runs) == 1:
        here, usual, name = settings_of(runs[0]), usual_settings(runs[0]), runs[0].chapter.usual
        if not usual:
            return Markup("")
        rows = [[key, value, here[key]] for key, value in usual.items() if here.get(key) != value]
        heading, heads = f"Settings that differ from {name}", ["setting", name.removeprefix("the "), "here"]
        nothing = f"All settings are those of {name}."
    else:
        columns = [settings_of(run) for run in runs]
        keys = dict.fromkeys(key for column in columns for key in column)
        found = {key: [column.get(key, "–") for column in columns] for key in keys}
        rows = [[key, *values] for key, values in found.items() if len(set(values)) > 1]
        heading, heads = "Settings that differ", ["setting", *(run.label for run in runs)]
        nothing = "All settings are the same."
    caption = f"{heading}; every run's settings are listed with it below"
    return Markup(tag("h3", heading) + (table(caption, heads, rows) if rows else tag("p", nothing)))


def clock(seconds: float) -> str:
    """Return hours, minutes and seconds."""
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
