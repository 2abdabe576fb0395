"""The points of a sweep: all of a grid, some at random, or a regular fraction of a two-level design."""

import itertools
import math
import re
from collections.abc import Sequence

import numpy as np

from accumbens.errors import AccumbensError, require
from accumbens.sweeps.values import Range, Values

Point = dict[str, str]
"""The value of every setting, as it would be typed."""

MOST = 10_000
"""Points of one sweep."""


def grid(over: Sequence[Values]) -> list[Point]:
    """Return every combination of values, the last setting changing fastest.

    Raises:
        AccumbensError: there are more than `MOST`.
    """
    values = [setting.grid() for setting in over]
    count = math.prod(map(len, values))
    if count > MOST:
        raise AccumbensError(f"a grid of {count:,} points cannot be used: {MOST:,} at most; a random search draws some")
    return [_point(over, texts) for texts in itertools.product(*values)]


def random(over: Sequence[Values], count: int, seed: int) -> list[Point]:
    """Return different points at random; the first ones are the same however many are drawn.

    Args:
        over: the settings.
        count: points.
        seed: of the draw.

    Raises:
        AccumbensError: there are fewer points, or more than `MOST` are asked for.
    """
    require("points", count, f"from 1 to {MOST}", 1 <= count <= MOST)
    require("search_seed", seed, ">= 0", seed >= 0)
    for setting in over:
        if isinstance(setting, Range) and setting.count is not None:
            raise AccumbensError(f"{setting.name} has {setting.count} values, which is of a grid: here any is drawn")
    there = math.prod(setting.size for setting in over)
    require("points", count, f"at most {there:,.0f}, which is all there are", count <= there)
    generator, found = np.random.default_rng(seed), dict[tuple[str, ...], None]()
    for _ in range(100 * count):
        found.setdefault(tuple(setting.draw(generator) for setting in over))
        if len(found) == count:
            return [_point(over, texts) for texts in found]
    raise AccumbensError(f"points={count} cannot be used: {len(found)} different ones were found; a grid finds all")


def fraction(over: Sequence[Values], part: str) -> list[Point]:
    """Return a regular fraction of a two-level factorial design, 2^(k-p) points of resolution IV.

    The first k - p factors are a full factorial. Each further one is the product of three of them (as levels -1 and 1),
    a different three for each: so no main effect is confounded with another, or with an interaction of two factors.

    Reference: Box, Hunter and Hunter (2005), "Statistics for Experimenters", chapter 6.

    Args:
        over: settings of two values each.
        part: 1/2, 1/4, 1/8 …

    Raises:
        AccumbensError: a setting has not two values, or there is no such fraction of resolution IV.
    """
    for setting in over:
        values = setting.grid()
        if len(values) != 2:
            raise AccumbensError(f"fraction={part} cannot be used: {setting.name} has {len(values)} values, not two")
    match = re.fullmatch(r"1/(\d+)", part.strip())
    denominator = int(match[1]) if match else 0
    allowed = "1/2, 1/4, 1/8 or another power of two"
    require("fraction", part, allowed, denominator >= 2 and denominator & (denominator - 1) == 0)
    further = denominator.bit_length() - 1
    base = len(over) - further
    threes = list(itertools.combinations(range(max(base, 0)), 3))
    if further > len(threes):
        raise AccumbensError(
            f"fraction={part} cannot be used: with {len(over)} settings there is none of resolution IV; "
            f"a main effect would be confounded with one of two settings together"
        )
    points = []
    for levels in itertools.product((-1, 1), repeat=base):
        products = [math.prod(levels[index] for index in three) for three in threes[:further]]
        texts = [setting.grid()[level > 0] for setting, level in zip(over, (*levels, *products), strict=True)]
        points.append(_point(over, texts))
    return points


def _point(over: Sequence[Values], texts: Sequence[str]) -> Point:
    return {setting.name: text for setting, text in zip(over, texts, strict=True)}
