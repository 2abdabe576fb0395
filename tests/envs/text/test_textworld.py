"""The adapter against a game of ours that answers as TextWorld was seen to, and against one of TextWorld's own."""

import sys
from types import ModuleType, SimpleNamespace

import gymnasium
import pytest

import accumbens  # noqa: F401 - registers the environments
from accumbens.envs.text.game import ADMISSIBLE
from accumbens.envs.text.textworld import textworld_game
from accumbens.errors import AccumbensError

TURN = ">" + " " * 128 + "-= Hall =-{}/{}"


class Hall:
    """Take two apples for a point each; the game is over with the second, and lives on if it is asked."""

    def __init__(self):
        self.begun = 0

    def reset(self):
        self.begun += 1
        self.score = 0
        return self._state(f"*** Welcome! ***\n\n  Take two.\n\n{TURN.format(0, 1)}")

    def step(self, command):
        over = self.score == 2
        self.score += command == "take apple" and not over
        answer = "You take it.\n\n" if command == "take apple" else "\n-= Hall =-\nA  hall.\n\n\n"
        return self._state(answer + TURN.format(self.score, 2)), self.score, self.score == 2 and not over

    def _state(self, feedback):
        return {
            "feedback": feedback,
            "description": "-= Hall =-\nA  hall.\n\n",
            "inventory": f"You are carrying: {self.score} apples.",
            "objective": "Take two.",
            "admissible_commands": ["look", "take apple"],
            "score": self.score,
        }

    def close(self):
        self.score = None


@pytest.fixture
def files(tmp_path):
    for suffix in (".z8", ".json"):
        (tmp_path / f"hall{suffix}").touch()
    return tmp_path / "hall.z8"


@pytest.fixture
def hall(monkeypatch):
    module = ModuleType("textworld")
    module.EnvInfos = SimpleNamespace
    module.start = lambda path, infos: Hall()
    monkeypatch.setitem(sys.modules, "textworld", module)


def test_reward_is_the_difference_of_scores(hall, files):
    env = textworld_game(str(files))
    observation, info = env.reset()
    assert observation == "Take two.\n-= Hall =-\nA  hall.\nYou are carrying: 0 apples."
    assert info[ADMISSIBLE] == ("look", "take apple")
    rows = [env.step(command) for command in ("look", "take apple", "look", "take apple")]
    assert [row[1:4] for row in rows] == [(0, False, False), (1, False, False), (0, False, False), (1, True, False)]
    assert rows[0][0] == observation  # the answer is the room, which is told already
    assert rows[1][0] == "Take two.\n-= Hall =-\nA  hall.\nYou are carrying: 1 apples.\nYou take it."
    assert rows[3][4][ADMISSIBLE] == ()
    with pytest.raises(AccumbensError, match="no episode of 'text/textworld' goes on"):
        env.step("look")
    assert env.reset()[0] == observation
    assert env.step("take apple")[1] == 1
    env.close()


def test_a_limit_truncates(hall, files):
    env = gymnasium.make("text/textworld", game=str(files), max_episode_steps=2)
    env.reset()
    assert [env.step("look")[2:4] for _ in range(2)] == [(False, False), (False, True)]


def test_free_text_is_not_given_to_the_game(hall, files):
    env = textworld_game(str(files), penalty=-0.1)
    env.reset()
    env.step("take apple")
    observation, reward, *_ = env.step("take the apple")
    assert (reward, observation.splitlines()[-1]) == (-0.1, "You take it.")
    assert env.step(" take apple")[1:3] == (1, True)


@pytest.mark.parametrize("name", ["hall.ulx", "nowhere.z8"])
def test_a_file_that_is_none_is_named(hall, files, name):
    with pytest.raises(AccumbensError, match=f"{name} cannot be used: it must be a .z8 of TextWorld"):
        textworld_game(str(files.with_name(name)))
    files.with_suffix(".json").unlink()
    with pytest.raises(AccumbensError, match=r"hall\.json cannot be used"):
        textworld_game(str(files))


def test_without_textworld(monkeypatch, files):
    monkeypatch.setitem(sys.modules, "textworld", None)
    with pytest.raises(
        AccumbensError, match=r"'pip install textworld'\. It is under the MIT licence, and needs jericho"
    ):
        textworld_game(str(files))


@pytest.mark.parametrize("name", ["rooms", "objects", "quest_length"])
def test_a_game_of_nothing(hall, name):
    with pytest.raises(AccumbensError, match=f"{name}=0 cannot be used: it must be 1 or more"):
        textworld_game(**{name: 0})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of TextWorld's own dependencies
def test_a_game_that_is_made():
    pytest.importorskip("textworld", reason="needs TextWorld, which no extra brings")
    env = gymnasium.make("text/textworld")
    _, info = env.reset()
    assert "go south" in info[ADMISSIBLE]
    rows = [env.step(command) for command in ("go south", "open bureau", "take laptop from bureau")]
    assert [row[1:4] for row in rows] == [(0, False, False), (0, False, False), (1, True, False)]
    assert "-= Studio =-" in rows[0][0]
    assert not any("-=" in line for row in rows for line in row[0].splitlines() if line != "-= Studio =-")
