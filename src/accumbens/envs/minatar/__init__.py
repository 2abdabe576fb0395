"""The five games of MinAtar, written for the device: `GAMES["minatar/breakout"]()` is an environment."""

from collections.abc import Callable

from accumbens.envs.minatar.breakout import breakout
from accumbens.envs.minatar.common import make
from accumbens.envs.protocol import Environment

GAMES: dict[str, Callable[[], Environment]] = {
    "minatar/breakout": lambda: make(breakout()),
}
