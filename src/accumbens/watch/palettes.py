"""What the channels and actions of games are called, and the colours of their things.

Colours are from Paul Tol's muted scheme, which the colour-blind can tell apart; what a thing leaves behind is paler.
"""

from typing import NamedTuple

import numpy as np

from accumbens.envs.registry import octax_environments
from accumbens.watch.style import mixed

INDIGO, CYAN, TEAL, GREEN, OLIVE = "#332288", "#88ccee", "#44aa99", "#117733", "#999933"
SAND, ROSE, WINE, PURPLE, GREY = "#ddb03a", "#cc6677", "#882255", "#aa4499", "#8a8f99"


class Colour(NamedTuple):
    """A colour and what it stands for."""

    colour: str
    name: str


def _colours(**names: str) -> tuple[Colour, ...]:
    return tuple(Colour(colour, name.replace("_", " ")) for name, colour in names.items())


def _pale(colour: str, share: float = 0.6) -> str:
    return mixed(colour, "#e9ebef", share)


GAMES: dict[str, tuple[Colour, ...]] = {
    "minatar/breakout": _colours(paddle=INDIGO, ball=WINE, trail=_pale(WINE), brick=TEAL),
    "minatar/freeway": _colours(
        chicken=WINE,
        car=INDIGO,
        fastest=_pale(INDIGO, 0.35),
        fast=_pale(INDIGO, 0.5),
        medium=_pale(INDIGO, 0.62),
        slow=_pale(INDIGO, 0.74),
        slowest=_pale(INDIGO, 0.85),
    ),
    "minatar/asterix": _colours(player=INDIGO, enemy=WINE, trail=_pale(GREY, 0.5), gold=SAND),
    "minatar/space_invaders": _colours(
        cannon=INDIGO, alien=TEAL, going_left=CYAN, going_right=GREEN, shot=SAND, bomb=WINE
    ),
    "minatar/seaquest": _colours(
        submarine=INDIGO,
        its_back=_pale(INDIGO, 0.45),
        shot=OLIVE,
        trail=_pale(GREY, 0.5),
        torpedo=PURPLE,
        fish=ROSE,
        enemy_submarine=WINE,
        oxygen=CYAN,
        divers_aboard=GREEN,
        diver=SAND,
    ),
}
"""The channels of games, in order: things in MinAtar's, the frames of a step in arcade games."""

_FRAMES = (
    Colour(_pale(INDIGO, 0.8), "frame 1"),
    Colour(_pale(INDIGO, 0.65), "frame 2"),
    Colour(_pale(INDIGO, 0.45), "frame 3"),
    Colour(INDIGO, "frame 4"),
)
GAMES |= dict.fromkeys(octax_environments(), _FRAMES)

ACTIONS: dict[str, tuple[str, ...]] = {
    "CartPole-v1": ("← push", "push →"),
    "Acrobot-v1": ("torque −1", "torque 0", "torque +1"),
    "MountainCar-v0": ("← push", "nothing", "push →"),
    "LunarLander-v3": ("nothing", "left engine", "main engine", "right engine"),
    "minatar/breakout": ("stay", "←", "→"),
    "minatar/freeway": ("stay", "↑", "↓"),
    "minatar/asterix": ("stay", "←", "↑", "→", "↓"),
    "minatar/space_invaders": ("stay", "←", "→", "fire"),
    "minatar/seaquest": ("stay", "←", "↑", "→", "↓", "fire"),
    "octax/brix": ("←", "→", "stay"),
    "octax/pong": ("↑", "↓", "stay"),
    "octax/spacejam": ("↑", "↓", "←", "→", "stay"),
}
"""What actions do, in order."""


def action_name(env: str, action: np.ndarray | np.integer) -> str:
    """Return what an action does: a name, a number, or low (-) and high (+) for every dimension of a factored one."""
    if np.ndim(action):
        return " ".join("+" if choice else "−" for choice in np.ravel(action))
    names = ACTIONS.get(env)
    return names[int(action)] if names else f"action {int(action)}"


def unnamed(num_channels: int) -> tuple[Colour, ...]:
    """Return colours for channels whose names are not known; with many, colours come again."""
    colours = (INDIGO, WINE, TEAL, SAND, CYAN, ROSE, GREEN, PURPLE, OLIVE, GREY)
    return tuple(Colour(colours[index % len(colours)], f"channel {index}") for index in range(num_channels))
