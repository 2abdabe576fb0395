"""`accumbens sweep` from end to end: points in one program, stopped and continued, and what is refused."""

import json
import os
import signal

import pytest

from accumbens.cli.sweep_view import SweepView
from accumbens.experiments.reporter import ExperimentReporter
from accumbens.runs.session import Session
from accumbens.sweeps.spec import committed, load

SMALL = ["--set", "net_arch=6,5", "num_envs=4", "rollout_length=16", "num_minibatches=2", "epochs=1"]
AGENT = ["sweep", "CartPole-v1", "--seeds", 2, "--total-timesteps", 2048, "--num-eval-episodes", 1, *SMALL]
AGENT += ["--over", "learning_rate=1e-3,1e-2", "--name", "small"]


def test_two_points_of_an_agent_in_one_program_stopped_and_continued(cli, tmp_path, monkeypatch):
    chunk, chunks = Session._chunk, []

    def press(self, state):
        chunks.append(len(self._books))
        state = chunk(self, state)
        if int(state.iteration) == 20:
            os.kill(os.getpid(), signal.SIGINT)
        return state

    planned = cli(*AGENT, "--output", tmp_path, "--dry-run", "--json")
    assert planned.json | {"folder": ""} == {
        **{"sweep": "small", "folder": "", "points": 2, "programs": 1, "inside": ["learning_rate"], "anew": []},
        **{"steps_of_all_seeds": 2048 * 6},
    }
    assert "2 points of ad_pqn in CartPole-v1, 2 seeds each, in 1 program" in planned.err
    assert list(tmp_path.iterdir()) == []
    with monkeypatch.context() as patch:
        patch.setattr(Session, "_chunk", press)
        stopped = cli(*AGENT, "--output", tmp_path)
    assert stopped.code == 130, stopped.err
    assert set(chunks) == {2}
    assert "the same command goes on" in stopped.out
    outcome = cli(*AGENT, "--output", tmp_path, "--export", tmp_path / "out", "--quiet", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    folder = tmp_path / "sweeps" / "small"
    runs = [folder / "CartPole-v1" / "ad_pqn" / f"learning_rate={value}" for value in ("0.001", "0.01")]
    for run in runs:
        meta = json.loads((run / "meta.json").read_text())
        assert [session["from_step"] for session in meta["sessions"]] == [0, 1280]
    found = outcome.json
    assert found["failed"] == found["diverged"] == {}
    assert len(found["rows"]) == 2
    assert len(found["reporting"]["scores"]) == 2
    assert "best of 2 points by 2 seeds: " in found["verdict"][1]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("summary.csv", "effects.csv", "sensitivity.png", "sweep.toml", "command.txt")
    }
    again = cli("sweep", tmp_path / "out" / "sweep.toml", "--name", "small", "--output", tmp_path, "--draw", "--json")
    assert again.code == 0
    assert again.json["rows"] == found["rows"]


def test_a_sweep_of_a_fit(cli, tmp_path):
    words = ["sweep", "digits", "--over", "learning_rate=0.01,0.1", "--set", "layers=8", "--epochs", 2, "--seeds", 2]
    outcome = cli(*words, "--report-seeds", 0, "--metric", "valid_loss", "--output", tmp_path)
    assert outcome.code == 0, outcome.err
    assert "valid_loss" in outcome.out
    assert "on average too low" in outcome.out
    assert (tmp_path / "sweeps" / "digits-backprop-learning_rate" / "sensitivity.png").exists()


def test_a_sweep_of_a_team(cli, tmp_path):
    words = ["sweep", "team/fill-in-2", "idt", "--over", "learning_rate=1e-4,1e-3", "--data", "random:30"]
    words += ["--updates", 2, "--evaluations", 1, "--num-eval-episodes", 2, "--seeds", 1, "--report-seeds", 0]
    outcome = cli(*words, "--output", tmp_path, "--json", "--quiet")
    assert outcome.code == 0, outcome.err
    assert [row["step"] for row in outcome.json["rows"]] == [2, 2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["quik"], "unknown sweep 'quik'; did you mean 'quick'? Run 'accumbens sweeps'"),
        (["CartPole-v1"], "nothing is varied of CartPole-v1: give --over"),
        (["quick", "--seeds", "3"], "--seeds cannot be used with quick: what a sweep of a file"),
        (["quick", "--set", "num_envs=3"], "--set cannot be used with quick"),
        (["quick", "--name", "a/b"], "name='a/b' cannot be used: it must be a single folder name"),
        (["CartPole-v1", "--over", "learning_rate"], "--over 'learning_rate' cannot be used: expected key=value"),
        (["CartPole-v1", "--over", "discount=.9,.99", "discount=.8,.9"], "--over gives discount twice"),
        (["CartPole-v1", "--over", "discont=.9,.99"], "unknown setting 'discont'; did you mean 'discount'"),
        (["CartPole-v1", "--over", "discount=.9,.99", "--epochs", "3"], "--epochs is not for CartPole-v1"),
        (["CartPol-v1", "--over", "discount=.9,.99"], "did you mean 'CartPole-v1'"),
        (["quick", "--side-by-side", "0", "--dry-run"], "side_by_side=0 cannot be used: it must be >= 1"),
    ],
)
def test_wrong_words(cli, words, message):
    outcome = cli("sweep", *words)
    assert outcome.code == 2
    assert message in outcome.err


def test_sweeps_are_listed(cli):
    outcome = cli("sweeps")
    assert outcome.code == 0
    assert all(name in outcome.out for name in committed())
    assert set(cli("sweeps", "--json").json) == set(committed())


def test_the_view_is_a_reporter():
    assert isinstance(SweepView("all points", load("quick").runs, 1.0, json=False, quiet=False), ExperimentReporter)
