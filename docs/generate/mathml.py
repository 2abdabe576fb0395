"""Equations of pages as MathML, which browsers draw without a script.

They are written as GitHub reads them: $`…`$ in a sentence, and a fenced block called `math` for one of their own.
"""

from typing import Any
from xml.etree.ElementTree import Element

import latex2mathml.converter
from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor


class _Inline(InlineProcessor):
    def handleMatch(self, m: Any, data: str) -> tuple[Element | str, int, int]:  # noqa: N802
        return self.md.htmlStash.store(latex2mathml.converter.convert(m[1])), m.start(0), m.end(0)


class Equations(Extension):
    """The extension of Python-Markdown for those in sentences."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Look for equations before anything else takes their backslashes and underscores."""
        md.inlinePatterns.register(_Inline(r"\$`([^`]+)`\$", md), "equation", 200)


def block(source: str, *_: object, **__: object) -> str:
    """Return a fenced block of LaTeX as MathML, for `pymdownx.superfences`."""
    return latex2mathml.converter.convert(source, display="block")


def makeExtension(**options: Any) -> Equations:  # noqa: N802
    """What Python-Markdown calls."""
    return Equations(**options)
