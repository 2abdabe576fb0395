"""The page: one file with everything in it, which a browser opens without any network."""

import base64
import hashlib
import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib import resources
from importlib.metadata import version
from string import Template

from accumbens.markup import Markup, escape, join, tag
from accumbens.report import sections as section
from accumbens.report.charts import Chart
from accumbens.report.data import Run, grouped
from accumbens.report.provenance import provenance
from accumbens.report.statistics import across_places
from accumbens.runs.chapter import Chapter
from accumbens.runs.tables import to_json
from accumbens.stats import FEW_SEEDS

GENERATOR = "accumbens report"


def render(runs: Sequence[Run], title: str | None = None) -> str:
    """Return the report of these runs as HTML; the same runs make the same page.

    Args:
        runs: at least one; those of a kind, and in a place, follow one another.
        title: of the page; says what was run if there is none.
    """
    from plotly.offline import get_plotlyjs  # heavy

    charts: list[Chart] = []
    results, across, sections, noted = [], [], [], few_seeds(runs)
    numbers: defaultdict[str, Iterator[int]] = defaultdict(itertools.count)
    kinds = grouped(runs, "kind")
    for own in kinds:
        words, here = own[0].kind.words, grouped(own, "place")
        results.append(section.results(own))
        noted += section.notes(own)
        across.append((f"across-{words.name}s", f"Across {words.place}s", across_places(here)))
        families = list(dict.fromkeys(run.family for run in own))
        for members in here:
            key = f"{words.place_key}-{next(numbers[words.place_key])}"
            content, drawn = section.place(members, key, families)
            charts += drawn
            sections.append((f"{key}-section", members[0].place, content))
    notes = tag("div", join([tag("p", line) for line in noted]), class_="note", role="note") if noted else ""
    sections = [
        ("results", "Results", Markup(notes + join(results))),
        *(section for section in across if section[-1]),
        *sections,
        ("runs", "Runs", provenance(runs)),
        ("reading", "How to read this", _reading([own[0].chapter for own in kinds])),
    ]
    seeds = sorted({run.seeds for run in runs})
    count = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    counted = [_plural(len(grouped(own, "place")), own[0].kind.words.place) for own in kinds]
    subtitle = ", ".join([_plural(len(runs), "run"), *counted, f"{count} seed{'s' * (seeds != [1])} each"])
    plotly, script = get_plotlyjs(), _resource("page.js")
    contents = [tag("li", tag("a", name, href=f"#{key}")) for key, name, _ in sections]
    body = [
        tag("section", Markup(tag("h2", name, id=f"{key}-title") + content), id=key, aria_labelledby=f"{key}-title")
        for key, name, content in sections
    ]
    # A script that somebody smuggled into a name would not run: only these two may.
    return Template(_resource("page.html")).substitute(
        hashes=" ".join(_hash(text) for text in (plotly, script)),
        generator=GENERATOR,
        title=escape(title or " and ".join(map(_title, kinds))),
        subtitle=subtitle,
        style=_resource("style.css"),
        contents=tag("ul", join(contents)),
        body=join(body),
        version=version("accumbens"),
        charts=to_json({chart.name: chart.document() for chart in charts}).replace("<", "\\u003c"),
        plotly=plotly,
        script=script,
    )


def few_seeds(runs: Sequence[Run]) -> list[str]:
    """Say that there are few seeds, if there are."""
    fewest = min(run.seeds for run in runs)
    if fewest >= FEW_SEEDS:
        return []
    seeds = "one seed" if fewest == 1 else f"{fewest} seeds"
    return [f"Fewer than {FEW_SEEDS} seeds (here as few as {seeds}): differences between runs are rough."]


def _reading(chapters: Sequence[Chapter]) -> Markup:
    texts: dict[str, str] = {}
    for chapter in chapters:
        texts |= chapter.reading
    return tag("dl", join([Markup(tag("dt", name) + tag("dd", text)) for name, text in texts.items()]))


def _title(runs: Sequence[Run]) -> str:
    methods, here = list(dict.fromkeys(run.kind.method(run.config) for run in runs)), grouped(runs, "place")
    named = ", ".join(methods[:4]) + (" …" if len(methods) > 4 else "")
    return f"{named} on {here[0][0].place if len(here) == 1 else _plural(len(here), runs[0].kind.words.place)}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _resource(name: str) -> str:
    return resources.files("accumbens.report").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
