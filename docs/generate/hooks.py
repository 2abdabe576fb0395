"""What the documentation's build adds to the pages: equations as MathML, and tables made from the package itself.

`{{ name argument … }}` in a page is replaced by what the function of that name in `tables`, `fits` or `wiring`
returns. The figures of committed results are there for the pages as `assets/results/EXPERIMENT.png`.
"""

import re
from collections.abc import Callable

import fits
import latex2mathml.converter
import tables
import wiring
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

MACROS: dict[str, Callable[..., str]] = {
    "alignment": tables.alignment,
    "conditioning": tables.conditioning,
    "costs": fits.costs,
    "defaults": tables.defaults,
    "fits": fits.results,
    "layers": fits.layers,
    "presets": tables.presets,
    "reads": fits.reads,
    "results": tables.results,
    "rule_settings": fits.rule_settings,
    "rules": fits.rules,
    "score": fits.score,
    "signals": tables.signals,
    "task_settings": fits.task_settings,
    "tasks": fits.tasks,
    "wiring": wiring.draw,
}
_MACRO = re.compile(r"\{\{ (\w+)([^}]*) \}\}")
_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the figures of committed results."""
    for figure in sorted(tables.RESULTS.glob("*/curves.png")):
        name = f"assets/results/{figure.parent.name}.png"
        files.append(File.generated(config, name, abs_src_path=str(figure)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the generated tables, figures and numbers in."""
    return _MACRO.sub(lambda match: MACROS[match[1]](*match[2].split()), markdown)


def on_page_content(html: str, **_: object) -> str:
    """Turn the equations into MathML, which browsers draw without a script."""
    html = _BLOCK.sub(lambda match: _mathml(match[1], "block"), html)
    return _INLINE.sub(lambda match: _mathml(match[1], "inline"), html)


def _mathml(latex: str, display: str) -> str:
    plain = latex.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()
    return latex2mathml.converter.convert(plain, display=display)
