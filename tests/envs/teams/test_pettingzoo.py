"""Parallel environments of PettingZoo's kind: beside the original, agents that die, masks, and what is refused."""

import sys
import textwrap

import numpy as np
import pytest

from accumbens.envs.teams.registry import make_team
from accumbens.errors import AccumbensError, EnvironmentFailedError

WORLDS = ("simple_spread_v3", "simple_speaker_listener_v4", "simple_tag_v3", "simple_reference_v3")


@pytest.mark.parametrize("world", WORLDS)
def test_beside_the_original(world):
    team, generator = make_team(f"pettingzoo/mpe2.{world}"), np.random.default_rng(0)
    original = sys.modules[f"mpe2.{world}"].parallel_env()
    agents = original.possible_agents
    for seed in (3, 4):
        observations, _ = original.reset(seed=seed)
        seen = team.reset(seed)
        for time in range(25):
            for index, agent in enumerate(agents):
                size = len(observations[agent])
                np.testing.assert_array_equal(seen.observation[index, :size], observations[agent])
                assert not seen.observation[index, size:].any()
            actions = np.array([generator.choice(np.flatnonzero(legal)) for legal in seen.legal])
            outcome = team.step(actions)
            observations, rewards, _, truncations, _ = original.step(dict(zip(agents, actions.tolist(), strict=True)))
            np.testing.assert_allclose(outcome.rewards, [rewards[agent] for agent in agents], rtol=1e-6)
            assert bool(outcome.truncated) == all(truncations.values()) == (time == 24)
            assert not outcome.terminated
            seen = outcome.seen
        assert seen.alive.all(), "they were cut, and did not die"
        np.testing.assert_array_equal(seen.observation[0, : len(observations[agents[0]])], observations[agents[0]])
    assert team.facts.agents == tuple(agents)
    assert team.facts.max_episode_steps == 25
    team.close()


def test_its_episodes_are_those_of_the_seed():
    team = make_team("pettingzoo/mpe2.simple_spread_v3")
    first, other, again = (team.reset(seed).observation for seed in (7, 8, 7))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_it_draws():
    team = make_team("pettingzoo/mpe2.simple_spread_v3")
    picture = team.picture()
    assert (picture.dtype, picture.shape[2]) == (np.uint8, 3)


HEAD = """
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, Sequence
from pettingzoo import ParallelEnv
"""

COUNTDOWN = (
    HEAD
    + """
class Countdown(ParallelEnv):
    '''Agent i has i + 2 steps to live; what it sees is a 1 x 2 box of its index and the time; actions count from 1.'''

    metadata = {"name": "countdown"}
    max_cycles = 9
    possible_agents = ["a", "b", "c"]
    size = 2
    masks = None
    in_infos = False
    ends = "terminated"

    def observation_space(self, agent):
        box = Box(-9.0, 9.0, (1, 2), np.float32)
        return box if self.masks is None or self.in_infos else Dict(
            {"observation": box, "action_mask": Box(0, 1, (self.size,), np.int8)})

    def action_space(self, agent):
        return Discrete(self.size, start=1)

    def told(self, agents):
        boxes = {agent: np.array([["abc".index(agent), self.time]], np.float32) for agent in agents}
        if self.masks is None or self.in_infos:
            return boxes
        return {agent: {"observation": box, "action_mask": np.array(self.masks)} for agent, box in boxes.items()}

    def infos(self, agents):
        return {agent: {"action_mask": np.array(self.masks)} if self.in_infos else {} for agent in agents}

    def reset(self, seed=None, options=None):
        self.agents, self.time = list(self.possible_agents), 0
        return self.told(self.agents), self.infos(self.agents)

    def step(self, actions):
        acting, self.time = self.agents, self.time + 1
        assert sorted(actions) == sorted(acting), actions
        rewards = {agent: 10.0 * actions[agent] for agent in acting}
        over = {agent: self.time >= "abc".index(agent) + 2 for agent in acting}
        self.agents = [agent for agent in acting if not over[agent]]
        none = dict.fromkeys(acting, False)
        ends = (over, none) if self.ends == "terminated" else (none, over)
        return self.told(acting), rewards, *ends, self.infos(acting)


def parallel_env(): return Countdown()
"""
)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """`write(text)`: make a module of it and return its name."""
    monkeypatch.syspath_prepend(tmp_path)
    written = []

    def module(text):
        name = f"own_team_{len(written)}_{tmp_path.name}".replace("-", "_")
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        written.append(name)
        return name

    yield module
    for name in written:
        sys.modules.pop(name, None)


def test_agents_that_die(write):
    team = make_team(f"pettingzoo/{write(COUNTDOWN)}")
    facts = team.facts
    assert (facts.observation_size, facts.num_actions, facts.max_episode_steps, facts.masks) == (2, 2, 9, False)
    seen, lives, rewards = team.reset(0), [], []
    np.testing.assert_array_equal(seen.observation, [[0, 0], [1, 0], [2, 0]])
    for time in range(1, 5):
        outcome = team.step(np.array([0, 1, 0]))
        lives.append(outcome.seen.alive.tolist())
        rewards.append(outcome.rewards.tolist())
        assert (bool(outcome.terminated), bool(outcome.truncated)) == (time == 4, False)
        assert outcome.seen.legal.all(), "so they are where the facts say that nothing is masked"
        if time == 2:
            np.testing.assert_array_equal(outcome.seen.observation[0], [0, 2], "the last that it saw")
        if time == 3:
            np.testing.assert_array_equal(outcome.seen.observation[0], [0, 0])
    assert lives == [[True] * 3, [False, True, True], [False, False, True], [False, False, True]]
    assert rewards == [[10, 20, 10], [10, 20, 10], [0, 20, 10], [0, 0, 10]], "actions count from 1; the dead get 0"


def test_the_last_is_cut(write):
    team = make_team(f"pettingzoo/{write(COUNTDOWN + 'Countdown.ends = `truncated`'.replace('`', chr(34)))}")
    team.reset(0)
    for _ in range(4):
        outcome = team.step(np.zeros(3, int))
    assert (bool(outcome.terminated), bool(outcome.truncated)) == (False, True)
    assert outcome.seen.alive.tolist() == [False, False, True]


def test_it_is_cut_at_the_limit(write):
    team = make_team(f"pettingzoo/{write(COUNTDOWN + 'Countdown.max_cycles = 3')}")
    for _ in range(2):
        team.reset(0)
        ends = [bool(team.step(np.zeros(3, int)).truncated) for _ in range(3)]
        assert ends == [False, False, True]


@pytest.mark.parametrize("place", ["", "Countdown.in_infos = True"])
def test_masks(write, place):
    team = make_team(f"pettingzoo/{write(COUNTDOWN + 'Countdown.masks = [0, 1]' + chr(10) + place)}")
    assert team.facts.masks
    assert team.facts.observation_size == 2
    np.testing.assert_array_equal(team.reset(0).legal, [[False, True]] * 3)
    for _ in range(2):
        outcome = team.step(np.ones(3, int))
    np.testing.assert_array_equal(
        outcome.seen.legal, [[True, True], [False, True], [False, True]], "a dead one may all"
    )


def test_masks_that_allow_all_at_first_are_masks(write):
    told = "Countdown.masks, Countdown.in_infos = [1, 1], True"
    assert make_team(f"pettingzoo/{write(changed(told))}").facts.masks


def test_another_function_of_the_module(write):
    team = make_team(f"pettingzoo/{write(COUNTDOWN + 'def short(): return Countdown()')}:short")
    assert team.facts.name.endswith(":short")
    assert team.facts.agents == ("a", "b", "c")


def changed(line):
    """The module with one more line at the end."""
    return COUNTDOWN + line


REFUSED = {
    "continuous": ("Countdown.action_space = lambda self, agent: Box(0.0, 1.0, (2,))", "supported is Discrete"),
    "no agents": ("Countdown.possible_agents = []", "has no agents"),
    "of no fixed size": ("Countdown.observation_space = lambda self, agent: Sequence(Box(0, 1))", "not one of numbers"),
    "no limit": ("del Countdown.max_cycles", "max_cycles or max_steps or max_episode_steps"),
    "no maker": ("del parallel_env", "no function 'parallel_env'.*pettingzoo/MODULE:FUNCTION"),
    "not one": ("parallel_env = dict", "no parallel environment: it has no reset"),
    "in turn": ("Countdown.agent_iter = lambda self: None", "act in turn"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(write, case):
    line, message = REFUSED[case]
    with pytest.raises(AccumbensError, match=message) as raised:
        make_team(f"pettingzoo/{write(changed(line))}")
    assert raised.value.exit_code == 2


FAILS_AT_ONCE = {
    "raises in reset": (
        "def broken(self, **_): raise ValueError('no world')\nCountdown.reset = broken",
        "no world.*line",
    ),
    "raises when made": ("def parallel_env(): return 1 / 0", "cannot be made: ZeroDivisionError"),
    "raises in spaces": ("def nothing(self, agent): return 1 / 0\nCountdown.action_space = nothing", "has no spaces"),
    "fewer agents": (
        "old = Countdown.reset\ndef late(self, **of):\n  told = old(self, **of); self.agents = ['a']\n  return told\n"
        "Countdown.reset = late",
        "begins with the agents",
    ),
    "no legal action": ("Countdown.masks = [0, 0]", "at least one of 2 actions"),
    "mask of another size": ("Countdown.masks = [0, 1, 1]", "at least one of 2 actions"),
    "other numbers": (
        "Countdown.told = lambda self, agents: {agent: np.zeros(3, np.float32) for agent in agents}",
        "has 3 numbers, not 2",
    ),
    "not finite": (
        "Countdown.told = lambda self, agents: {agent: np.full((1, 2), np.nan, np.float32) for agent in agents}",
        "is not finite",
    ),
    "not told": ("Countdown.told = lambda self, agents: {}", "'a' is told no observation"),
}


@pytest.mark.parametrize("case", FAILS_AT_ONCE)
def test_what_fails_at_once(write, case):
    line, message = FAILS_AT_ONCE[case]
    with pytest.raises(EnvironmentFailedError, match=f"(?s){message}") as raised:
        make_team(f"pettingzoo/{write(changed(line))}")
    assert raised.value.exit_code == 1


def in_step(change):
    return "\n".join(
        [
            "old = Countdown.step",
            "def step(self, actions):",
            "    told, rewards, terminated, truncated, infos = old(self, actions)",
            f"    {change}",
            "    return told, rewards, terminated, truncated, infos",
            "Countdown.step = step",
        ]
    )


FAILS_IN_PLAY = {
    "raises": ("raise RuntimeError('lost')", "step failed: RuntimeError: lost.*line"),
    "no reward": ("del rewards['b']", "no reward of 'b'"),
    "no end": ("del truncated['b']", "no truncation of 'b'"),
    "an infinite reward": ("rewards['a'] = float('inf')", "a reward is not finite"),
    "a new agent": ("self.agents = ['a', 'd']", "'d' came after"),
    "not told": ("del told['c']", "'c' is told no observation"),
}


@pytest.mark.parametrize("case", FAILS_IN_PLAY)
def test_what_fails_in_play(write, case):
    change, message = FAILS_IN_PLAY[case]
    team = make_team(f"pettingzoo/{write(changed(in_step(change)))}")
    team.reset(0)
    with pytest.raises(EnvironmentFailedError, match=f"(?s){message}"):
        team.step(np.zeros(3, int))


def test_an_agent_does_not_come_back(write):
    again = in_step("self.agents = ['a', 'b', 'c'] if self.time == 3 else self.agents")
    team = make_team(f"pettingzoo/{write(changed(again))}")
    team.reset(0)
    for _ in range(2):
        team.step(np.zeros(3, int))
    with pytest.raises(EnvironmentFailedError, match="'a' came after"):
        team.step(np.zeros(3, int))


def test_what_cannot_be_imported(write, monkeypatch):
    with pytest.raises(AccumbensError, match="cannot import the module 'no_such_module'"):
        make_team("pettingzoo/no_such_module")
    with pytest.raises(AccumbensError, match="cannot be a module"):
        make_team("pettingzoo/no such module")
    with pytest.raises(AccumbensError, match=r"cannot import.*: invalid syntax"):
        make_team(f"pettingzoo/{write('def')}")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(AccumbensError, match=r'needs mpe2.*pip install "accumbens\[pettingzoo\]"'):
        make_team("pettingzoo/mpe2.simple_spread_v3")
