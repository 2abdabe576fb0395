"""`accumbens experiment` with a file of fits: one that has a bad run, one that is stopped, and what `fit` began."""

import csv
import json
import os
import signal

import pytest

from accumbens.runs.session import Session

SMALL = """
title = "Two rules, and a step that is far too long"
tasks = ["digits"]
rules = { backprop = ["plain", "bad"], coagent = ["plain"] }
epochs = 2
seeds = 2

[settings]
layers = [6]

[variants]
plain = {}
bad = { optimiser = "sgd", learning_rate = 1e30 }

[budgets.smoke]

[budgets.desk]
rules = { backprop = ["plain"], coagent = ["plain"] }
evaluations = 4

[published]
source = "A paper (2021), its table"
test_error = { "digits/backprop/plain" = 1.5 }
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.pictures
def test_a_bad_run_does_not_lose_the_others_and_what_fit_has_done_is_done(cli, small, tmp_path):
    folder = tmp_path / "out" / "experiments" / "small-smoke"
    words = ["--epochs", 2, "--seeds", 2, "--layers", "6", "--output", folder, "--name", "plain", "--quiet"]
    assert cli("fit", "digits", "coagent", *words).code == 0
    command = ["experiment", small, "--budget", "smoke", "--output", tmp_path / "out"]
    outcome = cli(*command, "--export", tmp_path / "results")
    assert outcome.code == 1
    assert "done before digits/coagent/plain  test accuracy " in outcome.out
    assert "done        digits/backprop/plain  test accuracy " in outcome.out
    assert "failed      digits/backprop/bad: " in outcome.out
    assert "no longer finite" in outcome.out
    assert "3/3 runs  12/12 epochs of all seeds  1 failed" in outcome.out
    assert "98.50 [1]" in outcome.out
    assert "[1] A paper (2021), its table" in outcome.out

    exported = {path.name for path in (tmp_path / "results").iterdir()}
    runs = ("digits-backprop-plain", "digits-coagent-plain")
    assert exported >= {"summary.csv", "curves.png", "command.txt"} | {
        f"{run}{ending}" for run in runs for ending in (".csv", ".toml")
    }
    assert not any(name.endswith("_evaluations.csv") for name in exported)
    whole = (folder / "digits" / "coagent" / "plain" / "metrics.csv").read_text()
    assert (tmp_path / "results" / f"{runs[1]}.csv").read_text() == whole
    first, last = (row for row in read(folder / "summary.csv") if row["variant"] == "plain")
    assert (first["rule"], last["rule"]) == ("backprop", "coagent")
    recorded = json.loads((folder / "digits/coagent/plain/meta.json").read_text())["result"]
    assert last["test_accuracy_per_seed"] == " ".join(f"{value:.5g}" for value in recorded["test_accuracy"])
    assert "</svg>" in (folder / "curves.svg").read_text()

    again = cli(*command, "--only", "*/plain", "--json")
    assert again.code == 0
    assert again.json["failed"] == {}
    assert [row["rule"] for row in again.json["rows"] if row["variant"] == "plain"] == ["backprop", "coagent"]


def test_ctrl_c_saves_the_run_and_the_same_command_goes_on(cli, small, tmp_path, monkeypatch):
    chunk = Session._chunk

    def press(self, state):
        state = chunk(self, state)
        os.kill(os.getpid(), signal.SIGINT)
        return state

    command = ["experiment", small, "--output", tmp_path]
    with monkeypatch.context() as patch:
        patch.setattr(Session, "_chunk", press)
        stopped = cli(*command)
    assert stopped.code == 130
    assert "stopped     digits/backprop/plain" in stopped.out
    planned = cli(*command, "--dry-run", "--json")
    states = planned.json["runs"]
    assert states["digits/backprop/plain"].startswith("at epoch ")
    assert states["digits/coagent/plain"] == "new"

    outcome = cli(*command, "--quiet")
    assert (outcome.code, outcome.out) == (0, "")
    meta = json.loads((tmp_path / "experiments/small-desk/digits/backprop/plain/meta.json").read_text())
    assert [session["from_step"] > 0 for session in meta["sessions"]] == [False, True]
    assert cli(*command, "--dry-run", "--json").json["runs"] == dict.fromkeys(states, "done")


def test_a_dry_run_counts_epochs_and_makes_nothing(cli, small, tmp_path):
    outcome = cli(
        "experiment", small, "--budget", "smoke", "--output", tmp_path / "out", "--dry-run", "--only", "*backprop*"
    )
    assert outcome.code == 0
    assert "2 runs, 8 epochs of all seeds" in outcome.out
    assert "backprop/bad" in outcome.out
    assert "coagent" not in outcome.out
    assert not (tmp_path / "out").exists()


def test_data_come_from_a_folder(cli, tmp_path, monkeypatch):
    monkeypatch.delenv("ACCUMBENS_DATA", raising=False)
    command = ["experiment", "coagent-boston", "--only", "*/1", "--output", tmp_path / "out"]
    outcome = cli(*command, "--data", tmp_path)
    assert outcome.code == 2
    assert f"in {tmp_path}" in outcome.err
    assert "(--only PATTERN runs a part of the experiment)" in outcome.err
    assert "ACCUMBENS_DATA" not in os.environ
    missing = cli(*command, "--data", tmp_path / "none")
    assert missing.code == 2
    assert "it must be a folder" in missing.err
    agents = cli("experiment", "family", "--data", tmp_path)
    assert agents.code == 2
    assert "family consists of agents, which need no data" in agents.err
