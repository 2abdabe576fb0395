"""The frames of a video: above the scene and its numbers, below the traces that end now."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from accumbens.watch import traces
from accumbens.watch.episode import Episode, Instant
from accumbens.watch.palettes import action_name
from accumbens.watch.scenes import Scene, draw_legend, framed
from accumbens.watch.style import ACCENT, INK, PAPER, SOFT, cell_colour, font, text_width, whole

WIDTH = 600
_MARGIN, _HEADER, _ROW, _TITLE = 16, 54, 18, 20
_PANEL_LEFT, _PANEL_RIGHT, _ROOM = 62, WIDTH - _MARGIN, 12
_PAST = _PANEL_RIGHT - _PANEL_LEFT - _ROOM  # the rest is right of now
_VALUE_HEIGHT = 92


def plain(number: float) -> str:
    """Return a whole number without a point, any other with as many places as are worth reading."""
    return (
        f"{number:,.0f}" if number == round(number) or abs(number) >= 1000 else f"{number:.{1 + (abs(number) < 10)}f}"
    )


def short(number: float | np.floating, signed: bool = False) -> str:
    """Return a number in at most nine characters: two places, of large ones three digits and a power of ten."""
    sign = "+" if signed else ""
    return f"{number:{sign}.2f}" if abs(number) < 10_000 else f"{number:{sign}.3g}"


class Heading(NamedTuple):
    """What stands above the picture.

    Attributes:
        env: the environment's name, as runs have it.
        title: which agent, in large letters.
        subtitle: which network of it, and how it plays.
        scale: of the rewards that it learned from: values and TD errors are of these.
    """

    env: str
    title: str
    subtitle: str
    scale: float = 1.0

    @property
    def scaled(self) -> str:
        """What must be known of values and TD errors; empty if they are of the rewards as they are."""
        return "" if self.scale == 1 else f"of rewards × {self.scale:g}"


class Filmstrip:
    """All frames of an episode, drawn one at a time.

    Attributes:
        episode: what is shown.
        size: width and height of every frame, both even, as video formats want them.
    """

    def __init__(self, episode: Episode, scene: Scene, heading: Heading, *, paged: bool = False):
        """Draw what is the same in every frame, and the traces.

        Args:
            episode: what is shown.
            scene: how it looks.
            heading: what stands above.
            paged: turn pages of traces instead of scrolling, for a small GIF.
        """
        self.episode, self._scene, self._heading, self._paged = episode, scene, heading, paged
        values, errors = episode.values, episode.td_errors
        cells = episode.num_cells
        self._lane = max(18, min(44, 160 // cells))
        self._values, self._errors = traces.value_range(values), traces.error_range(errors)
        self._value_strip = traces.value_strip(values, self._values, _PAST, _VALUE_HEIGHT)
        self._error_strip = traces.error_strip(errors, episode.rewards, self._errors, _PAST, self._lane)

        self._numbers = _MARGIN + scene.size[0] + 22, _HEADER
        legend_rows = (len(scene.legend) + 1) // 2
        numbers = 88 + _ROW * cells + (14 + 17 * legend_rows if legend_rows else 0)
        self._legend_top = _HEADER + max(scene.size[1], numbers) - 17 * legend_rows
        below = _HEADER + max(scene.size[1], numbers) + (18 if scene.caption else 4)
        self._value_top = below + _TITLE
        self._error_top = self._value_top + _VALUE_HEIGHT + _TITLE + 8
        height = self._error_top + self._lane * cells + _MARGIN
        self.size = (WIDTH, height + height % 2)
        self._base = self._draw_base()

    def __len__(self) -> int:
        """Return the number of frames: one more than steps."""
        return len(self.episode.instants)

    def __iter__(self) -> Iterator[Image.Image]:
        """Draw one frame after another."""
        return (self.draw(time) for time in range(len(self)))

    def _draw_base(self) -> Image.Image:
        base = Image.new("RGB", self.size, PAPER)
        pen, heading, scene = ImageDraw.Draw(base), self._heading, self._scene
        room = WIDTH - 2 * _MARGIN
        for y, line, size, colour in ((10, heading.title, 15, INK), (32, heading.subtitle, 11, SOFT)):
            text, letters = whole(line, size, room, bold=size == 15)
            pen.text((_MARGIN, y), text, colour, letters)
        if scene.caption:
            text, letters = whole(scene.caption, 10, room)
            pen.text((_MARGIN, _HEADER + scene.size[1] + 4), text, SOFT, letters)
        left, top = self._numbers
        draw_legend(pen, scene, left, self._legend_top, WIDTH - _MARGIN - left)
        pen.text((_PANEL_RIGHT - 72, top + 70), "value", SOFT, font(10), anchor="rm")
        pen.text((_PANEL_RIGHT, top + 70), "TD error δ", SOFT, font(10), anchor="rm")
        for cell in range(self.episode.num_cells):
            y = top + 88 + _ROW * cell
            traces.dot(base, left + 4, y, cell_colour(cell))
            pen.text((left + 16, y), f"cell {cell + 1}", INK, font(12), anchor="lm")
        scaled = f", {heading.scaled}" if heading.scaled else ""
        title = f"value of the chosen action, Q(s, a){scaled}"
        pen.text((_PANEL_LEFT, self._value_top - 16), title, ACCENT, font(11))
        meaning = f"TD error δ: better than expected above, worse below (± {self._errors.high / 1.1:.2g})"
        pen.text((_PANEL_LEFT, self._error_top - 16), meaning, ACCENT, font(11))
        if traces.unusual_rewards(self.episode.rewards):
            traces.draw_key(pen, "reward", _PANEL_RIGHT, self._error_top - 15)
        traces.draw_ticks(pen, self._values, _PANEL_LEFT, self._value_top, _VALUE_HEIGHT)
        traces.draw_lane_names(pen, self.episode.num_cells, _PANEL_LEFT, self._error_top, self._lane)
        return base

    def draw(self, time: int) -> Image.Image:
        """Return the frame of instant `time`."""
        instant, frame = self.episode.instants[time], self._base.copy()
        frame.paste(framed(self._scene.draw(instant)), (_MARGIN, _HEADER))
        pen = ImageDraw.Draw(frame)
        self._write_numbers(pen, instant)
        now = _PANEL_LEFT
        for strip, top in ((self._value_strip, self._value_top), (self._error_strip, self._error_top)):
            piece, column = strip.paged(time) if self._paged else strip.scrolling(time)
            frame.paste(piece, (_PANEL_LEFT, top))
            now = _PANEL_LEFT + column
        pen.line((now, self._value_top - 4, now, self._value_top + _VALUE_HEIGHT), INK)
        bottom = self._error_top + self._lane * self.episode.num_cells
        pen.line((now, self._error_top - 4, now, bottom), INK)
        pen.text((now, bottom + 2), "now", INK, font(10), anchor="ma")
        for cell, value in enumerate(self.episode.values[time]):
            if np.isfinite(value):
                height = float(self._values.height(value, _VALUE_HEIGHT))
                y = self._value_top + min(max(height, 0), _VALUE_HEIGHT - 1)
                traces.dot(frame, now, y, cell_colour(cell))
        return frame

    def _write_numbers(self, pen: ImageDraw.ImageDraw, instant: Instant) -> None:
        left, top = self._numbers
        step = f"step {instant.time:,}"
        pen.text((left, top), step, INK, font(14))
        room = _PANEL_RIGHT - left - text_width(step, 14) - 8
        text, letters = whole(f"return {plain(instant.episode_return)}", 14, room, bold=True)
        pen.text((_PANEL_RIGHT, top), text, INK, letters, anchor="ra")
        doing = instant.ended if instant.action is None else action_name(self._heading.env, instant.action)
        text, letters = whole(doing, 13, _PANEL_RIGHT - left, bold=bool(instant.ended))
        pen.text((left, top + 26), text, ACCENT, letters)
        for cell in range(self.episode.num_cells):
            y = top + 88 + _ROW * cell
            value, error = (each if each is None else each[cell] for each in (instant.taken, instant.td_error))
            pen.text((_PANEL_RIGHT - 72, y), "–" if value is None else short(value), INK, font(11), anchor="rm")
            pen.text((_PANEL_RIGHT, y), "–" if error is None else short(error, signed=True), INK, font(11), anchor="rm")
