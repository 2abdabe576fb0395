"""What the documentation's build adds to the pages: equations as MathML, and tables made from the package itself.

A line `{{ name argument … }}` of a page is replaced by what the function of that name in `tables` or `wiring` returns.
"""

import re
from collections.abc import Callable

import latex2mathml.converter
import tables
import wiring

MACROS: dict[str, Callable[..., str]] = {
    "alignment": tables.alignment,
    "conditioning": tables.conditioning,
    "defaults": tables.defaults,
    "results": tables.results,
    "signals": tables.signals,
    "presets": tables.presets,
    "wiring": wiring.draw,
}
_MACRO = re.compile(r"^\{\{ (\w+)([^}]*) \}\}$", re.MULTILINE)
_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the generated tables and figures in."""
    return _MACRO.sub(lambda match: MACROS[match[1]](*match[2].split()), markdown)


def on_page_content(html: str, **_: object) -> str:
    """Turn the equations into MathML, which browsers draw without a script."""
    html = _BLOCK.sub(lambda match: _mathml(match[1], "block"), html)
    return _INLINE.sub(lambda match: _mathml(match[1], "inline"), html)


def _mathml(latex: str, display: str) -> str:
    plain = latex.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()
    return latex2mathml.converter.convert(plain, display=display)
