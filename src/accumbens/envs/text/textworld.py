"""Games of TextWorld, which is not a part of accumbens: `pip install textworld`.

No extra of accumbens brings it. TextWorld itself is under the MIT licence, but it needs jericho, which is under the
GPL: whoever installs it decides that.

Reference: Côté et al. (2018), "TextWorld: a learning environment for text-based games".
"""

import functools
import importlib
import re
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from accumbens.envs.text.game import TextEnvironment, Told
from accumbens.errors import AccumbensError, require

_PROMPT = re.compile(r">\s*-= .+? =-\d+/\d+\s*$")
"""How an answer ends: with a prompt, the room, the score and the turn, of which the last two tell the time."""

_ASKED = ("feedback", "description", "inventory", "objective", "admissible_commands", "score")


class TextWorldGame:
    """A game of TextWorld. The state that is told is the objective, the room, what one carries, and the last answer."""

    def __init__(self, file: Path):
        """Load a game.

        Args:
            file: `.z8`, with the `.json` that TextWorld wrote beside it.

        Raises:
            AccumbensError: TextWorld is not installed, or there are no such files.
        """
        textworld = _textworld()
        for needed in (file, file.with_suffix(".json")):
            require(
                "game", needed, "a .z8 of TextWorld, its .json beside it", file.suffix == ".z8" and needed.is_file()
            )
        self._env = textworld.start(str(file), textworld.EnvInfos(**dict.fromkeys(_ASKED, True)))
        self._score = 0.0
        self._told = Told("", ())

    def begin(self, random: np.random.Generator) -> Told:
        """Begin the game anew; nothing in it is drawn at random."""
        state = self._env.reset()
        self._score = float(state["score"])
        self._told = Told(_told(state, answer=""), state["admissible_commands"])
        return self._told

    def act(self, action: str) -> Told:
        """Give a command. TextWorld answers with the score so far, of which the reward is the difference."""
        state, score, over = self._env.step(action)
        reward, self._score = float(score) - self._score, float(score)
        answer = _PROMPT.sub("", state["feedback"])
        # A game that is over would go on if it were asked to; its last list of commands means nothing.
        actions = () if over else state["admissible_commands"]
        self._told = Told(_told(state, answer), actions, reward=reward, terminated=bool(over))
        return self._told

    def wait(self) -> Told:
        """Nothing is given to the game, and its last answer is repeated."""
        self._told = self._told._replace(reward=0.0)
        return self._told

    def close(self) -> None:
        """End the game's interpreter."""
        self._env.close()


def textworld_game(
    game: str | None = None,
    rooms: int = 2,
    objects: int = 3,
    quest_length: int = 3,
    seed: int = 1,
    penalty: float | None = None,
    render_mode: str | None = None,
) -> TextEnvironment:
    """Make `text/textworld`: a game of a file, or one that is made here, in about 10 seconds for every process.

    Args:
        game: path of a `.z8`, its `.json` beside it; None to make one of the settings that follow.
        rooms: their number.
        objects: at least; a quest may need more.
        quest_length: commands that it takes.
        seed: decides the game: in another process the same one is made of it.
        penalty: see `TextEnvironment`.
        render_mode: see `TextEnvironment`.

    Raises:
        AccumbensError: TextWorld is not installed, a number is below 1, or there is no such file.
    """
    file = Path(game) if game is not None else _made(rooms, objects, quest_length, seed)
    return TextEnvironment(TextWorldGame(file), "text/textworld", penalty, render_mode)


@functools.cache
def _made(rooms: int, objects: int, quest_length: int, seed: int) -> Path:
    textworld = _textworld()
    for name, value in (("rooms", rooms), ("objects", objects), ("quest_length", quest_length)):
        require(name, value, "1 or more", value >= 1)
    options: Any = textworld.GameOptions()
    options.nb_rooms, options.nb_objects, options.quest_length = rooms, objects, quest_length
    options.seeds, options.path = seed, str(Path(_folder().name) / f"{rooms}-{objects}-{quest_length}-{seed}.z8")
    return Path(textworld.make(options)[0])


@functools.cache
def _folder() -> tempfile.TemporaryDirectory:
    """Where this process makes its games; it is removed when the process ends."""
    return tempfile.TemporaryDirectory(prefix="accumbens-textworld-", ignore_cleanup_errors=True)


def _textworld() -> ModuleType:
    try:
        return importlib.import_module("textworld")
    except ImportError as error:
        raise AccumbensError(
            "text/textworld needs TextWorld, which is not installed: 'pip install textworld'. It is under the MIT "
            "licence, and needs jericho, which is under the GPL."
        ) from error


def _told(state: Any, answer: str) -> str:
    """The parts of a state that are told, one below the other; an answer that only repeats the room is left out."""
    parts = [_squeezed(state[name]) for name in ("objective", "description", "inventory")]
    answer = _squeezed(answer)
    return "\n".join(part for part in (*parts, answer if answer not in parts else "") if part)


def _squeezed(text: str) -> str:
    """A text without empty lines and without blanks at the ends of lines."""
    return "\n".join(line for line in map(str.strip, text.splitlines()) if line)
