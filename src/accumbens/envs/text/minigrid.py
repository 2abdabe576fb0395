"""Tasks of MiniGrid and BabyAI in words: the mission, and what is seen, with the directions as seen by the agent.

Reference: Chevalier-Boisvert et al. (2023), "Minigrid & Miniworld"; the words are ours.
"""

import importlib
from typing import Any

import gymnasium
import numpy as np

from accumbens.envs.text.game import TextEnvironment, Told
from accumbens.errors import AccumbensError, UnknownNameError

ACTIONS = ("turn left", "turn right", "go forward", "pick up", "drop", "toggle", "done")
"""By MiniGrid's numbers; all of them can be chosen always. `toggle` opens and closes what is ahead."""


class MiniGridGame:
    """A task of MiniGrid with the agent's own view."""

    def __init__(self, env: str):
        """Make the task.

        Args:
            env: its id, such as `BabyAI-GoToRedBallNoDists-v0`.

        Raises:
            UnknownNameError: MiniGrid has none of that id.
            AccumbensError: MiniGrid is not installed.
        """
        try:
            self._constants = importlib.import_module("minigrid.core.constants")
        except ImportError as error:
            raise AccumbensError(
                "text/minigrid needs MiniGrid, which is not installed. In a checkout run 'uv sync --extra minigrid', "
                """elsewhere 'pip install "accumbens[minigrid]"'."""
            ) from error
        known = [name for name, spec in gymnasium.registry.items() if str(spec.entry_point).startswith("minigrid.")]
        if env not in known:
            raise UnknownNameError("task of MiniGrid", env, sorted(known))
        self._env: Any = gymnasium.make(env, disable_env_checker=True)
        self._told = Told("", ())

    def begin(self, random: np.random.Generator) -> Told:
        """Begin in a grid that is drawn at random."""
        observation, _ = self._env.reset(seed=int(random.integers(2**31)))
        self._told = Told(self._words(observation), ACTIONS)
        return self._told

    def act(self, action: str) -> Told:
        """Do an action."""
        observation, reward, terminated, truncated, _ = self._env.step(ACTIONS.index(action))
        truncated = truncated and not terminated
        self._told = Told(self._words(observation), ACTIONS, float(reward), terminated, truncated)
        return self._told

    def wait(self) -> Told:
        """Nothing changes, but a step has passed."""
        task = self._env.unwrapped
        task.step_count += 1
        self._told = self._told._replace(reward=0.0, truncated=task.step_count >= task.max_steps)
        return self._told

    def close(self) -> None:
        """Close the task."""
        self._env.close()

    def _words(self, observation: dict[str, Any]) -> str:
        return f"Mission: {observation['mission']}.\n{view_in_words(observation['image'], self._constants)}"


def view_in_words(image: np.ndarray, constants: Any) -> str:
    """Return what is seen, in words.

    Args:
        image: `[columns, rows, 3]`: the kind, colour and state of what is in every cell of the view, in whose last row
            and middle column the agent is, looking to the first row; its own cell has what it carries.
        constants: `minigrid.core.constants`, which says what the numbers mean.
    """
    kinds, colours, states = (
        {number: name for name, number in names.items()}
        for names in (constants.OBJECT_TO_IDX, constants.COLOR_TO_IDX, constants.STATE_TO_IDX)
    )
    width, height = image.shape[:2]
    middle, own = width // 2, height - 1
    carried, seen = "You carry nothing.", []
    for row in reversed(range(height)):
        for column in range(width):
            kind, colour, state = (int(number) for number in image[column, row])
            what, is_own = kinds[kind], (column, row) == (middle, own)
            if what in ("unseen", "empty", "floor", "wall") or (is_own and what not in ("key", "ball", "box")):
                continue
            name = what if what in ("lava", "goal") else f"{colours[colour]} {what}"
            if what == "door":
                name = f"{states[state]} {name}"
            if is_own:
                carried = f"You carry a {name}."
            else:
                seen.append(f"You see {_a(name)} {_where(column - middle, own - row)}.")
    ahead = [kinds[int(image[middle, row, 0])] for row in reversed(range(own))]
    if "wall" in ahead:
        seen.append(f"You see a wall {_where(0, ahead.index('wall') + 1)}.")
    return " ".join([carried, *seen])


def _where(right: int, ahead: int) -> str:
    side = "right" if right > 0 else "left"
    parts = [
        f"{ahead} {_steps(ahead)} ahead" if ahead else "",
        f"{abs(right)} {_steps(right)} to the {side}" if right else "",
    ]
    return " and ".join(part for part in parts if part)


def _steps(count: int) -> str:
    return "step" if abs(count) == 1 else "steps"


def _a(name: str) -> str:
    return name if name == "lava" else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def minigrid(
    env: str = "BabyAI-GoToRedBallNoDists-v0", penalty: float | None = None, render_mode: str | None = None
) -> TextEnvironment:
    """Make `text/minigrid`.

    Args:
        env: the id of a task, such as `BabyAI-GoToLocal-v0`.
        penalty: see `TextEnvironment`.
        render_mode: see `TextEnvironment`.

    Raises:
        UnknownNameError: MiniGrid has none of that id.
        AccumbensError: MiniGrid is not installed.
    """
    return TextEnvironment(MiniGridGame(env), "text/minigrid", penalty, render_mode)
