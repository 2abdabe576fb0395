"""Copies of text environments."""

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Text

import accumbens  # noqa: F401 - registers the environments
from accumbens.envs.text.copies import Place, TextCopies
from accumbens.envs.text.game import TextEnvironment, Told
from accumbens.errors import AccumbensError, EnvironmentFailedError, UnknownNameError


class Draws:
    """Tells a number that is drawn at the beginning, and how often one went on; of three steps the last ends it."""

    drift = 0  # added to what is told: an environment that its seed does not decide

    def begin(self, random):
        self.drawn, self.steps = int(random.integers(10**9)), 0
        return self._told()

    def act(self, action):
        self.steps += 1
        return self._told()

    wait = act

    def _told(self):
        return Told(f"{self.drawn + Draws.drift} {self.steps}", ("on", "further"), 1.0, terminated=self.steps == 3)

    def close(self):
        pass


class Silent(gymnasium.Env):
    """Tells texts, and not what can be done."""

    observation_space = action_space = Text(10)

    def reset(self, *, seed=None, options=None):
        return "a", {}


@pytest.fixture(autouse=True)
def registered():
    gymnasium.register("test/draws", lambda **settings: TextEnvironment(Draws(), "draws", **settings))
    gymnasium.register("test/silent", Silent)
    yield
    for name in ("test/draws", "test/silent"):
        del gymnasium.registry[name]
    Draws.drift = 0


def play(copies, steps, seed=0):
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(steps):
        actions = [admissible[random.integers(len(admissible))] for admissible in copies.admissible]
        rows.append((actions, copies.step(actions), list(copies.observations), list(copies.admissible)))
    return rows


def test_episodes_differ_between_copies_seeds_and_episodes_and_are_the_same_again():
    copies = TextCopies("test/draws", 2, [3, 4])
    firsts = list(copies.observations)
    rows = play(copies, 3)
    step = rows[-1][1]
    assert step.terminated.all()
    assert not step.truncated.any()
    assert step.reward.tolist() == [1, 1, 1, 1]
    assert step.reward.dtype == np.float32
    assert [text.split()[1] for text in step.observation] == ["3"] * 4  # the true last ones
    assert [text.split()[0] for text in step.observation] == [text.split()[0] for text in firsts]
    assert len({*firsts, *copies.observations}) == 8
    assert TextCopies("test/draws", 2, [4]).observations == firsts[2:]
    assert TextCopies("test/draws", 2, [3, 4]).observations == firsts
    copies.close()


@pytest.mark.parametrize("name", ["text/food-preparation", "text/microwave", "test/draws"])
@pytest.mark.parametrize("done", [0, 7])
def test_a_restored_copy_goes_on_as_if_nothing_had_happened(name, done):
    copies = TextCopies(name, 3, [1])
    play(copies, done)
    places = copies.places()
    wanted = play(copies, 60, seed=1)
    fresh = TextCopies(name, 3, [1])
    fresh.restore(places)
    assert fresh.places() == places
    for (actions, step, *others), (found_actions, found, *found_others) in zip(
        wanted, play(fresh, 60, seed=1), strict=True
    ):
        assert (actions, others) == (found_actions, found_others)
        for part, found_part in zip(step, found, strict=True):
            np.testing.assert_array_equal(part, found_part)


def test_a_limit_truncates_and_never_both():
    gymnasium.register("test/short", lambda: TextEnvironment(Draws(), "draws"), max_episode_steps=3)
    try:
        rows = play(TextCopies("test/short", 1, [0]), 3)
    finally:
        del gymnasium.registry["test/short"]
    assert rows[-1][1].terminated.all()
    assert not rows[-1][1].truncated.any()
    copies = TextCopies("text/food-preparation", 1, [0], penalty=0.0)
    ends = [copies.step(["dance"])[2:] for _ in range(50)]
    assert [bool(truncated[0]) for _, truncated in ends] == [False] * 49 + [True]
    assert copies.places()[0][:2] == (1, ())


def test_what_its_seed_does_not_decide_is_not_restored():
    copies = TextCopies("test/draws", 1, [0])
    play(copies, 2)
    places = copies.places()
    Draws.drift = 1
    with pytest.raises(EnvironmentFailedError, match="after the same seed and the same 2 actions it now tells"):
        copies.restore(places)
    with pytest.raises(EnvironmentFailedError, match="the same 3 actions the episode ended"):
        copies.restore([Place(0, ("on",) * 3, "")])
    with pytest.raises(AccumbensError, match="places=2 cannot be used: it must be 1, one for every copy"):
        copies.restore(places * 2)
    with pytest.raises(AccumbensError, match="actions=0 cannot be used"):
        copies.step([])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("test/silent", r"'test/silent' does not say which actions are admissible: info\['admissible_actions'\]"),
        ("FrozenLake-v1", r"'FrozenLake-v1' tells no texts but observations of Discrete"),
        ("minatar/breakout", "'minatar/breakout' tells no texts but numbers"),
    ],
)
def test_what_is_no_text_environment(name, message):
    with pytest.raises(AccumbensError, match=message):
        TextCopies(name, 1, [0])


def test_settings_that_cannot_be():
    with pytest.raises(AccumbensError, match="num_envs=0"):
        TextCopies("text/microwave", 0, [0])
    with pytest.raises(AccumbensError, match="seeds="):
        TextCopies("text/microwave", 1, [])
    with pytest.raises(UnknownNameError, match="did you mean 'text/microwave'"):
        TextCopies("text/microwav", 1, [0])
