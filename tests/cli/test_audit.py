"""`accumbens audit`: what it prints, and its exit codes."""

import dataclasses

import pytest

from accumbens.agents import per_cell
from accumbens.runs.audit import Audit
from accumbens.training.kind import Agents

TINY = ["CartPole-v1", "ad_pqn", "--fast"]


def test_local(cli):
    outcome = cli("audit", "CartPole-v1", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["env"] == "CartPole-v1"
    assert outcome.json["algo"] == "ad_pqn"
    assert outcome.json["local"]
    assert outcome.json["holds"]
    assert outcome.json["findings"] == []
    (first, above), (below, second) = outcome.json["jacobian"]
    assert above == below == 0.0
    assert first > 0
    assert second > 0
    assert outcome.json["disturbed"] == [[1, 0], [0, 1]]
    for text in ("Local: every cell learns from its own TD error alone", "gradient through time", "1→1  2→2"):
        assert text in outcome.err


def test_backprop_is_reported_and_no_failure(cli):
    outcome = cli("audit", *TINY, "--credit", "backprop", "--net-arch", "4,4,4")
    assert outcome.code == 0
    assert outcome.err == ""
    assert "Backprop, as it says" in outcome.out
    assert [line.split() for line in outcome.out.splitlines() if line.startswith("error ")] == [
        ["error", "1", "✓", "·", "·"],
        ["error", "2", "✓", "✓", "·"],
        ["error", "3", "✓", "✓", "✓"],
    ]


def test_replay_and_target_network_are_named(cli):
    outcome = cli("audit", "CartPole-v1", "ad_dqn", "--fast")
    lines = {line.split("  ")[0]: line for line in outcome.out.splitlines()}
    assert "replay.observation" in lines["replay"]
    assert "networks.target" in lines["target network"]


def test_a_lie_exits_with_1(cli, monkeypatch):
    def without_stops(make):
        return lambda settings, *rest: make(dataclasses.replace(settings, credit="backprop"), *rest)

    for name in ("make_losses", "make_update"):
        monkeypatch.setattr(per_cell, name, without_stops(getattr(per_cell, name)))
    outcome = cli("audit", *TINY)
    assert outcome.code == 1
    assert "NOT local, although it claims to be." in outcome.out
    assert "from the error of cell 2 to the parameters of cell 1" in outcome.out
    quiet = cli("audit", *TINY, "--quiet")
    assert quiet.code == 1
    assert quiet.out == ""
    assert quiet.err.startswith("NOT local")
    assert cli("audit", *TINY, "--credit", "backprop").code == 0


def test_a_run_says_everything_itself(cli, parallel_run):
    outcome = cli("audit", parallel_run.path, "--fast", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["credit"] == "local"
    assert len(outcome.json["groups"]) == 2
    assert cli("audit", parallel_run.path / "config.toml", "--fast").code == 0


def test_sac_is_not_made_of_cells(cli):
    outcome = cli("audit", "Pendulum-v1", "sac", "--json")
    assert outcome.code == 0, outcome.err
    assert not outcome.json["made_of_cells"]
    assert not outcome.json["local"]
    assert "not made of cells" in outcome.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["CartPol-v1"], "unknown environment 'CartPol-v1'; did you mean 'CartPole-v1'?"),
        (["CartPole-v1", "ad_pqm"], "unknown algorithm 'ad_pqm'; did you mean 'ad_pqn'?"),
        (["CartPole-v1", "--credit", "globl"], "unknown value of credit 'globl'"),
        (["CartPole-v1", "pqn_conv"], "convolution=16 cannot be used: it needs images"),
        (["Pendulum-v1", "sac", "--credit", "local"], "credit=local cannot be used: it must be backprop"),
        (["nowhere.toml"], "nowhere.toml does not exist: not a run directory"),
    ],
)
def test_bad_input(cli, words, message):
    outcome = cli("audit", *words)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith(f"error: {message}")
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("--credit", ["--credit", "backprop"]),
        ("--net-arch", ["--net-arch", "3,3"]),
        ("--data", ["--data", "."]),
        ("--set", ["--set", "num_envs=4"]),
        ("ALGO", ["ad_dqn"]),
    ],
)
def test_a_run_takes_no_settings(cli, parallel_run, name, words):
    outcome = cli("audit", parallel_run.path, *words)
    assert outcome.code == 2
    assert outcome.err.startswith(f"error: {name} cannot be used with the run {parallel_run.path}: its configuration")


@pytest.mark.parametrize(("holds", "code"), [(True, 0), (False, 1)])
def test_an_audit_that_says_little(cli, monkeypatch, holds, code):
    """A verdict is enough for a kind of run: it is printed, written as JSON, and decides the exit code."""
    found = Audit(holds=holds, local=True, verdict=["Walks by itself.", "On [two] legs."], facts={"a [b]": "c [d]"})
    monkeypatch.setattr(Agents, "audit", lambda self, config, measured: found)
    outcome = cli("audit", "CartPole-v1")
    assert outcome.code == code
    assert outcome.out.splitlines() == [
        "CartPole-v1  ad_pqn",
        "",
        "a [b]                     c [d]",
        "",
        "Walks by itself.",
        "On [two] legs.",
    ]
    said = {"holds": holds, "verdict": ["Walks by itself.", "On [two] legs."]}
    assert cli("audit", "CartPole-v1", "--json").json == {"env": "CartPole-v1", "algo": "ad_pqn"} | said
    quiet = cli("audit", "CartPole-v1", "--quiet")
    assert quiet.out == ""
    assert quiet.err == ("" if holds else "Walks by itself. On [two] legs.\n")


def test_help_shows_no_python(cli):
    outcome = cli("audit", "--help")
    assert outcome.code == 0
    for wrong in ("None", "{None}", "--no-", "STR", "default: ()"):
        assert wrong not in outcome.out
    for flag in ("--net-arch N,N,…", "--credit {local,backprop}", "--set KEY=VALUE", "ENV|RUN"):
        assert flag in outcome.out
