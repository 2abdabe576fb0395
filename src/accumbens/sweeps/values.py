"""The values that a setting takes in a sweep: a list, or a range of numbers."""

import itertools
import math
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from accumbens.errors import AccumbensError, UnknownNameError, require
from accumbens.runs.settings import format_value, parse_value, text_of

LOG_FROM = 10.0
"""A range of positive numbers whose ends have at least this quotient is spaced logarithmically."""
GRID_COUNT = 5
"""Values of a range in a grid, if nothing is asked for."""


@dataclass(frozen=True)
class Choices:
    """A list of values.

    Attributes:
        name: of the setting.
        texts: the values as they would be typed.
    """

    name: str
    texts: tuple[str, ...]

    def grid(self) -> tuple[str, ...]:
        """Return the values."""
        return self.texts

    def draw(self, generator: np.random.Generator) -> str:
        """Return one at random."""
        return self.texts[int(generator.integers(len(self.texts)))]

    @property
    def size(self) -> float:
        """How many different values there are."""
        return float(len(self.texts))

    def said(self, random: bool) -> str:
        """Return the values for people."""
        between = "  " if any("," in text for text in self.texts) else ", "
        return between.join(self.texts)


@dataclass(frozen=True)
class Range:
    """The numbers from one to another.

    Attributes:
        name: of the setting.
        low: the smallest.
        high: the largest.
        log: evenly spaced by their logarithms.
        whole: only whole numbers.
        count: values of a grid; None where nothing was asked for.
    """

    name: str
    low: float
    high: float
    log: bool
    whole: bool
    count: int | None = None

    def grid(self) -> tuple[str, ...]:
        """Return evenly spaced values: both ends as they are, between them rounded to four digits if that tells them
        apart, or to whole numbers, of which there may be fewer.

        Raises:
            AccumbensError: there are not so many numbers between the ends.
        """
        spaced, count = np.geomspace if self.log else np.linspace, self.count or GRID_COUNT
        _, *between, _ = spaced(self.low, self.high, count).tolist()
        ends = [str(round(end)) if self.whole else format_value(end) for end in (self.low, self.high)]
        if self.whole:
            return tuple(dict.fromkeys([ends[0], *map(self._text, between), ends[1]]))
        for digits in range(4, 18):
            texts = [ends[0], *(self._text(value, digits) for value in between), ends[1]]
            numbers = [float(text) for text in texts]
            if all(low < high for low, high in itertools.pairwise(numbers)):
                return tuple(texts)
        raise AccumbensError(
            f"{self.name}={ends[0]}..{ends[1]}:{count} cannot be used: it has fewer than {count} values"
        )

    def draw(self, generator: np.random.Generator) -> str:
        """Return one at random: uniform, or uniform in the logarithm."""
        if self.whole and not self.log:
            return str(int(generator.integers(int(self.low), int(self.high) + 1)))
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        drawn = float(generator.uniform(low, high))
        return self._text(math.exp(drawn) if self.log else drawn)

    @property
    def size(self) -> float:
        """How many different values there are."""
        return self.high - self.low + 1 if self.whole else math.inf

    def said(self, random: bool) -> str:
        """Return how it is spaced, for people."""
        spaced = "log" if self.log else "linear"
        if random:
            return f"{self._text(self.low)} to {self._text(self.high)}, {spaced}"
        return f"{', '.join(self.grid())} ({spaced})"

    def _text(self, value: float, digits: int = 6) -> str:
        return str(round(value)) if self.whole else format_value(float(f"{value:.{digits}g}"))


Values = Choices | Range
"""The values of one setting."""


def parse_values(name: str, given: Any, hint: Any) -> Values:
    """Return the values of a setting that a text or a list stands for.

    A text is `a..b`, with `:n`, `:log` or `:linear` behind it if need be, or values between commas; those of a setting
    that is several numbers stand between slashes, `64,64/128,96`.

    Args:
        name: of the setting.
        given: the text, or values as TOML has them.
        hint: type of the setting.

    Raises:
        UnknownNameError: not one of the setting's words.
        AccumbensError: a value that the setting cannot have, the same twice, or fewer than two.
    """
    if isinstance(given, str) and ".." in given:
        return _range(name, given, hint)
    if isinstance(given, str):
        texts = [part.strip() for part in given.split("/" if _is_tuple(hint) else ",")]
    elif isinstance(given, Sequence):
        texts = [text_of(value) for value in given]
    else:
        raise AccumbensError(f"over.{name}={given!r} cannot be used: expected a list, or a text such as '0.3..0.95'")
    if "" in texts:
        raise AccumbensError(f"{name}={given!r} cannot be used: a value is empty")
    texts = [format_value(parse_value(name, hint, text)) for text in texts]
    for index, text in enumerate(texts):
        if text in texts[:index]:
            raise AccumbensError(f"{name} has the value {text} twice")
    if len(texts) < 2:
        between = "; several are separated by '/', as in 64,64/128,96" if _is_tuple(hint) else ""
        raise AccumbensError(f"{name} has one value, {' '.join(texts) or 'or none'}: give it two or more{between}")
    return Choices(name, tuple(texts))


def _range(name: str, text: str, hint: Any) -> Range:
    ends, *suffixes = text.split(":")
    parts = [part for part in (hint, *typing.get_args(hint)) if part in (int, float)]
    if not parts or typing.get_origin(hint) is tuple:
        raise AccumbensError(f"{name}={text} cannot be used: only a setting that is a number has a range; give a list")
    first, _, last = ends.partition("..")
    low, high = (float(parse_value(name, parts[0], end.strip())) for end in (first, last))
    require(name, text, "a range from a smaller to a larger number, such as 0.3..0.95", low < high < math.inf)
    require(name, text, "a range from a smaller to a larger number, such as 0.3..0.95", low > -math.inf)
    log, count = low > 0 and high / low >= LOG_FROM, None
    for suffix in suffixes:
        if suffix in ("log", "linear"):
            log = suffix == "log"
            require(name, text, "of positive numbers to be spaced by their logarithms", low > 0 or not log)
        elif suffix.isdecimal():
            count = int(suffix)
            require(name, text, "of two values or more", count >= 2)
        else:
            raise UnknownNameError(f"ending of {name}={ends}:…", suffix, ["log", "linear", "the number of values"])
    return Range(name, low, high, log, parts[0] is int, count)


def _is_tuple(hint: Any) -> bool:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return any(map(_is_tuple, typing.get_args(hint)))
    return typing.get_origin(hint) is tuple
