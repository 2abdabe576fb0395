"""The charts of a report: runs laid over one another, and the parts of one run."""

from collections.abc import Sequence

from accumbens.report.charts import Chart, Curve
from accumbens.report.data import Run
from accumbens.report.series import Series, read
from accumbens.runs.chapter import Along, Plot, Quote
from accumbens.runs.looks import look


def quotes_of(run: Run) -> Sequence[Quote]:
    """Return the published numbers of the method that a run has, in its place."""
    return [quote for quote in run.chapter.quotes(run.config) if run.chapter.is_comparable(run.config, quote)]


def overview(runs: Sequence[Run], prefix: str, families: Sequence[str]) -> list[Chart]:
    """Return the charts that compare the runs in one place; published numbers stand in the first.

    Args:
        runs: in that place.
        prefix: of the names of the charts.
        families: of all runs of the kind, in order: their place says their colour.
    """
    chapter, along = runs[0].chapter, runs[0].chapter.along(runs)
    published = chapter.quotes(runs[0].config)
    quotes = [quote for quote in published if any(chapter.is_comparable(run.config, quote) for run in runs)]
    charts = []
    for plot in chapter.overview(runs):
        series = [read(line, along) for line in plot.lines]
        curves = [
            _curve(f"{prefix}-run-{place}", run, one, families.index(run.family))
            for place, (run, one) in enumerate(zip(runs, series, strict=True))
            if one.steps
        ]
        charts.append(Chart(f"{prefix}-{plot.name}", plot, curves, along, [] if charts else quotes))
    return [chart for chart in charts if chart.curves]


def _curve(key: str, run: Run, series: Series, family: int) -> Curve:
    seen = look(family, run.is_twin if run.chapter.has_twins else None)
    return Curve(key=key, name=run.label, colour=(seen.palette, seen.shade), series=series, dash=seen.dash)


def of_one_run(run: Run, prefix: str) -> list[Chart]:
    """Return the charts of one run: what is known of every part of its network, and of its learning besides."""
    along = run.chapter.along([run])
    charts = [
        Chart(f"{prefix}-{plot.name}", plot, _stacked(f"{prefix}-{run.kind.words.part}", plot, along), along)
        for plot in run.chapter.details(run)
    ]
    return [chart for chart in charts if chart.curves]


def _stacked(key: str, plot: Plot, along: Along) -> list[Curve]:
    last = len(plot.lines) - 1
    return [
        Curve(
            key=f"{key}-{place}",
            name=line.label,
            colour=("cell", place / last if last else 1.0),
            series=series,
            wide=place == last,
        )
        for place, line in enumerate(plot.lines)
        if (series := read(line, along)).steps
    ]
