"""Colours, type and smooth shapes of the pictures."""

import functools
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

PAPER = "#ffffff"
"""Behind everything."""
PANEL = "#f4f5f7"
"""Behind traces and games."""
GRID = "#d9dce1"
INK = "#1f2430"
SOFT = "#6b7280"
ACCENT = "#374151"

CELLS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8c6d31", "#4b4b4b")
"""Okabe and Ito's colours, which the colour-blind can tell apart, from the first cell up."""

LEAST_SIZE = 8
"""The smallest letters, in pixels."""

Number = int | float
"""A coordinate or a length."""

SMOOTH = 3
"""How many times larger shapes are drawn before they are made smaller, for smooth edges."""


def cell_colour(index: int) -> str:
    """Return the colour of cell `index`, counted from 0; deep stacks use colours again."""
    return CELLS[index % len(CELLS)]


def mixed(colour: str, other: str, share: float) -> str:
    """Return `colour` with a `share` (0 to 1) of `other` in it."""
    pairs = zip(rgb(colour), rgb(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue, 0 to 255, of `#rrggbb`."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue


@functools.cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return DejaVu Sans, which has the Greek letters and comes with matplotlib."""
    import matplotlib

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, size)


def text_width(text: str, size: int, bold: bool = False) -> int:
    """Return the width of a line of text in pixels."""
    return round(font(size, bold).getlength(text))


def fitted(text: str, size: int, width: int, bold: bool = False) -> str:
    """Return the text, shortened with an ellipsis if it is wider than `width` pixels."""
    if text_width(text, size, bold) <= width:
        return text
    while text and text_width(text + "…", size, bold) > width:
        text = text[:-1]
    return text + "…"


def whole(text: str, size: int, width: int, bold: bool = False) -> tuple[str, ImageFont.FreeTypeFont]:
    """Return the text, and the largest font up to `size` in which it fits; what never does is shortened."""
    while size > LEAST_SIZE and text_width(text, size, bold) > width:
        size -= 1
    return fitted(text, size, width, bold), font(size, bold)


def smooth(size: tuple[int, int], background: str, draw: Callable[[ImageDraw.ImageDraw, int], None]) -> Image.Image:
    """Return a picture of shapes with smooth edges.

    Args:
        size: width and height.
        background: colour.
        draw: `draw(pen, scale)` draws, with all coordinates `scale` times larger.
    """
    image = Image.new("RGB", (size[0] * SMOOTH, size[1] * SMOOTH), background)
    draw(ImageDraw.Draw(image), SMOOTH)
    return image.reduce(SMOOTH)
