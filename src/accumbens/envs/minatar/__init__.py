"""The five games of MinAtar, written for the device: `GAMES["minatar/breakout"]()` is an environment."""

from collections.abc import Callable

from accumbens.envs.minatar import asterix, breakout, freeway, seaquest, space_invaders
from accumbens.envs.minatar.common import make
from accumbens.envs.protocol import Environment

GAMES: dict[str, Callable[[], Environment]] = {
    "minatar/breakout": lambda: make(breakout.breakout()),
    "minatar/freeway": lambda: make(freeway.freeway()),
    "minatar/asterix": lambda: make(asterix.asterix()),
    "minatar/space_invaders": lambda: make(space_invaders.space_invaders()),
    "minatar/seaquest": lambda: make(seaquest.seaquest()),
}
