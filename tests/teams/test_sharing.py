"""Teams that leave the machine they learned on: exported, loaded without environment or data, they play the same."""

import shutil

import jax
import numpy as np
import pytest

import accumbens
from accumbens.envs.teams import registry
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.runs import launch
from accumbens.runs.directory import RunDirectory
from accumbens.share.export import export
from accumbens.teams.acting_team import About, acting_of
from accumbens.teams.config import resolve_team_config
from accumbens.teams.job import FIRST_EVALUATION_SEED, Teaming
from accumbens.teams.kind import TEAMS
from accumbens.teams.play import play
from accumbens.teams.policies import TeamPlayer
from accumbens.teams.sharing import SHARING

from .conftest import make_drift
from .test_job import TINY, Quiet

PLACE = "sharing"


@pytest.fixture(scope="module", autouse=True)
def place():
    registry.register_team(PLACE, lambda: make_drift(limit=12))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    changes = {key: str(value) for key, value in TINY.items()} | {"learning_rate": "0.1"}
    numbers = {"updates": 6, "seeds": 2, "evaluations": 1, "num_eval_episodes": 4}
    config = resolve_team_config(PLACE, "idt", data="random:12", changes=changes, **numbers)
    folder = tmp_path_factory.mktemp("runs")
    launch.start(TEAMS, config, Quiet(), out=folder, name="a")
    return RunDirectory(TEAMS.folder(config, folder) / "a")


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    return export(run.path, tmp_path_factory.mktemp("there") / "out", seed=1).folder


@pytest.fixture
def team(folder):
    return accumbens.load(folder)


def test_it_plays_as_the_run_did(run, folder, monkeypatch):
    """Loaded where there are neither data nor the environment."""
    drift = make_drift(limit=12)
    with monkeypatch.context() as patch:
        for module in ("config", "job", "kind"):
            for name in ("resolve_team", "make_team", "data_of", "is_team"):
                patch.setattr(f"accumbens.teams.{module}.{name}", None, raising=False)
        team = accumbens.load(folder)
    assert (team.seed, team.step, team.facts.agents) == (1, 6, ("a", "b", "c"))
    episodes = play(drift, team.policy, team.params, FIRST_EVALUATION_SEED + np.arange(4))
    own = accumbens.load(run.path, seed=1)
    again = play(drift, own.policy, own.params, FIRST_EVALUATION_SEED + np.arange(4))
    np.testing.assert_array_equal(episodes.actions, again.actions)
    recorded = TEAMS.recorded(run).mean_return[1]
    assert episodes.returns().mean() == pytest.approx(recorded, rel=1e-6)
    for episode in range(4):
        team.reset()
        for step in range(episodes.lengths[episode]):
            rewards = None if step == 0 else episodes.rewards[episode, step - 1]
            done = team.act(episodes.observation[episode, step], episodes.legal[episode, step], rewards)
            np.testing.assert_array_equal(done, episodes.actions[episode, step])


def test_by_name_it_does_the_same(team, folder):
    other = accumbens.load(folder)
    rng = np.random.default_rng(0)
    for step in range(5):
        observations, legal = rng.normal(size=(3, 4)), rng.random((3, 5)) < 0.7
        legal[:, 1] = True
        rewards = None if step == 0 else rng.normal(size=3)
        names = team.facts.agents
        rows = team.act(observations, legal, rewards)
        by_name = other.act(
            dict(zip(names, observations, strict=True)),
            dict(zip(names, legal, strict=True)),
            None if rewards is None else dict(zip(names, rewards, strict=True)),
        )
        assert list(by_name.values()) == rows.tolist()
        assert list(by_name) == list(names)


def test_the_dead_are_left_out(team):
    legal = np.ones((3, 5), bool)
    done = team.act({"a": np.zeros(4), "c": np.zeros(2)}, legal)
    assert list(done) == ["a", "c"]


def test_it_can_be_asked_for_another_return(team):
    assert isinstance(team, TeamPlayer)
    asked = float(team.params.target)
    assert asked == pytest.approx(team.scale.asked(0.5))
    team.reset(target_return=3.5)
    assert float(team._asked.target) == 3.5
    assert float(team.params.target) == asked
    with pytest.raises(AccumbensError, match="target_return=nan cannot be used"):
        team.reset(float("nan"))


def test_what_it_refuses(team):
    good, legal = np.zeros((3, 4)), np.ones((3, 5), bool)
    for observations, message in (
        (np.zeros((2, 4)), r"observations of the shape \(2, 4\) cannot be used: those of .* have \(3, 4\)"),
        (np.full((3, 4), np.nan), "observations cannot be used: a number is not finite"),
        ([["x"] * 4] * 3, "observations cannot be used"),
        ({"a": np.zeros(5)}, "observations of a cannot be used: 5 numbers, and at most 4 fit"),
    ):
        with pytest.raises(AccumbensError, match=message):
            team.act(observations, legal)
    with pytest.raises(UnknownNameError, match="unknown agent 'd'"):
        team.act({"d": np.zeros(4)}, legal)
    with pytest.raises(AccumbensError, match=r"legal is missing: in .* some actions are illegal"):
        team.act(good)
    with pytest.raises(AccumbensError, match="legal cannot be used: b may do nothing at all"):
        team.act(good, legal & (np.arange(3) != 1)[:, None])
    with pytest.raises(AccumbensError, match=r"legal of the shape \(3,\)"):
        team.act(good, np.ones(3))
    team.act(good, legal)
    with pytest.raises(AccumbensError, match="rewards are missing: idt is told the return that is still to come"):
        team.act(good, legal)
    with pytest.raises(AccumbensError, match=r"rewards of the shape \(2,\)"):
        team.act(good, legal, np.zeros(2))
    team.act(good, legal, {"a": 1.0, "b": 0.0, "c": 0.0})
    assert "idt in" in repr(team)


def test_the_folder(folder, run):
    names = {file.name for file in folder.iterdir()}
    assert {"config.toml", "team.toml", "weights.safetensors", "README.md", "curve.csv", "curve.png"} <= names
    card = (folder / "README.md").read_text()
    for part in ("decision transformers", "random:12", "team.reset()", "legal", "rewards=…", "best episode", "won"):
        assert part in card


def test_its_example_runs(folder, monkeypatch):
    text = (folder / "README.md").read_text()
    monkeypatch.chdir(folder)
    exec(text.partition("```python\n")[2].partition("```")[0], {})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('agents = [\n    "a",\n    "b",\n    "c",\n]', "agents = []"),
        ("num_actions = 5", "num_actions = 0"),
        ("steps = 12", "steps = 0"),
        ("[team_environment.scale]", "[team_environment.other]"),
    ],
)
def test_damaged(folder, tmp_path, old, new):
    shutil.copytree(folder, tmp_path / "out")
    file = tmp_path / "out" / "team.toml"
    text = file.read_text().replace('"team environment"', "team_environment")
    assert old in text, text
    file.write_text(text.replace(old, new).replace("team_environment", '"team environment"'))
    with pytest.raises(AccumbensError, match=r"damaged|scale is missing"):
        accumbens.load(tmp_path / "out")


@pytest.mark.parametrize("algo", ["ipqn", "iql-cql", "distilled", "teacher"])
def test_the_shapes_are_those_of_runs(algo):
    changes = {"layers": "4"} if algo in ("ipqn", "iql-cql") else TINY
    data = "" if algo == "ipqn" else "random:3"
    config = resolve_team_config(PLACE, algo, data=data, changes={k: str(v) for k, v in changes.items()})
    job = Teaming(config)
    about = About(job.facts, job.scale)
    own = jax.eval_shape(job.networks, job.like())
    for one, two in zip(jax.tree.leaves(own), jax.tree.leaves(acting_of(config, about).shapes), strict=True):
        assert one.shape[1:] == two.shape
    assert SHARING.from_table(SHARING.to_table(about)) == about
    if algo == "distilled":
        with pytest.raises(AccumbensError, match="their scale is missing"):
            acting_of(config, About(job.facts, None))
