"""Heating a pancake: a task of a household, and the case of it in which one token decides.

The published task is a part of VirtualHome, which describes a state by 11 bits; rules, words and admissible actions
here are made from its description alone. An action is admissible where it can be done and changes something, which is
ours.

Reference: Tan et al. (2024), "True knowledge comes from practice" (VirtualHome, food preparation); Wen et al. (2024),
"Reinforcing language agents via policy optimization with action decomposition", the case study.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from accumbens.envs.text.game import TextEnvironment, Told

ROOMS = ("kitchen", "bathroom", "bedroom", "living room")
TASK = "Task: heat the pancake in the microwave."
OPEN, CLOSE, PUT = "open the microwave", "close the microwave", "put the pancake in the microwave"
GRAB = "grab the pancake"


class Kitchen(NamedTuple):
    """A state of food preparation.

    Attributes:
        room: where the agent is. Pancake and microwave are in the kitchen, and can be reached from there alone.
        pancake: where it is.
        near_pancake: whether the agent stands at it.
        near_microwave: whether the agent stands at it.
        opened: whether the microwave is open.
    """

    room: str = "kitchen"
    pancake: Literal["table", "hand", "microwave"] = "table"
    near_pancake: bool = False
    near_microwave: bool = False
    opened: bool = False

    @property
    def heated(self) -> bool:
        """Whether the task is done: the pancake is in the closed microwave."""
        return self.pancake == "microwave" and not self.opened


def admissible(state: Kitchen) -> list[str]:
    """Return the actions that can be done and change something; none where the task is done."""
    if state.heated:
        return []
    actions = [f"walk to the {room}" for room in ROOMS if room != state.room]
    if state.room != "kitchen":
        return actions
    in_hand = state.pancake == "hand"
    possible = {
        "walk to the pancake": not state.near_pancake,
        "walk to the microwave": not state.near_microwave,
        GRAB: state.near_pancake and not in_hand,
        PUT: state.near_microwave and state.opened and in_hand,
        OPEN: state.near_microwave and not state.opened,
        CLOSE: state.near_microwave and state.opened,
    }
    return actions + [action for action, can in possible.items() if can]


def after(state: Kitchen, action: str) -> Kitchen:
    """Return the state after an admissible action. Whoever walks keeps near to what is in the hand alone."""
    carried = state.pancake == "hand"
    match action.removeprefix("walk to the "):
        case "pancake":
            return state._replace(near_pancake=True, near_microwave=False)
        case "microwave":
            return state._replace(near_pancake=carried, near_microwave=True)
        case room if room in ROOMS:
            return state._replace(room=room, near_pancake=carried, near_microwave=False)
    changes = {
        GRAB: {"pancake": "hand"},
        PUT: {"pancake": "microwave"},
        OPEN: {"opened": True},
        CLOSE: {"opened": False},
    }
    return state._replace(**changes[action])


def describe(state: Kitchen) -> str:
    """Return what is told of a state: all of it, also outside the kitchen, where one remembers the microwave."""
    others = [f"the {room}" for room in ROOMS if room != state.room]
    said = [f"You are in the {state.room} and can walk to {', '.join(others[:-1])} and {others[-1]}."]
    lies = {"table": "The pancake is on the table", "hand": "The pancake is in your hand"}
    said.append(f"{lies.get(state.pancake, 'The pancake is in the microwave')}.")
    if state.room == "kitchen":
        said.append(f"The microwave is {'open' if state.opened else 'closed'}.")
        near = {"pancake": state.near_pancake and state.pancake != "hand", "microwave": state.near_microwave}
        places = " and ".join(f"the {thing}" for thing, is_near in near.items() if is_near)
        said.append(f"You stand at {places}." if places else "You stand in the middle of the room.")
    else:
        said.append(f"You left the microwave {'open' if state.opened else 'closed'}.")
    return " ".join([*said, TASK])


class FoodPreparation:
    """Fetch the pancake, open the microwave, put it in, close it: 1 when that is done, otherwise 0."""

    def __init__(self) -> None:
        """Stand in the kitchen."""
        self.state = Kitchen()

    def begin(self, random: np.random.Generator) -> Told:
        """Begin in the kitchen, near to nothing, the pancake on the table and the microwave closed."""
        self.state = Kitchen()
        return self._told()

    def act(self, action: str) -> Told:
        """Do an admissible action."""
        self.state = after(self.state, action)
        return self._told()

    def wait(self) -> Told:
        """Nothing changes."""
        return self._told()

    def close(self) -> None:
        """Nothing is held."""

    def _told(self) -> Told:
        done = self.state.heated
        return Told(describe(self.state), admissible(self.state), reward=float(done), terminated=done)


CASE: dict[str, tuple[str, Sequence[str]]] = {
    "shut": (f"The pancake is in your hand. The microwave is closed. {TASK}", (OPEN, CLOSE)),
    "open": (f"The pancake is in your hand. The microwave is open. {TASK}", (PUT,)),
    "filled": (f"The pancake is in the microwave. The microwave is open. {TASK}", (OPEN, CLOSE)),
}
"""States of the case study, and the actions that are admissible."""

CASE_STEPS = 5
"""After these an episode of the case study is lost."""


class CaseStep(NamedTuple):
    """A step of the case study.

    Attributes:
        state: in which it was taken, a key of `CASE`.
        action: what was done.
        reward: for it.
        ends: whether the episode does.
    """

    state: str
    action: str
    reward: float
    ends: bool


def case_after(state: str, action: str) -> str | None:
    """Return the state of the case study after an action; None if the task is done."""
    if (state, action) == ("filled", CLOSE):
        return None
    return {("shut", OPEN): "open", ("open", PUT): "filled"}.get((state, action), state)


def case_episodes(begun: Sequence[CaseStep] = (), state: str = "shut") -> list[list[CaseStep]]:
    """Return every episode of the case study, or every end of one that has begun.

    Args:
        begun: its steps so far.
        state: where they led.
    """
    found = []
    for action in CASE[state][1]:
        reached = case_after(state, action)
        lost = reached is not None and len(begun) + 1 == CASE_STEPS
        reward = 1.0 if reached is None else -1.0 if lost else 0.0
        steps = [*begun, CaseStep(state, action, reward, reached is None or lost)]
        found += [steps] if reached is None or lost else case_episodes(steps, reached)
    return found


class Microwave:
    """Of two actions the first token decides: open, put (the only choice), close; 1 if that is done in 5 steps.

    Otherwise -1 at the fifth step. What changes nothing is admissible here; how many steps are left is not told.
    """

    def __init__(self) -> None:
        """Hold the pancake."""
        self.state, self.elapsed = "shut", 0

    def begin(self, random: np.random.Generator) -> Told:
        """Begin with the pancake in the hand and the microwave closed."""
        self.state, self.elapsed = "shut", 0
        return Told(*CASE[self.state])

    def act(self, action: str) -> Told:
        """Do an admissible action."""
        reached = case_after(self.state, action)
        if reached is None:
            done = f"The pancake is in the microwave. The microwave is closed. {TASK}"
            return Told(done, (), reward=1.0, terminated=True)
        self.state = reached
        return self.wait()

    def wait(self) -> Told:
        """Nothing changes, but a step has passed."""
        self.elapsed += 1
        lost = self.elapsed == CASE_STEPS
        return Told(*CASE[self.state], reward=-1.0 if lost else 0.0, terminated=lost)

    def close(self) -> None:
        """Nothing is held."""


def food_preparation(penalty: float | None = None, render_mode: str | None = None) -> TextEnvironment:
    """Make `text/food-preparation`; see `TextEnvironment`."""
    return TextEnvironment(FoodPreparation(), "text/food-preparation", penalty, render_mode)


def microwave(penalty: float | None = None, render_mode: str | None = None) -> TextEnvironment:
    """Make `text/microwave`; see `TextEnvironment`."""
    return TextEnvironment(Microwave(), "text/microwave", penalty, render_mode)
