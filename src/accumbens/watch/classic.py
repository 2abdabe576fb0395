"""CartPole, Acrobot and MountainCar, drawn from the observation in the proportions of their equations."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float
from PIL import ImageDraw

from accumbens.watch.style import GRID, SOFT, Number, mixed

Point = tuple[Number, Number]
Drawing = Callable[[ImageDraw.ImageDraw, int, tuple[int, int], Float[np.ndarray, " numbers"]], None]
"""`drawing(pen, scale, (width, height), observation)`: every coordinate and width is to be multiplied by `scale`."""

BODY, LIMB, JOINT, GOAL, GROUND = "#3b4a6b", "#d08a2e", "#2b3245", "#117733", "#b9c0cc"


class Pen:
    """Draws in the units of a scene: lengths in metres, y upwards."""

    def __init__(self, pen: ImageDraw.ImageDraw, scale: int, size: tuple[int, int], centre: Point, unit: Number):
        """Prepare.

        Args:
            pen: draws pixels.
            scale: pixels per pixel of the final picture.
            size: of the final picture.
            centre: the point of the scene in the picture's middle.
            unit: pixels of the final picture per metre.
        """
        self._pen, self.pixel, self._unit = pen, scale, unit * scale
        self._origin = size[0] * scale / 2 - centre[0] * self._unit, size[1] * scale / 2 + centre[1] * self._unit

    def at(self, point: Point) -> Point:
        """Return where a point lies in the picture."""
        return self._origin[0] + point[0] * self._unit, self._origin[1] - point[1] * self._unit

    def line(self, points: list[Point], colour: str, width: Number) -> None:
        """Draw a line with round ends; `width` in pixels of the final picture."""
        self._pen.line([self.at(point) for point in points], colour, round(width * self.pixel), joint="curve")
        for point in (points[0], points[-1]):
            self.disc(point, width / 2, colour)

    def disc(self, centre: Point, radius: Number, colour: str) -> None:
        """Draw a disc; `radius` in pixels of the final picture."""
        x, y = self.at(centre)
        r = radius * self.pixel
        self._pen.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def polygon(self, points: list[Point], colour: str) -> None:
        """Fill a polygon."""
        self._pen.polygon([self.at(point) for point in points], fill=colour)

    def dashes(self, start: Point, end: Point, colour: str, count: int = 25) -> None:
        """Draw a dashed line, one pixel wide."""
        for index in range(count):
            ends = [index / count, (index + 0.5) / count]
            points = [(start[0] + (end[0] - start[0]) * t, start[1] + (end[1] - start[1]) * t) for t in ends]
            self._pen.line([self.at(point) for point in points], colour, self.pixel)


def _along(centre: Point, angle: Number, points: list[Point]) -> list[Point]:
    """Turn points by an angle, counterclockwise, and move them."""
    cos, sin = math.cos(angle), math.sin(angle)
    return [(centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos) for x, y in points]


def cartpole(pen: ImageDraw.ImageDraw, scale: int, size: tuple[int, int], observation: np.ndarray) -> None:
    """Draw a pole of one metre on its cart; the track ends where the episode does, at ±2.4 m, dashes show ±12°."""
    x, angle = float(observation[0]), float(observation[2])
    draw = Pen(pen, scale, size, (0.0, 0.42), size[0] / 5.6)
    draw.line([(-2.7, -0.2), (2.7, -0.2)], GROUND, 3)
    for end in (-2.4, 2.4):
        draw.line([(end, -0.32), (end, -0.08)], SOFT, 2)
    pivot = (x, 0.12)
    for limit in (-1, 1):
        lean = limit * math.radians(12)
        draw.dashes(pivot, (x + 1.15 * math.sin(lean), pivot[1] + 1.15 * math.cos(lean)), mixed(SOFT, GRID, 0.5), 16)
    draw.polygon(_along((x, 0), 0, [(-0.3, -0.1), (0.3, -0.1), (0.3, 0.12), (-0.3, 0.12)]), BODY)
    for wheel in (-0.18, 0.18):
        draw.disc((x + wheel, -0.12), 6, JOINT)
        draw.disc((x + wheel, -0.12), 2.5, GROUND)
    draw.line([pivot, (x + math.sin(angle), pivot[1] + math.cos(angle))], LIMB, 8)
    draw.disc(pivot, 5, JOINT)


def acrobot(pen: ImageDraw.ImageDraw, scale: int, size: tuple[int, int], observation: np.ndarray) -> None:
    """Draw two links of one metre, hanging from a pivot; the tip is to rise above the line, one metre over it."""
    first = math.atan2(observation[1], observation[0])
    second = first + math.atan2(observation[3], observation[2])
    draw = Pen(pen, scale, size, (0.0, 0.0), size[1] / 4.5)
    draw.dashes((-3.2, 1.0), (3.2, 1.0), GOAL, 50)
    elbow = (math.sin(first), -math.cos(first))
    tip = (elbow[0] + math.sin(second), elbow[1] - math.cos(second))
    draw.line([(0.0, 0.0), elbow], BODY, 10)
    draw.line([elbow, tip], LIMB, 10)
    for joint in ((0.0, 0.0), elbow):
        draw.disc(joint, 6.5, JOINT)
        draw.disc(joint, 2.5, GROUND)
    draw.disc(tip, 5, GOAL if tip[1] > 1 else LIMB)


def mountain_car(pen: ImageDraw.ImageDraw, scale: int, size: tuple[int, int], observation: np.ndarray) -> None:
    """Draw the car on its hill, sin 3x high, and the flag at 0.5."""
    position = float(observation[0])
    draw = Pen(pen, scale, size, (-0.3, 0.52), size[0] / 1.9)

    def height(x: float) -> float:
        return 0.45 * math.sin(3 * x) + 0.55

    xs = np.linspace(-1.25, 0.65, 120)
    hill = [(float(x), height(x)) for x in xs]
    draw.polygon([*hill, (0.65, -0.5), (-1.25, -0.5)], mixed(GROUND, "#ffffff", 0.35))
    draw.line(hill, GROUND, 3)
    goal = (0.5, height(0.5))
    draw.line([goal, (0.5, goal[1] + 0.17)], SOFT, 2.5)
    draw.polygon([(0.5, goal[1] + 0.17), (0.5, goal[1] + 0.1), (0.57, goal[1] + 0.135)], GOAL)
    slope = math.atan(1.35 * math.cos(3 * position))
    car = partial(_along, (position, height(position)), slope)
    draw.polygon(car([(-0.075, 0.03), (0.075, 0.03), (0.06, 0.075), (-0.05, 0.075)]), BODY)
    for wheel in car([(-0.045, 0.028), (0.045, 0.028)]):
        draw.disc(wheel, 6, JOINT)
        draw.disc(wheel, 2.5, GROUND)


CLASSIC: dict[str, Drawing] = {"CartPole-v1": cartpole, "Acrobot-v1": acrobot, "MountainCar-v0": mountain_car}
"""How the state is drawn."""
