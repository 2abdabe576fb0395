"""Traces that scroll under the picture: each cell's value of the chosen action, and its TD error.

Each kind is drawn once, for the whole episode, as one long strip; a frame shows the piece of it that ends now. What is
still to come is not shown.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from accumbens.watch.style import (
    GRID,
    PANEL,
    SMOOTH,
    SOFT,
    Number,
    cell_colour,
    font,
    mixed,
    smooth,
    text_width,
    whole,
)

PITCH = 4
"""Pixels per step."""
REWARD_COLOUR = "#b8860b"


class Range(NamedTuple):
    """The numbers that a panel shows, from its bottom to its top."""

    low: float
    high: float

    def height(self, value: float | Float[np.ndarray, "*any"], panel: int) -> Float[np.ndarray, "*any"]:
        """Return where a value lies in a panel that is so many pixels high: 0 at its top."""
        return np.asarray((self.high - np.asarray(value)) / (self.high - self.low) * (panel - 1))

    def ticks(self) -> list[float]:
        """Return two to five round numbers in the range."""
        base = 10.0 ** math.floor(math.log10(self.high - self.low))
        for factor in (1, 0.5, 0.25, 0.2):
            step = base * factor
            first, last = math.ceil(self.low / step), math.floor(self.high / step)
            if last > first:
                break
        return [number * step for number in range(first, last + 1)][:: 1 + (last - first) // 5]


def value_range(values: Float[np.ndarray, "instants cells"]) -> Range:
    """Return the range of the values, with some air around it; a few far-off ones may lie outside."""
    seen = values[np.isfinite(values)]
    low, high = usual_range(seen) if seen.size else (0.0, 0.0)
    air = max(0.08 * (high - low), 1e-3 * abs(high)) or 1.0
    return Range(low - air, high + air)


def error_range(td_errors: Float[np.ndarray, "instants cells"]) -> Range:
    """Return a range with zero in the middle, the same for every cell; a few far-off errors may lie outside."""
    seen = np.abs(td_errors[np.isfinite(td_errors)])
    largest = usual_range(seen)[1] if seen.size else 0.0
    return Range(-1.1 * largest, 1.1 * largest) if largest else Range(-1.0, 1.0)


def usual_range(numbers: Float[np.ndarray, " numbers"]) -> tuple[float, float]:
    """Return the lowest and the highest number; without the outer 1 % on each side if those would hide all others.

    That is where they make the range more than three times as wide: the shock at the end of an episode, or the first
    step, in which cells have not heard of each other.
    """
    low, high = float(numbers.min()), float(numbers.max())
    inner_low, inner_high = (float(bound) for bound in np.percentile(numbers, (1, 99)))
    air = 0.25 * (inner_high - inner_low)
    if 0 < 3 * (inner_high - inner_low) < high - low:
        return max(low, inner_low - air), min(high, inner_high + air)
    return low, high


def unusual_rewards(rewards: Float[np.ndarray, " instants"]) -> list[int]:
    """Return the instants with a reward that is not the usual one; none where more than a third are unusual."""
    numbers, counts = np.unique(rewards[1:], return_counts=True)
    unusual = np.flatnonzero(rewards[1:] != numbers[counts.argmax()]) + 1
    return unusual.tolist() if 3 * len(unusual) <= len(rewards) else []


class Strip(NamedTuple):
    """One panel for the whole episode.

    Attributes:
        image: the instants from left to right, with `past` blank pixels before the first.
        past: the width of the piece that a frame shows.
    """

    image: Image.Image
    past: int

    def scrolling(self, time: int) -> tuple[Image.Image, int]:
        """Return the piece whose last column of pixels is instant `time`, and that column."""
        left = time * PITCH
        return self.image.crop((left, 0, left + self.past, self.image.height)), self.past - 1

    def paged(self, time: int) -> tuple[Image.Image, int]:
        """Return the page that instant `time` is on, empty after it, and its column.

        From frame to frame only a few pixels change, until the page is turned: so it takes little room in a file. A new
        page begins with the last quarter of the one before.
        """
        fresh = self.past // PITCH * 3 // 4
        left = column(time // fresh * fresh, self.past) - self.past // 4
        now = column(time, self.past) - left
        piece = Image.new("RGB", (self.past, self.image.height), PANEL)
        piece.paste(self.image.crop((left, 0, left + now + 1, self.image.height)))
        return piece, now


def column(time: int, past: int) -> int:
    """Return the column of pixels of an instant in a strip."""
    return past - 1 + time * PITCH


def value_strip(values: Float[np.ndarray, "instants cells"], scale: Range, past: int, height: int) -> Strip:
    """Draw a line per cell."""
    count = len(values)

    def draw(pen: ImageDraw.ImageDraw, factor: int) -> None:
        for tick in scale.ticks():
            y = float(scale.height(tick, height)) * factor
            pen.line((0, y, size[0] * factor, y), GRID, factor)
        for cell in range(values.shape[1]):
            heights = scale.height(values[:, cell], height)
            heights = np.clip(heights, -2 * height, 3 * height)  # far outside is as good as anywhere outside
            points = [(column(i, past) * factor, heights[i] * factor) for i in range(count) if np.isfinite(heights[i])]
            if len(points) > 1:
                pen.line(points, cell_colour(cell), 2 * factor, joint="curve")

    size = (column(count - 1, past) + 1, height)
    return Strip(smooth(size, PANEL, draw), past)


def error_strip(
    td_errors: Float[np.ndarray, "instants cells"],
    rewards: Float[np.ndarray, " instants"],
    scale: Range,
    past: int,
    lane: int,
) -> Strip:
    """Draw a lane per cell, `lane` pixels high, with a bar per step: up from zero or down; and where rewards came."""
    count, num_cells = td_errors.shape
    image = Image.new("RGB", (column(count - 1, past) + 1, lane * num_cells), PANEL)
    pen = ImageDraw.Draw(image)
    for time in unusual_rewards(rewards):
        x = column(time, past)
        pen.line((x - 1, 0, x - 1, image.height), mixed(REWARD_COLOUR, PANEL, 0.55))
    for cell in range(num_cells):
        zero = lane * cell + lane // 2
        pen.line((0, zero, image.width, zero), mixed(cell_colour(cell), PANEL, 0.5))
        heights = scale.height(td_errors[:, cell], lane)
        for time in np.flatnonzero(np.isfinite(heights)).tolist():
            x, top, bottom = column(time, past), lane * cell, lane * (cell + 1) - 1
            y = top + round(float(heights[time]))
            seen = min(max(y, top + 1), bottom - 1)
            pen.rectangle((x - PITCH + 2, min(zero, seen), x, max(zero, seen)), fill=cell_colour(cell))
            if y != seen:  # broken near its end, as a bar is that goes on
                gap = seen + (4 if y < seen else -4)
                pen.line((x - PITCH + 1, gap, x + 1, gap), PANEL)
    return Strip(image, past)


def draw_ticks(pen: ImageDraw.ImageDraw, scale: Range, right: int, top: int, height: int) -> None:
    """Write the numbers of a panel left of it."""
    for tick in scale.ticks():
        y = top + float(scale.height(tick, height))
        text, letters = whole(f"{tick:g}", 10, right - 8)
        pen.text((right - 6, y), text, SOFT, letters, anchor="rm")


def draw_lane_names(pen: ImageDraw.ImageDraw, num_cells: int, right: int, top: int, lane: int) -> None:
    """Write the names of the cells left of their lanes."""
    for cell in range(num_cells):
        y = top + lane * cell + lane // 2
        pen.text((right - 6, y), f"cell {cell + 1}", cell_colour(cell), font(10, bold=True), anchor="rm")


def dot(image: Image.Image, x: Number, y: Number, colour: str) -> None:
    """Put a small smooth disc with a light rim on a picture."""
    radius = 4
    side = (2 * radius + 1) * SMOOTH
    mask = Image.new("L", (side, side), 0)
    ImageDraw.Draw(mask).ellipse((0, 0, side - 1, side - 1), fill=255)
    inner = Image.new("RGB", (side, side), "#ffffff")
    ImageDraw.Draw(inner).ellipse((SMOOTH, SMOOTH, side - 1 - SMOOTH, side - 1 - SMOOTH), fill=colour)
    image.paste(inner.reduce(SMOOTH), (round(x) - radius, round(y) - radius), mask.reduce(SMOOTH))


def draw_key(pen: ImageDraw.ImageDraw, text: str, right: int, top: int) -> None:
    """Write what the reward's line is, in its colour, ending at `right`."""
    pen.text((right, top), text, REWARD_COLOUR, font(10), anchor="ra")
    x = right - text_width(text, 10) - 6
    pen.line((x, top + 1, x, top + 11), mixed(REWARD_COLOUR, PANEL, 0.3), 2)
