"""The page: one file with everything in it, which a browser opens without any network."""

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from string import Template

from accumbens.analysis.report.data import Run
from accumbens.analysis.report.figures import Chart
from accumbens.analysis.report.markup import Markup, escape, join, tag
from accumbens.analysis.report.provenance import provenance
from accumbens.analysis.report.sections import environment, notes, results
from accumbens.analysis.report.statistics import across_environments
from accumbens.errors import AccumbensError
from accumbens.training.runs import to_json

GENERATOR = "accumbens report"
_HEAD = 4096  # bytes in which a report says what it is


def render(runs: Sequence[Run], title: str | None = None) -> str:
    """Return the report of these runs as HTML; the same runs make the same page.

    Args:
        runs: at least one; those of an environment follow one another.
        title: of the page; says what was run if there is none.
    """
    from plotly.offline import get_plotlyjs  # heavy

    envs = list(dict.fromkeys(run.config.env for run in runs))
    families = list(dict.fromkeys(run.family for run in runs))
    charts: list[Chart] = []
    sections = [("results", "Results", Markup(notes(runs) + results(runs)))]
    for number, env in enumerate(envs):
        mine = [run for run in runs if run.config.env == env]
        content, drawn = environment(mine, f"env-{number}", families)
        charts += drawn
        sections.append((f"env-{number}-section", env, content))
    across = across_environments(runs)
    if across:
        sections.insert(1, ("across", "Across environments", across))
    sections += [("runs", "Runs", provenance(runs)), ("reading", "How to read this", _reading())]
    seeds = sorted({run.config.seeds for run in runs})
    count = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    subtitle = (
        f"{_plural(len(runs), 'run')}, {_plural(len(envs), 'environment')}, {count} seed{'s' * (seeds != [1])} each"
    )
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
        title=escape(title or _title(runs, envs)),
        subtitle=subtitle,
        style=_resource("style.css"),
        contents=tag("ul", join(contents)),
        body=join(body),
        version=version("accumbens"),
        charts=to_json({chart.name: chart.document() for chart in charts}).replace("<", "\\u003c"),
        plotly=plotly,
        script=script,
    )


def is_report(path: Path) -> bool:
    """Return whether a file is a report that accumbens wrote."""
    with path.open("rb") as file:
        return f'<meta name="generator" content="{GENERATOR}">'.encode() in file.read(_HEAD)


def require_replaceable(path: Path, force: bool) -> None:
    """Refuse to write over anything but an earlier report.

    Raises:
        AccumbensError: there is another file, and `force` is not given; or a folder.
    """
    if path.is_dir():
        raise AccumbensError(f"{path} is a folder: -o takes the file to write")
    if path.exists() and not force and not is_report(path):
        raise AccumbensError(f"{path} exists and is not a report: choose another -o, or write over it with --force")


def write(page: str, path: Path) -> None:
    """Write the page, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(page, encoding="utf-8", newline="\n")
    partial.replace(path)


def _reading() -> Markup:
    texts = {
        "Return": "undiscounted sum of the rewards of one episode.",
        "Step": "one environment step; every seed makes as many as the axis says.",
        "Shaded": "95 % t-interval over seeds. It assumes independent seeds and few of them make it wide; it may reach "
        "out of the chart.",
        "Cell": "one layer. With local credit it learns from its own TD error and from nothing else; the prefix of "
        "cells 1 to l acts on the mean of their values.",
        "Twin": "the same preset, initial weights and data with the other credit: the same colour, a dashed line.",
        "Published": "numbers of the papers, end values and points read off figures; a grey line is drawn where the "
        "training was about as long as here.",
    }
    return tag("dl", join([Markup(tag("dt", name) + tag("dd", text)) for name, text in texts.items()]))


def _title(runs: Sequence[Run], envs: Sequence[str]) -> str:
    algos = list(dict.fromkeys(run.config.algo for run in runs))
    agents = ", ".join(algos[:4]) + (" …" if len(algos) > 4 else "")
    where = envs[0] if len(envs) == 1 else f"{len(envs)} environments"
    return f"{agents} on {where}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _resource(name: str) -> str:
    return resources.files("accumbens.analysis.report").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
