"""Teams by the command line and in Python: trained, listed, resumed, audited; and what is said of names and options."""

import json
from pathlib import Path

import pytest

import accumbens
from accumbens import kinds
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.presets import PRESETS
from accumbens.teams.methods import METHODS

TINY = ["--set", "network=mlp", "--set", "width=4", "--set", "blocks=1", "--set", "context=2"]
FEW = ["--updates", 4, "--evaluations", 2, "--num-eval-episodes", 2, "--data", "random:5"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_team_from_end_to_end(cli):
    code, out, err = cli("train", "team/fill-in-2", "bc", *FEW, *TINY, "--name", "a", "--json")
    assert code == 0, err
    path = Path("runs/team/fill-in-2/bc/a")
    assert json.loads(out)["run"] == str(path)
    code, out, _ = cli("runs", "--json")
    (listed,) = json.loads(out)
    assert (code, listed["kind"], listed["state"]) == (0, "team", "finished")
    code, _, err = cli("resume", path, "--length", 6)
    assert code == 0, err
    assert accumbens.open_run(path).result.updates == 6
    code, out, err = cli("audit", path, "--fast", "--json")
    assert (code, json.loads(out)["holds"]) == (0, True), err
    code, out, err = cli("export", path, "-o", "out", "--json")
    assert code == 0, err
    assert accumbens.load("out").facts.agents == accumbens.open_run(path).load().facts.agents

    run = accumbens.train(
        "team/fill-in-2",
        "bc",
        data="random:5",
        updates=6,
        evaluations=3,
        num_eval_episodes=2,
        name="b",
        progress=False,
        network="mlp",
        width=4,
        blocks=1,
        context=2,
    )
    assert run.kind.words.name == "team"
    assert run.config.settings.width == 4
    assert run.result.mean_return == accumbens.open_run(path).result.mean_return


def test_python_says_which_options_are_for_what():
    with pytest.raises(AccumbensError, match=r"^total_timesteps is not for team/fill-in-2, a team environment$"):
        accumbens.train("team/fill-in-2", total_timesteps=100)
    with pytest.raises(AccumbensError, match=r"^data is not for CartPole-v1, an environment$"):
        accumbens.train("CartPole-v1", data="random:5")
    with pytest.raises(AccumbensError, match="idt learns from data: give --data"):
        accumbens.train("team/fill-in-2")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "team/fill-in-2", "--credit", "local"), "--credit is not for team/fill-in-2, a team environment"),
        (("train", "CartPole-v1", "--updates", "5"), "--updates is not for CartPole-v1, an environment"),
        (
            ("train", "team/fil-in-2", "idt"),
            "unknown environment of several agents 'team/fil-in-2'; did you mean 'team/fill-in-2'?",
        ),
        (("train", "CartPole-v2"), "unknown environment 'CartPole-v2'"),
        (("train", "CartPole-v1", "idt"), "idt is a method, for team environments, and CartPole-v1 is an environment"),
        (("train", "team/fill-in-2", "ad_pqn"), "ad_pqn is an agent, for environments, and team/fill-in-2 is a team"),
        (("fit", "team/fill-in-2"), "team/fill-in-2 is a team environment: 'accumbens train team/fill-in-2'"),
        (("train", "team/fill-in-2", "idt", "--mapping", "none"), "it is a setting, given as --set mapping=none"),
        (("audit", "team/fill-in-2", "idt", "--credit", "local"), "--credit cannot be used with the team environment"),
        (("audit", "zzz"), "unknown environment, task or team environment 'zzz'. Run 'accumbens envs' or 'accumbens"),
    ],
)
def test_what_is_said(words, message, cli):
    code, _, err = cli(*words)
    assert code == 2
    assert message in " ".join(err.split())


def test_lists(cli):
    code, out, _ = cli("algos", "--json")
    assert (code, list(json.loads(out))) == (0, [*PRESETS, *METHODS])
    out = cli("algos")[1]
    assert "of teams" in out
    assert "distilled" in out
    assert not set(PRESETS) & set(METHODS), "one name, one meaning"


@pytest.mark.parametrize("name", METHODS)
def test_settings(name, cli):
    code, out, err = cli("settings", name, "--json")
    assert code == 0, err
    said = json.loads(out)
    assert said["algo"] == name
    assert set(said["settings"]) == set(vars(METHODS[name].settings))
    assert all(about["meaning"] for about in said["settings"].values())


def test_kinds_for_a_command():
    assert kinds.kind_for("train", "CartPole-v1").words.name == "agent"
    assert kinds.kind_for("train", "team/fill-in-4").words.name == "team"
    assert kinds.kind_for("fit", "digits").words.name == "fit"
    assert kinds.kind_for("train", "no such thing").words.name == "agent"
    error = kinds.unknown_place("team/fil-in-2")
    assert isinstance(error, UnknownNameError)
    assert "team environment" in str(error)
