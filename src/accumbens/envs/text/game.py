"""What a text environment is: a game of four methods, and the Gymnasium environment that is made of it."""

import string
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import gymnasium
import numpy as np
from gymnasium.spaces import Text

from accumbens.errors import AccumbensError, EnvironmentFailedError, UnknownNameError, require

ADMISSIBLE = "admissible_actions"
"""Where `info` has the actions that can be chosen next, a tuple of texts; empty where the episode has ended."""

LONGEST = 8192
"""Characters of an observation at most."""

CHARACTERS = string.printable
"""What texts are made of."""


class Told(NamedTuple):
    """What a game answers.

    Attributes:
        observation: what is told of the state, no part of an action.
        actions: those that are admissible next; none if the episode has ended.
        reward: of the last action.
        terminated: the game is over: the value beyond it is zero.
        truncated: the episode was cut by a limit of the game's own; the value beyond it is not zero.
    """

    observation: str
    actions: Sequence[str]
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False


@runtime_checkable
class Game(Protocol):
    """A game in words. It need check neither actions nor the order of calls."""

    def begin(self, random: np.random.Generator) -> Told:
        """Begin an episode; whatever is drawn at random is drawn from `random`."""
        ...

    def act(self, action: str) -> Told:
        """Do one of the admissible actions."""
        ...

    def wait(self) -> Told:
        """Let a step pass without doing anything: a text was written that is no admissible action."""
        ...

    def close(self) -> None:
        """Release what is held."""
        ...


class Actions(Text):
    """Texts as Gymnasium has them, of which those are members that are admissible in the present state.

    `sample` draws one of them, so that `env.step(env.action_space.sample())` plays at random. The space is equal to any
    other of the same characters and length.

    Attributes:
        admissible: at present.
    """

    def __init__(self, max_length: int):
        """Begin without any: no episode has begun."""
        super().__init__(max_length, charset=CHARACTERS)
        self.admissible: tuple[str, ...] = ()

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """Draw one of the admissible actions.

        Raises:
            AccumbensError: there is none, since no episode has begun or it has ended; or there is a mask.
        """
        require("mask", mask or probability, "None: the admissible actions are the mask", not (mask or probability))
        if not self.admissible:
            raise AccumbensError("no action is admissible: begin an episode with reset()")
        return self.admissible[self.np_random.integers(len(self.admissible))]

    def contains(self, x: Any) -> bool:
        """Whether an action is admissible."""
        return isinstance(x, str) and x in self.admissible


class TextEnvironment(gymnasium.Env[str, str]):
    """A game as a Gymnasium environment; `info["admissible_actions"]` has what can be chosen next.

    Actions are chosen among these, or written freely: then what is not admissible costs a penalty and a step in which
    nothing is done. The penalty is ours: published results restrict a model to admissible actions.
    """

    def __init__(self, game: Game, name: str, penalty: float | None = None, render_mode: str | None = None):
        """Take a game.

        Args:
            game: is played by this environment alone.
            name: for messages.
            penalty: what is added to the reward of a step whose text is no admissible action, such as -0.1; None makes
                such a text an error. Blanks around and between words do not matter.
            render_mode: None, or `ansi` to have `render` return the last observation.

        Raises:
            AccumbensError: there is no such render mode, or the penalty is positive.
        """
        require("render_mode", render_mode, "None or 'ansi'", render_mode in (None, "ansi"))
        require("penalty", penalty, "0 or less, or None", penalty is None or penalty <= 0)
        self.metadata = {"render_modes": ["ansi"], "render_fps": 1}
        self.render_mode, self.game, self.name, self.penalty = render_mode, game, name, penalty
        self.observation_space = Text(LONGEST, charset=CHARACTERS)
        self._actions = Actions(LONGEST)
        self.action_space = self._actions if penalty is None else Text(LONGEST, min_length=0, charset=CHARACTERS)
        self._told = Told("", ())

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Begin an episode."""
        super().reset(seed=seed)
        self._told = self._checked(self.game.begin(self.np_random))
        return self._told.observation, self._info()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Do an action.

        Raises:
            UnknownNameError: it is not admissible, and there is no penalty; names the nearest one that is.
            AccumbensError: no episode has begun, or it has ended.
        """
        if not self._told.actions:
            raise AccumbensError(f"no episode of {self.name!r} goes on: begin one with reset()")
        if self.penalty is not None:
            action = " ".join(action.split())
        cost = 0.0
        if action in self._told.actions:
            told = self.game.act(action)
        elif self.penalty is None:
            raise UnknownNameError("action", str(action), self._told.actions)
        else:
            told, cost = self.game.wait(), self.penalty
        self._told = self._checked(told)
        observation, _, reward, terminated, truncated = self._told
        return observation, float(reward) + cost, terminated, truncated, self._info()

    def render(self) -> str | None:
        """Return the last observation, if the environment was made with `ansi`."""
        return self._told.observation if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Close the game."""
        self.game.close()

    def _info(self) -> dict[str, Any]:
        self._actions.admissible = tuple(self._told.actions)
        return {ADMISSIBLE: self._actions.admissible}

    def _checked(self, told: Told) -> Told:
        """What a game told, of which a learner would fail without a word."""
        if told.terminated or told.truncated:
            told = told._replace(actions=())
        elif not told.actions:
            raise EnvironmentFailedError(
                f"{self.name!r} has no admissible action, and its episode has not ended: {told.observation[:80]!r}"
            )
        for text in (told.observation, *told.actions):
            if text not in self.observation_space:
                strange = sorted(set(text) - set(CHARACTERS))
                what = f"has {strange[0]!r}, which is no printable ASCII" if strange else f"has {len(text)} characters"
                raise EnvironmentFailedError(
                    f"{self.name!r} told a text that {what}; texts have 1 to {LONGEST} characters: {text[:80]!r}"
                )
        return told
