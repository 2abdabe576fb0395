"""What a report says of the runs of one kind, as HTML: their results, and every place that they learned in."""

from collections.abc import Sequence

from accumbens.markup import Markup, join, table, tag
from accumbens.report import figures
from accumbens.report.charts import Chart, number
from accumbens.report.data import Run, grouped
from accumbens.report.panels import (
    EVERY_SEED,
    charts_with_legend,
    clock,
    differing_settings,
    one_at_a_time,
)
from accumbens.report.series import read
from accumbens.report.statistics import statistics_table
from accumbens.runs.chapter import Line, Quote


def results(runs: Sequence[Run]) -> Markup:
    """Return what every run came to, beside what others published of the same method."""
    chapter, sources = runs[0].chapter, [quote.source for run in runs for quote in figures.quotes_of(run)]
    sources = list(dict.fromkeys(sources))
    parts = [tag("p", chapter.intro)] if chapter.intro else []
    for here in grouped(runs, "place"):
        scores = chapter.results(here)
        heads = ["run", "seeds", f"{chapter.clock.point}s", *(score.name for score in scores)]
        heads += ["parameters", "wall time", *(["published"] if chapter.is_published else [])]
        rows = []
        for run in here:
            row = [run.label, run.seeds, _length(run), *(_last(run, score.line(run), score.form) for score in scores)]
            row += [f"{sum(run.sizes.parameters.values()):,}" if run.sizes.parameters else "–", clock(run.seconds)]
            if chapter.is_published:
                row.append("; ".join(_quote(run, quote, sources) for quote in figures.quotes_of(run)) or "–")
            rows.append(row)
        texts = [heads.index("published")] if chapter.is_published else []
        parts.append(table(f"{here[0].place}: {chapter.numbers}", heads, rows, texts))
    numbered = [f"[{place}] {source}" for place, source in enumerate(sources, start=1)]
    return join([*parts, *(tag("p", line, class_="quiet") for line in numbered)])


def notes(runs: Sequence[Run]) -> list[str]:
    """Return what a reader must know before believing a number, of runs and of places."""
    lines = []
    for run in runs:
        if run.steps == 0:
            lines.append(f"{run.name}: nothing was learned yet.")
            continue
        if run.is_cut:
            lines.append(f"{run.name}: stopped at {run.chapter.clock.point} {_length(run)}.")
        lines += [f"{run.name}: {note}." for note in run.chapter.notes(run)]
    own = dict.fromkeys((run.place, note) for run in runs for note in run.chapter.place_notes(run))
    return [*lines, *(f"{place}: {note}." for place, note in own)]


def place(runs: Sequence[Run], prefix: str, families: Sequence[str]) -> tuple[Markup, list[Chart]]:
    """Return everything about one place, and its charts.

    Args:
        runs: in this place.
        prefix: of the names of its elements.
        families: of all runs of the kind; see `figures.overview`.
    """
    chapter, config = runs[0].chapter, runs[0].config
    summary = chapter.summary(config)
    parts = [tag("p", f"{runs[0].kind.words.place.capitalize()}: {summary}.")] if summary else []
    charts = figures.overview(runs, prefix, families)
    if charts:
        options = [EVERY_SEED] if any(run.seeds > 1 for run in runs) else []
        parts.append(charts_with_legend(charts, options))
    else:
        parts.append(tag("p", f"There is no curve yet: {chapter.no_curve}."))
    panels, of_runs = _one_by_one(runs, prefix)
    parts += [statistics_table(runs), panels, _published(runs), differing_settings(runs)]
    return join([part for part in parts if part]), charts + of_runs


def _one_by_one(runs: Sequence[Run], prefix: str) -> tuple[Markup, list[Chart]]:
    """What is shown of one run at a time: its parts, if any run has some."""
    part, chapter = runs[0].kind.words.part, runs[0].chapter
    panels: dict[str, tuple[str, list[Chart]]] = {}
    for place, run in enumerate(runs):
        name = f"{prefix}-{part}s-{place}"
        own = figures.of_one_run(run, name)
        if own:
            panels[name] = (run.label, own)
    if not panels:
        return Markup(""), []
    intro = [tag("h3", "Learning")]
    charts = [chart for _, own in panels.values() for chart in own]
    if any(chart.plot.of_parts for chart in charts):
        about = tag("p", chapter.parts_intro) if chapter.parts_intro else ""
        intro = [tag("h3", f"{part.capitalize()} by {part}"), about, _parts(runs)]
    return join([*(piece for piece in intro if piece), one_at_a_time(panels, prefix)]), charts


def _parts(runs: Sequence[Run]) -> Markup:
    """The last numbers of all parts; runs that have fewer have dashes for what they lack."""
    chapter, rows = runs[0].chapter, []
    found = {run.label: {line.label: line for line in run.chapter.part_numbers(run)} for run in runs}
    heads = list(dict.fromkeys(head for lines in sorted(found.values(), key=len, reverse=True) for head in lines))
    if len(heads) < chapter.fewest_parts:
        return Markup("")
    for run in runs:
        lines = found[run.label]
        if lines:
            cells = [_last(run, lines[head], chapter.parts_form) if head in lines else "–" for head in heads]
            rows.append([run.label, *cells])
    return table(chapter.parts_caption, ["run", *heads], rows)


def _published(runs: Sequence[Run]) -> Markup:
    quotes, words = runs[0].chapter.quotes(runs[0].config), runs[0].kind.words
    if not quotes:
        return Markup("")
    steps = max(run.steps for run in runs)
    rows = []
    for quote in quotes:
        here = quote.at(steps)
        beside = ", ".join(run.label for run in runs if quote in figures.quotes_of(run))
        rows.append(
            [
                quote.method,
                _value(quote),
                f"{quote.steps:,}",
                "–" if here is None else format(here, words.score_form),
                beside or "–",
                quote.source,
            ]
        )
    heads = ["method", words.score, f"at {words.step}", f"at {words.step} {steps:,}", "stands beside", "source"]
    caption = "What the papers report; accumbens measured none of it. Points on the way are read off figures."
    return Markup(tag("h3", "Published numbers") + table(caption, heads, rows, texts=(4, 5)))


def _last(run: Run, line: Line, form: str) -> str:
    return number(read(line, run.chapter.clock), -1, form)


def _length(run: Run) -> str:
    done = f"{run.done:,}" if isinstance(run.done, int) else f"{run.done:,.4g}"
    return f"{done} of {run.sizes.asked:,}" if run.is_cut else done


def _quote(run: Run, quote: Quote, sources: Sequence[str]) -> str:
    here = quote.at(run.steps)
    text = f"{quote.method}: {_value(quote)} at {quote.steps / 1e6:g} M"
    if here is not None and run.steps < quote.steps:
        text += f", {here:{run.kind.words.score_form}} at this {run.kind.words.step}"
    return f"{text} [{sources.index(quote.source) + 1}]"


def _value(quote: Quote) -> str:
    return f"{quote.value:g}" + ("" if quote.interval is None else f" ± {quote.interval:g}")
