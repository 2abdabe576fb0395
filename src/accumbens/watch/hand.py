"""The frames of a video of a hand that is perturbed: its way to every target, and the controller's error beneath."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image, ImageDraw

from accumbens.credit.networks.controlled import DT
from accumbens.watch.style import CELLS, GRID, INK, PANEL, PAPER, SOFT, font, mixed, smooth, whole
from accumbens.watch.traces import Range

WIDTH = 600
_MARGIN, _HEADER, _SIDE, _PANEL_HEIGHT, _LEFT = 16, 56, 360, 120, 62
_TOP_OF_ERROR = _HEADER + _SIDE + 34
COLOURS = {True: CELLS[0], False: CELLS[4]}
"""Of the hand that is told its error, and of that which is not."""
_NAMES = {True: "with feedback", False: "without feedback"}
_PUSHED = "#e9cf7a"


class Hands(NamedTuple):
    """What is shown: all trials at once.

    Attributes:
        title: in large letters.
        subtitle: which network.
        paths: of the hand, with and without feedback.
        goals: where it should be.
        pushed: steps in which it is pushed.
        perturbation: in words.
    """

    title: str
    subtitle: str
    paths: Mapping[bool, Float[np.ndarray, "trials steps 2"]]
    goals: Float[np.ndarray, "trials steps 2"]
    pushed: Bool[np.ndarray, " steps"]
    perturbation: str

    def errors(self, told: bool) -> Float[np.ndarray, "trials steps"]:
        """Return how far every hand is from where it should be."""
        return np.linalg.norm(self.paths[told] - self.goals, axis=-1)


class HandStrip:
    """All frames of a trial, drawn one at a time.

    Attributes:
        hands: what is shown.
        size: width and height of every frame, both even, as video formats want them.
    """

    def __init__(self, hands: Hands):
        """Find the scales, and draw what is the same in every frame."""
        self.hands = hands
        self.size = (WIDTH, _TOP_OF_ERROR + _PANEL_HEIGHT + 42)
        everywhere = np.concatenate(
            [*(path.reshape(-1, 2) for path in hands.paths.values()), hands.goals.reshape(-1, 2)]
        )
        middle, half = (everywhere.max(0) + everywhere.min(0)) / 2, np.ptp(everywhere, axis=0).max() / 2 * 1.08
        self._corner, self._scale = middle - half, (_SIDE - 1) / (2 * half)
        self._range = Range(0.0, 1.06 * max(hands.errors(told).max() for told in hands.paths))
        self._base = self._draw_base()

    def __len__(self) -> int:
        """Return the number of frames: the steps."""
        return self.hands.goals.shape[1]

    def __iter__(self) -> Iterator[Image.Image]:
        """Draw one frame after another."""
        return (self.draw(time) for time in range(len(self)))

    def draw(self, time: int) -> Image.Image:
        """Return the frame of a step."""
        frame = self._base.copy()
        frame.paste(
            smooth((_SIDE, _SIDE), PANEL, lambda pen, factor: self._draw_hands(pen, factor, time)), (_MARGIN, _HEADER)
        )
        panel = (WIDTH - _MARGIN - _LEFT, _PANEL_HEIGHT)
        strip = smooth(panel, PANEL, lambda pen, factor: self._draw_errors(pen, factor, time, panel))
        frame.paste(strip, (_LEFT, _TOP_OF_ERROR))
        pen, left = ImageDraw.Draw(frame), _MARGIN + _SIDE + 18
        pen.text((left, _HEADER + 4), f"{time * DT:.2f} s", INK, font(20, bold=True))
        for row, told in enumerate(self.hands.paths):
            error = self.hands.errors(told)[:, time].mean()
            pen.text((left, _HEADER + 118 + 46 * row), _NAMES[told], COLOURS[told], font(12, bold=True))
            pen.text((left, _HEADER + 135 + 46 * row), f"mean error {error:.2f}", INK, font(12))
        return frame

    def _place(self, points: Float[np.ndarray, "points 2"], factor: int) -> list[tuple[float, float]]:
        x, y = ((points - self._corner) * self._scale * factor).T
        return list(zip(x.tolist(), (_SIDE * factor - y).tolist(), strict=True))

    def _draw_hands(self, pen: ImageDraw.ImageDraw, factor: int, time: int) -> None:
        for goal in self.hands.goals:
            pen.line(self._place(goal, factor), mixed(SOFT, PANEL, 0.6), factor)
            ((x, y),) = self._place(goal[-1:], factor)
            pen.ellipse((x - 6 * factor, y - 6 * factor, x + 6 * factor, y + 6 * factor), outline=SOFT, width=factor)
        for told in reversed(list(self.hands.paths)):
            for path in self.hands.paths[told]:
                if time:
                    pen.line(self._place(path[: time + 1], factor), COLOURS[told], 2 * factor, joint="curve")
                ((x, y),) = self._place(path[time : time + 1], factor)
                pen.ellipse((x - 4 * factor, y - 4 * factor, x + 4 * factor, y + 4 * factor), COLOURS[told])

    def _draw_errors(self, pen: ImageDraw.ImageDraw, factor: int, time: int, panel: tuple[int, int]) -> None:
        width, height = panel
        x = np.linspace(0, width - 1, len(self)) * factor
        if self.hands.pushed.any():
            pushed = x[self.hands.pushed]
            pen.rectangle((pushed[0], 0, pushed[-1], height * factor), _PUSHED)
        for tick in self._range.ticks():
            y = float(self._range.height(tick, height)) * factor
            pen.line((0, y, width * factor, y), GRID, factor)
        for told in reversed(list(self.hands.paths)):
            errors = self.hands.errors(told)[:, : time + 1]
            for each in errors:
                self._line(pen, factor, x, each, height, mixed(COLOURS[told], PANEL, 0.72), 1)
            self._line(pen, factor, x, errors.mean(axis=0), height, COLOURS[told], 2)

    def _line(
        self,
        pen: ImageDraw.ImageDraw,
        factor: int,
        x: np.ndarray,
        values: np.ndarray,
        height: int,
        colour: str,
        width: int,
    ) -> None:
        points = list(zip(x, self._range.height(values, height) * factor, strict=False))
        if len(points) > 1:
            pen.line(points, colour, width * factor, joint="curve")

    def _draw_base(self) -> Image.Image:
        base = Image.new("RGB", self.size, PAPER)
        pen, room = ImageDraw.Draw(base), WIDTH - 2 * _MARGIN
        for y, line, size, colour in ((10, self.hands.title, 15, INK), (32, self.hands.subtitle, 11, SOFT)):
            text, letters = whole(line, size, room, bold=size == 15)
            pen.text((_MARGIN, y), text, colour, letters)
        left = _MARGIN + _SIDE + 18
        for row, line in enumerate((self.hands.perturbation, f"all {len(self.hands.goals)} trials at once")):
            text, letters = whole(line, 12, WIDTH - _MARGIN - left)
            pen.text((left, _HEADER + 40 + 20 * row), text, INK, letters)
        pen.ellipse((left, _HEADER + 88, left + 12, _HEADER + 100), outline=SOFT)
        pen.text((left + 20, _HEADER + 87), "where it should end", SOFT, font(12))
        title = "error of the hand: every trial, and their mean"
        title += "; shaded: the push" if self.hands.pushed.any() else ""
        pen.text((_LEFT, _TOP_OF_ERROR - 18), title, INK, font(11))
        for tick in self._range.ticks():
            y = _TOP_OF_ERROR + float(self._range.height(tick, _PANEL_HEIGHT))
            pen.text((_LEFT - 6, y), f"{tick:g}", SOFT, font(10), anchor="rm")
        bottom, width = _TOP_OF_ERROR + _PANEL_HEIGHT, WIDTH - _MARGIN - _LEFT
        end = (len(self) - 1) * DT
        for tick in np.arange(0, end + 1e-9, 0.25):
            pen.text((_LEFT + tick / end * (width - 1), bottom + 4), f"{tick:g}", SOFT, font(10), anchor="ma")
        pen.text((_LEFT + width / 2, bottom + 20), "time in the trial (s)", SOFT, font(10), anchor="ma")
        return base
