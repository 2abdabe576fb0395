"""Scenes: what the agent saw, as a picture. Games and classic control are drawn from the observation alone."""

import math
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw

from accumbens.envs.conditioning import PROBES
from accumbens.training.trained import Trained
from accumbens.watch.classic import CLASSIC, Drawing
from accumbens.watch.episode import Instant
from accumbens.watch.palettes import GAMES, Colour, unnamed
from accumbens.watch.stage import Stage
from accumbens.watch.style import GRID, INK, PANEL, SOFT, fitted, font, rgb, smooth
from accumbens.watch.trial import draw_trial

BOX = (372, 280)
"""The width and height that every scene fits into."""

_MOST_BARS = 48
_POSITIVE, _NEGATIVE = "#2166ac", "#b2182b"


@runtime_checkable
class Scene(Protocol):
    """How an instant looks."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of every picture."""
        ...

    @property
    def legend(self) -> tuple[Colour, ...]:
        """Colours and what they stand for."""
        ...

    @property
    def caption(self) -> str:
        """What is shown, where it is not the environment's own picture."""
        ...

    def draw(self, instant: Instant) -> Image.Image:
        """Return the picture."""
        ...


class Board(NamedTuple):
    """A grid game: a colour for every channel of a boolean observation `[rows, columns, channels]`.

    Where several channels share a square, later ones lie on earlier ones as smaller squares, so that all are seen.
    """

    rows: int
    columns: int
    legend: tuple[Colour, ...]
    caption: str = ""

    @property
    def side(self) -> int:
        """Pixels of one square."""
        return min(BOX[0] // self.columns, BOX[1] // self.rows)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.columns * self.side, self.rows * self.side

    def draw(self, instant: Instant) -> Image.Image:
        """Return the board."""
        side, image = self.side, Image.new("RGB", self.size, PANEL)
        pen = ImageDraw.Draw(image)
        for row, column in np.ndindex(self.rows, self.columns):
            left, top = column * side, row * side
            pen.rectangle((left, top, left + side - 2, top + side - 2), fill="#e9ebef")
            for depth, channel in enumerate(np.flatnonzero(instant.observation[row, column])):
                inset = min(depth * side // 5, side // 2 - 2)
                square = (left + inset, top + inset, left + side - 2 - inset, top + side - 2 - inset)
                pen.rectangle(square, fill=self.legend[channel].colour)
        return image

    def colours(self, observation: Bool[np.ndarray, "rows columns channels"]) -> UInt8[np.ndarray, "rows columns 3"]:
        """Return the colour of every square: of the last channel that is on."""
        colours = np.empty((self.rows, self.columns, 3), np.uint8)
        colours[:] = rgb("#e9ebef")
        for channel, colour in enumerate(self.legend):
            colours[observation[..., channel]] = rgb(colour.colour)
        return colours


class Drawn(NamedTuple):
    """A scene of classic control."""

    drawing: Drawing
    size: tuple[int, int] = (BOX[0], 248)
    legend: tuple[Colour, ...] = ()
    caption: str = ""

    def draw(self, instant: Instant) -> Image.Image:
        """Return the drawing of the state that the observation tells."""
        observation = np.asarray(instant.observation, np.float64)
        return smooth(self.size, PANEL, lambda pen, scale: self.drawing(pen, scale, self.size, observation))


class Trial(NamedTuple):
    """Classical conditioning: a lamp lights up when the cue comes, time goes by, and a drop is the reward."""

    size: tuple[int, int] = (BOX[0], 200)
    legend: tuple[Colour, ...] = ()
    caption: str = ""

    def draw(self, instant: Instant) -> Image.Image:
        """Return the trial as far as it has come."""
        taps = np.flatnonzero(np.asarray(instant.observation)[1:])
        since, rewarded = (int(taps[0]) if taps.size else None), instant.reward > 0
        return smooth(self.size, PANEL, lambda pen, scale: draw_trial(pen, scale, self.size, since, rewarded))


class Film(NamedTuple):
    """What the simulator itself draws."""

    size: tuple[int, int]
    legend: tuple[Colour, ...] = ()
    caption: str = ""

    def draw(self, instant: Instant) -> Image.Image:
        """Return the simulator's picture."""
        assert instant.picture is not None
        return instant.picture


class Photograph(NamedTuple):
    """An observation that is a picture itself: `[rows, columns, 1 or 3]` of numbers from 0 to 255."""

    size: tuple[int, int]
    legend: tuple[Colour, ...] = ()
    caption: str = "what the agent sees"

    def draw(self, instant: Instant) -> Image.Image:
        """Return it, made as large as the scene."""
        pixels = np.clip(instant.observation, 0, 255).astype(np.uint8)
        return Image.fromarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)).copy()).resize(self.size, 0)


class Bars:
    """Any other observation: a bar per number, from zero, each in units of the largest that it has been so far."""

    def __init__(self, num_numbers: int, caption: str):
        """Prepare for observations of so many numbers."""
        self.size, self.legend, self.caption = BOX, (), caption
        self._largest = np.zeros(num_numbers)

    def draw(self, instant: Instant) -> Image.Image:
        """Return the bars, of many numbers a table of colours."""
        numbers = np.ravel(np.asarray(instant.observation, np.float64))
        self._largest = np.maximum(self._largest, np.abs(numbers))
        shares = numbers / np.where(self._largest > 0, self._largest, 1)
        return self._bars(shares) if len(shares) <= _MOST_BARS else self._table(shares)

    def _bars(self, shares: Float[np.ndarray, " numbers"]) -> Image.Image:
        width, height = self.size
        image = Image.new("RGB", self.size, PANEL)
        pen, middle = ImageDraw.Draw(image), height // 2
        pitch = (width - 24) / len(shares)
        for index, share in enumerate(shares):
            left = 12 + index * pitch
            end = middle - round(share * (middle - 26))
            box = (round(left + pitch * 0.14), min(middle, end), round(left + pitch * 0.86), max(middle, end))
            pen.rectangle(box, fill=_POSITIVE if share > 0 else _NEGATIVE)
            if pitch >= 18:
                pen.text((left + pitch / 2, height - 12), str(index), SOFT, font(10), anchor="mm")
        pen.line((12, middle, width - 12, middle), fill=INK)
        return image

    def _table(self, shares: Float[np.ndarray, " numbers"]) -> Image.Image:
        columns = math.ceil(math.sqrt(len(shares) * self.size[0] / self.size[1]))
        rows = math.ceil(len(shares) / columns)
        squares = np.zeros(rows * columns)
        squares[: len(shares)] = shares
        ends = np.array([rgb(_NEGATIVE), rgb(PANEL), rgb(_POSITIVE)], np.float64)
        channels = [np.interp(squares, (-1, 0, 1), channel) for channel in ends.T]
        pixels = np.stack(channels, -1).reshape(rows, columns, 3).astype(np.uint8)
        return Image.fromarray(pixels).resize(self.size, Image.Resampling.NEAREST)


def make_scene(trained: Trained, stage: Stage) -> Scene:
    """Return how the instants on a stage are drawn.

    Args:
        trained: the run that is watched.
        stage: where; a simulator that draws itself is shown by its own pictures.
    """
    name, shape = trained.config.env, trained.facts.observation_shape
    if stage.film:
        return Film(stage.film[0].size)
    if name in CLASSIC:
        return Drawn(CLASSIC[name])
    if name in PROBES:
        return Trial()
    if len(shape) == 3 and np.issubdtype(trained.facts.observation_dtype, np.bool_) and max(shape[:2]) <= min(BOX) // 2:
        return Board(*shape[:2], GAMES.get(name) or unnamed(shape[2]))
    if len(shape) == 3 and shape[2] in (1, 3):
        scale = min(BOX[0] / shape[1], BOX[1] / shape[0])
        return Photograph((max(round(shape[1] * scale), 1), max(round(shape[0] * scale), 1)))
    count = math.prod(shape)
    return Bars(count, f"the {count} numbers of the observation, each relative to its largest so far")


def framed(image: Image.Image) -> Image.Image:
    """Return a picture with a thin border inside its edges."""
    ImageDraw.Draw(image).rectangle((0, 0, image.width - 1, image.height - 1), outline=GRID)
    return image


def draw_legend(pen: ImageDraw.ImageDraw, scene: Scene, left: int, top: int, width: int) -> None:
    """Write what the colours of a scene stand for, in two columns."""
    half = math.ceil(len(scene.legend) / 2)
    for index, (colour, name) in enumerate(scene.legend):
        column, row = divmod(index, half)
        x, y = left + column * (width // 2), top + row * 17
        pen.rectangle((x, y + 1, x + 10, y + 11), fill=colour)
        pen.text((x + 16, y + 6), fitted(name, 11, width // 2 - 18), INK, font(11), anchor="lm")
