"""`accumbens record`: who plays, what is written and said, and what is left of a recording that is stopped."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import minari
import numpy as np
import pytest

from accumbens.envs.teams import registry
from accumbens.envs.teams.protocol import HostTeam, Seen, TeamEnvironment, TeamFacts, TeamStep
from accumbens.teams import recording
from accumbens.teams.minari_data import place_of, read
from accumbens.teams.play_host import OnHost
from accumbens.teams.policies import TeamPolicy

FACTS = TeamFacts("team/count", ("left", "right"), 2, 3, 8, masks=True, won=1.0)


def count() -> TeamEnvironment:
    """Both count up to 8; action 0 is illegal for the left, 2 for the right; an even sum of actions is worth 1."""

    def see(state):
        place, time = state
        legal = jnp.array([[False, True, True], [True, True, False]])
        observation = jnp.stack([jnp.stack([place, time / 8.0]), jnp.stack([-place, time / 8.0])])
        return Seen(observation.astype(jnp.float32), legal, jnp.ones(2, bool))

    def reset(key):
        state = jax.random.uniform(key), jnp.int32(0)
        return state, see(state)

    def step(key, state, actions):
        place, time = state
        state = place + actions.sum(), time + 1
        terminated = jax.random.bernoulli(key, 0.1)
        reward = (actions.sum() % 2 == 0) * jnp.ones(2)
        return state, TeamStep(see(state), reward, terminated, ~terminated & (time == 7))

    return TeamEnvironment(FACTS, reset, step)


class Closing(OnHost):
    """The same on the host; remembers that it was closed."""

    closed = 0

    def close(self):
        Closing.closed += 1


@pytest.fixture(autouse=True)
def teams(monkeypatch, tmp_path):
    """Both names, and nowhere of the user's for data sets."""
    made = {"team/count": count, "team/count-host": lambda: Closing(count())}
    monkeypatch.setattr(registry, "make_team", lambda name: made[name]())
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    monkeypatch.syspath_prepend(str(tmp_path))
    Closing.closed = 0


def module(tmp_path, name, text):
    (tmp_path / f"{name}.py").write_text(text)
    sys.modules.pop(name, None)


def test_random_play(cli, tmp_path):
    outcome = cli("record", "team/count", "--episodes", 20, "--seed", 7, "-o", "sets/a", "--json", "--quiet")
    assert (outcome.code, outcome.err) == (0, "")
    data = read("sets/a")
    assert data.facts == FACTS
    np.testing.assert_array_equal(data.episodes.seeds, range(7, 27))
    card = outcome.json["card"]
    assert outcome.json["env"] == "team/count"
    assert outcome.json["folder"] == "sets/a"
    assert (card["episodes"], card["steps"], card["seeds"]) == (20, data.episodes.lengths.sum(), [7, 26])
    assert card["digest"] == data.digest
    assert card["won"] == (data.episodes.returns().mean(1) >= 1).mean()
    words = shlex.split(card["made"]["command"])
    assert words[:3] == ["accumbens", "record", "team/count"]
    assert card["made"]["policy"] == "random"
    again = cli(*words[1:-1], "sets/b", "--json", "--quiet")
    assert again.json["card"]["digest"] == card["digest"]
    assert minari.MinariDataset("sets/a/data").id == "team/count/a-v0"
    assert minari.MinariDataset("sets/a/data").storage.metadata["algorithm_name"] == "random"


def test_what_is_said(cli):
    outcome = cli("record", "team/count", "--episodes", 3, "-o", "sets/a")
    assert outcome.code == 0
    assert outcome.err == ""
    lines = outcome.out.splitlines()
    assert lines[0].startswith("team/count  2 agents  random  3 episodes, ")
    assert lines[0].endswith(" steps, seeds 0 to 2")
    assert "won" in lines[1]
    assert lines[-1] == "sets/a"
    assert any(line.startswith("left ") for line in lines)
    said = Path("sets/a/README.md").read_text(encoding="utf-8")
    assert "accumbens record team/count --episodes 3 --policy random --epsilon 0.0 --seed 0 --output sets/a" in said


def test_parts_are_as_one(cli, monkeypatch):
    one = cli("record", "team/count", "--episodes", 9, "-o", "one", "--json", "--quiet")
    monkeypatch.setattr(recording, "_PART_BYTES", 3 * recording.bytes_of_one(FACTS))
    sizes = []
    play = recording.play
    monkeypatch.setattr(recording, "play", lambda *given, **named: sizes.append(len(given[3])) or play(*given, **named))
    parts = cli("record", "team/count", "--episodes", 9, "-o", "parts", "--json", "--quiet")
    assert sizes == [3, 3, 3]
    assert parts.json["card"]["digest"] == one.json["card"]["digest"]


def test_by_name(cli, tmp_path):
    outcome = cli("record", "team/count", "--episodes", 2, "--name", "team/count/random-v1", "--quiet")
    assert outcome.code == 0
    assert minari.load_dataset("team/count/random-v1").total_episodes == 2
    assert len(read("team/count/random-v1").episodes.lengths) == 2
    both = cli("record", "team/count", "--episodes", 2, "--name", "team/count/b-v1", "-o", "here", "--quiet")
    assert both.code == 0
    assert minari.MinariDataset("here/data").id == "team/count/b-v1"
    loud = cli("record", "team/count", "--episodes", 2, "--name", "team/count/c-v1", "-o", "there")
    *_, told, folder = loud.out.splitlines()
    assert (
        told
        == f"team/count/c-v1 is found by its id only as {place_of('team/count/c-v1')}; where it is now, use "
        + ("the folder:")
    )
    assert folder == "there"


def test_on_the_host_the_same_and_closed(cli):
    device = cli("record", "team/count", "--episodes", 4, "-o", "device", "--json", "--quiet")
    host = cli("record", "team/count-host", "--episodes", 4, "-o", "host", "--json", "--quiet")
    assert host.json["card"]["digest"] == device.json["card"]["digest"]
    assert Closing.closed == 1


CLIMBER = """
import numpy as np

def climb(observation, legal, rng):
    assert observation.shape == (2, 2) and legal.shape == (2, 3) and legal.dtype == bool
    assert isinstance(rng, np.random.Generator)
    legal[:] = True  # what it is given is its own
    return np.array([2, 1])

def toss(observation, legal, rng):
    return rng.integers(1, 2, 2) + [rng.integers(0, 2), 0]

def of_floats(observation, legal, rng):
    return [1.0, 1.0]

def of_one(observation, legal, rng):
    return 1

def unlawful(observation, legal, rng):
    return [1, 2]

def failing(observation, legal, rng):
    return {}["x"]

nothing = 3
"""


@pytest.mark.parametrize("env", ["team/count", "team/count-host"])
def test_a_function_of_ones_own(cli, tmp_path, env):
    module(tmp_path, "climber", CLIMBER)
    outcome = cli("record", env, "--episodes", 3, "--policy", "climber:climb", "-o", "a", "--json", "--quiet")
    assert outcome.code == 0, outcome.err
    episodes = read("a").episodes
    inside = np.arange(episodes.actions.shape[1]) < episodes.lengths[:, None]
    np.testing.assert_array_equal(episodes.actions[inside], np.tile([2, 1], (inside.sum(), 1)))
    first = np.asarray(recording.OnHost(count()).reset(0).observation)
    np.testing.assert_array_equal(episodes.observation[0, 0], first)
    wandering = cli(
        "record", env, "--episodes", 200, "--policy", "climber:climb", "--epsilon", 0.5, "-o", "b", "--quiet"
    )
    assert wandering.code == 0
    episodes = read("b").episodes
    inside = np.arange(episodes.actions.shape[1]) < episodes.lengths[:, None]
    left, right = episodes.actions[inside].T
    assert set(left) == {1, 2}
    assert set(right) == {0, 1}
    assert abs((left == 2).mean() - 0.75) < 0.06  # half of what is random is the same
    assert abs(((left == 2) & (right == 1)).mean() - 0.75**2) < 0.06  # each for itself


def test_chances_of_ones_own_come_from_the_seed(cli, tmp_path):
    module(tmp_path, "climber", CLIMBER)
    words = ["record", "team/count", "--episodes", 5, "--policy", "climber:toss", "--quiet"]
    for folder, more in (("a", []), ("b", []), ("c", ["--epsilon", 0.0])):
        assert cli(*words, *more, "-o", folder).code == 0
    assert read("a").digest == read("b").digest == read("c").digest
    assert len(set(read("a").episodes.actions[:, 0, 0])) == 2


WRONG = {
    "climber:of_floats": (2, "policy 'climber:of_floats' returned float64 of the shape (2,): expected 2 integers"),
    "climber:of_one": (2, "policy 'climber:of_one' returned int64 of the shape (): expected 2 integers"),
    "climber:unlawful": (2, "policy 'climber:unlawful' returned the action 2 of right: legal are 0, 1"),
    "climber:failing": (1, "policy 'climber:failing' failed: KeyError: 'x'\n  "),
    "climber:clim": (2, "did you mean 'climb'?"),
    "climber:nothing": (2, "policy=climber:nothing cannot be used: it must be a function, not 3"),
    "no_such_module:f": (2, "cannot import the module 'no_such_module' of policy 'no_such_module:f'"),
    "runs/nowhere": (2, "policy=runs/nowhere cannot be used: expected random, a RUN's folder"),
}


@pytest.mark.parametrize("policy", WRONG)
def test_policies_that_cannot_be_used(cli, tmp_path, policy):
    module(tmp_path, "climber", CLIMBER)
    code, message = WRONG[policy]
    outcome = cli("record", "team/count", "--episodes", 2, "--policy", policy, "-o", "sets/a")
    assert outcome.code == code
    assert message in outcome.err
    assert not Path("sets").exists() or list(Path("sets").iterdir()) == []


def learned(**facts):
    def act(params, memory, seen, rewards, key):
        return jnp.where(seen.legal[:, 1], params, 0).astype(jnp.int32), memory

    facts = FACTS._replace(**facts)
    return SimpleNamespace(facts=facts, policy=TeamPolicy(tuple, act), params=jnp.ones(2), seed=4, step=600)


@pytest.fixture
def run(monkeypatch, tmp_path):
    """A folder that stands for a run, and how it is asked for."""
    (tmp_path / "runs" / "a").mkdir(parents=True)
    asked, known = [], {"run": learned()}
    monkeypatch.setattr(
        "accumbens.share.load.load", lambda path, *, seed, step: asked.append((path, seed, step)) or known["run"]
    )
    return tmp_path / "runs" / "a", asked, known


@pytest.mark.parametrize(("suffix", "expected"), [("", (None, None)), ("@600", (None, 600)), ("@600:4", (4, 600))])
def test_a_run_plays(cli, run, suffix, expected):
    path, asked, _ = run
    words = ["record", "team/count", "--episodes", 3, "--policy", f"{path}{suffix}", "-o", "a", "--json", "--quiet"]
    outcome = cli(*words)
    assert outcome.code == 0, outcome.err
    assert asked == [(str(path), *expected)]
    episodes = read("a").episodes
    inside = np.arange(episodes.actions.shape[1]) < episodes.lengths[:, None]
    np.testing.assert_array_equal(episodes.actions[inside], 1)
    made = outcome.json["card"]["made"]
    assert (made["policy"], made["policy's step"], made["policy's seed"]) == (f"{path}{suffix}", 600, 4)


def test_runs_that_cannot_play(cli, run):
    path, _, known = run
    known["run"] = SimpleNamespace(act=None)
    outcome = cli("record", "team/count", "--policy", path, "-o", "a")
    assert (outcome.code, "is no run of a team" in outcome.err) == (2, True)
    known["run"] = learned(agents=("left", "middle"))
    outcome = cli("record", "team/count", "--policy", path, "-o", "a")
    assert "was trained for agents=('left', 'middle'), team/count has ('left', 'right')" in outcome.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--episodes", 0], "num_episodes=0 cannot be used: it must be >= 1"),
        (["--seed", -1], "seed=-1 cannot be used"),
        (["--seed", 2**32 - 1, "--episodes", 2], "seed=4294967296 cannot be used"),
        (["--epsilon", 1.5], "epsilon=1.5 cannot be used: it must be from 0 to 1"),
        (["--name", "no version"], "'no version' is no id of a Minari data set"),
    ],
)
def test_numbers_and_names(cli, words, message):
    outcome = cli("record", "team/count", "-o", "sets/a", *words)
    assert (outcome.code, message in outcome.err) == (2, True), outcome.err
    assert not Path("sets").exists() or list(Path("sets").iterdir()) == []


def test_a_place_is_needed_and_must_be_free(cli):
    assert "expected -o FOLDER, or --name ID" in cli("record", "team/count").err
    Path("a").mkdir()
    Path("a/mine").write_text("mine")
    outcome = cli("record", "team/count", "-o", "a")
    assert outcome.code == 2
    assert "a exists already, and data are never overwritten" in outcome.err
    assert [path.name for path in Path("a").iterdir()] == ["mine"]
    Path("b").write_text("a file")
    assert "b exists already" in cli("record", "team/count", "-o", "b").err


class Stopping(HostTeam):
    """Ctrl-C is pressed in the third episode."""

    facts = FACTS

    def __init__(self):
        self.inner, self.episodes = OnHost(count()), 0

    def reset(self, seed):
        self.episodes += 1
        if self.episodes == 3:
            signal.raise_signal(signal.SIGINT)
        return self.inner.reset(seed)

    def step(self, actions):
        return self.inner.step(actions)


def test_a_stopped_recording_leaves_nothing(cli, monkeypatch):
    monkeypatch.setattr(registry, "make_team", lambda name: Stopping())
    monkeypatch.setattr(recording, "_PART_BYTES", recording.bytes_of_one(FACTS))  # two episodes are written by then
    outcome = cli("record", "team/count", "--episodes", 5, "-o", "sets/a")
    assert (outcome.code, outcome.err.splitlines()[-1]) == (130, "stopped")
    assert list(Path("sets").iterdir()) == []


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGKILL])
def test_what_a_signal_leaves(tmp_path, stop):
    module(tmp_path, "slow", SLOW)
    words = [sys.executable, "-m", "accumbens.cli.main", "record", "slow:slow", "-o", "sets/a"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) as process:
        while not Path("playing").exists() and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(stop)
        _, said = process.communicate(timeout=60)
    if stop == signal.SIGTERM:
        assert (process.returncode, said) == (130, "stopped\n")
        assert list(Path("sets").iterdir()) == []
    else:
        assert [path.name for path in Path("sets").iterdir()] == [f".a.recording-{process.pid}"]


SLOW = """
import time
from pathlib import Path

import numpy as np
from accumbens.envs.teams.protocol import HostTeam, TeamFacts
from accumbens.envs.teams.registry import register_team


class Slow(HostTeam):
    facts = TeamFacts("slow", ("a", "b"), 1, 2, 9)

    def reset(self, seed):
        Path("playing").touch()
        while True:
            time.sleep(0.05)

    def step(self, actions):
        raise NotImplementedError


register_team("slow", Slow)
"""


class Failing(Stopping):
    """It raises in the third episode."""

    def reset(self, seed):
        self.episodes += 1
        return self.inner.reset(seed if self.episodes < 3 else {}["x"])


def test_an_environment_that_raises_is_told_without_an_empty_line(cli, monkeypatch):
    monkeypatch.setattr(registry, "make_team", lambda name: Failing())
    outcome = cli("record", "team/count", "--episodes", 5, "-o", "sets/a")
    assert outcome.code == 1
    begin = "error: environment 'team/count': reset in the episode of seed 2 failed: KeyError: 'x'\n"
    assert outcome.err.startswith(begin)
    assert list(Path("sets").iterdir()) == []


def test_seeds_of_evaluations_are_noted(cli):
    words = ["record", "team/count", "--episodes", 3, "--quiet", "--seed"]
    assert cli(*words, 2**31 - 3, "-o", "a").err == ""
    assert cli(*words, 2**31 - 2, "-o", "b").err.startswith("note: evaluations play the seeds from 2147483648 on")


def test_an_environment_that_goes_on_is_told(cli, monkeypatch):
    endless = count()._replace(facts=FACTS._replace(max_episode_steps=2))
    monkeypatch.setattr(registry, "make_team", lambda name: endless)
    outcome = cli("record", "team/count", "--episodes", 5, "-o", "sets/a")
    assert outcome.code == 1
    assert "declares max_episode_steps=2, and an episode went on" in outcome.err
    assert list(Path("sets").iterdir()) == []


def test_metadata_are_json(cli):
    cli("record", "team/count", "--episodes", 2, "-o", "a", "--quiet")
    document = json.loads(Path("a/data/metadata.json").read_text())
    assert document["accumbens"]["layout"] == 1
    assert document["accumbens"]["facts"]["agents"] == ["left", "right"]
    assert document["total_episodes"] == 2


def test_progress_counts_over_parts(monkeypatch, tmp_path):
    monkeypatch.setattr(recording, "_PART_BYTES", 3 * recording.bytes_of_one(FACTS))
    environment, told = Closing(count()), []
    player = recording.policy_player(environment, always_one(), None)
    options = {"num_episodes": 7, "seed": 0, "made": {"policy": "one"}, "progress": told.append}
    recording.record(FACTS, player, tmp_path / "a", **options)
    assert told == [1, 2, 3, 4, 5, 6, 7]


def always_one():
    return TeamPolicy(tuple, lambda params, memory, seen, rewards, key: (jnp.ones(2, jnp.int32), memory))
