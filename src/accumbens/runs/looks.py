"""How runs look wherever they are drawn: which colour, and which line."""

import re
from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple

from accumbens.runs.kind import Kind
from accumbens.runs.settings import format_value

PALETTES = {
    "first": ("#0072b2", "#00795a", "#3f8fd0", "#141e5c", "#439f26"),
    "twin": ("#d04a00", "#a8437f", "#8a6500", "#d66aa2", "#5a2a00"),
    "run": (
        *("#0072b2", "#d04a00", "#00795a", "#a8437f", "#8a6500", "#3f8fd0", "#50565c"),
        *("#439f26", "#d66aa2", "#141e5c"),
    ),
}
"""Colours on white, after Okabe and Ito, that the colour-blind can tell apart: of the first of two twins blue or green,
of the second orange, pink or brown, and of runs of a kind that has no twins. The report's `style.css` has the same, and
lighter ones for a dark page."""

_DASHES = {
    "first": ("solid", "dot", "longdash"),
    "twin": ("dash", "dashdot", "dot"),
    "run": ("solid", "dash", "dot", "dashdot", "longdash"),
}
_LINES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-.", "longdash": (0, (8, 2))}


class Look(NamedTuple):
    """The look of a run's curves.

    Attributes:
        palette: one of `PALETTES`.
        shade: place of the colour in it.
        dash: of the line, as plotly calls it, or lengths of lines and gaps, `9px,3px`.
    """

    palette: str
    shade: int
    dash: str

    @property
    def colour(self) -> str:
        """The colour on white paper."""
        return PALETTES[self.palette][self.shade]

    def line(self) -> dict[str, Any]:
        """Return the same as matplotlib's `plot` takes it."""
        lengths = re.findall(r"(\d+)px", self.dash)
        return {"color": self.colour, "ls": (0, tuple(map(int, lengths))) if lengths else _LINES[self.dash]}


def look(number: int, is_twin: bool | None) -> Look:
    """Return the look of a run.

    Args:
        number: of the run and its twin among the runs that are drawn, from 0; when colours are used up, they begin
            again with another dash.
        is_twin: whether it is the second of two twins; None if its kind has no twins.
    """
    palette = "run" if is_twin is None else "twin" if is_twin else "first"
    turn, index = divmod(number, len(PALETTES[palette]))
    dashes = _DASHES[palette]
    return Look(palette, index, dashes[turn] if turn < len(dashes) else _dotted(turn - len(dashes) + 2))


def _dotted(dots: int) -> str:
    """A dash followed by a number of dots, as plotly and SVG take the lengths of lines and gaps."""
    return ",".join(["9px,3px", *["2px,3px"] * dots])


def looks_of(kind: Kind[Any], runs: Iterable[tuple[str, Any]]) -> dict[str, Look]:
    """Return the look of every name: twins have the same number, whatever they learn in.

    Args:
        kind: of the runs.
        runs: names, and the configuration of a run of that name; of a name that comes again, the first counts.
    """
    named: dict[str, Any] = {}
    for name, config in runs:
        named.setdefault(name, config)
    chapter, numbers = kind.chapter, dict[Hashable, int]()
    if not chapter.has_twins:
        return {name: look(number, None) for number, name in enumerate(named)}
    looks, taken = {}, set()
    for name, config in named.items():
        shared, is_twin = _settings(kind, chapter.untwinned(config)), chapter.untwinned(config) != config
        # A second run with the very same settings is no twin of the first.
        key = (shared, sum(one[:2] == (shared, is_twin) for one in taken))
        taken.add((shared, is_twin, name))
        looks[name] = look(numbers.setdefault(key, len(numbers)), is_twin)
    return looks


def _settings(kind: Kind[Any], config: Any) -> Hashable:
    settings = kind.compared_settings(config).items()
    return tuple((name, format_value(value)) for name, value in settings if name != kind.words.place_key)
