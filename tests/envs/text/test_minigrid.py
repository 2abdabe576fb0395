"""Tasks of MiniGrid in words."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import accumbens  # noqa: F401 - registers the environments
from accumbens.envs.text.game import ADMISSIBLE
from accumbens.envs.text.minigrid import ACTIONS, minigrid, view_in_words
from accumbens.errors import UnknownNameError

constants = pytest.importorskip("minigrid.core.constants", reason="needs MiniGrid")


def view(**cells):
    """A view of 7 × 7 with nothing in it but `cells`, as {"c2r3": (kind, colour, state)}."""
    image = np.zeros((7, 7, 3), np.uint8)
    image[..., 0] = constants.OBJECT_TO_IDX["empty"]
    for place, (kind, colour, state) in cells.items():
        column, row = int(place[1]), int(place[3])
        image[column, row] = constants.OBJECT_TO_IDX[kind], constants.COLOR_TO_IDX[colour], state
    return image


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({}, "You carry nothing."),
        ({"c3r6": ("key", "blue", 0)}, "You carry a blue key."),
        ({"c3r5": ("ball", "red", 0)}, "You carry nothing. You see a red ball 1 step ahead."),
        ({"c1r4": ("box", "grey", 0)}, "You carry nothing. You see a grey box 2 steps ahead and 2 steps to the left."),
        ({"c4r6": ("goal", "green", 0)}, "You carry nothing. You see a goal 1 step to the right."),
        ({"c3r3": ("door", "red", 2)}, "You carry nothing. You see a locked red door 3 steps ahead."),
        ({"c3r4": ("door", "red", 0)}, "You carry nothing. You see an open red door 2 steps ahead."),
        ({"c3r4": ("lava", "red", 0)}, "You carry nothing. You see lava 2 steps ahead."),
        (
            {"c3r2": ("wall", "grey", 0), "c0r2": ("wall", "grey", 0)},
            "You carry nothing. You see a wall 4 steps ahead.",
        ),
    ],
)
def test_what_is_seen_in_words(cells, words):
    assert view_in_words(view(**cells), constants) == words


@pytest.mark.filterwarnings("ignore")
def test_a_mission():
    env = gymnasium.make("text/minigrid", penalty=0.0)
    check_env(env.unwrapped)
    env = gymnasium.make("text/minigrid")
    observation, info = env.reset(seed=1)
    assert observation.startswith("Mission: go to the red ball.\nYou carry nothing.")
    assert info[ADMISSIBLE] == ACTIONS
    assert env.reset(seed=1)[0] == observation
    assert len({env.reset(seed=seed)[0] for seed in range(8)}) > 2


def test_the_ball_is_reached():
    """It turns until it sees the ball, and goes to where the words say it is."""
    env = minigrid()
    observation, _ = env.reset(seed=3)
    for _ in range(64):
        if "red ball" not in observation:
            action = "turn right"
        elif " ahead" in observation.partition("red ball ")[2].partition(".")[0]:
            action = "go forward"
        else:
            action = "turn right" if "right" in observation else "turn left"
        observation, reward, terminated, truncated, _ = env.step(action)
        if terminated:
            break
    assert terminated
    assert not truncated
    assert 0 < reward < 1
    env.close()


@pytest.mark.parametrize("free", [False, True])
def test_its_own_limit_truncates(free):
    env = minigrid(penalty=-0.1)
    env.reset(seed=3)
    limit = env.game._env.unwrapped.max_steps
    ends = [env.step("dance" if free else "turn left")[2:4] for _ in range(limit)]
    assert ends == [(False, False)] * (limit - 1) + [(False, True)]


def test_an_unknown_task_is_told_with_the_nearest():
    with pytest.raises(
        UnknownNameError, match="unknown task of MiniGrid 'BabyAI-GoToLocl-v0'; did you mean 'BabyAI-GoToLoc"
    ):
        minigrid("BabyAI-GoToLocl-v0")
