"""Writes into the pages what they take from the package and from committed results, so that they read anywhere.

    uv run --group test python docs/generate/update.py            # brings all pages up to date
    uv run --group test python docs/generate/update.py --check    # only says which are not

What stands between `<!-- made: NAME ARGUMENT … -->` and `<!-- end -->` is made by the function of that name below; a
marker alone on its line makes a block, any other a number inside a sentence.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import fits
import tables
import wiring

import teams

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
VERDICTS = ROOT / "benchmarks" / "results" / "verdicts.md"
_MADE = re.compile(r"<!-- made: (\w+)((?: [^ >]+)*) -->(.*?)<!-- end -->", re.DOTALL)
_FIGURE = re.compile(r"assets/results/([\w-]+)\.png")
_LANGUAGES = {".py": "python", ".txt": "text"}


def file(path: str) -> str:
    """A file of the checkout, as it is."""
    text = (ROOT / path).read_text(encoding="utf-8").rstrip()
    return f"```{_LANGUAGES[Path(path).suffix]}\n{text}\n```"


def verdicts(section: str) -> str:
    """A section of the verdicts, without its heading."""
    text = VERDICTS.read_text(encoding="utf-8")
    found = re.search(rf"<!-- section: {section} -->\n(.*?)<!-- end of section -->", text, re.DOTALL)
    if found is None:
        raise ValueError(f"{VERDICTS} has no section {section}")
    return found[1].strip()


def draw(algo: str) -> str:
    """The wiring of a preset: a picture of its own, and what it shows."""
    return f"![{wiring.caption(algo)}]({{docs}}/assets/wiring/{algo}.svg)\n\n*{wiring.caption(algo)}*"


MACROS: dict[str, Callable[..., str]] = {
    "alignment": tables.alignment,
    "conditioning": tables.conditioning,
    "costs": fits.costs,
    "defaults": tables.defaults,
    "file": file,
    "feedback_rates": fits.feedback_rates,
    "transfer": fits.transfer,
    "bits": fits.bits,
    "chains": tables.chains,
    "fits": fits.results,
    "language_agents": tables.language_agents,
    "language_costs": tables.language_costs,
    "language_prior": tables.language_prior,
    "layers": fits.layers,
    "presets": tables.presets,
    "reads": fits.reads,
    "reproducibility": tables.reproducibility,
    "results": tables.results,
    "rule_settings": fits.rule_settings,
    "rules": fits.rules,
    "score": fits.score,
    "settings_tried": tables.settings_tried,
    "side_by_side": tables.side_by_side,
    "signals": tables.signals,
    "student_speed": teams.student_speed,
    "sweep_speed": tables.sweep_speed,
    "task_settings": fits.task_settings,
    "tasks": fits.tasks,
    "team_ablations": teams.team_ablations,
    "team_battles": teams.team_battles,
    "team_returns": teams.team_returns,
    "token_case": tables.token_case,
    "turn_baselines": tables.turn_baselines,
    "verdicts": verdicts,
    "wiring": draw,
}
TRACED = ("signals", "reads")
"""Those that trace agents and rules, which takes seconds each."""


def up_to_date(page: Path, left_out: tuple[str, ...] = ()) -> str:
    """Return a page with all that is made in it made anew.

    Args:
        page: the page.
        left_out: names of what stays as it is.

    Raises:
        ValueError: a marker begins a line of a paragraph, where Markdown would take the whole line for HTML.
    """

    def made(match: re.Match[str]) -> str:
        name, arguments, before = match.groups()
        if name in left_out:
            return match[0]
        text = MACROS[name](*arguments.split()).replace("{docs}", os.path.relpath(DOCS, page.parent))
        block = before.startswith("\n") or "\n" in text
        if not block and (match.start() == 0 or match.string[match.start() - 1] == "\n"):
            raise ValueError(f"{page}: a line begins with {match[0]!r}; put a word before it")
        return f"<!-- made: {name}{arguments} -->" + (f"\n\n{text}\n\n" if block else text) + "<!-- end -->"

    return _MADE.sub(made, page.read_text(encoding="utf-8"))


def pictures() -> Iterator[tuple[Path, bytes]]:
    """Every picture that pages show and that is made here or lies elsewhere in the checkout, with its contents."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages())
    for name in sorted(set(_FIGURE.findall(text))):
        yield DOCS / "assets" / "results" / f"{name}.png", figure_of(name).read_bytes()
    for algo in sorted(set(re.findall(r"<!-- made: wiring (\w+) -->", text))):
        yield DOCS / "assets" / "wiring" / f"{algo}.svg", wiring.draw(algo).encode()


def figure_of(name: str) -> Path:
    """The figure of an experiment's committed results, or of a sweep's."""
    curves = tables.RESULTS / name / "curves.png"
    return curves if curves.exists() else curves.with_name("sensitivity.png")


def pages() -> list[Path]:
    """The README, and all pages of the documentation."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def main() -> int:
    """Bring everything up to date, or say what is not."""
    os.environ["COLUMNS"] = "80"  # what the audit prints depends on it
    wanted = {page: up_to_date(page).encode() for page in pages()} | dict(pictures())
    stale = [path for path, content in wanted.items() if not path.exists() or path.read_bytes() != content]
    for path in stale:
        print(path.relative_to(ROOT))
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wanted[path])
    left = set((DOCS / "assets" / "results").glob("*.png")) | set((DOCS / "assets" / "wiring").glob("*.svg"))
    for path in left - set(wanted):
        print(f"{path.relative_to(ROOT)}: no page shows it")
    return int(bool("--check" in sys.argv and stale) or bool(left - set(wanted)))


if __name__ == "__main__":
    sys.exit(main())
