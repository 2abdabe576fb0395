"""What the tests of pages share: visits, scrolling, colours, and what every page must hold to."""

import re
from typing import NamedTuple

import numpy as np
from playwright.sync_api import Page

from accumbens.runs.looks import PALETTES

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}


class Visit(NamedTuple):
    """An open page, and what happened to it that should not have."""

    page: Page
    complaints: list[str]
    requests: list[str]


def scroll_through(page: Page) -> None:
    height = page.evaluate("document.documentElement.scrollHeight")
    for top in range(0, height, 600):
        page.evaluate("top => scrollTo({ top, behavior: 'instant' })", top)
        page.wait_for_timeout(50)


def rgb(text: str) -> np.ndarray:
    return np.array([float(part) for part in re.findall(r"[\d.]+", text)[:3]])


def colour(page: Page, variable: str) -> np.ndarray:
    text = page.evaluate("name => getComputedStyle(document.documentElement).getPropertyValue(name)", variable).strip()
    return np.array([int(text[at : at + 2], 16) for at in (1, 3, 5)])


def luminance(colours: np.ndarray) -> float:
    """Relative luminance (WCAG 2.2)."""
    part = np.asarray(colours) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def check_contrast(page: Page) -> None:
    """Compare every text that is shown with what is behind it, and the colours of curves with their paper."""
    found = page.evaluate(
        """() => {
            const opaque = (element) => {
                for (let at = element; at; at = at.parentElement) {
                    const colour = getComputedStyle(at).backgroundColor;
                    if (!/, 0\\)$/.test(colour)) return colour;
                }
                return "rgb(255, 255, 255)";
            };
            const texts = [];
            const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            while (walk.nextNode()) {
                const parent = walk.currentNode.parentElement;
                if (!walk.currentNode.textContent.trim() || !parent.getClientRects().length) continue;
                const drawn = parent.closest("svg"), style = getComputedStyle(parent);
                texts.push([walk.currentNode.textContent, drawn ? style.fill : style.color, opaque(parent)]);
            }
            return texts;
        }"""
    )
    assert len(found) > 200
    poor = [(text, contrast(rgb(ink), rgb(paper))) for text, ink, paper in found]
    assert [pair for pair in poor if pair[1] < 4.5] == []
    card = colour(page, "--card")
    palettes = [f"--{name}-{number}" for name, colours in PALETTES.items() for number in range(len(colours))]
    names = [*palettes, *(f"--cell-{number}" for number in range(3))]
    assert {name: contrast(colour(page, name), card) for name in names if contrast(colour(page, name), card) < 3} == {}


def check_narrow(page: Page) -> None:
    """Open everything, and look for what is wider than a phone and for buttons too small to hit."""
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    scroll_through(page)
    for width in (360, 320, 768):
        page.set_viewport_size({"width": width, "height": 740})
        page.wait_for_timeout(300)  # plotly draws anew
        assert page.evaluate("document.documentElement.scrollWidth") == width
        wide = page.evaluate(
            """() => [...document.querySelectorAll("main *")].filter((element) => {
                const box = element.getBoundingClientRect();
                return box.width && box.right > innerWidth + 1 && !element.closest(".scroll, svg, .svg-container");
            }).map((element) => element.outerHTML.slice(0, 120))"""
        )
        assert wide == []
    small = page.evaluate(
        "() => [...document.querySelectorAll('.key, .toggle, select')].filter((element) => "
        "element.getClientRects().length && element.getBoundingClientRect().height < 24).length"
    )
    assert small == 0
